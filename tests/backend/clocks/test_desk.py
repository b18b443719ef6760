"""Acceptance, assignment, re-routing, printing, the cut-offs of the day (N-01…N-19, N-44, N-79)."""

from typing import Any

import pytest

from milepost.clocks.explain import explain
from milepost.clocks.model import CALL_CENTRE
from milepost.clocks.policy import parse_policy

Tale = Any
requirement = pytest.mark.requirement
DAY5 = "2024-03-05"


@requirement("G-01", "N-01")
@pytest.mark.parametrize(
    ("accepted", "verdict"), [("09:24:59.999", "met"), ("09:25:00.000", "met"), ("09:25:00.001", "late")]
)
def test_G01_accepting_within_ten_minutes_inclusive(tale: Tale, accepted: str, verdict: str) -> None:
    tale.submit("09:15:00")
    tale.say("contact.logged", "09:20:00", with_="customer", about="order", result="fine")
    tale.accept(accepted)
    clock = tale.clock("N-01")
    assert clock.verdict == verdict
    assert clock.due == tale.ms("09:25:00") and clock.late_from == tale.ms("09:25:00.001")
    assert clock.owner == "A" and clock.end == tale.ms(accepted)
    assert tale.verdict("N-17") == tale.verdict("N-07") == verdict, "no escalation exists unless it is late"
    assert tale.clock("N-17").owner == CALL_CENTRE


@requirement("N-19", "X-1")
@pytest.mark.parametrize(
    ("accepted", "branch", "region"),
    [("09:25:00", "met", "met"), ("09:30:00.000", "late", "met"), ("09:30:00.001", "late", "late")],
)
def test_N19_beyond_fifteen_minutes_it_goes_to_the_regional_manager(
    tale: Tale, accepted: str, branch: str, region: str
) -> None:
    tale.submit("09:15:00")
    tale.accept(accepted)
    clock = tale.clock("N-19")
    assert (tale.verdict("N-01"), clock.verdict) == (branch, region)
    assert (clock.klass, clock.owner) == ("reminder", "A")
    assert (clock.due, clock.late_from) == (tale.ms("09:30:00"), tale.ms("09:30:00.001"))


@requirement("N-19", "X-1", "N-03")
def test_X1_the_fifteen_minutes_are_those_of_the_policy_and_begin_at_eight(tale: Tale) -> None:
    tale.policies = parse_policy({"sanction.accept.region": "PT20M"})
    tale.submit("23:59:30")
    assert (tale.clock("N-19").start, tale.clock("N-19").due) == (tale.ms(f"{DAY5} 08:00"), tale.ms(f"{DAY5} 08:20"))
    tale.say("order.assigned", f"{DAY5} 08:10", branch="B")
    assert [(c.owner, c.verdict, c.due) for c in tale.clocks("N-19", f"{DAY5} 08:25")] == [
        ("A", "void", tale.ms(f"{DAY5} 08:20")),
        ("B", "open", tale.ms(f"{DAY5} 08:30")),
    ], "the branch that it comes to has fifteen minutes of its own"


@requirement("G-03", "N-03")
def test_G03_an_order_before_midnight_starts_at_eight(tale: Tale) -> None:
    tale.submit("23:59:30")
    judged = tale.judged("2024-03-05 00:09:31")
    assert judged.story.state.d0 == "2024-03-05"
    assert all(clock.verdict == "open" for clock in judged.clocks)
    clock = tale.clock("N-01", "2024-03-05 00:09:31")
    assert (clock.start, clock.due) == (tale.ms("2024-03-05 08:00"), tale.ms("2024-03-05 08:10"))
    assert tale.verdict("N-01", "2024-03-05 08:10:00.000") == "open"
    assert tale.verdict("N-01", "2024-03-05 08:10:00.001") == "late"


@requirement("N-03")
@pytest.mark.parametrize(
    ("at", "start"),
    [
        ("07:59:59.999", "08:00"),
        ("08:00:00.000", "08:00"),
        ("19:59:59.999", "19:59:59.999"),
        ("20:00:00.000", "2024-03-05 08:00"),
        ("2024-03-05 00:00", "2024-03-05 08:00"),
    ],
)
@pytest.mark.requirement("EO-5")
def test_N03_the_window_is_half_open_and_a_started_clock_runs_through(tale: Tale, at: str, start: str) -> None:
    tale.submit(at)
    clock = tale.clock("N-01")
    assert clock.start == tale.ms(start) and clock.due == tale.ms(start) + 600_000


@requirement("N-03")
def test_N03_accepting_before_a_deferred_start_is_in_time(tale: Tale) -> None:
    tale.submit("21:00")
    tale.accept("21:30")
    clock = tale.clock("N-01")
    assert clock.verdict == "met" and clock.end == tale.ms("21:30") and clock.end < clock.start


@requirement("G-05", "N-14")
def test_G05_late_out_of_hours_is_excusable_with_a_filed_remark(tale: Tale) -> None:
    tale.submit("18:30:00")
    tale.accept("18:44:00")
    bare = tale.clock("N-01")
    assert (bare.verdict, bare.due, bare.excusable) == ("late", tale.ms("18:40:00"), False)
    assert bare.breached_at == tale.ms("18:40:00.001")
    tale.say("remark.added", "18:45", remark="track", text="on the road")
    assert not tale.clock("N-01").excusable, "it must be filed"
    tale.say("remark.added", "18:46", remark="track", text="on the road", filed=True)
    filed = tale.clock("N-01")
    assert filed.excusable and filed.verdict == "late"


@requirement("N-14")
@pytest.mark.parametrize(
    ("submitted", "excusable"),
    [
        ("17:49:59.999", False),
        ("17:50:00.000", True),
        ("2024-03-05 07:30", False),  # starts at 08:00, due 08:10
        ("19:55", True),
    ],
)
def test_N14_only_what_was_due_from_18_to_8(tale: Tale, submitted: str, excusable: bool) -> None:
    tale.submit(submitted)
    tale.say("remark.added", "2024-03-05 10:00", remark="accept", text="nobody here", filed=True)
    assert tale.clock("N-01").excusable is excusable


@requirement("N-02")
def test_N02_the_call_centre_assigns_within_ten_minutes_then_the_branch_has_ten_of_its_own(tale: Tale) -> None:
    tale.submit("10:00", branch=None)
    assert tale.clocks("N-01") == []
    tale.say("order.assigned", "10:10:00.000", branch="A")
    clock = tale.clock("N-02")
    assert (clock.verdict, clock.owner, clock.due) == ("met", CALL_CENTRE, tale.ms("10:10"))
    assert tale.clock("N-01").due == tale.ms("10:20")


@requirement("N-02")
def test_N02_is_deferred_too_and_not_there_when_a_branch_is_named(tale: Tale) -> None:
    tale.submit("20:00", branch=None)
    assert tale.clock("N-02").due == tale.ms("2024-03-05 08:10")
    other = type(tale)()
    other.submit("10:00")
    assert other.clocks("N-02") == []


@requirement("G-07", "N-05", "N-08", "N-09")
def test_G07_limits_after_acceptance_run_from_the_act(tale: Tale) -> None:
    tale.submit("10:00:00")
    tale.accept("10:03:00")
    assert tale.clock("N-05").due == tale.ms("10:08:00")
    assert tale.clock("N-09").due == tale.ms("10:33:00")
    tale.say("order.rerouted", "10:08:00", to_branch="B")
    assert tale.verdict("N-05") == "met"
    assert tale.clock("N-09").verdict == "void", "the old branch has nothing to print"
    first, second = tale.clocks("N-01")
    assert (first.verdict, second.verdict) == ("met", "late")
    assert (second.owner, second.due) == ("B", tale.ms("10:18:00"))
    tale.accept("10:12:00", branch="B")
    assert tale.clock("N-01").verdict == "met"
    assert tale.clock("N-09").due == tale.ms("10:42:00")


@requirement("N-05")
@pytest.mark.parametrize(("rerouted", "verdict"), [("10:08:00.000", "met"), ("10:08:00.001", "late"), (None, "lapsed")])
def test_N05_a_limit_is_judged_only_if_the_act_happens(tale: Tale, rerouted: str | None, verdict: str) -> None:
    tale.submit("10:00")
    tale.accept("10:03")
    if rerouted:
        tale.say("order.rerouted", rerouted, to_branch="B")
    assert tale.verdict("N-05") == verdict
    assert tale.verdict("N-05", "10:08:00.000") in ("open", "met")


@requirement("N-09")
@pytest.mark.parametrize(("printed", "verdict"), [("10:33:00.000", "met"), ("10:33:00.001", "late")])
def test_N09_printing_within_half_an_hour(tale: Tale, printed: str, verdict: str) -> None:
    tale.submit("10:00")
    tale.accept("10:03")
    tale.say("note.printed", printed, paper="A4", branch="A")
    assert tale.verdict("N-09") == verdict


@requirement("N-09")
def test_N09_is_not_for_goods_orders(tale: Tale) -> None:
    tale.submit("10:00", type="goods")
    tale.accept("10:03")
    assert tale.clocks("N-09") == tale.clocks("N-10") == tale.clocks("N-11") == tale.clocks("N-15") == []


@requirement("N-01")
def test_N01_coming_to_another_branch_before_it_was_late_voids_it(tale: Tale) -> None:
    tale.submit("10:00")
    tale.say("order.assigned", "10:10:00.000", branch="B")
    first, second = tale.clocks("N-01")
    assert (first.verdict, first.end) == ("void", tale.ms("10:10"))
    assert second.owner == "B" and second.due == tale.ms("10:20")


@requirement("N-01")
def test_N01_late_stays_late_when_it_is_moved_or_cancelled(tale: Tale) -> None:
    tale.submit("10:00")
    tale.say("order.assigned", "10:10:00.001", branch="B")
    tale.cancel("10:15")
    first, second = tale.clocks("N-01")
    assert (first.verdict, first.end) == ("late", None)
    assert (second.verdict, second.end) == ("void", tale.ms("10:15"))


@requirement("N-10")
@pytest.mark.parametrize(("accepted", "verdict"), [("22:59:59.999", "met"), ("23:00:00.000", "late")])
def test_N10_accepting_before_23(tale: Tale, accepted: str, verdict: str) -> None:
    tale.submit("10:00")
    tale.accept(accepted)
    assert tale.verdict("N-10") == verdict and tale.clock("N-10").due == tale.ms("23:00")


@requirement("N-10")
def test_N10_of_a_later_branch_counts_from_its_own_day(tale: Tale) -> None:
    tale.submit("21:00")  # D0 is the 5th
    assert tale.clock("N-10").due == tale.ms("2024-03-05 23:00")
    tale.accept("2024-03-05 08:05")
    tale.say("order.rerouted", "2024-03-06 09:00", to_branch="B")
    assert tale.clock("N-10").due == tale.ms("2024-03-06 23:00")


@requirement("G-11", "N-11", "N-15")
def test_G11_not_billed_by_midnight_is_flagged_and_nothing_is_cancelled(tale: Tale) -> None:
    tale.submit("10:00")
    tale.accept("10:05")
    tale.say("order.confirmed", "10:06", checked=True)
    assert tale.verdict("N-15", "22:59:59.999") == "open"
    assert tale.verdict("N-15", "23:00:00.000") == "late"
    assert tale.verdict("N-11", "23:59:59.999") == "open"
    assert tale.verdict("N-11", "24:00") == "late"
    assert tale.judged("2024-03-05 00:00:01").story.state.state == "pickup_due"
    tale.postpone("22:00", "2024-03-06")
    assert tale.verdict("N-11", "2024-03-05 12:00") == tale.verdict("N-15", "2024-03-05 12:00") == "void"


@requirement("N-11")
def test_N11_is_excusable_while_the_pickup_may_still_come(tale: Tale) -> None:
    tale.submit("18:00", pickup="asap")  # hard limit: noon of the next day
    tale.accept("18:05")
    assert tale.clock("N-11").excusable
    tale.say("goods.handed_in", "18:30", branch="A", pieces=1)
    assert tale.verdict("N-11") == "late" and not tale.clock("N-11").excusable


@requirement("N-11")
def test_N11_may_follow_the_pickup_where_the_policy_says_so(tale: Tale) -> None:
    tale.policies = parse_policy({"unbilled.follow_pickup": True})
    tale.submit("18:00", pickup="asap")  # hard limit: noon of the next day
    tale.accept("18:05")
    clock = tale.clock("N-11")
    assert (clock.due, clock.inclusive, clock.late_from) == (tale.ms(f"{DAY5} 12:00"), False, clock.due)
    assert clock.rule == "day.cancel_cutoff=24:00, unbilled.follow_pickup=true"
    assert "by the limit of the pickup when that is later: 12:00" in explain(clock, "en")
    tale.agree(f"{DAY5} 09:00", f"{DAY5} 15:00")
    assert tale.clock("N-11").due == tale.ms(f"{DAY5} 16:00"), "agreed before it was due"
    tale.agree(f"{DAY5} 16:00", f"{DAY5} 18:00")
    assert tale.clock("N-11").due == tale.ms(f"{DAY5} 16:00"), "agreed when it was over"


@requirement("N-11")
@pytest.mark.parametrize(("brought", "due"), [("23:59:59.999", "24:00"), (f"{DAY5} 09:00", f"{DAY5} 12:00")])
def test_N11_a_pickup_set_aside_by_midnight_moves_nothing(tale: Tale, brought: str, due: str) -> None:
    tale.policies = parse_policy({"unbilled.follow_pickup": True})
    tale.submit("18:00", pickup="asap")
    tale.accept("18:05")
    tale.say("goods.handed_in", brought, branch="A", pieces=1)
    assert tale.clock("N-11").due == tale.ms(due)


@requirement("N-11")
def test_N11_a_limit_of_the_same_day_leaves_it_at_midnight(tale: Tale) -> None:
    tale.policies = parse_policy({"unbilled.follow_pickup": True})
    tale.submit("10:00", pickup="asap")
    tale.accept("10:05")
    assert tale.clock("N-11").due == tale.ms("24:00") and not tale.clock("N-11").excusable


@requirement("N-05", "N-09", "N-11", "N-15")
@pytest.mark.parametrize("name", ["N-05", "N-09", "N-11", "N-15"])
def test_whoever_takes_an_order_to_another_branch_sets_aside_what_the_first_had_to_do(tale: Tale, name: str) -> None:
    tale.submit("10:00")
    tale.accept("10:03")
    tale.say("order.assigned", "10:05", branch="B")
    tale.accept("10:20", branch="B")
    tale.say("order.rerouted", "10:24", to_branch="C")
    first, second = tale.clocks(name)
    assert (first.owner, first.verdict, first.end) == ("A", "void", tale.ms("10:05"))
    assert (second.owner, second.verdict) == ("B", "met" if name == "N-05" else "void")


@requirement("N-11")
def test_N11_is_met_by_a_waybill_or_by_cancelling(tale: Tale) -> None:
    tale.submit("10:00")
    tale.accept("10:05")
    other = type(tale)()
    other.facts = list(tale.facts)
    tale.waybill("23:59:59.999")
    other.cancel("23:59:59.999")
    assert tale.verdict("N-11") == other.verdict("N-11") == "met"


@requirement("N-12")
@pytest.mark.parametrize(
    ("recorded", "verdict"), [("23:59:59.999", "met"), ("2024-03-05 00:00:00.000", "late"), (None, "late")]
)
@pytest.mark.requirement("EO-6")
def test_N12_the_reason_is_written_down_the_same_day(tale: Tale, recorded: str | None, verdict: str) -> None:
    tale.submit("10:00")
    tale.cancel("12:00")
    if recorded:
        tale.say("cancel.reason", "12:01", reason="sold out", recorded=recorded)
    assert tale.verdict("N-12") == verdict


@requirement("N-12")
def test_N12_the_reason_may_stand_in_the_cancellation_and_counts_when_it_was_written(tale: Tale) -> None:
    tale.submit("10:00")
    tale.cancel("12:00", reason="sold out", recorded="2024-03-05 00:00")
    assert tale.verdict("N-12") == "late"
    tale.facts[-1:] = []
    tale.cancel("12:00", reason="sold out")
    assert tale.verdict("N-12") == "met"


@requirement("N-12")
def test_N12_needs_an_order_that_ever_came_to_a_branch(tale: Tale) -> None:
    tale.submit("10:00", branch=None)
    tale.cancel("12:00")
    assert tale.clocks("N-12") == tale.clocks("N-04") == []


@pytest.mark.requirement("EO-17")
@requirement("N-15")
def test_N15_counts_when_the_remark_was_written_and_only_tracking_remarks(tale: Tale) -> None:
    tale.submit("10:00")
    tale.accept("10:05")
    tale.say("remark.added", "12:00", remark="bill", text="x")
    assert tale.verdict("N-15") == "late"
    tale.say("remark.added", "12:00", remark="track", text="x", recorded="23:00")
    assert tale.verdict("N-15") == "late"
    tale.say("remark.added", "12:00", remark="track", text="x", recorded="22:59:59.999")
    assert tale.verdict("N-15") == "met"


@pytest.mark.requirement("EO-7")
@requirement("G-09", "N-04")
def test_G09_postponing_up_to_three_days(tale: Tale) -> None:
    tale.submit("10:00")
    tale.accept("10:05")
    assert tale.verdict("N-04", "2024-03-07 23:59:59.999") == "open"
    assert tale.verdict("N-04", "2024-03-08 00:00") == "lapsed"
    tale.postpone("11:00", "2024-03-07")
    assert tale.verdict("N-04") == "met" and tale.judged("12:00").story.state.state == "postponed"
    tale.postpone("12:00", "2024-03-08")
    late = tale.clock("N-04")
    assert (late.verdict, late.late_from, late.breached_at) == ("late", tale.ms("12:00"), tale.ms("12:00"))
    assert tale.judged("13:00").story.state.state == "postponed"


@requirement("N-44")
@pytest.mark.parametrize(
    ("shipped", "verdict"),
    [("2024-03-05 10:00:00.000", "met"), ("2024-03-05 10:00:00.001", "late")],
)
def test_N44_shipped_within_24_hours_inclusive(tale: Tale, shipped: str, verdict: str) -> None:
    tale.submit("10:00")
    tale.accept("10:05")
    tale.waybill(shipped)
    assert tale.verdict("N-44") == verdict
    other = type(tale)()
    other.submit("10:00", online=False)
    assert other.clocks("N-44") == []


@requirement("N-79")
def test_N79_picked_by_the_end_of_the_next_day(tale: Tale) -> None:
    tale.submit("10:00", type="goods")
    tale.accept("10:05")
    tale.say("order.confirmed", "10:06", checked=True)
    assert tale.clock("N-79").due == tale.ms("2024-03-05 24:00")
    tale.say("order.readied", "2024-03-05 23:59:59.999", reason="all there")
    assert tale.verdict("N-79") == "met"


@requirement("EO-20", "N-01")
def test_a_verified_outage_excuses_the_desk_but_not_the_printer(tale: Tale) -> None:
    tale.submit("10:00")
    tale.accept("10:30")
    tale.say("note.printed", "11:30", paper="A4", branch="A")
    tale.say("exempt.verified", "2024-03-05 09:00", cause="network down")
    assert [tale.verdict(name) for name in ("N-01", "N-07", "N-17", "N-09")] == ["excused"] * 3 + ["late"]
    assert tale.clock("N-01").breached_at == tale.ms("10:10:00.001")


def test_an_outage_of_the_week_before_excuses_nothing(tale: Tale) -> None:
    tale.say("exempt.verified", "2024-02-26 09:00", cause="network down")
    tale.submit("10:00")
    assert tale.verdict("N-01") == "late"


@requirement("C7", "N-10", "N-11", "N-12", "N-15")
def test_C7_an_order_of_the_night_belongs_to_the_next_day_even_if_it_is_taken_at_once(tale: Tale) -> None:
    tale.submit("21:00")
    tale.accept("21:30")
    tale.cancel("22:00")
    due = {name: tale.clock(name).due for name in ("N-10", "N-11", "N-12", "N-15")}
    assert due == {
        "N-10": tale.ms("2024-03-05 23:00"),
        "N-11": tale.ms("2024-03-05 24:00"),
        "N-12": tale.ms("2024-03-05 24:00"),
        "N-15": tale.ms("2024-03-05 23:00"),
    }


@requirement("N-15")
def test_N15_what_was_written_before_the_acceptance_explains_nothing(tale: Tale) -> None:
    tale.submit("10:00")
    tale.say("remark.added", "10:01", remark="track", text="x")
    tale.accept("10:05")
    assert tale.verdict("N-15") == "late"


def test_inference_by_a_person_ends_the_desks_clocks_a_tag_read_ends_none(tale: Tale) -> None:
    tale.submit("10:00", type="goods")
    tale.say("order.units", "10:01", units=[{"unit": "u1"}])
    tale.say("unit.loaded", "10:02", unit="u1", vehicle="v1", site="yard")
    assert tale.verdict("N-01", "10:09") == "open"
    tale.say("order.confirmed", "10:05", checked=True)
    assert (tale.verdict("N-01"), tale.clock("N-01").end) == ("met", tale.ms("10:05"))
    assert tale.clock("N-05").start == tale.ms("10:05")


def test_an_acceptance_without_assignment_is_an_arrival(tale: Tale) -> None:
    accepted = tale.accept("10:00")
    clock = tale.clock("N-01")
    assert (clock.verdict, clock.start_fact, clock.end_fact) == ("met", accepted.id, accepted.id)
    assert tale.clocks("N-02") == []
