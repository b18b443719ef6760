"""`milepost trace`: wherever a record is, it is found there, and what rests on it is named."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Author, Fact
from milepost.ingest.completeness_sink import CompletenessSink
from milepost.ingest.files import spool_path
from milepost.ingest.screen import Screen
from milepost.ingest.spool import Message, Spool
from milepost.observe.trace import Story, trace
from milepost.observe.verb import trace_verb
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.times import now_ms
from milepost_device import wire

from ..ingest.conftest import STREAM, T0, batch, drive, fix
from ..ingest.test_faults import of_version

AT = (1_577_836_800 + T0) * 1000


class Place:
    """The files of an installation, and sinks that run when the test says so."""

    def __init__(self, folder: Path, db: Database) -> None:
        self.folder, self.db = folder, db
        self.spool = Spool(spool_path(folder, "a"))
        self.store = SqliteTelemetry(folder / "telemetry.db")
        self._sinks = [
            Screen(self.spool), TelemetrySink(self.store, self.spool.key), CompletenessSink(db, self.spool, 400),
        ]  # fmt: skip

    def arrive(self, *payloads: bytes) -> None:
        """Into the spool, no further."""
        self.spool.append([Message("truck-1", "up", now_ms(), payload) for payload in payloads])

    def sink(self) -> None:
        """Everything that is in the spool, into every sink."""
        for sink in self._sinks:
            if items := self.spool.after(sink.position(), 10_000):
                sink.handle(items)
            if isinstance(sink, Screen):
                sink.tick()

    def of(self, seq: int, stream: int = STREAM) -> Story:
        return trace(self.folder, self.db, self.store, "truck-1", stream, seq)


@pytest.fixture
def place(tmp_path: Path, db: Database) -> Iterator[Place]:
    made = Place(tmp_path, db)
    yield made
    made.store.close()
    made.spool.close()


def test_a_record_that_no_sink_has_had_is_in_the_spool(place: Place) -> None:
    place.arrive(drive(1, 10), drive(11, 10))
    story = place.of(15)
    assert story.verdict == "in the spool, on its way into the store"
    ((item,), waits) = story.spool, story.spool[0]["sinks_wait"]
    assert (item["worker"], item["sinks_had_it"], waits) == ("a", [], [])
    assert story.watermarks == {"a": 20}


def test_a_stored_record_is_shown_with_what_rests_on_it_and_who_has_had_it(place: Place) -> None:
    place.arrive(drive(1, 10))
    place.sink()
    fact = Fact(
        id="00000000-0000-0000-0000-000000000001", rev=0, kind="ARRIVED", at=AT, recorded_at=AT, received_at=AT,
        clock="gnss", by=Author("device", "truck-1", None), source="gnss", subjects={"vehicle": "v1"}, body={},
        confidence=1.0, grade="B", inputs=("truck-1/7/5",), snapshot=None, rule="geofence/1",
    )  # fmt: skip
    with place.db.tx() as conn:
        other = replace(fact, id=fact.id.replace("1", "2"), kind="DEPARTED", inputs=("truck-1/7/55",))
        log.append(conn, [fact, other])
    story = place.of(5)
    assert story.verdict == "in the store; 1 facts rest on it"
    assert story.telemetry is not None
    assert (story.telemetry["kind"], story.telemetry["quarantine"]) == ("fix", None)
    assert [each["kind"] for each in story.facts] == ["ARRIVED"]
    assert "complete" in story.spool[0]["sinks_had_it"]
    assert place.of(6).facts == []
    place.spool.truncate(place.spool.last_id(), 0)
    assert place.of(5).telemetry == story.telemetry  # found by the account of arrivals, without the spool


def test_a_fix_in_quarantine_says_why(place: Place) -> None:
    place.arrive(batch([fix(1), fix(2, lat_e6=40_000_000), fix(3)]))
    place.sink()
    assert place.of(2).verdict == "in the store, in quarantine (spike); 0 facts rest on it"


def test_a_record_without_a_clock_waits_for_it(place: Place) -> None:
    place.arrive(batch([fix(1, t=3, ms=500, clock=wire.CLOCK_NONE)], boot=3, uptime=1_000))
    place.sink()
    assert place.of(1).verdict.startswith("waits in the spool for the clock")


def test_a_batch_that_cannot_be_read_is_found_in_the_dead_letters(place: Place) -> None:
    place.arrive(of_version(9, drive(1, 10)), b"M and nothing that can be trusted")
    place.sink()
    story = place.of(7)
    assert story.verdict.startswith("in the dead letters")
    assert [each["reason"] for each in story.dead_letters] == ["version"]
    assert story.unreadable_letters == 1


def test_what_the_device_dropped_is_told_as_dropped(place: Place) -> None:
    gap = wire.Event(t=T0 + 30, code=wire.EV_GAP, args={"first_seq": 11, "last_seq": 20})
    place.arrive(drive(1, 10), batch([gap], 21, 1))
    place.sink()
    assert place.of(15).verdict == "the device had to drop it, and said so"
    assert not place.of(15).found


def test_what_never_came_is_said_so(place: Place) -> None:
    place.arrive(drive(1, 10))
    place.sink()
    assert place.of(11).verdict.startswith("never arrived")
    assert place.of(1, stream=8).verdict.startswith("never arrived")


def test_the_verb_answers_people_and_programs(place: Place) -> None:
    place.arrive(drive(1, 10))
    place.sink()

    def run(*words: str) -> Result:
        return CliRunner().invoke(trace_verb, ["truck-1", *words, "--data", str(place.folder)])

    found = run("7", "5", "--json")
    assert (found.exit_code, json.loads(found.stdout)["found"]) == (0, True)
    assert run("7", "5").stdout.startswith("truck-1/7/5: in the store; 0 facts rest on it\n")
    assert run("7", "11").exit_code == 1
    assert run("7", "none").exit_code == 2
