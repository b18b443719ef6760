"""The plain model: log-odds as a sum of named reasons, each from one measure and bounded.

It explains every decision, stands in where no trained model is given, and checks the trained one. Signs and
bounds are set by hand, so that no reason can come to mean its opposite; sizes were fitted once to simulated days.
"""

from dataclasses import dataclass
from math import isnan

import numpy as np

from milepost.evidence.dock.look import INDEX


@dataclass(frozen=True, slots=True)
class Reason:
    """One measure's say. The measure is held between low and high, middle counts nothing, weight is per unit."""

    measure: str
    low: float
    middle: float
    high: float
    weight: float
    missing: float
    words: str


REASONS: tuple[Reason, ...] = (
    Reason("rise", 0, 8, 20, 0.24, 1.0, "{0:+.0f} dB against its own past"),
    Reason("far_later", -1.5, 0.1, 1.5, 1.9, 0.0, "far side {0:+.1f} s after near side"),
    Reason("turn_count", -3, 0, 3, 0.55, 0.0, "reads move from near to far side ({0:+.1f})"),
    Reason("far_last", 0, 0.5, 1, 0.25, 0.0, "of its last reads {0:.0%} on the far side"),
    Reason("enter_order", -2, 0, 2, 0.83, 0.0, "far gate {0:+.1f} s after near gate"),
    Reason("leave_order", -2, 0, 2, 0.72, 0.0, "far gate free {0:+.1f} s after near gate"),
    Reason("rival", -10, 4, 20, 0.03, 0.2, "{0:+.0f} dB against the next door"),
    Reason("loudest", -12, -2, 8, 0.096, 0.0, "{0:+.0f} dB against the loudest other tag"),
    Reason("rise_over_others", -15, -4, 10, 0.012, 0.0, "rose {0:+.0f} dB more than any other tag"),
    Reason("fall", -20, -6, 2, -0.04, 0.3, "{0:+.0f} dB afterwards"),
    Reason("near_after", -25, -10, 0, -0.015, 0.1, "near side {0:+.0f} dB afterwards"),
    Reason("listed", 0, 0.5, 1, 4.9, 0.0, "on the list of this session ({0:.0f})"),
    Reason("listed_elsewhere", 0, 0, 1, -1.0, 0.0, "on the list of another session ({0:.0f})"),
    Reason("resident", 0, 0.05, 0.6, -0.95, 0.0, "heard here {0:.0%} of the last ten minutes"),
    Reason("seen_moments", 0, 2, 12, -0.1, 0.0, "came up here {0:.0f} times before"),
    Reason("reads", 0, 2, 4, 0.86, 0.0, "reads (log {0:.1f})"),
)
BASE = -5.35


def terms(vector: np.ndarray) -> list[float]:
    """What each of REASONS adds to the log-odds."""
    found = []
    for reason in REASONS:
        value = vector[INDEX[reason.measure]]
        if isnan(value):
            found.append(reason.missing)
        else:
            found.append((max(reason.low, min(reason.high, value)) - reason.middle) * reason.weight)
    return found


def score(vector: np.ndarray) -> float:
    """Log-odds that the subject crossed."""
    return BASE + sum(terms(vector))


def reasons(vector: np.ndarray, most: int = 4) -> tuple[str, ...]:
    """The weightiest reasons in words, those for and those against, strongest first."""
    said = terms(vector)
    order = sorted(range(len(said)), key=lambda n: (-abs(said[n]), n))
    told = []
    for n in order[:most]:
        value = vector[INDEX[REASONS[n].measure]]
        if not isnan(value) and said[n]:
            told.append(("for: " if said[n] > 0 else "against: ") + REASONS[n].words.format(value))
    return tuple(told)
