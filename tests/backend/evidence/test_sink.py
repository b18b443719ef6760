"""The sink: bytes from the spool become facts exactly once, whatever happens in between."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.evidence import log, service
from milepost.evidence.sink import DetectorSink
from milepost.evidence.window import note, waits
from milepost.fleet import devices
from milepost.fleet import repository as fleet_rows
from milepost.ingest.model import SpoolItem
from milepost_device import wire

from .conftest import T0, epc


def item(number: int, device: str, first_seq: int, records: list, channel: str = "up") -> SpoolItem:
    writer = wire.BatchWriter()
    writer.begin(7, first_seq, 1, 1, 0)
    for record in records:
        assert writer.add(record)
    return SpoolItem(number, device, channel, T0 + 90_000, bytes(writer.finish()))


def when(ms: int) -> dict:
    return {"t": (T0 + ms) // 1000 - wire.EPOCH, "ms": (T0 + ms) % 1000, "clock": wire.CLOCK_NTP}


def passage(at: int) -> list:
    """A load with the first unit's tag goes out."""
    tag = {"epc": bytes.fromhex(epc(0)), "pc": 0x3000, "antenna": 0, "rssi_max": -54, "rssi_first": -60,
           "rssi_last": -60, "slope": None, "phase": None, "channel": None, "span_ms": 450, "count": 9}  # fmt: skip
    return [
        wire.Gate(**when(at), gate=0, state=1, span_ms=0),
        wire.Gate(**when(at + 500), gate=1, state=1, span_ms=0),
        wire.Tag(**when(at + 400), **tag),
        wire.Gate(**when(at + 1000), gate=0, state=0, span_ms=1000),
        wire.Gate(**when(at + 1600), gate=1, state=0, span_ms=1100),
    ]


def test_bytes_from_the_spool_become_a_fact_with_its_position(yard):
    yard.open("1", "truck-a", "truck-a")
    yard.sink.handle([item(1, "reader-1", 1, passage(60_000))])
    assert yard.facts() == [("unit.loaded", "truck-a")]
    assert [fact.kind for fact in yard.told] == ["unit.loaded"]
    assert yard.sink.position() == 1
    assert yard.told[0].clock == "ntp"
    assert yard.told[0].received_at == T0 + 90_000


def test_items_below_the_position_and_repeats_above_it_tell_nothing(yard):
    yard.open("1", "truck-a", "truck-a")
    batch = item(1, "reader-1", 1, passage(60_000))
    yard.sink.handle([batch])
    yard.sink.handle([batch])
    yard.sink.handle([replace(batch, id=2)])
    assert len(yard.told) == 1
    assert yard.sink.position() == 2


def test_an_item_below_the_position_is_left_out_even_if_its_readings_are_new(yard):
    yard.open("1", "truck-a", "truck-a")
    yard.sink.handle([item(5, "reader-1", 100, [wire.Health(**when(0), values=[(1, 1)])])])
    yard.sink.handle([item(4, "reader-1", 1, passage(60_000))])
    assert yard.told == []
    assert yard.sink.position() == 5


def test_a_failure_in_the_orders_leaves_nothing_behind_and_the_next_try_does_it_all(yard):
    """Facts, states and position are one transaction with what the orders make of them."""
    yard.open("1", "truck-a", "truck-a")

    def broken(_conn, _facts):
        raise RuntimeError("the fold has a fault")

    batch = item(1, "reader-1", 1, passage(60_000))
    with pytest.raises(RuntimeError):
        DetectorSink(yard.db, broken).handle([batch])
    assert yard.sink.position() == 0
    assert yard.facts() == []
    yard.sink.handle([batch])
    assert yard.facts() == [("unit.loaded", "truck-a")]


def test_a_new_process_goes_on_in_the_middle_of_a_passage(yard):
    yard.open("1", "truck-a", "truck-a")
    records = passage(60_000)
    yard.sink.handle([item(1, "reader-1", 1, records[:2])])
    told = []
    DetectorSink(yard.db, lambda _conn, facts: told.extend(facts)).handle([item(2, "reader-1", 3, records[2:])])
    assert [fact.kind for fact in told] == ["unit.loaded"]


@pytest.mark.parametrize("payload", [b"", b"\x4d", b"junk" * 100, b"P1[]"])
def test_what_cannot_be_decoded_is_passed(yard, payload):
    yard.sink.handle([SpoolItem(1, "reader-1", "up", T0, payload), SpoolItem(2, "reader-1", "state", T0, b"{}")])
    assert yard.sink.position() == 2


def test_events_of_a_device_reach_its_command_and_its_configuration(yard):
    with yard.db.tx() as conn:
        row = devices.command(conn, "gps-a", "locate", {}, 2**45, by="p")
        devices.set_config(conn, "gps-a", {"report_interval_s": 5})
    events = [
        wire.Event(**when(0), code=wire.EV_COMMAND, args={"id": row["id"], "ok": 1}),
        wire.Event(**when(1), code=wire.EV_CONFIG, args={"version": 1, "ok": 0, "reason": "too small"}),
    ]
    yard.sink.handle([item(1, "gps-a", 1, events)])
    with yard.db.read() as conn:
        assert fleet_rows.commands(conn, id=row["id"])[0]["state"] == "done"
        device = fleet_rows.find_device(conn, "gps-a")
        assert (device["applied_version"], device["applied_ok"], device["applied_reason"]) == (1, False, "too small")


def test_a_retracted_fact_that_was_true_after_all_is_told_anew(yard):
    """Nothing is un-retracted: it becomes a fact of its own."""
    yard.open("1", "truck-a", "truck-a")
    yard.sink.handle([item(1, "reader-1", 1, passage(60_000))])
    (fact,) = yard.told
    with yard.db.tx() as conn:
        service.correct(conn, [], [fact], why="withdrawn", now=T0)
        known = log.of_subjects(conn, [("unit", yard.units[0].id)])
        (again,) = service.correct(conn, [fact], known, why="-", now=T0)
    assert again.id != fact.id
    assert yard.facts() == [("unit.loaded", "truck-a")]


@given(st.lists(st.integers(1, 60), max_size=80))
def test_ranges_remember_exactly_what_they_saw(seqs):
    ranges: list = []
    seen: set[int] = set()
    for seq in seqs:
        assert note(ranges, seq) == (seq not in seen)
        seen.add(seq)
    assert {n for first, last in ranges for n in range(first, last + 1)} == seen
    assert all(a[1] + 1 < b[0] for a, b in pairwise(ranges))
    assert waits(ranges) == (len(ranges) > 1)
