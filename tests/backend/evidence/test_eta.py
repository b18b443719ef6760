"""When a vehicle will be there, with an interval and its reasons (OT-11); too long a stop, off the way (EX-31)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.evidence.eta import Due, arrivals
from milepost.evidence.journey import due_stops
from milepost.evidence.routing import Stretch
from milepost.evidence.watch import LONG_STOP_MS, Off, long_stop, off_way
from milepost.telemetry.legs import Leg

from .test_geofence import T0, at_m

HOME, HERE, SHOP, END = at_m(-20_000), at_m(0), at_m(20_000), at_m(40_000)
DUE = [Due("shop", SHOP, pause_ms=900_000), Due("end", END)]
WAY = [Stretch(24_000, 1_600), Stretch(26_000, 1_800)]


def test_a_router_gives_an_interval_and_stops_take_their_pause():
    one, other = arrivals(HERE, T0, T0, DUE, WAY, sure=True)
    assert (one.at, other.at) == (T0 + 1_600_000, T0 + 1_600_000 + 900_000 + 1_800_000)
    assert (one.confidence, one.reasons) == ("medium", ("router",))
    assert other.latest - other.earliest > one.latest - one.earliest
    assert other.distance_m == 50_000


def test_own_journeys_come_first_and_count_for_the_share_of_the_way_that_is_left():
    runs = {("home", "shop"): [3_600_000, 3_000_000, 4_200_000, 3_600_000]}
    (found, _) = arrivals(HERE, T0, T0, DUE, WAY, came_from="home", history=runs, places={"home": HOME}, sure=True)
    assert found.at == pytest.approx(T0 + 1_800_000, abs=2_000)  # half of the way
    assert (found.confidence, found.reasons) == ("high", ("own_history",))
    assert found.earliest >= T0 + 1_500_000 and found.latest <= T0 + 2_100_000


def test_two_journeys_prove_nothing():
    runs = {("home", "shop"): [3_600_000, 3_600_000]}
    (found, _) = arrivals(HERE, T0, T0, DUE, WAY, came_from="home", history=runs, places={"home": HOME})
    assert (found.reasons, found.confidence) == (("guess",), "low")


def test_on_a_stale_position_nothing_is_sure_and_nothing_lies_in_the_past():
    found = arrivals(HERE, T0, T0 + 7_200_000, DUE, WAY, sure=True)
    assert all("stale_position" in each.reasons and each.confidence == "low" for each in found)
    assert found[0].earliest == T0 + 7_200_000


def test_who_stands_does_not_leave_before_now():
    (found, _) = arrivals(HERE, T0, T0 + 300_000, DUE, WAY, sure=True, standing=True)
    assert found.at == T0 + 300_000 + 1_600_000
    assert found.reasons == ("standing", "router")


@given(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e5)), min_size=1, max_size=8), st.integers(0, 10**8),
       st.booleans(), st.booleans())  # fmt: skip
def test_any_interval_holds_its_middle_and_later_stops_come_later(ways, age_ms, sure, standing):
    due = [Due(f"s{n}", at_m(1000.0 * n)) for n in range(len(ways))]
    found = arrivals(HERE, T0, T0 + age_ms, due, [Stretch(*way) for way in ways], sure=sure, standing=standing)
    assert all(each.earliest <= each.at <= each.latest for each in found)
    assert [each.at for each in found] == sorted(each.at for each in found)


def test_due_are_the_stops_behind_the_last_one_reached():
    stops = ["a", "b", "c", "b"]
    entered, left = "vehicle.entered", "vehicle.left"
    assert due_stops(stops, []) == stops
    assert due_stops(stops, [(left, "a")]) == ["b", "c", "b"]
    assert due_stops(stops, [(left, "a"), (entered, "x"), (left, "x")]) == ["b", "c", "b"]
    assert due_stops(stops, [(left, "a"), (entered, "b"), (left, "b")]) == ["c", "b"]
    assert due_stops(stops, [(entered, "c")]) == ["b"]
    assert due_stops(stops, [(entered, "b"), (left, "b"), (entered, "b")]) == []


def stand(x: float, ms: int) -> Leg:
    return Leg("stop", T0, T0 + ms, *at_m(x), *at_m(x))


def test_a_stop_is_too_long_only_away_from_the_stops_of_the_trip():
    shop = [(at_m(0), 150.0)]
    assert not long_stop(stand(5_000, 0), T0 + LONG_STOP_MS - 1, shop)
    assert long_stop(stand(5_000, 0), T0 + LONG_STOP_MS, shop)
    assert not long_stop(stand(100, 0), T0 + LONG_STOP_MS, shop)
    assert not long_stop(None, T0, shop)


def test_off_the_way_is_who_stays_away_from_it():
    way = [at_m(0), at_m(50_000)]
    far = [0, 0, 5_000, 0, 0, 1_500, 2_500, 2_000, 0, 0, 1_200, 1_300, 1_400, 1_500]  # a jump, a detour, gone
    fixes = [(T0 + 60_000 * n, *at_m(2_000 * n, north), 15.0) for n, north in enumerate(far)]
    assert off_way(fixes, way) == [
        Off(T0 + 300_000, T0 + 480_000, pytest.approx(2_500, abs=5)),
        Off(T0 + 600_000, None, pytest.approx(1_500, abs=5)),
    ]
