"""Hand-out, tracking, delivery, waiting, papers (N-30…N-40)."""

from typing import Any

import pytest

Tale = Any
requirement = pytest.mark.requirement
DAY5, DAY6, DAY7 = "2024-03-05", "2024-03-06", "2024-03-07"


def under_way(tale: Tale, mode: str = "own", **more: Any) -> None:
    """A consignment with two units on its way to the terminal; everything before noon of the 3rd."""
    tale.submit("2024-03-03 09:00", **more)
    tale.accept("2024-03-03 09:01")
    tale.say("order.confirmed", "2024-03-03 09:02", checked=True)
    tale.say("order.units", "2024-03-03 09:03", units=[{"unit": "u1"}, {"unit": "u2"}])
    tale.say("order.routed", "2024-03-03 09:04", mode=mode, terminal="term", hubs=["hub"])
    tale.waybill("2024-03-03 09:05")
    tale.say("trip.planned", "2024-03-03 09:06", trip="t1", kind="line", stops=[])
    tale.say("trip.vehicle", "2024-03-03 09:06", trip="t1", vehicle="v1", from_=tale.ms("2024-03-03 09:06"))
    tale.say("trip.expected", "2024-03-03 09:06", trip="t1")
    for unit in ("u1", "u2"):
        tale.say("unit.loaded", "2024-03-03 09:10", unit=unit, vehicle="v1", site="home")
    tale.say("vehicle.left", "2024-03-03 09:30", vehicle="v1", site="home")


def unload(tale: Tale, at: str, *units: str, site: str = "term") -> None:
    """Read inward at a site."""
    for unit in units or ("u1", "u2"):
        tale.say("unit.unloaded", at, unit=unit, site=site, vehicle="v1")


def out_for_delivery(tale: Tale, at: str) -> None:
    """On a delivery trip to the shop, and there."""
    tale.say("trip.planned", at, trip="t2", kind="delivery", stops=[])
    tale.say("trip.vehicle", at, trip="t2", vehicle="v2", from_=tale.ms(at))
    tale.say("trip.expected", at, trip="t2")
    for unit in ("u1", "u2"):
        tale.say("unit.loaded", at, unit=unit, vehicle="v2", site="term")
    tale.say("vehicle.left", at, vehicle="v2", site="term")


def hand_out(tale: Tale, at: str, **more: Any) -> None:
    """To an outside carrier."""
    tale.say("handout.done", at, carrier="c", phone="1", outside_no="2", **more)


def track(tale: Tale, at: str, **more: Any) -> None:
    """What the carrier says."""
    tale.say("track.entered", at, text="on the road", **more)


@requirement("G-20", "N-34", "N-35")
@pytest.mark.parametrize(
    ("inbound", "name", "due"),
    [
        ("12:00:00.000", "N-34", "20:30"),
        ("12:00:00.001", "N-35", f"{DAY5} 12:00"),
        ("12:00:01", "N-35", f"{DAY5} 12:00"),
    ],
)
def test_G20_noon_itself_is_early(tale: Tale, inbound: str, name: str, due: str) -> None:
    under_way(tale)
    unload(tale, inbound)
    assert [c.clock for c in tale.judged().clocks if c.clock in ("N-34", "N-35")] == [name]
    assert tale.clock(name).due == tale.ms(due) and tale.clock(name).start == tale.ms(inbound)


@requirement("G-20", "N-34")
@pytest.mark.parametrize(("signed", "verdict"), [("20:29:59.999", "met"), ("20:30:00.000", "late")])
def test_G20_handed_over_before_half_past_eight(tale: Tale, signed: str, verdict: str) -> None:
    under_way(tale)
    unload(tale, "12:00")
    tale.sign(signed)
    assert tale.verdict("N-34") == verdict


@requirement("N-34")
def test_N34_starts_with_the_last_unit_and_ends_with_the_last_unit(tale: Tale) -> None:
    under_way(tale)
    unload(tale, "10:00", "u1")
    assert tale.clocks("N-34") == []
    unload(tale, "11:00", "u2")
    unload(tale, "11:30", "u1")  # seen again in the same stay
    assert tale.clock("N-34").start == tale.ms("11:00") and len(tale.clocks("N-34")) == 1
    tale.sign("15:00", units=["u1"])
    assert tale.verdict("N-34", "16:00") == "open"
    tale.say("order.refused", "17:00", by="driver", reason="wet", units=["u2"])
    assert (tale.verdict("N-34"), tale.clock("N-34").end) == ("met", tale.ms("17:00"))


@requirement("N-34")
def test_N34_the_earliest_evidence_is_the_vehicle_that_drives_in(tale: Tale) -> None:
    under_way(tale)
    tale.say("vehicle.entered", "11:59", vehicle="v1", site="term")
    unload(tale, "12:10")
    assert tale.clock("N-34").start == tale.ms("11:59") and tale.clocks("N-35") == []


@requirement("N-34")
@pytest.mark.parametrize("mode", ["direct", "handout", "collect"])
def test_N34_is_only_for_what_we_deliver_ourselves(tale: Tale, mode: str) -> None:
    under_way(tale, mode)
    unload(tale, "11:00")
    assert tale.clocks("N-34") == []


@requirement("N-34", "N-35")
def test_N34_going_out_for_delivery_goes_on_leaving_on_a_line_trip_does_not(tale: Tale) -> None:
    under_way(tale)
    unload(tale, "10:00")
    line = type(tale)()
    line.facts = list(tale.facts)
    out_for_delivery(tale, "13:00")
    assert tale.verdict("N-34", "20:00") == "open"
    line.say("trip.planned", "13:00", trip="t3", kind="line", stops=[])
    line.say("trip.vehicle", "13:00", trip="t3", vehicle="v3", from_=tale.ms("13:00"))
    line.say("trip.expected", "13:00", trip="t3")
    for unit in ("u1", "u2"):
        line.say("unit.loaded", "13:00", unit=unit, vehicle="v3", site="term")
    line.say("vehicle.left", "13:10", vehicle="v3", site="term")
    assert line.verdict("N-34", "20:00") == "void"


@requirement("N-34")
def test_N34_a_failed_delivery_is_replaced_by_what_is_agreed(tale: Tale) -> None:
    under_way(tale)
    unload(tale, "10:00")
    out_for_delivery(tale, "13:00")
    tale.say("vehicle.stopped", "14:00", vehicle="v2", site="shop")
    tale.say("delivery.failed", "14:10", by="driver", cause="absent", contact="phoned")
    assert tale.verdict("N-34", "23:00") == "void"
    tale.say("delivery.agreed", "15:00", from_=tale.ms(f"{DAY5} 09:00"), to=tale.ms(f"{DAY5} 11:00"))
    again = tale.clock("N-34")
    assert (again.start, again.due, again.late_from) == (
        tale.ms("15:00"), tale.ms(f"{DAY5} 11:00"), tale.ms(f"{DAY5} 11:00:00.001"),
    )  # fmt: skip
    unload(tale, "18:00")  # back at the terminal: no new arrival
    assert len(tale.clocks("N-34")) == 2
    tale.say("delivery.agreed", "19:00", from_=tale.ms(f"{DAY5} 13:00"), to=tale.ms(f"{DAY5} 14:00"))
    assert tale.verdict("N-34", n=1) == "void"
    tale.sign(f"{DAY5} 14:00:00.000")
    assert tale.verdict("N-34") == "met"


@pytest.mark.requirement("TR-2")
@requirement("G-22", "N-31")
@pytest.mark.parametrize(("recorded", "verdict"), [(f"{'2024-03-05'} 23:59:59", "met"), (f"{DAY6} 00:00:00", "late")])
def test_G22_signed_before_five_is_entered_the_same_day(tale: Tale, recorded: str, verdict: str) -> None:
    under_way(tale)
    tale.sign(f"{DAY5} 16:59:59", recorded=recorded)
    clock = tale.clock("N-31")
    assert (clock.verdict, clock.due, clock.end) == (verdict, tale.ms(f"{DAY5} 24:00"), tale.ms(recorded))
    assert tale.clocks("N-32") == []


@pytest.mark.requirement("TR-2")
@requirement("N-32")
@pytest.mark.parametrize(("recorded", "verdict"), [(f"{DAY6} 11:59:59.999", "met"), (f"{DAY6} 12:00", "late")])
def test_N32_signed_from_five_on_is_entered_by_noon(tale: Tale, recorded: str, verdict: str) -> None:
    under_way(tale)
    tale.sign(f"{DAY5} 17:00:00.000", recorded=recorded)
    assert tale.verdict("N-32") == verdict and tale.clocks("N-31") == []


@requirement("G-24", "N-30")
@pytest.mark.parametrize(
    ("entry", "late"), [("2024-03-05 23:59:59", "2024-03-06"), ("2024-03-06 00:00:00", "2024-03-05")]
)
@pytest.mark.requirement("TR-1")
def test_G24_one_entry_a_day_from_hand_out_to_sign_off(tale: Tale, entry: str, late: str) -> None:
    under_way(tale, "handout")
    hand_out(tale, "22:00")
    track(tale, entry)
    tale.sign(f"{DAY7} 10:00")
    verdicts = {clock.subject: clock.verdict for clock in tale.clocks("N-30")}
    expected = dict.fromkeys(("2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07"), "met") | {late: "late"}
    assert verdicts == expected
    breach = next(clock for clock in tale.clocks("N-30") if clock.subject == late)
    assert breach.breached_at == tale.ms(f"{late} 24:00") and breach.end is None


@requirement("N-30")
def test_N30_counts_when_an_entry_was_written_not_when_it_happened(tale: Tale) -> None:
    under_way(tale, "handout")
    hand_out(tale, "22:00", recorded=f"{DAY5} 00:30")
    track(tale, f"{DAY5} 10:00", recorded=f"{DAY6} 09:00")
    verdicts = {clock.subject: clock.verdict for clock in tale.clocks("N-30", f"{DAY6} 12:00")}
    assert verdicts == {"2024-03-04": "late", "2024-03-05": "met", "2024-03-06": "met"}


@requirement("N-30")
def test_N30_goes_on_until_the_last_unit_has_an_outcome(tale: Tale) -> None:
    under_way(tale, "handout")
    hand_out(tale, "22:00")
    tale.sign(f"{DAY5} 10:00", units=["u1"])
    assert len(tale.clocks("N-30", f"{DAY6} 10:00")) == 3
    tale.say("disposition.decided", f"{DAY6} 11:00", decision="lost", units=["u2"])
    assert len(tale.clocks("N-30", f"{DAY7} 10:00")) == 3


@requirement("N-30")
def test_N30_never_grows_without_bound(tale: Tale) -> None:
    under_way(tale, "handout")
    hand_out(tale, "22:00")
    assert len(tale.clocks("N-30", "2034-01-01 00:00")) == 401


@requirement("N-33")
@pytest.mark.parametrize(("out", "verdict"), [("2024-03-05 23:59:59.999", "met"), ("2024-03-06 00:00", "late")])
def test_N33_project_goods_go_out_by_the_end_of_the_day_after(tale: Tale, out: str, verdict: str) -> None:
    under_way(tale, "handout", class_="project")
    unload(tale, "10:00", site="hub")
    hand_out(tale, out)
    assert tale.verdict("N-33") == verdict


@requirement("N-33")
def test_N33_loading_them_again_sets_it_aside(tale: Tale) -> None:
    under_way(tale, "handout", class_="project")
    unload(tale, "10:00", site="hub")
    tale.say("unit.loaded", "12:00", unit="u1", vehicle="v1", site="hub")
    assert (tale.verdict("N-33"), tale.clock("N-33").end) == ("void", tale.ms("12:00"))


@requirement("N-33")
def test_N33_is_armed_when_the_way_is_decided_after_the_arrival(tale: Tale) -> None:
    under_way(tale, class_="project")
    unload(tale, "10:00", site="hub")
    assert tale.clocks("N-33") == []
    tale.say("order.routed", "15:00", mode="handout")
    assert tale.clock("N-33").start == tale.ms("10:00")


@requirement("G-26", "N-38")
@pytest.mark.parametrize(("can", "state"), [("18:40:00", "at_consignee"), ("18:40:01", "delivery_failed")])
def test_G26_waiting_for_half_an_hour(tale: Tale, can: str, state: str) -> None:
    under_way(tale)
    unload(tale, "10:00")
    out_for_delivery(tale, "17:00")
    tale.say("vehicle.stopped", "18:10:00", vehicle="v2", site="shop")
    assert tale.clock("N-38", "18:20").due == tale.ms("18:40")
    assert tale.verdict("N-38", "18:40:00.001") == "late", "silence is a task"
    tale.say("contact.logged", "18:15", by="driver", with_="shop", about="absent", result="later",
             can_receive_at=tale.ms(can))  # fmt: skip
    assert tale.judged("18:41").story.state.state == state
    clock = tale.clock("N-38")
    assert (clock.verdict, clock.end) == ("met", tale.ms("18:15")), "what was to be waited for is decided"


@requirement("N-38")
def test_N38_a_later_stop_starts_anew_and_leaving_ends_it(tale: Tale) -> None:
    under_way(tale)
    unload(tale, "10:00")
    out_for_delivery(tale, "17:00")
    tale.say("vehicle.stopped", "18:10", vehicle="v2", site="shop")
    tale.say("vehicle.stopped", "18:20", vehicle="v2", site="shop")
    assert [c.verdict for c in tale.clocks("N-38", "18:30")] == ["void", "open"]
    tale.say("vehicle.left", "18:45", vehicle="v2", site="shop")
    assert [c.verdict for c in tale.clocks("N-38")] == ["void", "void"]


@requirement("N-40", "X-26")
@pytest.mark.parametrize(("back", "verdict"), [("2024-03-08 23:59:59.999", "met"), ("2024-03-09 00:00", "late")])
def test_N40_the_receipt_is_back_by_the_end_of_the_third_day(tale: Tale, back: str, verdict: str) -> None:
    under_way(tale)
    tale.sign(f"{DAY5} 10:00")
    tale.say("receipt.returned", f"{DAY6} 10:00", by="device", source="rfid", slip="s", qualified=True)
    tale.say("receipt.returned", f"{DAY6} 11:00", by="desk", slip="s", qualified=False)
    assert tale.verdict("N-40", f"{DAY7} 00:00") == "open", "a device only suggests, and it must be qualified"
    tale.say("receipt.returned", back, by="desk", slip="s", qualified=True)
    assert tale.verdict("N-40") == verdict


@requirement("N-40")
def test_N40_waits_for_the_last_signature(tale: Tale) -> None:
    under_way(tale)
    tale.sign(f"{DAY5} 10:00", units=["u1"])
    assert tale.clocks("N-40") == []
    tale.sign(f"{DAY6} 10:00", units=["u2"])
    assert tale.clock("N-40").due == tale.ms("2024-03-09 24:00") and len(tale.clocks("N-31")) == 2


def test_cancelling_leaves_the_road_and_ends_the_desk(tale: Tale) -> None:
    under_way(tale, "handout")
    hand_out(tale, "09:00")
    tale.cancel("10:00")
    assert tale.verdict("N-30", "12:00") == "met" and tale.verdict("N-30", f"{DAY5} 12:00") == "open"
    assert tale.verdict("N-44", n=0) in ("met", "void")


@requirement("N-30")
def test_N30_a_unit_left_behind_by_leave_is_not_lost(tale: Tale) -> None:
    under_way(tale, "handout")
    hand_out(tale, "22:00")
    tale.say("load.overridden", f"{DAY5} 08:00", by="dispatcher", trip="t1", units=["u2"], reason="damaged")
    tale.sign(f"{DAY5} 10:00", units=["u1"])
    assert len(tale.clocks("N-30", f"{DAY6} 10:00")) == 3


@requirement("N-30")
@pytest.mark.parametrize("named", [{}, {"units": ["u1", "u2"]}])
def test_N30_a_loss_ends_the_series_and_its_day(tale: Tale, named: dict[str, Any]) -> None:
    under_way(tale, "handout")
    hand_out(tale, "22:00")
    tale.say("disposition.decided", f"{DAY5} 00:00", decision="lost", **named)
    verdicts = {clock.subject: (clock.verdict, clock.end) for clock in tale.clocks("N-30")}
    assert verdicts == {
        "2024-03-04": ("met", tale.ms("22:00")),
        "2024-03-05": ("met", tale.ms(f"{DAY5} 00:00")),
    }


@requirement("N-30")
def test_N30_the_loss_of_one_unit_is_an_entry_of_its_day(tale: Tale) -> None:
    under_way(tale, "handout")
    hand_out(tale, "22:00")
    tale.say("disposition.decided", f"{DAY5} 10:00", decision="lost", units=["u1"])
    verdicts = {clock.subject: clock.verdict for clock in tale.clocks("N-30", f"{DAY6} 12:00")}
    assert verdicts == {"2024-03-04": "met", "2024-03-05": "met", "2024-03-06": "open"}


@requirement("N-33", "N-34", "N-38")
def test_what_is_lost_altogether_is_neither_delivered_nor_waited_with(tale: Tale) -> None:
    under_way(tale)
    unload(tale, "10:00")
    out_for_delivery(tale, "13:00")
    tale.say("vehicle.stopped", "14:00", vehicle="v2", site="shop")
    tale.say("disposition.decided", "14:10", decision="lost")
    for name in ("N-34", "N-38"):
        assert (tale.verdict(name), tale.clock(name).end) == ("void", tale.ms("14:10"))
    tale.say("vehicle.stopped", "14:20", vehicle="v2", site="shop")
    tale.say("delivery.failed", "14:30", by="driver", cause="absent", contact="phoned")
    tale.say("delivery.agreed", "15:00", from_=tale.ms(f"{DAY5} 09:00"), to=tale.ms(f"{DAY5} 11:00"))
    assert [len(tale.clocks(name)) for name in ("N-34", "N-35", "N-38")] == [1, 0, 1], "nor does any start"
    project = type(tale)()
    under_way(project, "handout", class_="project")
    unload(project, "10:00", site="hub")
    project.say("disposition.decided", "14:10", decision="lost")
    assert (project.verdict("N-33"), project.clock("N-33").end) == ("void", tale.ms("14:10"))
    hand_out(project, "15:00")
    assert project.clocks("N-30") == []


@requirement("N-34")
def test_N34_does_not_start_with_an_arrival_after_the_loss(tale: Tale) -> None:
    under_way(tale)
    unload(tale, "10:00", "u1")
    tale.say("disposition.decided", "10:30", decision="lost")
    unload(tale, "11:00", "u2")
    assert tale.clocks("N-34") == []


@requirement("N-33")
def test_N33_goods_that_leave_aboard_are_no_longer_to_be_handed_out(tale: Tale) -> None:
    under_way(tale, "handout", class_="project")
    tale.say("site.defined", "2024-03-03 08:00", site="hub", role="hub")
    tale.say("vehicle.entered", "10:00", vehicle="v1", site="hub")
    assert tale.clock("N-33", "11:00").start == tale.ms("10:00")
    tale.say("vehicle.left", "12:00", vehicle="v1", site="hub")
    assert (tale.verdict("N-33"), tale.clock("N-33").end) == ("void", tale.ms("12:00"))


@requirement("N-34")
def test_N34_a_unit_that_left_for_delivery_still_counts_as_come_in(tale: Tale) -> None:
    under_way(tale)
    unload(tale, "10:00", "u1")
    tale.say("trip.planned", "10:30", trip="t2", kind="delivery", stops=[])
    tale.say("trip.vehicle", "10:30", trip="t2", vehicle="v2", from_=tale.ms("10:30"))
    tale.say("trip.expected", "10:30", trip="t2")
    tale.say("unit.loaded", "10:30", unit="u1", vehicle="v2", site="term")
    tale.say("vehicle.left", "10:40", vehicle="v2", site="term")
    unload(tale, "11:00", "u2")
    assert tale.clock("N-34").start == tale.ms("11:00")


@requirement("N-34")
def test_N34_counts_the_units_of_now_and_the_way_before_the_arrival(tale: Tale) -> None:
    under_way(tale)
    unload(tale, "10:00", "u1")
    unload(tale, "12:30", "u2")
    assert tale.clock("N-35").start == tale.ms("12:30")
    tale.say("order.routed", "13:00", mode="direct")
    assert tale.verdict("N-35", "14:00") == "open", "another way decided later changes nothing"
    tale.say("disposition.decided", "15:00", decision="lost", units=["u2"])
    assert tale.clock("N-34").start == tale.ms("10:00") and tale.clocks("N-35") == []


@requirement("N-34")
def test_N34_a_loss_sets_aside_the_appointment_after_a_failure(tale: Tale) -> None:
    under_way(tale)
    unload(tale, "10:00")
    out_for_delivery(tale, "13:00")
    tale.say("vehicle.stopped", "14:00", vehicle="v2", site="shop")
    tale.say("delivery.failed", "14:10", by="driver", cause="absent", contact="phoned")
    tale.say("delivery.agreed", "15:00", from_=tale.ms(f"{DAY5} 09:00"), to=tale.ms(f"{DAY5} 11:00"))
    tale.say("disposition.decided", "16:00", decision="lost")
    assert (tale.verdict("N-34"), tale.clock("N-34").end) == ("void", tale.ms("16:00"))
