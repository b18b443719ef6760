"""Units with their EPCs, trips with their vehicles, expected lists, appointments."""

import pytest

from milepost.errors import Conflict, Invalid, NotFound
from milepost.fleet import service as fleet
from milepost.plan import service as plan

E1, E2 = "3116451FD400000001000000", "3116451FD400000002000000"
CIRCLE = {"type": "circle", "lat": 31.2304, "lon": 121.4737, "radius_m": 150}


@pytest.fixture
def conn(db):
    with db.tx() as connection:
        yield connection


@pytest.fixture
def site(conn):
    return fleet.add_site(conn, code="A", name_zh="甲", name_en="A", kind="hub", shape=CIRCLE)


def trip(conn, site, number="T1"):
    return plan.plan_trip(conn, number=number, kind="line", stops=[{"site": site}, {"site": site}])


def test_units_are_numbered_on_and_carry_their_epcs_from_their_time(conn):
    plan.add_units(conn, "o", [{"epcs": [E1.lower()], "sku": "S"}, {}], at_ms=1000)
    (third,) = plan.add_units(conn, "o", [{"unit": "my-id", "pieces": 3}], at_ms=1000)
    assert (third.id, third.no, third.pieces) == ("my-id", 3, 3)
    assert [unit.no for unit in plan.units_of_order(conn, "o")] == [1, 2, 3]
    assert plan.unit_of_epc(conn, E1, 999) is None
    assert plan.unit_of_epc(conn, E1, 1000).no == 1


def test_a_tag_wanders_from_unit_to_unit_in_time(conn):
    one, two = plan.add_units(conn, "o", [{"epcs": [E1]}, {}], at_ms=1000)
    with pytest.raises(Conflict, match=one.id):
        plan.bind_epc(conn, two.id, E1, 5000)
    plan.unbind_epc(conn, one.id, E1, 5000)
    plan.bind_epc(conn, two.id, E1, 5000)
    assert plan.unit_of_epc(conn, E1, 4999).id == one.id
    assert plan.unit_of_epc(conn, E1, 5000).id == two.id
    with pytest.raises(NotFound):
        plan.unbind_epc(conn, one.id, E1, 6000)


@pytest.mark.parametrize("epc", ["", "12", "12345", "XYZW", "30" * 70])
def test_what_is_no_epc_is_refused(conn, epc):
    (one,) = plan.add_units(conn, "o", [{}])
    with pytest.raises(Invalid, match="EPC"):
        plan.bind_epc(conn, one.id, epc, 0)


@pytest.mark.parametrize("pieces", [-1, 1.5, "2"])
def test_a_number_of_pieces_that_is_none_is_refused(conn, pieces):
    with pytest.raises(Invalid, match="pieces"):
        plan.add_units(conn, "o", [{"pieces": pieces}])


def test_a_trip_changes_vehicles_at_an_instant(conn, site):
    made = trip(conn, site)
    one, two = (fleet.add_vehicle(conn, plate=plate) for plate in ("沪A00001", "沪A00002"))
    plan.set_vehicle(conn, made.id, one, from_ms=1000)
    plan.set_vehicle(conn, made.id, two, from_ms=2000)
    assert plan.trip_of_vehicle(conn, one, 1999).id == made.id
    assert plan.trip_of_vehicle(conn, one, 2000) is None
    assert plan.trip_of_vehicle(conn, two, 2000).id == made.id
    plan.end_vehicle(conn, made.id, 3000)
    assert plan.trip_of_vehicle(conn, two, 3000) is None


def test_a_vehicle_is_on_one_trip_at_a_time(conn, site):
    first, second = trip(conn, site), trip(conn, site, "T2")
    vehicle = fleet.add_vehicle(conn, plate="沪A00001")
    plan.set_vehicle(conn, first.id, vehicle, from_ms=1000)
    with pytest.raises(Conflict, match=first.id):
        plan.set_vehicle(conn, second.id, vehicle, from_ms=2000)
    plan.end_vehicle(conn, first.id, 2000)
    plan.set_vehicle(conn, second.id, vehicle, from_ms=2000)


@pytest.mark.parametrize(
    ("change", "error"),
    [({"kind": "moon"}, Invalid), ({"stops": []}, Invalid), ({"stops": [{"site": "x"}]}, NotFound)],
)
def test_a_trip_that_makes_no_sense_is_refused(conn, site, change, error):
    with pytest.raises(error):
        plan.plan_trip(conn, **{"number": "T", "kind": "line", "stops": [{"site": site}], **change})


def test_the_expected_list_takes_whole_orders_and_single_units(conn, site):
    made = trip(conn, site)
    a1, a2 = plan.add_units(conn, "a", [{}, {}])
    (b1,) = plan.add_units(conn, "b", [{}])
    assert plan.expect(conn, made.id, "a") is None
    plan.expect(conn, made.id, "b", [b1.id])
    plan.expect(conn, made.id, "untagged")
    assert plan.expected_units(conn, made.id) == {a1.id: "a", a2.id: "a", b1.id: "b"}
    assert plan.expected_orders(conn, made.id) == ["a", "b", "untagged"]
    (a3,) = plan.add_units(conn, "a", [{}])
    assert a3.id in plan.expected_units(conn, made.id)  # the whole order, whatever units it has
    plan.expect(conn, made.id, "a", [a1.id], remove=True)
    assert plan.expected_units(conn, made.id) == {a2.id: "a", a3.id: "a", b1.id: "b"}
    plan.expect(conn, made.id, "a", remove=True)
    assert plan.expected_orders(conn, made.id) == ["b", "untagged"]
    with pytest.raises(Invalid, match="not of this order"):
        plan.expect(conn, made.id, "a", [b1.id])


def test_a_door_is_appointed_to_one_trip_at_a_time(conn, site):
    first, second = trip(conn, site), trip(conn, site, "T2")
    door = fleet.add_door(conn, site_id=site, number="1")
    plan.appoint(conn, door, first.id, 1000, 2000)
    with pytest.raises(Conflict, match=first.id):
        plan.appoint(conn, door, second.id, 1999, 3000)
    plan.appoint(conn, door, second.id, 2000, 3000)
    with pytest.raises(Invalid):
        plan.appoint(conn, door, second.id, 4000, 4000)
