"""A door that nobody reads while a truck stands there: degraded, until facts say that it was read after all.

Notes on RFID, section 5: reader offline → session degraded, decisions need a manual scan, reads that come later confirm
or contradict and are shown.
"""

import json
import random
from dataclasses import replace

import pytest
from sqlalchemy import insert, select

from milepost.alerts.tables import alert
from milepost.evidence import hearing, log, repository, service, sessions, view
from milepost.evidence.model import Author, Fact, fact_id
from milepost.evidence.window import note
from milepost.fleet import devices
from milepost.ingest.tables import device_contact
from milepost.live.yards import DockWatch
from milepost.telemetry.model import EventBody, HealthBody

from .conftest import T0, Device, epc

E0 = epc(0)
MIN = 60_000
T = T0 // MIN * MIN  # a whole minute
LIMIT = 11 * MIN


def minutes(*spans: tuple[int, int]) -> list[list[int]]:
    return [[(T + start * MIN) // MIN, (T + end * MIN) // MIN] for start, end in spans]


def found(ranges, span=(0, 60), boots=(), gone=None, ended=False) -> list[tuple]:
    holes = hearing.holes(
        ranges, [T + each * MIN for each in boots], (T + span[0] * MIN, T + span[1] * MIN), LIMIT,
        None if gone is None else T + gone * MIN, ended=ended,
    )  # fmt: skip
    return [(int((a - T) / MIN), None if b is None else int((b - T) / MIN)) for a, b in holes]


def test_a_reader_with_nothing_to_say_for_a_while_is_reading():
    assert found(minutes((0, 0), (5, 5), (10, 12), (20, 55))) == []


def test_silence_beyond_what_it_may_be_silent_is_a_hole_wherever_it_lies():
    assert found(minutes((0, 9), (30, 59))) == [(10, 30)]
    assert found(minutes((0, 9))) == [(10, None)]
    assert found(minutes((0, 9)), span=(20, 60), ended=True) == [(20, 60)]
    assert found(minutes((0, 9), (70, 80)), span=(20, 60)) == [(20, None)]


def test_a_short_loss_of_power_is_a_hole_too_since_the_reader_says_that_it_began_anew():
    assert found(minutes((0, 9), (13, 59)), boots=(13,)) == [(10, 13)]
    assert found(minutes((0, 59)), boots=(13,)) == []  # back within the minute


def test_the_brokers_word_that_it_is_gone_opens_the_hole_at_once_and_only_while_it_is_the_last_word():
    assert found(minutes((0, 58)), gone=59) == [(59, None)]
    assert found(minutes((0, 59)), gone=30) == []


def test_a_reader_that_was_never_heard_is_no_matter_of_a_session():
    assert found([]) == []


def test_minutes_that_come_in_any_order_leave_the_same_holes():
    rng = random.Random(3)
    given = [n for n in range(60) if not 20 <= n < 40]
    first = None
    for _ in range(20):
        rng.shuffle(given)
        ranges: list[list[int]] = []
        for each in given + given[:5]:
            note(ranges, (T + each * MIN) // MIN)
        first = first or found(ranges)
        assert found(ranges) == first == [(20, 40)]


# live


class Reader(Device):
    """A door's reader that says every five minutes that it is well."""

    def health(self, at: int, written: int | None = None):
        made = self._reading("health", at, HealthBody({"uptime_s": 1}), written)
        return replace(made, received_at=written) if written else made

    def boot(self, at: int):
        return self._reading("event", at, EventBody("boot", {}))


@pytest.fixture
def reader() -> Reader:
    return Reader("reader-1")


def shown(yard, session: str, monkeypatch, now: int):
    monkeypatch.setattr(view, "now_ms", lambda: now)
    with yard.db.read() as conn:
        row = repository.session(conn, session)
        return view.session_view(conn, row)["degraded"]


def items(yard) -> list[tuple]:
    with yard.db.engine.connect() as conn:
        rows = conn.execute(select(alert.c.kind, alert.c.state, alert.c.data).order_by(alert.c.id)).all()
    return [(row.kind, row.state, json.loads(row.data)["door"]) for row in rows]


@pytest.mark.requirement("WH-4", "T13")
def test_a_silent_reader_degrades_the_session_and_what_it_kept_makes_it_whole_again(yard, reader, monkeypatch):
    session = yard.open("1", "truck-a", "truck-a", at=T)
    watch = DockWatch(yard.db)
    yard.feed(*(reader.health(T + n * 5 * MIN) for n in range(3)))
    watch.round(T + 12 * MIN)
    assert (shown(yard, session, monkeypatch, T + 12 * MIN), items(yard)) == (None, [])
    late = T + 40 * MIN  # nothing since minute 10
    watch.round(late)
    watch.round(late)
    assert shown(yard, session, monkeypatch, late)["now"]
    assert items(yard) == [("session_degraded", "open", "1")]
    kept = [reader.health(T + n * 5 * MIN, late) for n in range(3, 8)]
    passed = [replace(each, received_at=late) for each in reader.crossing(T + 20 * MIN, "out", (E0,))]
    yard.feed(*kept, *passed)
    watch.round(late)
    assert items(yard) == [("session_degraded", "resolved", "1")]
    assert yard.facts() == [("unit.loaded", "truck-a")]
    seen = shown(yard, session, monkeypatch, late)
    assert (seen["now"], [each["says"] for each in seen["late"]]) == (False, ["alone"])


def scan(yard, kind: str, at: int, vehicle: str = "truck-a") -> None:
    subjects = {"unit": yard.units[0].id, "vehicle": yard.vehicles[vehicle], "site": yard.site}
    fact = Fact(id=fact_id(kind, subjects, (str(at),)), kind=kind, at=at, by=Author("keeper", "k"), subjects=subjects,
                source="scan", grade="B")  # fmt: skip
    with yard.db.tx() as conn:
        log.append(conn, [fact])


@pytest.mark.parametrize(
    ("kind", "vehicle", "says"),
    [("unit.loaded", "truck-a", "confirmed"), ("unit.unloaded", "truck-a", "contradicted"),
     ("unit.loaded", "truck-b", "contradicted")],
)  # fmt: skip
def test_reads_that_come_afterwards_confirm_or_contradict_the_scans(yard, reader, monkeypatch, kind, vehicle, says):
    session = yard.open("1", "truck-a", "truck-a", at=T)
    scan(yard, kind, T + 21 * MIN, vehicle)
    late = T + 40 * MIN
    yard.feed(*(replace(each, received_at=late) for each in reader.crossing(T + 20 * MIN, "out", (E0,))))
    [each] = shown(yard, session, monkeypatch, late)["late"]
    assert each["says"] == says


def test_a_list_that_is_scanned_through_needs_no_reader(yard, reader):
    yard.open("1", "truck-a", "truck-a", at=T)
    yard.feed(reader.health(T))
    watch = DockWatch(yard.db)
    watch.round(T + 30 * MIN)
    for unit in yard.units:
        subjects = {"unit": unit.id, "vehicle": yard.vehicles["truck-a"], "site": yard.site}
        fact = Fact(id=fact_id("unit.loaded", subjects, ("s",)), kind="unit.loaded", at=T + 31 * MIN,
                    by=Author("keeper", "k"), subjects=subjects, source="scan", grade="B")  # fmt: skip
        with yard.db.tx() as conn:
            log.append(conn, [fact])
    watch.round(T + 32 * MIN)
    assert [state for _, state, _ in items(yard)] == ["resolved"]


def test_the_close_of_an_unread_session_says_so_and_takes_it_back_when_the_records_come(yard, reader):
    session = yard.open("1", "truck-a", "truck-a", at=T)
    yard.feed(reader.health(T), reader.health(T + 40 * MIN))
    with yard.db.tx() as conn:
        sessions.close_session(conn, session, T + 41 * MIN, Author("keeper", "k"))

    def closed() -> Fact:
        with yard.db.read() as conn:
            [fact] = service.standing(log.of_subjects(conn, [("trip", yard.trips["truck-a"])]))
        return fact

    assert closed().body["degraded"] is True
    yard.feed(*(reader.health(T + n * 5 * MIN, T + 50 * MIN) for n in range(1, 8)))
    assert "degraded" not in closed().body


def test_the_last_will_of_a_reader_degrades_its_session_at_once(yard, reader, monkeypatch):
    session = yard.open("1", "truck-a", "truck-a", at=T)
    yard.feed(reader.health(T + 3 * MIN))
    with yard.db.tx() as conn:
        conn.execute(insert(device_contact).values(device="reader-1", online=False, last_heard_at=T + 3 * MIN,
                                                   gone_at=T + 5 * MIN, updated_at=T))  # fmt: skip
    assert shown(yard, session, monkeypatch, T + 6 * MIN)["now"]


def test_a_longer_interval_of_health_records_is_waited_for(yard, reader, monkeypatch):
    session = yard.open("1", "truck-a", "truck-a", at=T)
    yard.feed(reader.health(T))
    assert shown(yard, session, monkeypatch, T + 30 * MIN)["now"]

    with yard.db.tx() as conn:
        devices.set_config(conn, "reader-1", {"health_interval_s": 1800})
    assert shown(yard, session, monkeypatch, T + 30 * MIN) is None
