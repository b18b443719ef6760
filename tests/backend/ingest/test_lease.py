"""Leases: one worker a part, a standby takes over within ten seconds, a database that is away stops nobody."""

import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from milepost.db import Database
from milepost.ingest.lease import GRACE_MS, LEASE_MS, ROUND_S, Lease, Leases, Member, database_ms, holders, judge
from milepost.ingest.tables import ingest_lease

A, B, S = Member("a1@h", "a"), Member("b1@h", "b"), Member("s1@h", "s", standby=True)
BOTH = pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)


def row(member: Member, until: int, wanted: int = 0) -> Lease:
    return Lease("a", member.holder, member.worker, member.standby, until, wanted)


NOBODY = Member("", "")


def test_the_rule() -> None:
    now = 100_000
    assert judge(row(A, now + 1), A, now) == "keep"
    assert judge(row(A, now - 60_000), A, now) == "keep", "nobody has taken it meanwhile"
    assert judge(row(A, now + 1), B, now) == "wait"
    assert judge(row(A, now), B, now) == "take"
    assert judge(row(A, now), S, now) == "wait", "its own worker may be back in a moment"
    assert judge(row(A, now - GRACE_MS), S, now) == "take"
    assert judge(row(S, now + 1), A, now) == "want", "a standby gives it back"
    assert judge(row(S, now + 1, wanted=now - 1000), S, now) == "yield"
    assert judge(row(S, now + 1, wanted=now - LEASE_MS), S, now) == "keep", "who wanted it is gone again"


def test_a_kill_costs_less_than_ten_seconds() -> None:
    assert LEASE_MS + GRACE_MS + ROUND_S * 1000 < 9_000  # and a second to connect


class Clock:
    """Seconds of a host; `sleep` is what SIGSTOP or a suspended machine does."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ends(db: Database, *names: str) -> None:
    """Time passes in the database until the leases of these names have long ended."""
    with db.tx() as conn:
        over = database_ms(conn) - LEASE_MS
        conn.execute(update(ingest_lease).where(ingest_lease.c.name.in_(names)).values(until_ms=over))


def started(db: Database, member: Member, names: str, clock: Callable[[], float] | None = None) -> Leases:
    """Leases whose rounds the test calls itself."""
    leases = Leases(db, member, names, clock=clock or Clock())
    leases._run = lambda: None  # pyright: ignore[reportAttributeAccessIssue]
    leases._thread = threading.Thread(target=lambda: None)
    leases.start()
    return leases


@BOTH
def test_a_standby_takes_what_a_dead_worker_held_and_gives_it_back(db: Database) -> None:
    a, b, s = started(db, A, "0123"), started(db, B, "cdef"), started(db, S, "0123cdef")
    assert (a.held(), b.held(), s.held()) == (list("0123"), list("cdef"), [])
    ends(db, *"0123")  # a is killed
    for each in (s, b):
        each.round()
    assert (b.held(), s.held()) == (list("cdef"), list("0123"))
    back = started(db, Member("a2@h", "a"), "0123")  # with a new spool file, so it is somebody else to the rows
    assert back.held() == [], "the standby lets go first"
    s.round()
    assert s.held() == [], "its sessions are left now"
    back.round()
    assert back.held() == [], "the row is still the standby's"
    s.round()
    back.round()
    assert (back.held(), s.held()) == (list("0123"), [])


@BOTH
def test_a_worker_that_comes_back_with_its_spool_goes_on_at_once(db: Database) -> None:
    started(db, A, "0123")
    assert started(db, A, "0123").held() == list("0123")


@BOTH
def test_one_that_ends_in_good_order_leaves_its_parts_free(db: Database) -> None:
    a = started(db, A, "0")
    a.stop()
    assert a.held() == []
    assert started(db, B, "0").held() == ["0"]


def test_of_many_who_take_a_free_part_at_once_one_gets_it(postgres_url: str) -> None:
    db = Database(postgres_url)
    try:
        ingest_lease.create(db.engine)
        others = [started(db, Member(f"w{n}@h", f"w{n}"), "0123456789abcdef") for n in range(6)]
        for _ in range(3):
            ends(db, *"0123456789abcdef")
            barrier = threading.Barrier(len(others))

            def go(each: Leases, barrier: threading.Barrier = barrier) -> None:
                barrier.wait()
                each.round()

            threads = [threading.Thread(target=go, args=(each,)) for each in others]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            with db.read() as conn:
                rows = {row.name: row.holder for row in holders(conn)}
            for part, holder in rows.items():
                assert [each.member.holder for each in others if each.holds(part)] == [holder]
    finally:
        db.close()


def test_a_process_that_slept_holds_nothing_until_it_has_asked(db: Database) -> None:
    clock = Clock()
    a = started(db, A, "0", clock)
    clock.now += LEASE_MS / 1000 + 0.1
    assert not a.holds("0"), "somebody may have taken it meanwhile"
    ends(db, "0")
    assert started(db, S, "0").held() == ["0"]
    a.round()
    assert not a.holds("0")


def test_one_that_slept_and_lost_nothing_goes_on(db: Database) -> None:
    clock = Clock()
    a = started(db, A, "0", clock)
    clock.now += 3600
    a.round()
    assert a.holds("0")


def test_a_database_that_is_away_stops_no_holder_however_long(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    a = started(db, A, "0", clock)

    def away(*_: object) -> None:
        raise OSError("no database")

    monkeypatch.setattr(a, "_ask", away)
    for _ in range(3600):
        clock.now += 1
        with pytest.raises(OSError, match="no database"):
            a.round()
        assert a.holds("0")
    clock.now += LEASE_MS / 1000 + 1  # now it sleeps as well
    assert not a.holds("0")


def test_a_database_that_does_not_answer_stops_no_holder_either(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    a = started(db, A, "0", clock)
    seen: list[bool] = []

    def hangs() -> tuple[set[str], set[str]]:
        clock.now += 60
        seen.append(a.holds("0"))
        return {"0"}, set()

    monkeypatch.setattr(a, "_ask", hangs)
    a.round()
    assert seen == [True]


_moves = st.lists(
    st.tuples(st.sampled_from("abs"), st.sampled_from(["round", "crash", "sleep"]), st.integers(0, 7_000)), max_size=40
)


@given(_moves)
def test_never_do_two_who_are_awake_hold_a_part(moves: list[tuple[str, str, int]]) -> None:
    """The rule alone, over any course: rows and deadlines as `Leases` keeps them, one clock for all."""
    members = {"a": A, "b": B, "s": S}
    lease, now = row(NOBODY, 0), 10_000
    until: dict[str, int] = {}
    for who, what, passed in moves:
        now += passed
        if what == "crash":
            until.pop(who, None)
        if what == "round":
            verdict = judge(lease, members[who], now)
            if verdict in ("keep", "take"):
                lease = row(members[who], now + LEASE_MS)
                until[who] = now + LEASE_MS
            elif verdict == "want":
                lease = Lease(lease.name, lease.holder, lease.worker, lease.standby, lease.until_ms, now)
                until.pop(who, None)
            elif verdict == "yield":
                until.pop(who, None)
            else:
                until.pop(who, None)
        assert sum(end > now for end in until.values()) <= 1


def test_the_database_clock_is_utc_in_ms(db: Database) -> None:
    with db.read() as conn:
        assert abs(database_ms(conn) - time.time_ns() // 1_000_000) < 2_000
