"""Rules of the wire codec that hold for any record (DESIGN.md §3, docs/wire.md)."""

import json
import random
from binascii import crc32
from collections.abc import Callable
from pathlib import Path

import pytest
import stranger
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_plain import batch_to_plain, outcome, to_hex

from milepost_device import wire
from milepost_device.wire_fix import Track

_SMALL = 2**30 - 1
CALM = settings(deadline=None)  # the machine is shared


def _maybe(low: int, high: int) -> st.SearchStrategy:
    return st.none() | st.integers(low, high)


@st.composite
def times(draw: st.DrawFn) -> dict:
    clock = draw(st.integers(0, 3))
    if clock == wire.CLOCK_NONE:
        return {"clock": clock, "t": draw(st.integers(0, 65535)), "ms": draw(st.integers(0, _SMALL))}
    return {"clock": clock, "t": draw(st.integers(0, _SMALL)), "ms": draw(st.integers(0, 999))}


@st.composite
def fixes(draw: st.DrawFn) -> wire.Fix:
    place = draw(st.booleans())
    return wire.Fix(
        **draw(times()),
        lat_e6=draw(st.integers(-90_000_000, 90_000_000)) if place else None,
        lon_e6=draw(st.integers(-180_000_000, 180_000_000)) if place else None,
        alt_m=draw(_maybe(-12_000, 60_000)),
        speed_dmps=draw(_maybe(0, 20_000)),
        course_2deg=draw(_maybe(0, 179)),
        sats=draw(_maybe(0, 255)),
        hdop_d=draw(_maybe(0, 999)),
        source=draw(st.integers(0, 255)),
    )


@st.composite
def tags(draw: st.DrawFn) -> wire.Tag:
    rssi = st.integers(-128, 127)
    return wire.Tag(
        **draw(times()),
        epc=draw(st.binary(max_size=62)),
        pc=draw(st.integers(0, 65535)),
        antenna=draw(st.integers(0, 255)),
        rssi_max=draw(rssi),
        rssi_first=draw(rssi),
        rssi_last=draw(rssi),
        slope=draw(_maybe(-32768, 32767)),
        phase=draw(_maybe(0, 4095)),
        channel=draw(_maybe(0, 65535)),
        span_ms=draw(st.integers(0, _SMALL)),
        count=draw(st.integers(1, _SMALL)),
    )


@st.composite
def others(draw: st.DrawFn) -> wire.Record:
    time = draw(times())
    number = st.integers(-_SMALL, _SMALL)
    sort = draw(st.integers(0, 2))
    if sort == 0:
        span_ms = draw(st.integers(0, _SMALL))
        return wire.Gate(**time, gate=draw(st.integers(0, 255)), state=draw(st.integers(0, 1)), span_ms=span_ms)
    if sort == 1:
        text = st.text(max_size=12)
        args = draw(st.dictionaries(number | text, number | text | st.binary(max_size=12), max_size=5))
        return wire.Event(**time, code=draw(st.integers(0, 65535)), args=args)
    return wire.Health(**time, values=draw(st.lists(st.tuples(st.integers(0, 255), number), max_size=8)))


unknowns = st.builds(wire.Unknown, st.integers(6, 255), st.binary(max_size=200))
records = fixes() | tags() | others() | unknowns


def _batch(recs: list, size: int = 1 << 16) -> bytes:
    writer = wire.BatchWriter(size)
    writer.begin(1, 1, 1, 1, 1)
    for rec in recs:
        assert writer.add(rec)
    return bytes(writer.finish())


@given(records)
@CALM
def test_any_record_comes_back_from_its_standalone_form(rec: wire.Record):
    assert wire.decode_record(wire.encode_record(rec)) == rec


@given(st.lists(records, max_size=12))
@CALM
def test_any_batch_comes_back_and_the_page_reads_it_alike(recs: list):
    data = _batch(recs)
    batch = wire.decode(data)
    assert batch.records == recs
    assert stranger.decode(data) == batch_to_plain(batch)


@st.composite
def walks(draw: st.DrawFn) -> list[wire.Fix]:
    """A track of small steps: where predictions, pairs and their limits come into play."""
    t, ms, lat, lon, alt, speed, course, sats, hdop = 1000, 0, 31_000_000, 121_000_000, 10, 5, 0, 9, 9
    track = []
    for _ in range(draw(st.integers(2, 12))):
        t += draw(st.sampled_from([-1, 0, 1, 1, 7, 8, 9, 10, 59, 60, 61, 62]))
        ms = draw(st.sampled_from([ms, ms, 0, 100, 900, 999]))
        lat += draw(st.integers(-400, 400))
        lon += draw(st.sampled_from([0, 93, -93, 29_990, 30_010, 1_000_010]))
        alt += draw(st.integers(-9, 9))
        speed = draw(st.sampled_from([speed, 0, 4, 5, 6, 120, 15_001]))
        course = (course + draw(st.sampled_from([0, 1, 89, 90, 91]))) % 180
        sats = draw(st.integers(max(0, sats - 9), sats + 9))
        hdop = draw(st.integers(max(0, hdop - 9), hdop + 9))
        hidden = draw(st.sampled_from([None, None, None, "alt_m", "speed_dmps", "course_2deg", "sats", "hdop_d"]))
        fix = wire.Fix(t=t, ms=ms, lat_e6=lat, lon_e6=lon, alt_m=alt, speed_dmps=speed, course_2deg=course,
                       sats=sats, hdop_d=hdop)  # fmt: skip
        if hidden:
            setattr(fix, hidden, None)
        track.append(fix)
    return track


@given(walks())
@settings(CALM, max_examples=300)
def test_any_walk_comes_back_and_the_page_reads_it_alike(track: list[wire.Fix]):
    data = _batch(track)
    assert wire.decode(data).records == track
    assert stranger.decode(data)["records"] == batch_to_plain(wire.decode(data))["records"]


def test_two_differences_share_a_byte_up_to_seven():
    """(t, alt) and (hdop, sats): every pair of differences around the limit, and its size."""
    start = wire.Fix(t=100, lat_e6=0, lon_e6=0, alt_m=100, hdop_d=100, sats=100)
    for first in range(-9, 10):
        for second in range(-9, 10):
            timed = wire.Fix(t=100 + first, lat_e6=0, lon_e6=0, alt_m=100 + second, hdop_d=100, sats=100)
            seen = wire.Fix(t=100, lat_e6=0, lon_e6=0, alt_m=100, hdop_d=100 + first, sats=100 + second)
            for fix in (timed, seen):
                data = _batch([start, fix])
                assert wire.decode(data).records == [start, fix]
                assert stranger.decode(data)["records"][1] == batch_to_plain(wire.decode(data))["records"][1]
                shared = max(abs(first), abs(second)) < 8
                size = 2 if not (first or second) else 3 if shared or not (first and second) else 5
                assert len(data) - len(_batch([start])) == size, (first, second)


@given(
    stream=st.integers(0, _SMALL),
    first_seq=st.integers(1, _SMALL),
    tail=st.integers(0, _SMALL),
    boot=st.integers(0, 65535),
    uptime_ms=st.integers(0, 2**32 - 1),
)
@CALM
def test_any_header_comes_back(stream: int, first_seq: int, tail: int, boot: int, uptime_ms: int):
    writer = wire.BatchWriter()
    writer.begin(stream, first_seq, tail, boot, uptime_ms)
    assert wire.header(writer.finish()) == (1, 0, stream, first_seq, tail, boot, uptime_ms)


@given(recs=st.lists(records, max_size=12), size=st.integers(40, 300))
@CALM
def test_what_does_not_fit_leaves_nothing_behind(recs: list, size: int):
    """A batch filled past its end equals the batch of only those records that fitted."""
    writer = wire.BatchWriter(size)
    writer.begin(1, 1, 1, 1, 1)
    fitted = [rec for rec in recs if writer.add(rec)]
    data = bytes(writer.finish())
    assert len(data) <= size
    assert writer.count == len(fitted)
    assert data == _batch(fitted)


def test_a_refused_value_leaves_nothing_behind():
    writer = wire.BatchWriter()
    good = wire.Fix(t=5, lat_e6=1, lon_e6=2)
    writer.begin(1, 1, 1, 1, 1)
    assert writer.add(good)
    for bad in (
        wire.Fix(t=6, lat_e6=90_000_001, lon_e6=0),
        wire.Fix(t=6, lat_e6=1),
        wire.Fix(t=6, ms=1000),
        wire.Fix(t=6, speed_dmps=1.5),  # pyright: ignore[reportArgumentType]
        wire.Fix(t=_SMALL + 1),
        wire.Gate(t=6, gate=0, state=2),
        wire.Gate(t=65536, clock=wire.CLOCK_NONE, gate=0, state=1),
        wire.Event(t=6, code=1, args={"x": None}),  # pyright: ignore[reportArgumentType]
        wire.Event(t=6, code=1, args={"x": 2**31}),
        wire.Health(t=6, values=[(256, 0)]),
        wire.Tag(t=6, epc=bytes(63), pc=0, rssi_max=0, rssi_first=0, rssi_last=0),
    ):
        with pytest.raises(wire.WireError) as caught:
            writer.add(bad)
        assert caught.value.reason == "range"
    assert writer.add(good)
    assert bytes(writer.finish()) == _batch([good, good])


def test_one_record_always_fits_a_batch_of_1024_bytes():
    longest = wire.Event(t=_SMALL, ms=999, code=wire.EV_LOG, args={"text": "x" * 936})
    while True:
        try:
            wire.encode_record(longest)
        except wire.WireError as error:
            assert error.reason == "range"
            break
        assert len(_batch([longest], 1024)) <= 1024
        longest.args["text"] += "x"
    assert len(longest.args["text"]) > 937


def test_a_steady_drive_costs_two_bytes_a_fix():
    steady = [
        wire.Fix(t=i, lat_e6=100 * i, lon_e6=-70 * i, alt_m=5, speed_dmps=130, course_2deg=163, sats=9, hdop_d=9)
        for i in range(60)
    ]
    assert len(_batch(steady[:60])) - len(_batch(steady[:2])) == 58 * 2


def test_the_writer_used_again_has_forgotten_the_batch_before():
    fix = wire.Fix(t=7, lat_e6=5, lon_e6=5, alt_m=1)
    writer = wire.BatchWriter()
    sent = []
    for _ in range(2):
        writer.begin(1, 1, 1, 1, 1)
        writer.add(fix)
        sent.append(bytes(writer.finish()))
    assert sent[0] == sent[1]


def test_ack_is_eight_bytes():
    assert wire.encode_ack(0x01020304, 0x0A0B0C0D).hex() == "040302010d0c0b0a"
    assert wire.decode_ack(wire.encode_ack(7, 0)) == (7, 0)
    for size in (0, 7, 9):
        with pytest.raises(wire.WireError):
            wire.decode_ack(bytes(size))


@given(st.binary(max_size=80))
@CALM
def test_garbage_raises_nothing_but_a_wire_error(data: bytes):
    outcome("batch", data)
    outcome("record", data)


def _seal(body: bytes) -> bytes:
    return body + crc32(body).to_bytes(4, "little")


def mutants(seed: int, number: int) -> list[tuple[str, bytes]]:
    """Return seeded mutants of good batches and records; nine batches in ten have a right CRC again."""
    rng = random.Random(seed)
    folder = Path(__file__).parent.parent / "vectors"
    seeds = {}
    for sort, name in (("batch", "batches.json"), ("record", "records.json")):
        vectors = json.loads((folder / name).read_text("utf-8"))["valid"]
        seeds[sort] = [bytes.fromhex(v["bytes"]) for v in vectors if v["name"] != "empty"]
    result = []
    for _ in range(number):
        sort = rng.choice(("batch", "record"))
        data = bytearray(rng.choice(seeds[sort]))
        if sort == "batch":
            del data[-4:]
        for _ in range(rng.choice((1, 1, 2, 4))):
            at = rng.randrange(len(data))
            change = rng.randrange(5)
            if change == 0:
                data[at] ^= 1 << rng.randrange(8)
            elif change == 1:
                data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
            elif change == 2:
                del data[at : at + rng.randrange(1, 5)]
            elif change == 3:
                data[at:at] = rng.randbytes(rng.randrange(1, 5))
            else:
                data[at:at] = data[at : at + rng.randrange(1, 20)]
            data = data or bytearray(1)
        sealed = sort == "batch" and rng.random() < 0.9
        result.append((sort, _seal(bytes(data)) if sealed else bytes(data)))
    return result


def _as_the_page_says(sort: str, data: bytes) -> dict:
    try:
        return stranger.decode(data) if sort == "batch" else stranger.decode_record(data)
    except stranger.Refused:
        return {"refused": ""}


def test_mutants_decode_alike_in_both_pythons_and_by_the_page(device_run: Callable, tmp_path: Path):
    """4,000 mutants: the same outcome under MicroPython, never another exception, and the stranger agrees."""
    cases = mutants(20260427, 4000)
    here = [outcome(sort, data) for sort, data in cases]
    lines = tmp_path / "lines"
    lines.write_text("\n".join(f"{sort} {to_hex(data)}" for sort, data in cases))
    there = [json.loads(line) for line in device_run("wire_outcomes.py", [str(lines)])]
    assert there == here
    kept = 0
    for (sort, data), got in zip(cases, here, strict=True):
        wanted = _as_the_page_says(sort, data)
        if "refused" in wanted or "refused" in got:
            assert ("refused" in wanted) == ("refused" in got), data.hex()
        else:
            kept += 1
            assert got == wanted, data.hex()
    assert kept > 400  # the mutation is not so rough that everything is refused at once


def test_every_value_the_device_stores_is_a_small_integer():
    """An ESP32 keeps integers beyond +-2^30 on the heap: none may stay in the state of the encoder."""
    corners = [
        wire.Fix(t=_SMALL, ms=999, lat_e6=90_000_000, lon_e6=180_000_000, alt_m=60_000, speed_dmps=20_000),
        wire.Fix(t=0, lat_e6=-90_000_000, lon_e6=-180_000_000, alt_m=-12_000, speed_dmps=0),
        wire.Fix(t=65535, ms=_SMALL, clock=wire.CLOCK_NONE),
    ]
    track = Track()
    buf = bytearray(200)
    for fix in corners * 2:
        assert track.encode(buf, 0, fix, 200) > 0
        kept = [*track.last, track.dt, track.dms, track.dlat, track.dlon, track.speeds]
        assert all(isinstance(value, int) and -(2**30) <= value < 2**30 for value in kept), kept
