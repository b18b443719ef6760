"""The pickup of consignments (N-20…N-28)."""

from typing import Any

import pytest

Tale = Any
requirement = pytest.mark.requirement
PICKUP = ("N-20", "N-21", "N-22", "N-23", "N-25", "N-26", "N-27", "N-28")


def appointed(tale: Tale, at: str, appointment: str | int | dict[str, int], **more: Any) -> None:
    """An order with an appointment."""
    when = appointment if isinstance(appointment, dict) else tale.ms(appointment)
    tale.submit(at, pickup="appointment", dates={"pickup": when}, **more)


@pytest.mark.requirement("PU-1", "EO-2")
@requirement("G-14", "N-20", "N-21", "N-22", "N-25")
def test_G14_an_unscheduled_pickup_and_its_new_appointment(tale: Tale) -> None:
    tale.submit("10:00:00", pickup="asap")
    tale.accept("10:05")
    due = {name: tale.clock(name, "10:30").due for name in ("N-20", "N-21", "N-22")}
    assert due == {"N-20": tale.ms("12:00"), "N-21": tale.ms("11:00"), "N-22": tale.ms("19:00")}
    assert not tale.clock("N-22").inclusive
    tale.agree("10:59:00", "15:00")
    verdicts = {name: tale.verdict(name, "14:00") for name in ("N-20", "N-21", "N-22", "N-25")}
    assert verdicts == {"N-20": "void", "N-21": "met", "N-22": "void", "N-25": "open"}
    tale.pick_up("15:40")
    clock = tale.clock("N-25")
    assert (clock.verdict, clock.due, clock.end) == ("met", tale.ms("16:00"), tale.ms("15:40"))


@requirement("G-16", "N-20", "N-22")
def test_G16_before_nine_counts_from_nine_and_until_five_it_is_the_same_day(tale: Tale) -> None:
    tale.submit("08:20:00", pickup="asap")
    assert tale.clock("N-20").due == tale.ms("11:00:00")
    assert tale.clock("N-22").due == tale.ms("19:00")
    other = type(tale)()
    other.submit("16:59:59", pickup="asap")
    assert other.clock("N-20").due == tale.ms("18:59:59")
    assert other.clock("N-22").due == tale.ms("19:00")


@requirement("N-23", "X-11", "X-13")
@pytest.mark.parametrize(
    ("ordered", "name", "due"),
    [
        ("16:59:59.999", "N-22", "19:00"),
        ("17:00:00.000", "N-23", "2024-03-05 12:00"),
        ("23:59", "N-23", "2024-03-05 12:00"),
        ("2024-03-05 00:01", "N-22", "2024-03-05 19:00"),
    ],
)
@pytest.mark.requirement("PU-2")
def test_N23_from_five_on_it_is_noon_of_the_next_day(tale: Tale, ordered: str, name: str, due: str) -> None:
    tale.submit(ordered, pickup="asap")
    assert tale.clock(name).due == tale.ms(due)
    if name == "N-23":
        assert tale.clocks("N-20") == tale.clocks("N-21") == []


@pytest.mark.requirement("PU-2")
@requirement("N-22")
@pytest.mark.parametrize(("at", "verdict"), [("18:59:59.999", "met"), ("19:00:00.000", "late")])
def test_N22_before_seven(tale: Tale, at: str, verdict: str) -> None:
    tale.submit("10:00", pickup="asap")
    tale.pick_up(at)
    assert tale.verdict("N-22") == verdict


@requirement("N-20")
@pytest.mark.parametrize(("at", "verdict"), [("12:00:00.000", "met"), ("12:00:00.001", "late")])
def test_N20_within_two_hours_and_its_miss_is_a_target_not_the_hard_limit(tale: Tale, at: str, verdict: str) -> None:
    tale.submit("10:00", pickup="asap")
    tale.pick_up(at)
    assert (tale.verdict("N-20"), tale.verdict("N-22")) == (verdict, "met")
    assert tale.clock("N-20").klass == "target"


@requirement("N-21")
@pytest.mark.parametrize(
    ("agreed", "picked", "verdict", "late_from"),
    [
        ("11:00:00.000", None, "met", None),
        ("11:00:00.001", None, "late", "11:00:00.001"),
        (None, "11:59", "void", None),
        (None, "12:00:00.001", "late", "12:00:00.001"),
        (None, None, "late", "12:00:00.001"),
    ],
)
def test_N21_is_late_by_agreeing_late_or_by_missing_the_target(
    tale: Tale, agreed: str | None, picked: str | None, verdict: str, late_from: str | None
) -> None:
    tale.submit("10:00", pickup="asap")
    if agreed:
        tale.agree(agreed, "15:00")
    if picked:
        tale.pick_up(picked)
    clock = tale.clock("N-21")
    assert clock.verdict == verdict and clock.due == tale.ms("11:00")
    if late_from:
        assert clock.late_from == tale.ms(late_from)
    assert tale.verdict("N-21", "10:59") == "open"


@requirement("N-21", "X-3")
def test_N21_runs_from_the_start_of_the_branchs_clock(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap", branch=None)
    assert tale.clocks("N-21") == []
    tale.say("order.assigned", "10:09", branch="A")
    assert tale.clock("N-21").due == tale.ms("11:09")
    assert tale.clock("N-22").owner == "A"


@requirement("N-22")
def test_N22_agreeing_at_the_hard_limit_comes_too_late_for_it(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap")
    tale.agree("19:00:00.000", "2024-03-05 10:00")
    assert (tale.verdict("N-22"), tale.verdict("N-25")) == ("late", "late")
    tale.facts.pop()
    tale.agree("18:59:59.999", "2024-03-05 10:00")
    assert tale.verdict("N-22") == "void"


@requirement("G-18", "N-25")
@pytest.mark.parametrize(
    ("at", "verdict"),
    [("08:59:59.999", "early"), ("09:00:00.000", "met"), ("11:00:00.000", "met"), ("11:00:00.001", "late")],
)
@pytest.mark.requirement("PU-3")
def test_G18_an_hour_either_side_of_the_appointment(tale: Tale, at: str, verdict: str) -> None:
    appointed(tale, "08:10", "10:00")
    tale.pick_up(at)
    assert tale.verdict("N-25") == verdict
    assert [name for name in PICKUP if tale.clocks(name)] == ["N-25", "N-28"]


@requirement("G-18", "N-27")
@pytest.mark.parametrize(("agreed", "verdict"), [("14:00:00", "met"), ("14:00:01", "late"), (None, "lapsed")])
def test_G18_project_customers_agree_anew_an_hour_ahead(tale: Tale, agreed: str | None, verdict: str) -> None:
    appointed(tale, "09:00", "15:00", class_="project")
    if agreed:
        tale.agree(agreed, "17:00")
    assert tale.verdict("N-27", n=0) == verdict
    if agreed:
        assert tale.verdict("N-25", n=0) == "void" and tale.clock("N-27").due == tale.ms("16:00")


@requirement("N-25")
def test_N25_a_window_is_taken_as_agreed_in_every_way_to_write_it(tale: Tale) -> None:
    appointed(tale, "09:00", {"from": tale.ms("13:00"), "to": tale.ms("15:00")})
    tale.pick_up("15:00:00.000")
    assert tale.verdict("N-25") == "met" and tale.clock("N-25").due == tale.ms("15:00")
    other = type(tale)()
    other.submit("09:00", pickup="appointment", dates={"pickup": "2024-03-04T10:00:00+08:00"})
    assert other.clock("N-25").due == tale.ms("11:00")
    none = type(tale)()
    none.submit("09:00", pickup="appointment", dates={"pickup": "soon"})
    assert none.clocks("N-25") == [] and none.clock("N-22").due == tale.ms("19:00")


@requirement("N-26")
@pytest.mark.parametrize(
    ("appointment", "armed"),
    [("08:59:59.999", True), ("09:00", False), ("17:59:59.999", False), ("18:00:00.000", True), ("21:00", True)],
)
@pytest.mark.requirement("PU-3")
def test_N26_an_appointment_near_closing_or_outside_hours(tale: Tale, appointment: str, armed: bool) -> None:
    appointed(tale, "2024-03-03 10:00", appointment)
    assert bool(tale.clocks("N-26")) is armed
    if armed:
        assert tale.clock("N-26").due == tale.ms("2024-03-03 11:00")
        tale.agree("2024-03-03 11:00:00.000", "10:00")
        assert tale.verdict("N-26") == "met"


@requirement("N-28")
@pytest.mark.parametrize(
    ("warned", "picked", "verdict"),
    [
        ("10:45:00.000", "12:00", "met"),
        ("10:45:00.001", "12:00", "late"),
        ("10:45:00.001", "11:00", "void"),
        (None, None, "late"),
    ],
)
@pytest.mark.requirement("PU-8")
def test_N28_warning_a_quarter_of_an_hour_before(
    tale: Tale, warned: str | None, picked: str | None, verdict: str
) -> None:
    appointed(tale, "08:10", "10:00")
    if warned:
        tale.say("contact.logged", warned, by="driver", with_="customer", about="late", result="told")
    if picked:
        tale.pick_up(picked)
    clock = tale.clock("N-28")
    assert clock.verdict == verdict
    assert (clock.due, clock.late_from) == (tale.ms("10:45"), tale.ms("11:00:00.001"))


def test_the_vehicles_stop_at_the_shipper_is_the_arrival(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap")
    tale.say("site.defined", "00:01", site="home", role="shipper")
    tale.say("trip.planned", "10:01", trip="t1", kind="pickup", stops=[{"site": "home"}])
    tale.say("trip.vehicle", "10:01", trip="t1", vehicle="v1", from_=tale.ms("10:01"))
    tale.say("trip.expected", "10:01", trip="t1")
    tale.say("vehicle.stopped", "12:00", vehicle="v1", site="home")
    tale.pick_up("12:20")
    clock = tale.clock("N-20")
    assert (clock.verdict, clock.end) == ("met", tale.ms("12:00"))


@pytest.mark.parametrize(("on_trip", "arrival"), [("12:20:00.000", "12:00"), ("12:20:00.001", "12:20")])
def test_the_stop_is_that_of_the_vehicle_on_the_trip_at_the_pickup(tale: Tale, on_trip: str, arrival: str) -> None:
    tale.submit("10:00", pickup="asap")
    tale.say("trip.planned", "10:01", trip="t1", kind="pickup", stops=[{"site": "home"}])
    tale.say("trip.vehicle", "10:01", trip="t1", vehicle="v1", from_=tale.ms(on_trip))
    tale.say("trip.expected", "10:01", trip="t1")
    tale.say("vehicle.stopped", "12:00", vehicle="v1", site="home")
    tale.pick_up("12:20")
    assert tale.clock("N-20").end == tale.ms(arrival)


def test_without_a_submission_nobody_waits_for_a_pickup(tale: Tale) -> None:
    tale.say("order.requested", "10:00", type="consignment", customer="c1")
    tale.agree("10:30", "15:00")
    assert not any(tale.clocks(name) for name in PICKUP)


def test_a_waybill_proves_the_pickup_and_a_hand_in_makes_it_needless(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap")
    other = type(tale)()
    other.facts = list(tale.facts)
    tale.waybill("11:30")
    assert (tale.verdict("N-20"), tale.clock("N-22").end) == ("met", tale.ms("11:30"))
    other.say("goods.handed_in", "11:30", branch="A", pieces=1)
    other.waybill("11:40")
    assert {other.verdict(name) for name in ("N-20", "N-21", "N-22")} == {"void"}


@pytest.mark.requirement("EO-2", "PU-7")
def test_what_the_customer_brings_or_what_is_picked_from_stock_has_no_pickup(tale: Tale) -> None:
    tale.submit("10:00", pickup="none")
    goods = type(tale)()
    goods.submit("10:00", type="goods", pickup="asap")
    goods.agree("10:30", "15:00")
    assert not any(tale.clocks(name) or goods.clocks(name) for name in PICKUP)


def test_what_was_picked_up_before_it_was_ordered_needs_no_pickup(tale: Tale) -> None:
    tale.pick_up("09:00")
    tale.submit("10:00", pickup="asap")
    assert not any(tale.clocks(name) for name in PICKUP)


@requirement("N-21")
def test_N21_what_is_agreed_after_it_was_set_aside_has_nothing_to_do_with_it(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap")
    tale.cancel("10:20")
    tale.agree("11:30", "15:00")
    clock = tale.clock("N-21")
    assert (clock.verdict, clock.end, clock.late_from) == ("void", tale.ms("10:20"), tale.ms("12:00:00.001"))


def test_after_a_cancellation_no_pickup_begins(tale: Tale) -> None:
    tale.submit("10:00", pickup="none")
    tale.cancel("10:20")
    tale.agree("11:30", "15:00")
    assert not any(tale.clocks(name) for name in PICKUP)


def test_a_waybill_ends_the_pickup_unless_it_was_picked_up_before(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap")
    tale.waybill("11:30")
    tale.pick_up("11:40")
    assert tale.clock("N-20").end == tale.ms("11:30"), "a pickup written later does not undo it"
    other = type(tale)()
    other.submit("10:00", pickup="asap")
    other.pick_up("11:20")
    other.waybill("11:30")
    assert other.clock("N-20").end == tale.ms("11:20")


@requirement("N-20", "N-21", "N-22", "N-25", "N-27", "N-28")
@pytest.mark.parametrize("named", [{}, {"units": ["u1", "u2"]}])
def test_what_is_lost_altogether_is_not_waited_for(tale: Tale, named: dict[str, Any]) -> None:
    tale.submit("10:00", pickup="asap", class_="project")
    tale.say("order.units", "10:01", units=[{"unit": "u1"}, {"unit": "u2"}])
    other = type(tale)()
    other.facts = list(tale.facts)
    tale.say("disposition.decided", "10:30", decision="lost", **named)
    assert {tale.verdict(name) for name in ("N-20", "N-21", "N-22")} == {"void"}
    tale.agree("10:40", "15:00")
    assert tale.clocks("N-25") == []
    other.agree("10:10", "15:00")
    other.say("disposition.decided", "10:30", decision="lost", **named)
    assert {other.verdict(name) for name in ("N-25", "N-27", "N-28")} == {"void"}
    assert other.clock("N-25").end == tale.ms("10:30")


@requirement("N-22")
def test_the_loss_of_a_part_leaves_the_rest_to_be_picked_up(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap")
    tale.say("order.units", "10:01", units=[{"unit": "u1"}, {"unit": "u2"}])
    tale.say("disposition.decided", "10:30", decision="lost", units=["u1"])
    assert tale.verdict("N-22", "11:00") == "open"
