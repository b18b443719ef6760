"""Holds, postponements, wakes (docs/clocks.md: Pause and postponement)."""

from typing import Any

import pytest

Tale = Any
requirement = pytest.mark.requirement


def hold(tale: Tale, at: str, until: str | None = None, name: str = "payment") -> None:
    """A hold and its release."""
    tale.say("hold.set", at, hold=name, reason="r")
    if until:
        tale.say("hold.released", until, hold=name, reason="r")


def accepted(tale: Tale, **more: Any) -> None:
    """An order taken in at ten."""
    tale.submit("10:00", **more)
    tale.accept("10:03")


@requirement("N-09")
def test_a_held_clock_is_open_without_a_due_time_and_runs_on_for_what_was_left(tale: Tale) -> None:
    accepted(tale)
    hold(tale, "10:20", "11:20")
    paused = tale.clock("N-09", "10:50")
    assert (paused.verdict, paused.due, paused.late_from, paused.next_at) == ("open", None, None, None)
    assert paused.paused_ms == 30 * 60_000
    after = tale.clock("N-09")
    assert (after.due, after.paused_ms, after.verdict) == (tale.ms("11:33"), 3_600_000, "late")


def test_only_the_held_time_after_the_start_counts(tale: Tale) -> None:
    tale.submit("10:00")
    hold(tale, "10:01", "10:13")
    tale.accept("10:03")
    assert tale.clock("N-09").due == tale.ms("10:43")


def test_two_holds_pause_until_the_last_is_released(tale: Tale) -> None:
    accepted(tale)
    tale.say("hold.set", "10:10", hold="a", reason="r")
    tale.say("hold.set", "10:20", hold="b", reason="r")
    tale.say("hold.released", "10:30", hold="a", reason="r")
    tale.say("hold.released", "10:40", hold="b", reason="r")
    assert tale.clock("N-09", "10:35").due is None
    assert tale.clock("N-09").due == tale.ms("11:03")


def test_a_hold_does_nothing_to_what_was_late_before_it(tale: Tale) -> None:
    accepted(tale)
    hold(tale, "10:33:00.001", "12:00")
    clock = tale.clock("N-09", "10:50")
    assert (clock.verdict, clock.due) == ("late", tale.ms("10:33"))
    tale.facts[-2:] = []
    hold(tale, "10:33:00.000")
    assert tale.verdict("N-09", "10:50") == "open"


def test_what_ends_while_it_is_held_is_met(tale: Tale) -> None:
    accepted(tale)
    hold(tale, "10:20", "15:00")
    tale.say("note.printed", "14:00", paper="A4", branch="A")
    clock = tale.clock("N-09")
    assert (clock.verdict, clock.due, clock.paused_ms) == ("met", None, 220 * 60_000)


@pytest.mark.parametrize("name", ["N-01", "N-02", "N-05", "N-15"])
def test_acceptance_assignment_rerouting_and_remarks_never_pause(tale: Tale, name: str) -> None:
    tale.submit("10:00", branch=None)
    tale.say("order.assigned", "10:01", branch="A")
    tale.accept("10:03")
    before = tale.clock(name).due
    hold(tale, "10:00:30", "20:00")
    assert tale.clock(name).due == before


@requirement("N-11")
def test_times_of_day_are_taken_anew_from_the_resume(tale: Tale) -> None:
    accepted(tale)
    hold(tale, "18:00", "2024-03-06 09:00")
    assert tale.clock("N-11").due == tale.ms("2024-03-06 24:00")


@requirement("N-22", "N-23")
@pytest.mark.parametrize(
    ("released", "due"),
    [("16:59:59.999", "19:00"), ("17:00", "2024-03-05 12:00"), ("2024-03-05 08:00", "2024-03-05 19:00")],
)
def test_the_hard_limit_after_a_hold_is_that_of_an_order_at_the_resume(tale: Tale, released: str, due: str) -> None:
    tale.submit("10:00", pickup="asap")
    hold(tale, "11:00", released)
    assert tale.clock("N-22").due == tale.ms(due)
    assert tale.clocks("N-23") == []


@requirement("N-20", "N-21", "N-25", "N-28")
def test_durations_of_the_pickup_grow(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap")
    hold(tale, "10:30", "10:40")
    assert (tale.clock("N-20").due, tale.clock("N-21").due) == (tale.ms("12:10"), tale.ms("11:10"))
    assert tale.clock("N-21").late_from == tale.ms("12:10:00.001")
    tale.agree("11:00", "15:00")
    hold(tale, "12:00", "12:30")
    assert tale.clock("N-25").due == tale.ms("16:30")
    assert (tale.clock("N-28").due, tale.clock("N-28").late_from) == (tale.ms("16:15"), tale.ms("16:30:00.001"))
    assert tale.clock("N-28", "12:10").due is None


@requirement("N-79")
def test_picking_is_reckoned_from_the_resume(tale: Tale) -> None:
    tale.submit("10:00", type="goods")
    tale.accept("10:01")
    tale.say("order.confirmed", "10:02", checked=True)
    hold(tale, "11:00", "2024-03-06 01:00")
    assert tale.clock("N-79").due == tale.ms("2024-03-07 24:00")


def test_postponing_sets_the_day_aside_and_waking_arms_it_again(tale: Tale) -> None:
    accepted(tale, pickup="asap")
    tale.say("order.confirmed", "10:04", checked=True)
    put_off = tale.postpone("10:30", "2024-03-06")
    names = ("N-09", "N-11", "N-15", "N-20", "N-21", "N-22")
    assert {tale.verdict(name, "2024-03-06 07:59:59.999") for name in names} == {"void"}
    due = {name: tale.clock(name, "2024-03-06 08:00") for name in ("N-11", "N-15", "N-20", "N-21", "N-22")}
    assert {name: clock.due for name, clock in due.items()} == {
        "N-11": tale.ms("2024-03-06 24:00"),
        "N-15": tale.ms("2024-03-06 23:00"),
        "N-20": tale.ms("2024-03-06 11:00"),
        "N-21": tale.ms("2024-03-06 09:00"),
        "N-22": tale.ms("2024-03-06 19:00"),
    }
    assert {clock.start_fact for clock in due.values()} == {put_off.id}
    assert due["N-11"].start == tale.ms("2024-03-06 08:00")
    assert len(tale.clocks("N-09")) == 1, "printing is not asked for twice"
    assert tale.verdict("N-44") == "late", "the 24 hours of the success rate are literal"


def test_postponing_again_moves_the_wake(tale: Tale) -> None:
    accepted(tale, pickup="asap")
    tale.postpone("10:30", "2024-03-05")
    tale.postpone("11:00", "2024-03-07")
    assert tale.verdict("N-11", "2024-03-06 12:00") == "void"
    assert tale.clock("N-11", "2024-03-07 12:00").due == tale.ms("2024-03-07 24:00")
    assert len(tale.clocks("N-22")) == 2


def test_a_window_agreed_while_it_was_postponed_stands(tale: Tale) -> None:
    accepted(tale, pickup="asap")
    tale.postpone("10:30", "2024-03-06")
    tale.agree("12:00", "2024-03-06 15:00")
    judged = tale.judged("2024-03-06 09:00")
    alive = {c.clock for c in judged.clocks if c.verdict == "open"}
    assert {"N-25", "N-28", "N-11", "N-15"} <= alive and not alive & {"N-20", "N-21", "N-22", "N-23"}


def test_an_appointment_that_lies_before_the_wake_counts_no_longer(tale: Tale) -> None:
    tale.submit("10:00", pickup="appointment", dates={"pickup": tale.ms("15:00")})
    tale.accept("10:03")
    tale.postpone("11:00", "2024-03-06")
    assert tale.clock("N-22").due == tale.ms("2024-03-06 19:00")
    later = type(tale)()
    later.submit("10:00", pickup="appointment", dates={"pickup": tale.ms("2024-03-06 15:00")})
    later.accept("10:03")
    later.postpone("11:00", "2024-03-06")
    assert later.clock("N-25").due == tale.ms("2024-03-06 16:00") and later.clocks("N-22") == []


def test_a_bill_before_the_wake_leaves_nothing_to_arm(tale: Tale) -> None:
    accepted(tale, pickup="asap")
    tale.waybill("10:20")
    tale.postpone("10:30", "2024-03-06")
    assert [len(tale.clocks(name)) for name in ("N-11", "N-15", "N-22")] == [1, 1, 1]


def test_waking_arms_nothing_that_a_rerouting_had_undone(tale: Tale) -> None:
    accepted(tale)
    tale.say("order.rerouted", "10:05", to_branch="B")
    tale.postpone("10:30", "2024-03-06")
    assert [len(tale.clocks(name)) for name in ("N-11", "N-15")] == [1, 1]


def test_picking_is_armed_again_only_if_it_had_been_confirmed(tale: Tale) -> None:
    tale.submit("10:00", type="goods")
    tale.accept("10:01")
    tale.postpone("10:30", "2024-03-06")
    assert tale.clocks("N-79") == []
    other = type(tale)()
    other.facts = tale.facts[:2]
    other.say("order.confirmed", "10:02", checked=True)
    other.postpone("10:30", "2024-03-06")
    first, second = other.clocks("N-79")
    assert first.verdict == "void" and second.due == tale.ms("2024-03-07 24:00")


@pytest.mark.parametrize(
    ("printed", "due"),
    [("10:19:59.999", "10:33"), ("10:20", None), ("10:29:59.999", None), ("10:30", "10:43")],
)
def test_a_pause_is_half_open(tale: Tale, printed: str, due: str | None) -> None:
    accepted(tale)
    hold(tale, "10:20", "10:30")
    tale.say("note.printed", printed, paper="A4", branch="A")
    clock = tale.clock("N-09")
    assert (clock.verdict, clock.due) == ("met", None if due is None else tale.ms(due))


@requirement("N-21")
def test_N21_a_hold_after_its_hour_leaves_that_over_and_only_moves_the_target(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap")
    hold(tale, "11:30", "12:30")
    assert (tale.clock("N-21").due, tale.clock("N-21").late_from) == (tale.ms("11:00"), tale.ms("13:00:00.001"))
    paused = tale.clock("N-21", "11:45")
    assert (paused.verdict, paused.due, paused.late_from) == ("open", tale.ms("11:00"), None)
    other = type(tale)()
    other.submit("10:00", pickup="asap", branch=None)
    other.say("order.assigned", "13:00", branch="A")
    hold(other, "13:10")
    clock = other.clock("N-21", "13:20")
    assert (clock.verdict, clock.due, clock.late_from) == ("late", tale.ms("14:00"), tale.ms("12:00:00.001"))


@requirement("N-21")
def test_N21_that_was_late_before_a_hold_is_not_lengthened_by_it(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap", branch=None)
    tale.say("order.assigned", "20:00", branch="A")  # N-21 begins at 08:00 of the 5th; late since noon of the 4th
    hold(tale, "2024-03-05 00:30", "2024-03-05 20:00")
    clock = tale.clock("N-21")
    assert (clock.verdict, clock.due, clock.late_from) == (
        "late", tale.ms("2024-03-05 09:00"), tale.ms("12:00:00.001"),
    )  # fmt: skip


@requirement("N-09", "N-11")
def test_what_ends_at_the_instant_of_a_hold_but_before_it_was_never_paused(tale: Tale) -> None:
    accepted(tale)
    tale.say("order.rerouted", "10:20", to_branch="B")
    hold(tale, "10:20")
    assert (tale.clock("N-09").end, tale.clock("N-09").due) == (tale.ms("10:20"), tale.ms("10:33"))
    assert tale.clock("N-11").due == tale.ms("24:00")


@requirement("N-09")
def test_what_ends_at_the_instant_of_a_release_but_before_it_was_paused(tale: Tale) -> None:
    accepted(tale)
    hold(tale, "10:10", "10:20")
    tale.say("order.rerouted", "10:20", to_branch="B")
    assert (tale.clock("N-09").end, tale.clock("N-09").due) == (tale.ms("10:20"), None)


@requirement("G-11", "N-05", "N-09", "N-11", "N-15")
def test_while_it_is_postponed_an_acceptance_starts_nothing(tale: Tale) -> None:
    tale.submit("10:00")
    put_off = tale.postpone("10:01", "2024-03-05")
    tale.accept("10:03")
    assert tale.verdict("N-01") == "met", "it ends what waited for it all the same"
    assert not any(tale.clocks(name, "2024-03-05 07:59:59.999") for name in ("N-05", "N-09", "N-11", "N-15"))
    assert not any(tale.clocks(name) for name in ("N-05", "N-09"))
    for name, due in (("N-11", "24:00"), ("N-15", "23:00")):
        (clock,) = tale.clocks(name)
        assert (clock.start_fact, clock.start, clock.due) == (
            put_off.id, tale.ms("2024-03-05 08:00"), tale.ms(f"2024-03-05 {due}"),
        )  # fmt: skip


@requirement("N-11", "N-15", "N-79")
def test_taken_up_again_before_the_wake_it_gets_nothing_back(tale: Tale) -> None:
    accepted(tale, pickup="asap")
    tale.postpone("10:30", "2024-03-06")
    tale.say("order.confirmed", "11:00", checked=True)
    assert [len(tale.clocks(name)) for name in ("N-11", "N-15", "N-20", "N-22")] == [1, 1, 1, 1]
    assert tale.verdict("N-11") == tale.verdict("N-22") == "void"


@requirement("N-11", "N-15")
def test_a_wake_before_its_postponement_is_ended_only_by_what_follows_the_postponement(tale: Tale) -> None:
    accepted(tale)
    tale.say("remark.added", "10:05", remark="track", text="x")
    tale.postpone("10:30", "2024-03-04")
    clock = tale.clock("N-11", n=0)
    assert (clock.start, clock.due, clock.verdict) == (tale.ms("08:00"), tale.ms("24:00"), "late")
    other = type(tale)()
    other.facts = list(tale.facts)
    tale.waybill("10:29")
    assert len(tale.clocks("N-11")) == 1
    other.waybill("10:31")
    assert (other.verdict("N-11", n=0), other.clock("N-11", n=0).end) == ("met", tale.ms("10:31"))


@pytest.mark.parametrize("brought", ["goods.handed_in", "pickup.done"])
@requirement("N-20", "N-21", "N-22")
def test_goods_brought_before_a_postponement_to_the_same_day_are_waited_for_no_longer(tale: Tale, brought: str) -> None:
    tale.submit("2024-03-03 10:00", pickup="asap")
    tale.accept("2024-03-03 10:03")
    begun = {name: len(tale.clocks(name)) for name in ("N-20", "N-21", "N-22")}
    bodies = {
        "goods.handed_in": {"branch": "b1", "pieces": 3},
        "pickup.done": {"pieces": 3, "packing": "ok", "signers": ["driver", "shipper"]},
    }
    tale.say(brought, "11:14", **bodies[brought])
    tale.postpone("12:16", "2024-03-04")
    assert {name: len(tale.clocks(name)) for name in begun} == begun
