"""Clocks of the server follow the fold: each breach once, late evidence judged anew, both values kept (ORDERS §4)."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from milepost.access.model import SYSTEM
from milepost.clocks import repository as clock_rows
from milepost.clocks import service
from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Author, Fact
from milepost.orders import history, projector, repository

pytestmark = pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)


@pytest.mark.requirement("N-01", "N-07", "N-17", "EO-19")
def test_N01_breaks_one_ms_after_ten_minutes_and_is_told_once(company: Any, at_: Callable[..., int]):
    company.order(when="08:00")
    assert company.clocks()["N-01"].verdict == "open"
    assert company.wake("08:10:00.000") == 0
    assert company.breaches() == []
    assert company.wake("08:10:00.001") == 1
    assert company.clocks()["N-01"].verdict == "late"
    assert [b["late_from"] for b in company.breaches("N-01")] == [at_("08:10:00.001")]
    assert company.wake("08:10:00.001") == 0
    assert company.wake("08:15") == 0
    told = [(c.clock, change.at) for change in company.told for c in change.breached]
    assert sorted(told) == [(name, at_("08:10:00.001")) for name in ("N-01", "N-07", "N-17")]


@pytest.mark.requirement("N-19", "X-1")
def test_N19_the_order_wakes_again_at_fifteen_minutes_once_over_a_restart(company: Any, at_: Callable[..., int]):
    company.order(when="08:00")
    assert company.wake("08:11") == 1
    company.told.clear()
    assert company.wake("08:15:00.000") == 0  # at exactly the fifteen minutes nothing is raised (C4)
    _restart(company)
    assert company.wake("08:15:00.001") == 1
    assert [(b["late_from"], b["breached_at"]) for b in company.breaches("N-19")] == [(at_("08:15:00.001"),) * 2]
    _restart(company)
    assert company.wake("08:15:00.001") == company.wake("09:00") == 0
    assert [c.clock for change in company.told for c in change.breached] == ["N-19"]


def _restart(company: Any) -> None:
    """A service that starts anew knows nothing but its database."""
    company.db.close()
    company.db = Database(company.db.url)


@pytest.mark.requirement("N-01")
def test_what_is_done_in_time_is_never_raised(company: Any):
    company.order(when="08:00")
    company.say("order.accepted", "08:10", order="o1", branch="b1")
    company.wake("08:11")
    assert company.clocks()["N-01"].verdict == "met"
    assert company.breaches("N-01") == []


@pytest.mark.requirement("N-01", "X-3")
def test_X3_the_branch_gets_ten_minutes_of_its_own_after_the_call_centre(company: Any, at_: Callable[..., int]):
    company.order(when="08:00", branch=None)
    assert company.clocks()["N-02"].owner == "call_centre"
    assert "N-01" not in company.clocks()
    company.say("order.assigned", "08:09", order="o1", branch="b2")
    clocks = company.clocks()
    assert clocks["N-02"].verdict == "met"
    assert (clocks["N-01"].owner, clocks["N-01"].due) == ("b2", at_("08:19"))


@pytest.mark.requirement("N-01")
def test_late_evidence_takes_a_breach_back_with_an_audit_entry(company: Any, at_: Callable[..., int]):
    company.order(when="08:00")
    company.wake("08:11")
    assert company.audit() == []  # time alone re-judges nothing
    fact = company.say("order.accepted", "08:05", received="08:30", order="o1", branch="b1")
    assert company.clocks()["N-01"].verdict == "met"
    [entry] = [each for each in company.audit() if each["clock"] == "N-01"]
    assert (entry["cause"], entry["facts"], entry["at"]) == ("fact", [fact.id], at_("08:30"))
    assert (entry["before"]["verdict"], entry["after"]["verdict"]) == ("late", "met")
    [breach] = company.breaches("N-01")
    assert (breach["raised_at"], breach["withdrawn_at"]) == (at_("08:11"), at_("08:30"))
    with company.db.read() as conn:
        kept = [each for each in history.page(conn, SYSTEM, "o1")["items"] if each["kind"] == "rejudged"]
    said = {
        (each["data"]["clock"], each["data"]["before"]["verdict"], each["data"]["after"]["verdict"]) for each in kept
    }
    assert ("N-01", "late", "met") in said and len(said) == len(kept)
    assert ("late", "met") in [(old.verdict, new.verdict) for old, new in company.told[-1].rejudged]


def test_a_breach_that_comes_back_is_not_told_a_second_time(company: Any):
    company.order(when="08:00")
    company.wake("08:11")
    said = company.say("order.accepted", "08:05", received="08:30", order="o1", branch="b1")
    company.told.clear()
    company.say("fact.retracted", "08:40", by="admin", order="o1", target=said.id, why="wrong order")
    assert company.clocks()["N-01"].verdict == "late"
    [breach] = company.breaches("N-01")
    assert breach["withdrawn_at"] is None
    told = [c.clock for change in company.told for c in change.breached]
    assert told == ["N-19"], "its fifteen minutes were not over when the acceptance came"
    verdicts = [(e["before"]["verdict"], e["after"]["verdict"]) for e in company.audit() if e["clock"] == "N-01"]
    assert verdicts == [("met", "late"), ("late", "met")]


def test_another_late_instant_is_another_breach(company: Any, at_: Callable[..., int]):
    company.order(when="08:00")
    company.wake("08:11")
    said = company.say("order.accepted", "08:05", received="08:30", order="o1", branch="b1")
    company.say("order.rerouted", "08:35", order="o1", to_branch="b2")
    company.wake("08:46")
    company.say("fact.retracted", "09:00", by="admin", order="o1", target=said.id, why="wrong order")
    owners = [(b["owner"], b["late_from"], b["occurrence"]) for b in company.breaches("N-01")]
    assert owners == [("b1", at_("08:10:00.001"), 1), ("b2", at_("08:45:00.001"), 1)]


def test_a_clock_whose_start_was_retracted_is_gone_and_kept_in_the_audit(company: Any):
    company.order(when="08:00", branch=None)
    said = company.say("order.assigned", "08:01", order="o1", branch="b2")
    company.wake("08:12")
    company.say("fact.retracted", "08:20", by="admin", order="o1", target=said.id, why="not theirs")
    assert "N-01" not in company.clocks()
    [entry] = [each for each in company.audit() if each["clock"] == "N-01"]
    assert (entry["before"]["verdict"], entry["after"]) == ("late", None)
    assert company.breaches("N-01")[0]["withdrawn_at"] is not None
    gone = [new.verdict for change in company.told for _, new in change.rejudged if new.clock == "N-01"]
    assert gone == ["void"]


@pytest.mark.requirement("EO-20")
def test_EO20_a_verified_cause_excuses_and_leaves_its_trace(company: Any):
    company.order(when="08:00")
    company.wake("08:11")
    company.say("exempt.verified", "09:00", order="o1", cause="power cut")
    assert company.clocks()["N-01"].verdict == "excused"
    assert {e["after"]["verdict"] for e in company.audit()} == {"excused"}


def test_a_refold_that_changes_nothing_writes_nothing_and_tells_nobody(company: Any):
    company.order(when="08:00")
    before = len(company.told)
    statements: list[str] = []
    with company.db.tx() as conn:
        event.listen(conn, "before_cursor_execute", lambda _c, _k, sql, *_: statements.append(sql))
        projector.refold(conn, "o1", ())
    assert len(company.told) == before
    assert [sql for sql in statements if " clock " in sql and not sql.startswith("SELECT")] == []


def test_facts_in_any_order_of_arrival_leave_the_same_clocks(company: Any):
    """The rows are a function of the facts: a rebuild from the log finds nothing to change."""
    company.order(when="08:00")
    company.say("order.accepted", "08:20", order="o1", branch="b1")
    company.say("note.printed", "08:30", received="09:10", order="o1", paper="A5", branch="b1")
    company.order("o2", when="08:00")
    company.wake("09:11")
    with company.db.tx() as conn:
        before = conn.exec_driver_sql("SELECT state FROM clock ORDER BY order_id, clock, start_fact").all()
        conn.exec_driver_sql("DELETE FROM clock")
        for order_id in ("o1", "o2"):
            projector.refold(conn, order_id, ())
        after = conn.exec_driver_sql("SELECT state FROM clock ORDER BY order_id, clock, start_fact").all()
    assert before == after and before
    assert len(company.breaches("N-01")) == 2  # and nothing that was told is told again


def test_an_order_that_cannot_be_folded_holds_up_nobody(company: Any, monkeypatch: pytest.MonkeyPatch, at_: Any):
    company.order("o1", when="08:00")
    company.order("o2", when="08:00")
    whole = projector.trace

    def broken(facts: Any, *rest: Any, **named: Any) -> Any:
        given = list(facts)
        if any(f.subjects.get("order") == "o1" for f in given):
            raise RuntimeError("a defect")
        return whole(given, *rest, **named)

    monkeypatch.setattr(projector, "trace", broken)
    company.wake("08:10:01")
    assert [b["order_id"] for b in company.breaches("N-01")] == ["o2"]
    monkeypatch.setattr(projector, "trace", whole)
    assert company.wake("08:11:00") == 0  # it is left alone for a minute
    company.wake("08:11:01")
    assert sorted(b["order_id"] for b in company.breaches("N-01")) == ["o1", "o2"]
    assert {b["breached_at"] for b in company.breaches("N-01")} == {at_("08:10:00.001")}


def test_an_order_and_its_clocks_wake_by_the_same_round(company: Any):
    company.order(when="08:00")
    company.say("order.accepted", "08:05", order="o1", branch="b1")
    company.say("order.postponed", "08:06", order="o1", to="2026-03-03", asked_by="customer")
    with company.db.read() as conn:
        assert (repository.find(conn, SYSTEM, "o1") or {})["state"] == "postponed"
    assert company.wake("2026-03-03 08:00") == 1
    with company.db.read() as conn:
        assert (repository.find(conn, SYSTEM, "o1") or {})["state"] != "postponed"


@pytest.mark.requirement("N-30")
def test_N30_a_day_without_an_entry_is_raised_though_the_day_before_was_met(company: Any, at_: Callable[..., int]):
    """No fact begins the next day's clock: the worker has to look when the day is over."""
    company.order(when="08:00")
    company.say("order.accepted", "08:05", order="o1", branch="b1")
    company.say("order.confirmed", "08:06", order="o1", checked=True)
    company.say("waybill.issued", "09:00", order="o1", waybill="W1", pieces=3, kg=9.0)
    company.say("handout.done", "10:00", order="o1", carrier="x", phone="1", outside_no="2")
    company.say("track.entered", "11:00", order="o1", text="on its way")
    assert company.wake("2026-03-03 00:00") == 1
    company.wake("2026-03-04 00:00")
    assert [(b["subject"], b["late_from"]) for b in company.breaches("N-30")] == [
        ("2026-03-03", at_("2026-03-04 00:00")),
    ]


def test_a_fact_that_arrives_while_the_worker_waits_is_not_hidden(company: Any, monkeypatch: Any, at_: Any):
    """The worker reads the time once it holds the order: an older one would hide what came in meanwhile."""
    company.order(when="08:00")
    lease = clock_rows.lease

    def waits(conn: Any, ids: Any) -> Any:
        held = lease(conn, ids)
        log.append(conn, [accepted])
        company.now = at_("08:10:02")
        return held

    accepted = Fact(id="f1", kind="order.accepted", at=at_("08:09"), received_at=at_("08:10:01"),
                    by=Author("desk", "d"), subjects={"order": "o1"}, body={"branch": "b1"})  # fmt: skip
    monkeypatch.setattr(clock_rows, "lease", waits)
    company.now = at_("08:10:00.500")
    service.wake(company.db)
    assert company.clocks()["N-01"].verdict == "met"
    assert company.breaches("N-01") == []
