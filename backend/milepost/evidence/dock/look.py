"""One moment as the models see it: named measures for a direction, and what is known of the place and the subject.

Direction is a mirror: for a way out of the truck, near and far sides change places, so one model serves both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from milepost.evidence.dock.measure import BOTH, SIDES, SIGNED, Measures
from milepost.evidence.dock.model import OUT

CONTEXT = (
    "listed", "listed_elsewhere", "known", "session", "with_session", "near_antennas", "far_antennas", "among_peaks",
    "seen_moments", "tags", "later_than_usual", "gate_than_usual", "gated",
)  # fmt: skip
NAMES = (
    *BOTH, *(f"near_{name}" for name in SIDES), *(f"far_{name}" for name in SIDES), *SIGNED, *CONTEXT
)  # fmt: skip
INDEX = {name: n for n, name in enumerate(NAMES)}
_LATER = SIGNED.index("far_later")
_MIDDLE = BOTH.index("middle")
_FROM, _TO = SIDES.index("from"), SIDES.index("to")
_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of the place and the subject at the moment of a look.

    listed: on the list of the session here; listed_elsewhere: of a session open at another door; known: a unit of any
    order; session: one is open here; no_list: it is, and its trip has none, so that whatever goes is meant; direction:
    OUT or IN, that of the session; antennas: number per side; among: the share of this door's moments of the last ten
    minutes that were fainter, NaN while they are few; seen: moments of this subject here in those; tags: number of EPCs
    of the subject; usual: what far_later and the gates' time against the tags were lately at this door, by direction
    (clocks of readers and gates are not quite the same); gated: the gates named the moment.
    """

    listed: bool
    listed_elsewhere: bool
    known: bool
    session: bool
    no_list: bool
    direction: int
    antennas: tuple[int, int]
    among: float
    seen: int
    tags: int
    usual: Mapping[int, tuple[float, float]]
    gated: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """The measures of one moment, without its place: rows of `Measures`."""

    both: np.ndarray
    sides: np.ndarray
    signed: np.ndarray

    def vector(self, direction: int, place: Place) -> np.ndarray:
        """The measures in the order of NAMES, for a way OUT of the hall or IN to it."""
        near = 0 if direction == OUT else 1
        later, gate = place.usual.get(direction, (_NAN, _NAN))
        context = (
            place.listed, place.listed_elsewhere, place.known, place.session,
            place.session and place.direction == direction, place.antennas[near], place.antennas[1 - near],
            place.among, min(place.seen, 20), place.tags, self.later(direction) - later, self.gate() - gate,
            place.gated,
        )  # fmt: skip
        signed = self.signed if direction == OUT else -self.signed
        return np.concatenate((self.both, self.sides[:, near], self.sides[:, 1 - near], signed, context))

    def later(self, direction: int) -> float:
        """Seconds by which the far side heard it loudest after the near side."""
        return float(self.signed[_LATER]) * direction

    def gate(self) -> float:
        """Seconds from where it was loudest to the middle of the gates' interruptions, NaN without."""
        if not self._gated():
            return _NAN
        return float((np.nanmin(self.sides[_FROM]) + np.nanmax(self.sides[_TO])) / 2 - self.both[_MIDDLE])

    def _gated(self) -> bool:
        return not (np.isnan(self.sides[_FROM]).all() or np.isnan(self.sides[_TO]).all())


def sights(found: Measures) -> list[Sight]:
    """One for each row."""
    return [Sight(*each) for each in zip(found.both, found.sides, found.signed, strict=True)]
