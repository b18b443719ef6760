"""What is small shares one field: each part of it comes back, and none spills into the state of a point."""

import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.influx_bits import (
    ALL_KNOWN,
    GOOD,
    HDOP,
    HDOP_APART,
    MOST_SOURCE,
    MOVED,
    QUARANTINED,
    SATS,
    SATS_APART,
    bits_of,
    clock_of,
    clocks_of,
    hdop_of,
    in_state,
    receiver_bits,
    sats_of,
    source_of,
    state_of,
)
from milepost.telemetry.lines import judged_of, lines_of, minute_line, moved_line, no_minute_line
from milepost.telemetry.model import CLOCKS, EventBody, FixBody, Judged, Reading
from milepost_device import wire

T0 = 1_777_800_000_000
STATES = (GOOD, QUARANTINED, MOVED)
KNOWN = ALL_KNOWN & ~(SATS | HDOP)
numbers = st.tuples(
    st.integers(0, KNOWN), st.sampled_from(CLOCKS), st.integers(0, MOST_SOURCE), st.sampled_from(STATES)
)
sats_said = st.integers(-2, 300) | st.sampled_from([None, 255, 256, 1 << 62])
hdop_said = (
    st.integers(-2, 1_100).map(lambda tenths: tenths / 10)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([None, 0.95, 102.3, 102.4])
)


@given(numbers, sats_said, hdop_said)
def test_every_part_of_the_number_comes_back(
    parts: tuple[int, str, int, int], sats: int | None, hdop: float | None
) -> None:
    """What has no room in it comes from its field; a field that is not meant says nothing, whatever it holds."""
    bits = bits_of(*parts) | receiver_bits(sats, hdop)
    assert (bits & KNOWN, clock_of(bits), source_of(bits), state_of(bits)) == parts
    assert CLOCKS[clocks_of(np.array([bits]))[0]] == parts[1]
    assert sats_of(bits, sats if bits & SATS_APART else 77) == sats
    assert hdop_of(bits, hdop if bits & HDOP_APART else 7.7) == hdop


@given(st.integers(0, 255), st.integers(0, 999))
def test_what_a_device_says_of_its_receiver_has_room(sats: int, hdop_d: int) -> None:
    bits = receiver_bits(sats, hdop_d / 10)
    assert not bits & (SATS_APART | HDOP_APART)
    assert (sats_of(bits, None), hdop_of(bits, None)) == (sats, hdop_d / 10)


@given(numbers, sats_said, hdop_said)
def test_a_comparison_of_numbers_tells_the_state(
    parts: tuple[int, str, int, int], sats: int | None, hdop: float | None
) -> None:
    """Whatever else the number says."""
    bits, state = bits_of(*parts) | receiver_bits(sats, hdop), parts[3]
    assert [one for one in STATES if _holds(in_state(one), bits)] == [state]
    assert _holds(in_state(None), bits) == (state != MOVED)


def _holds(condition: str, bits: int) -> bool:
    return eval(condition.replace("AND", "and"), {"bits": bits})  # InfluxQL and Python compare alike


def test_what_a_dashboard_writes_in_its_condition() -> None:
    told = (Path(__file__).parents[4] / "docs" / "operations.md").read_text()
    assert in_state(GOOD) == "bits < 137438953472"
    for state in (GOOD, QUARANTINED):
        assert f"`WHERE {in_state(state)}`" in told


@pytest.mark.parametrize("source", [-1, MOST_SOURCE + 1, 1 << 40])
def test_a_source_that_would_spill_into_the_state_is_refused(source: int) -> None:
    body = FixBody(31.0, 121.0, source=source)
    with pytest.raises(ValueError, match=f"source {source} of a fix: give one of 0 … 255"):
        lines_of([Reading("truck-1", 1, 1, "fix", T0, "gnss", T0, body)])


@given(st.integers(0, MOST_SOURCE + 1))
def test_every_source_that_a_device_can_send_has_room(source: int) -> None:
    """The wire lets through what the field holds, and no more."""
    fix = wire.Fix(t=1, lat_e6=0, lon_e6=0, source=source)
    if source <= MOST_SOURCE:
        found = wire.decode_record(bytes(wire.encode_record(fix)))
        assert isinstance(found, wire.Fix) and found.source == source
    else:
        with pytest.raises(wire.WireError, match="source"):
            wire.encode_record(fix)


_known = st.floats(-1e6, 1e6).map(lambda value: value + 0.0) | st.none()
bodies = st.builds(
    FixBody, st.sampled_from([31.2304, -90.0, 0.0]), st.sampled_from([121.4737, -180.0]), _known, _known, _known,
    sats_said, hdop_said.map(lambda value: None if value is None else value + 0.0), st.integers(0, MOST_SOURCE),
)  # fmt: skip


@given(bodies, st.sampled_from(CLOCKS), st.sampled_from([None, "spike"]))
def test_a_fix_comes_back_from_its_line(body: FixBody, clock: str, reason: str | None) -> None:
    entry = Judged(Reading("truck-1", 1, 7, "fix", T0, clock, T0 + 1, body), reason)
    (line,) = lines_of([entry])
    assert judged_of("fix", "truck-1", _row_of(line)) == entry


def _row_of(line: str) -> dict:
    """What the server answers about a line without blanks in it, all columns there."""
    _, fields, stamp = line.split(" ")
    names = ("alt_m", "speed_mps", "course_deg", "sats", "hdop", "quality")
    row = dict.fromkeys(names) | {"time": int(stamp), "stream": "1", "block": "0"}
    return row | {
        name: json.loads(text.removesuffix("i")) for name, text in (each.split("=") for each in fields.split(","))
    }


def test_no_usual_point_has_a_field_of_its_own_for_what_is_small() -> None:
    """A field costs the server the same however little is in it."""
    fix = Reading("truck-1", 1, 1, "fix", T0, "gnss", T0, FixBody(31.0, 121.0, 4.0, 13.4, 90.0, 9, 0.9))
    told = Reading("truck-1", 1, 2, "event", T0, "ntp", T0, EventBody("log", {}))
    row = np.array([T0, 31_000_000, 121_000_000, 13.4, math.nan, bits_of(ALL_KNOWN, "gnss")])
    lines = [*lines_of([fix, told, Judged(fix, "spike")]), minute_line("truck-1", T0, row)]
    assert not any("state" in line for line in lines)
    assert lines[0].count("=") - 3 == 7  # but for the tags
    assert moved_line("fix", "truck-1", 1, 1, T0).split(" ")[1] == f"bits={MOVED << 37}i"
    assert no_minute_line("truck-1", T0).split(" ")[1] == f"bits={MOVED << 37}i"


def test_the_server_tells_the_states_apart_whatever_the_source(open_influx: Callable[..., InfluxTelemetry]) -> None:
    store = open_influx()

    def fix(n: int, source: int, clock: str = "gnss") -> Reading:
        return Reading("truck-1", 1, n, "fix", T0 + 1000 * n, clock, T0, FixBody(31.0, 121.0, source=source))

    good = [fix(1, 0), fix(2, MOST_SOURCE), fix(3, 128, "none")]
    bad = [Judged(fix(4, 0, "none"), "spike"), Judged(fix(5, MOST_SOURCE), "range")]
    elsewhere = Reading("truck-1", 1, 6, "fix", T0 + 60_000, "gnss", T0, FixBody(31.0, 121.0, source=MOST_SOURCE))
    store.write([*good, *bad, fix(6, MOST_SOURCE)], 1)
    store.write([elsewhere], 2)
    assert store.track("truck-1", T0, T0 + 90_000) == [*good, elsewhere]
    assert store.quarantined("truck-1", T0, T0 + 90_000) == bad
    assert [CLOCKS[n] for n in store.fixes("truck-1", T0, T0 + 90_000).clock] == ["gnss", "gnss", "none", "gnss"]
    assert [each.reading.seq for each in store.judged("truck-1", T0, T0 + 90_000)[0]] == [1, 2, 3, 4, 5, 6]
    assert store.size().fixes == 6
    store.close()


def test_a_dashboard_takes_satellites_and_hdop_out_of_the_number(open_influx: Callable[..., InfluxTelemetry]) -> None:
    store = open_influx()
    said = [(0, 0.0), (9, 0.9), (255, 102.3), (40, 12.0)]
    store.write(
        [
            Reading("truck-1", 1, n, "fix", T0 + n, "gnss", T0, FixBody(31.0, 121.0, sats=sats, hdop=hdop, source=255))
            for n, (sats, hdop) in enumerate(said)
        ],
        1,
    )
    told = (Path(__file__).parents[4] / "docs" / "operations.md").read_text()
    sats, hdop = (re.findall(rf"`(\(bits & \d+\) / \d+)` are the {name}", told)[0] for name in ("satellites", "HDOP"))
    found = store._reader.series(store.place.bucket, f"SELECT {sats}, {hdop} FROM fix")[0][0].values
    assert [(row[1], round(row[2], 6)) for row in found] == said
    assert [each.reading.body for each in store.judged("truck-1", T0, T0 + 9)[0]] == [
        FixBody(31.0, 121.0, sats=sats, hdop=hdop, source=255) for sats, hdop in said
    ]
    store.close()


def test_a_value_that_had_a_field_and_fits_now_is_the_new_one(open_influx: Callable[..., InfluxTelemetry]) -> None:
    """Fields of a point merge."""
    store = open_influx()
    for position, (sats, hdop) in enumerate([(300, 0.95), (9, 0.9), (-1, 200.0), (None, None), (7, 0.7)], 1):
        fix = Reading("truck-1", 1, 1, "fix", T0, "gnss", T0, FixBody(31.0, 121.0, sats=sats, hdop=hdop))
        store.write([fix], position)
        assert store.track("truck-1", T0, T0 + 9) == [fix]
    store.close()
