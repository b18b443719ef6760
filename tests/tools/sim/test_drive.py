"""The simulated trucks move as trucks do, whatever the route (notes: a world that a tracker believes)."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_tools.sim import town
from milepost_tools.sim.drive import ACCELERATION_MPS2, BRAKING_MPS2, Route, Truck
from milepost_tools.sim.geo import distance_m

_coordinate = st.integers(-800, 800).map(float)
_points = st.lists(st.tuples(_coordinate, _coordinate), min_size=2, max_size=6).filter(
    lambda points: all(one != other for one, other in pairwise(points))
)
_STEP_S = 0.1


@settings(max_examples=60, deadline=None)
@given(_points, st.integers(0, 1000))
def test_any_route_is_driven_to_its_end_without_a_jump(points: list, seed: int) -> None:
    route = Route(points)
    truck = Truck(points[0], 0.0, seed=seed)
    truck.go(route)
    steps = 0
    while truck.moving:
        at, speed_mps = truck.at, truck.speed_mps
        truck.step(_STEP_S)
        steps += 1
        assert steps < 60_000
        assert distance_m(at, truck.at) <= 21 * _STEP_S + 0.5
        assert truck.speed_mps - speed_mps <= ACCELERATION_MPS2 * _STEP_S + 1e-9
        if truck.moving:  # the last centimetres are rounded away
            assert speed_mps - truck.speed_mps <= 1.5 * BRAKING_MPS2 * _STEP_S + 1e-9
    assert distance_m(truck.at, points[-1]) < 1e-6
    assert truck.speed_mps == 0


@given(_points, st.floats(0, 1))
def test_a_place_along_a_route_lies_on_it(points: list, share: float) -> None:
    route = Route(points)
    (east_m, north_m), course = route.place(share * route.length_m)
    assert 0 <= course < 360
    off_m = min(
        abs(distance_m(one, (east_m, north_m)) + distance_m((east_m, north_m), other) - distance_m(one, other))
        for one, other in pairwise(points)
    )
    assert off_m < 1e-6


def test_a_truck_slows_before_a_corner() -> None:
    truck = Truck((0.0, 0.0), 0.0, seed=1)
    truck.go(Route([(0.0, 0.0), (400.0, 0.0), (400.0, 400.0)]))
    at_corner = []
    while truck.moving:
        truck.step(_STEP_S)
        if distance_m(truck.at, (400.0, 0.0)) < 2:
            at_corner.append(truck.speed_mps)
    assert at_corner
    assert max(at_corner) < 8.5


def test_equal_seeds_drive_alike() -> None:
    def drive(seed: int) -> list[tuple[float, float]]:
        truck = Truck(town.DOCK, 180.0, seed=seed)
        truck.go(town.STORES[0].way_there)
        track = []
        while truck.moving:
            truck.step(_STEP_S)
            track.append(truck.at)
        return track

    assert drive(5) == drive(5)
    assert drive(5) != drive(6)


def test_a_truck_never_jumps_to_a_route() -> None:
    truck = Truck((50.0, 50.0), 0.0, seed=1)
    with pytest.raises(ValueError, match="stands at"):
        truck.go(Route([(0.0, 0.0), (1.0, 0.0)]))


@pytest.mark.parametrize("points", [[(0.0, 0.0)], [(0.0, 0.0), (0.0, 0.0)]])
def test_a_route_without_length_is_refused(points: list) -> None:
    with pytest.raises(ValueError, match="route"):
        Route(points)


@pytest.mark.parametrize("store", town.STORES, ids=lambda store: store.key)
def test_a_trip_of_the_town_passes_no_other_store(store: town.Store) -> None:
    others = [other for other in town.STORES if other is not store]
    along_m = 0.0
    while along_m < store.way_there.length_m:
        here, _ = store.way_there.place(along_m)
        assert all(distance_m(here, other.at) > town.STORE_RADIUS_M + 15 for other in others)
        along_m += 2


def test_bays_and_dock_lie_well_inside_the_yard() -> None:
    for place in (town.DOCK, *town.BAYS):
        assert distance_m(place, town.YARD_CENTRE) < town.YARD_RADIUS_M - 30
