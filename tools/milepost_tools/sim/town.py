"""The made-up town of the demo: a distribution centre with one dock door and three stores near Shanghai.

No real company, yard or road: positions in metres (east, north) of an origin between fields.
"""

from dataclasses import dataclass

from milepost_tools.sim.drive import Route
from milepost_tools.sim.geo import Ground, Point

GROUND = Ground(31.2680, 121.1620)

YARD_CENTRE: Point = (8.0, -22.0)
YARD_RADIUS_M = 60.0
STORE_RADIUS_M = 45.0
DOCK: Point = (0.0, -8.0)
BAYS: tuple[Point, ...] = ((8.0, -13.0), (12.0, -15.0), (16.0, -17.0))
BAY_COURSE_DEG = 180.0
_GATE: tuple[Point, ...] = ((0.0, -30.0), (0.0, -120.0))


@dataclass(frozen=True, slots=True)
class Store:
    """A consignee. key: stable name in code; at: where its trucks stop, metres."""

    key: str
    name: str
    name_en: str
    at: Point
    road: tuple[Point, ...]

    @property
    def way_there(self) -> Route:
        """From the dock door to the store."""
        return Route((DOCK, *_GATE, *self.road, self.at))

    def way_back(self, bay: int) -> Route:
        """From the store to a parking bay of the yard."""
        return Route((self.at, *reversed(self.road), *reversed(_GATE), BAYS[bay]))


# The farthest first: its truck is loaded first, so that all three arrive at about the same time.
STORES = (
    Store("river", "河滨门店", "Riverside store", (690.0, 40.0), ((630.0, -120.0), (690.0, -60.0))),
    Store("north", "北门门店", "North gate store", (-350.0, 10.0), ((-290.0, -120.0), (-350.0, -60.0))),
    Store("park", "园区门店", "Park store", (110.0, -185.0), ((70.0, -120.0), (110.0, -150.0))),
)


def to_dock(bay: int) -> Route:
    """From a parking bay to the dock door."""
    return Route((BAYS[bay], (2.0, -14.0), DOCK))
