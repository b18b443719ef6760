"""Wire records as readings in UTC and SI units."""

import pytest

from milepost.ingest.decode import readings
from milepost.ingest.model import SpoolItem
from milepost.telemetry.model import EventBody, FixBody, GateBody, HealthBody, TagBody, reading_id
from milepost_device import wire

from .conftest import STREAM, T0, batch

AT = (wire.EPOCH + T0) * 1000


def only(record, clock: str = "gnss"):
    (found,) = readings(SpoolItem(1, "truck-1", "up", AT + 50, batch([record], first=9)))
    assert (found.device, found.stream, found.seq, found.received_at, found.clock) == (
        "truck-1",
        STREAM,
        9,
        AT + 50,
        clock,
    )
    assert reading_id(found) == f"truck-1/{STREAM}/9"
    return found


def test_a_fix() -> None:
    found = only(
        wire.Fix(t=T0, ms=250, lat_e6=31_230_402, lon_e6=-121_473_702, alt_m=-3, speed_dmps=134, course_2deg=45,
                 sats=13, hdop_d=9, source=1)
    )  # fmt: skip
    assert (found.kind, found.at) == ("fix", AT + 250)
    assert found.body == FixBody(31.230402, -121.473702, -3, 13.4, 90.0, 13, 0.9, 1)


def test_unknown_is_none_and_not_zero() -> None:
    body = only(wire.Fix(t=T0, clock=wire.CLOCK_RTC, lat_e6=0, lon_e6=1), "rtc").body
    assert body == FixBody(0.0, 0.000001, None, None, None, None, None, 0)


def test_a_fix_without_a_place_is_an_event_that_says_so() -> None:
    found = only(wire.Fix(t=T0, sats=3))
    assert (found.kind, found.body) == ("event", EventBody("fix_without_position", {"source": 0, "sats": 3}))


def test_a_tag() -> None:
    found = only(
        wire.Tag(t=T0, ms=5, clock=wire.CLOCK_NTP, epc=bytes.fromhex("3036451fd40c0e4000000106"), pc=0x3000, antenna=2,
                 rssi_max=-43, rssi_first=-60, rssi_last=-50, slope=-15, phase=2048, channel=7, span_ms=1_800, count=9),
        "ntp",
    )  # fmt: skip
    assert found.body == TagBody(
        "3036451FD40C0E4000000106", 0x3000, 2, -43, -60, -50, -1.5, pytest.approx(3.14159265), 7, AT + 1_805, 9
    )


@pytest.mark.parametrize(("number", "name"), [(wire.GATE_INNER, "inner"), (wire.GATE_OUTER, "outer"), (5, "5")])
def test_a_gate(number: int, name: str) -> None:
    assert only(wire.Gate(t=T0, gate=number, state=1, span_ms=70)).body == GateBody(name, True, 70)


def test_events_and_health() -> None:
    event = wire.Event(t=T0, code=wire.EV_COMMAND, args={"id": "c1", "ok": 1, 7: b"\x01\xff"})
    assert only(event).body == EventBody("command", {"id": "c1", "ok": 1, "7": "01ff"})
    assert only(wire.Event(t=T0, code=999)).body == EventBody("999", {})
    assert only(wire.Health(t=T0, values=[(1, 3700), (200, -5)])).body == HealthBody(
        {"free_heap_bytes": 3700, "200": -5}
    )


def test_state_messages_and_records_without_a_clock_give_no_readings() -> None:
    assert readings(SpoolItem(1, "truck-1", "state", 1, b'{"online": true}')) == []
    unplaced = batch([wire.Gate(t=3, ms=17, clock=wire.CLOCK_NONE, gate=0, state=1)])
    assert readings(SpoolItem(1, "truck-1", "up", 1, unplaced)) == []
