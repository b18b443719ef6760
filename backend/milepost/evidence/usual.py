"""The ways by which vehicles of the house have driven between two sites: what counts as on the way (EX-31)."""

from collections.abc import Sequence

import shapely
from sqlalchemy import Connection

from milepost.evidence import journey
from milepost.evidence.routing import Place
from milepost.fleet.track import readings_of_vehicle
from milepost.telemetry.model import TelemetryStore

MOST = 3  # the latest so many: roads change
LEAST_FIXES = 10
_KEEP_MS = 3_600_000
_MOST_FIXES = 20_000
_MOST_PAIRS = 500
_COARSE_DEG = 0.0005  # 50 m; the corridor is twenty times as wide


class Ways:
    """Remembers them for an hour: a journey of the past does not change often, and is long."""

    def __init__(self, store: TelemetryStore) -> None:
        self._store = store
        self._known: dict[tuple[str, str], tuple[int, list[list[Place]]]] = {}

    def of(self, conn: Connection, one: str, other: str, now: int) -> list[list[Place]]:
        """The latest ways from one site to another, each as places in order; none where nobody drove yet."""
        kept = self._known.get((one, other))
        if kept is not None and now - kept[0] < _KEEP_MS:
            return kept[1]
        found = []
        for vehicle, start, end in journey.drives(conn, one, other, now)[-MOST:]:
            fixes = readings_of_vehicle(conn, self._store, vehicle, start, end + 1, _MOST_FIXES)
            if len(fixes) >= LEAST_FIXES:
                found.append(coarse([(each.body.lat, each.body.lon) for each in fixes]))
        if len(self._known) >= _MOST_PAIRS:
            self._known.clear()
        self._known[one, other] = (now, found)
        return found


def coarse(way: Sequence[Place]) -> list[Place]:
    """A way with no more places than its shape needs. Pure."""
    return [(lat, lon) for lat, lon in shapely.LineString(way).simplify(_COARSE_DEG).coords]
