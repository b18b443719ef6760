"""When a vehicle will be at its next stops: an interval and its reasons. Pure.

The own history comes first: how long vehicles of the house really took between these two sites, as a pace over the
straight distance. Without it a router's time, without a router a guess; each has its width. A promise on a stale
position says so (requirements OT-11, EX-26).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from milepost.evidence.routing import Place, Stretch
from milepost.telemetry.legs import metres

STALE_MS = 600_000
LEAST_RUNS = 3  # fewer own journeys prove nothing
_SPREAD = {"router": (0.9, 1.35), "guess": (0.65, 2.0)}
_CONFIDENCE = {"history": "high", "router": "medium", "guess": "low"}
_ORDER = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Due:
    """A stop still to come. `pause_ms`: how long a vehicle stands there before it goes on."""

    site: str
    place: Place
    pause_ms: int = 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """When a stop will be reached, UTC ms: probably at `at`, in nine of ten cases within [earliest, latest]."""

    site: str
    at: int
    earliest: int
    latest: int
    distance_m: float
    confidence: str  # high, medium or low: that of its weakest stretch
    reasons: tuple[str, ...]  # own_history, router, guess, stale_position, standing


def arrivals(
    here: Place,
    seen_at: int,
    now_ms: int,
    due: Sequence[Due],
    stretches: Sequence[Stretch],
    *,
    came_from: str | None = None,
    history: Mapping[tuple[str, str], Sequence[int]] | None = None,
    places: Mapping[str, Place] | None = None,
    sure: bool = False,
    standing: bool = False,
) -> list[Arrival]:
    """The arrivals at all stops that are due, in their order.

    `here`, `seen_at`: the last position and its time; `stretches`: by road from here to the first stop and on;
    `came_from`: the site left last; `history`: own journeys in ms by (from, to); `places`: of the sites in it;
    `sure`: the stretches come from a router.
    """
    found: list[Arrival] = []
    soonest = middle = latest = max(seen_at, 0)
    if standing:  # it may have stood since it was seen, but it does not leave before now
        soonest = middle = latest = max(seen_at, now_ms)
    distance_m, confidence = 0.0, "high"
    stale = now_ms - seen_at > STALE_MS
    reasons = [word for word, holds in (("standing", standing), ("stale_position", stale)) if holds]
    at, site = here, came_from
    for stop, stretch in zip(due, stretches, strict=True):
        by, low_ms, mid_ms, high_ms = _stretch(at, site, stop, stretch, history or {}, places or {}, sure)
        distance_m += stretch.distance_m
        soonest, middle, latest = soonest + low_ms, middle + mid_ms, latest + high_ms
        reason = "own_history" if by == "history" else by
        if reason not in reasons:
            reasons.append(reason)
        confidence = min(confidence, _CONFIDENCE[by], key=_ORDER.index)
        # What should have happened already and was not seen will not happen in the past.
        likely, first, last = (max(each, now_ms) for each in (middle, soonest, latest))
        trust = "low" if stale else confidence
        found.append(Arrival(stop.site, likely, first, last, round(distance_m, 1), trust, tuple(reasons)))
        soonest, middle, latest = soonest + stop.pause_ms, middle + stop.pause_ms, latest + stop.pause_ms
        at, site = stop.place, stop.site
    return found


def _stretch(
    at: Place,
    site: str | None,
    stop: Due,
    stretch: Stretch,
    history: Mapping[tuple[str, str], Sequence[int]],
    places: Mapping[str, Place],
    sure: bool,
) -> tuple[str, int, int, int]:
    """(by what, least, likely and most ms) of a stretch."""
    runs = sorted(history.get((site, stop.site), ())) if site else []
    if site and len(runs) >= LEAST_RUNS and site in places:
        whole_m = metres(*places[site], *stop.place)
        share = min(1.5, metres(*at, *stop.place) / whole_m) if whole_m > 0 else 1.0
        least, likely, most = (_quantile(runs, part) * share for part in (0.05, 0.5, 0.95))
        return "history", round(least), round(likely), round(most)
    by = "router" if sure else "guess"
    least, most = _SPREAD[by]
    likely = stretch.duration_s * 1000
    return by, round(likely * least), round(likely), round(likely * most)


def _quantile(ordered: Sequence[int], part: float) -> float:
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
