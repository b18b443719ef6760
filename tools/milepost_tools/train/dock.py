"""Trains the trees of the dock-door decision on simulated days of even seeds (`milepost train dock`).

Three sets: the first look, the late look, and the close. The close learns from what the first two say, so it is trained
on days that they have not seen; every set is calibrated on days of its own.
"""

from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from milepost.evidence.dock.case import CLOSE_NAMES, Case
from milepost.evidence.dock.engine import Correlator
from milepost.evidence.dock.look import NAMES
from milepost.evidence.dock.model import Id, Session
from milepost.evidence.dock.moments import Moment
from milepost.evidence.dock.scoring import Scorer
from milepost_tools.bench.dock_score import Truth, inputs
from milepost_tools.sim.dock import simulate
from milepost_tools.train import boost

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
LOOKS = ("first", "late")
LOOK_RECIPE = boost.Recipe(trees=500, leaves=31, depth=8, rate=0.05)
CLOSE_RECIPE = boost.Recipe(trees=400, leaves=16, depth=6, rate=0.04)
FOLDS = 2
EARLY = 4  # one early day, for the looks that the close hears, for so many of the close
LATER = 60  # days of the close that the looks that ship learn from: more teach them little
_KEPT_SHARE = 0.05  # of the rows of goods on no list here that stood where they were; they weigh as much more


@dataclass(frozen=True, slots=True)
class Day:
    """One simulated day to learn from."""

    seed: int
    profile: str
    doors: int = 3
    hours: float = 1.0


def rows_of(model: dict[str, Any] | None, day: Day) -> dict[str, Rows]:
    """Vectors, outcomes, weights and what became of it, of one day by kind of look.

    model: judges meanwhile, None: the plain one. What became of it: of a listed unit going with its session, whether it
    was across at the close, else NaN.
    """
    scene = simulate(day.seed, day.profile, doors=day.doors, hours=day.hours)
    truth, given = Truth(scene), inputs(scene)
    luck = np.random.default_rng(day.seed)
    kept: dict[str, list[tuple[np.ndarray, bool, float, float]]] = {"first": [], "late": [], "close": []}
    correlator: Correlator

    def note(
        kind: str, at_s: float, case: Case, session: Session | None, door: Id, direction: int, vector: np.ndarray,
        moment: Moment,
    ) -> None:  # fmt: skip
        unit = correlator.roster.unit(case.subject)
        name = truth.unit_of(correlator.roster.epcs(case.subject)[0]) if unit is None else unit.unit
        if kind == "close":
            assert session is not None
            kept[kind].append((vector, name in truth.across[session.session], 1.0, float("nan")))
            return
        yes = truth.crossed(name, door, direction, moment.at_s)
        listed = session is not None and direction == session.direction and name in truth.listed[session.session]
        if yes or listed or luck.random() < _KEPT_SHARE:
            stays = float(session is not None and name in truth.across[session.session]) if listed else float("nan")
            kept[kind].append((vector, yes, 1.0 if yes or listed else 1 / _KEPT_SHARE, stays))

    correlator = Correlator(given.sessions, given.orders, scorer=Scorer(model), trace=note)
    correlator.feed(given.reads, given.edges)
    correlator.finish()
    return {kind: _columns(rows, len(CLOSE_NAMES if kind == "close" else NAMES)) for kind, rows in kept.items()}


def _columns(rows: list[tuple[np.ndarray, bool, float, float]], width: int) -> Rows:
    return (
        np.array([row[0] for row in rows], np.float32).reshape(-1, width),
        np.array([row[1] for row in rows], np.float64),
        np.array([row[2] for row in rows], np.float64),
        np.array([row[3] for row in rows], np.float64),
    )


def days(seed: int, count: int) -> list[Day]:
    """Days to learn from, even seeds only, weak and recommended hardware in turn. seed: of the first, even."""
    profiles = ("recommended", "weak", "recommended", "mixed")
    return [Day(seed + 2 * n, profiles[n % 4]) for n in range(count)]


def together(parts: Iterable[Rows]) -> Rows:
    """Rows of several days."""
    x, y, w, stays = zip(*parts, strict=True)
    return np.concatenate(x), np.concatenate(y), np.concatenate(w), np.concatenate(stays)


def parameters(seed: int, count: int) -> dict[str, Any]:
    """What a model's file says of its training, so that it can be made again. Arguments as for `train`."""
    every = days(seed, count // EARLY + count)
    return {
        "seed": seed,
        "days": count,
        "profiles": [each.profile for each in every[:4]],
        "doors": every[0].doors,
        "hours": every[0].hours,
        "looks": asdict(LOOK_RECIPE),
        "close": asdict(CLOSE_RECIPE),
        "kept_share": _KEPT_SHARE,
        "folds": FOLDS,
        "later": LATER,
    }


def train(seed: int, count: int, pool: Executor, version: str) -> dict[str, Any]:
    """The model as its file holds it. count: days for the close, with some before them, for the looks that it hears.

    The close learns what the looks say of days that they have not seen. The early days were judged by the plain model
    meanwhile, so the looks that ship learn from later ones.
    """
    before = count // EARLY
    early = list(pool.map(partial(rows_of, None), days(seed, before)))
    model: dict[str, Any] = {
        "look_names": list(NAMES),
        "close_names": list(CLOSE_NAMES),
        "version": version,
        "training": parameters(seed, count),
    }
    for kind in LOOKS:
        model[kind] = fitted([each[kind] for each in early], LOOK_RECIPE)
    model["close"] = None
    late = list(pool.map(partial(rows_of, model), days(seed + 2 * before, count)))
    model["close"] = fitted([each["close"] for each in late], CLOSE_RECIPE)
    for kind in LOOKS:
        model[kind] = fitted([each[kind] for each in late[:LATER]], LOOK_RECIPE)
    return model


def fitted(parts: list[Rows], recipe: boost.Recipe) -> dict[str, Any]:
    """Trees for the rows of several days, calibrated by leaving a part of the days out at a time."""
    with ThreadPoolExecutor() as threads:
        whole, *without = threads.map(lambda some: boost.fit(*together(some)[:3], recipe), [parts, *_without(parts)])
    totals, outcomes, weights, stays = [], [], [], []
    for n, trees in enumerate(without):
        x, y, w, stay = together(parts[n::FOLDS])
        totals.append(boost.scores(trees, x))
        outcomes.append(y)
        weights.append(w)
        stays.append(stay)
    total, yes, weight, stay = (np.concatenate(each) for each in (totals, outcomes, weights, stays))
    scale, shift = whole["calibration"] = boost.calibration(total, yes, weight)
    said = ~np.isnan(stay) & (scale * total + shift > 0)
    if said.any():
        whole["stays"] = boost.calibration((scale * total + shift)[said], stay[said], weight[said])
    return whole


def _without(parts: list[Rows]) -> list[list[Rows]]:
    """The days without each of the folds."""
    return [[part for m, part in enumerate(parts) if m % FOLDS != n] for n in range(FOLDS)]
