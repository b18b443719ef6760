"""Which fixes to believe. Pure: a judgement over a fix and its neighbours; nothing is deleted for it.

On by default, because every fleet sees jumps, spikes and (0, 0). A quarantined fix
stays in the store with its reason, visible in the history.
"""

import math
from collections.abc import Iterable
from typing import Any, Protocol

from milepost.ingest.reading import FixBody, Reading
from milepost.ingest.run import Run

# Stores number them by their place here: only append.
REASONS = ("range", "null_island", "no_fix", "future", "past", "speed", "spike", "disagrees")
# The fastest a truck, and for a margin anything on a ferry or a train under it, really moves.
MAX_SPEED_MPS = 70.0
_NOISE_M = 150.0  # a jump within this is noise of the receiver, whatever the time between
_FUTURE_MS = 300_000
_OLDEST_MS = 1_577_836_800_000  # 2020-01-01, the epoch of the wire
_REPORTED_FACTOR = 3.0
_REPORTED_MARGIN_MPS = 25.0
_CLOSE_MS = 30_000  # implied and reported speed are compared over short steps only
_EARTH_M = 6_371_008.8
_DEGREE_M = 111_200.0  # a little more than a degree of a great circle
_ISLAND_E6 = 1_000  # what is that near to (0, 0) is on no road
_NOISE_E6 = _NOISE_M / _DEGREE_M * 1e6
_REPORTED_E6_PER_MS = _REPORTED_MARGIN_MPS / 1000 / _DEGREE_M * 1e6


def judge(prev: Reading | None, cur: Reading, next: Reading | None = None) -> str | None:
    """Why a fix belongs into quarantine, or None when it is good. Readings of other kinds are always good.

    `prev`, `next`: the good fix before and the fix after it in time, None where there is none (yet).
    Reasons: those of REASONS.
    """
    body = cur.body
    if not isinstance(body, FixBody):
        return None
    return _alone(cur, body) or _among(prev, cur, next)


class Placed(Protocol):
    """Something with a time (UTC ms) and a place (degrees WGS-84)."""

    @property
    def at(self) -> int: ...
    @property
    def lat(self) -> float: ...
    @property
    def lon(self) -> float: ...


def surely_good(before: Placed | None, line: Iterable[Placed]) -> bool:
    """True where `judge` finds nothing against a line of fixes by looking at their neighbours: the usual case, for a
    tenth of the cost. Says nothing of what it finds against a fix by itself. False is no statement.

    `before`: the good fix before them, None where there is none.
    """
    for cur in line:
        if before is not None:
            way_m = (abs(cur.lat - before.lat) + abs(cur.lon - before.lon)) * _DEGREE_M
            if not (way_m <= _NOISE_M or way_m <= _REPORTED_MARGIN_MPS * abs(cur.at - before.at) / 1000):
                return False
        before = cur
    return True


def surely_all_good(before: Reading | None, line: Iterable[Reading]) -> bool:
    """True where `judge` finds nothing at all against a line of fixes, each beside the next: the usual case, for a
    quarter of the cost. False is no statement.

    `before`: the good fix before them, None where there is none.
    """
    last: tuple[float, float, int] | None = None if before is None else (_fix(before).lat, _fix(before).lon, before.at)
    for cur in line:
        body: Any = cur.body
        lat, lon, at = body.lat, body.lon, cur.at
        if not (-90 <= lat <= 90 and -180 <= lon <= 180) or -0.001 < lat < 0.001:
            return False
        if (body.sats == 0 and body.source < 2) or not (_OLDEST_MS <= at <= cur.received_at + _FUTURE_MS):
            return False
        if last is not None:
            way_m = (abs(lat - last[0]) + abs(lon - last[1])) * _DEGREE_M
            if not (way_m <= _NOISE_M or way_m <= _REPORTED_MARGIN_MPS * abs(at - last[2]) / 1000):
                return False
        last = lat, lon, at
    return True


def surely_good_run(before: Reading | None, run: Run) -> bool:
    """The same of a run, by its columns. True only where each fix is later than the one before it."""
    if not run:
        return True
    at, lat_e6, lon_e6 = run.at, run.lat_e6, run.lon_e6
    if 0 in run.sats or at[0] < _OLDEST_MS or not run.steps.rises or at[-1] - min(run.received_at) > _FUTURE_MS:
        return False
    if min(lat_e6) < _ISLAND_E6 and max(lat_e6) > -_ISLAND_E6:
        return False  # near the equator: each is looked at
    if before is None:
        last_lat, last_lon, last_at = lat_e6[0], lon_e6[0], at[0]
    else:
        last_lat, last_lon, last_at = _fix(before).lat * 1e6, _fix(before).lon * 1e6, before.at
    close = 1 if run.steps.widest_e6 <= _NOISE_E6 else len(run)  # so many are to be looked at
    for lat, lon, ms in zip(lat_e6[:close], lon_e6, at, strict=False):
        way_e6 = abs(lat - last_lat) + abs(lon - last_lon)
        if not (way_e6 <= _NOISE_E6 or way_e6 <= _REPORTED_E6_PER_MS * abs(ms - last_at)):
            return False
        last_lat, last_lon, last_at = lat, lon, ms
    return True


def _alone(cur: Reading, body: FixBody) -> str | None:
    if not (-90 <= body.lat <= 90 and -180 <= body.lon <= 180):  # NaN compares with nothing
        return "range"
    if abs(body.lat) < 0.001 and abs(body.lon) < 0.001:
        return "null_island"
    if body.source in (0, 1) and body.sats == 0:
        return "no_fix"
    if cur.at > cur.received_at + _FUTURE_MS:
        return "future"
    if cur.at < _OLDEST_MS:
        return "past"
    return None


def _among(prev: Reading | None, cur: Reading, next: Reading | None) -> str | None:
    if prev is None or _surely_slow(prev, cur):
        return None
    from_prev = _implied_mps(prev, cur)
    to_next = _implied_mps(cur, next) if next is not None and _alone(next, _fix(next)) is None else None
    if from_prev > MAX_SPEED_MPS:
        if to_next is None:
            return "speed"
        if to_next > MAX_SPEED_MPS:
            return "spike"  # out and back
        # The next fix agrees with this one: the vehicle is here, and it was the way here that nobody saw.
        return None
    if to_next is not None and to_next <= MAX_SPEED_MPS:
        return _disagreement(prev, cur, from_prev, to_next)
    return None


def _disagreement(prev: Reading, cur: Reading, from_prev: float, to_next: float) -> str | None:
    """A receiver that says "standing" while its position runs off and back has made the way up."""
    reported = _fix(cur).speed_mps
    if reported is None or cur.at - prev.at > _CLOSE_MS:
        return None
    limit = reported * _REPORTED_FACTOR + _REPORTED_MARGIN_MPS
    return "disagrees" if from_prev > limit and to_next > limit else None


def _surely_slow(prev: Reading, cur: Reading) -> bool:
    """True where no rule below can find anything: the usual case, for a tenth of its cost.

    Along a parallel and a meridian the way is never shorter than the great circle.
    """
    one, other = _fix(prev), _fix(cur)
    way_m = (abs(other.lat - one.lat) + abs(other.lon - one.lon)) * _DEGREE_M
    return way_m <= _NOISE_M or way_m <= _REPORTED_MARGIN_MPS * abs(cur.at - prev.at) / 1000


def _implied_mps(one: Reading, other: Reading) -> float:
    """The speed that the way between two fixes needs; 0 where the way is within the noise."""
    way_m = distance_m(_fix(one), _fix(other))
    if way_m <= _NOISE_M:
        return 0.0
    return way_m / max(abs(other.at - one.at) / 1000, 1.0)


def distance_m(one: FixBody, other: FixBody) -> float:
    """Great-circle distance in metres (haversine, mean Earth radius)."""
    lat1, lat2 = math.radians(one.lat), math.radians(other.lat)
    half = (
        math.sin((lat2 - lat1) / 2) ** 2
        + math.cos(lat1) * math.cos(lat2) * math.sin(math.radians(other.lon - one.lon) / 2) ** 2
    )
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(half)))


def _fix(reading: Reading) -> FixBody:
    assert isinstance(reading.body, FixBody)
    return reading.body
