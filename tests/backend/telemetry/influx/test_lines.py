"""The line protocol: one reading is one point, and every point gives its reading back."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from milepost.telemetry.influx_bits import ALL_KNOWN, HDOP_APART, SATS_APART, bits_of
from milepost.telemetry.lines import BLOCK, lines_of
from milepost.telemetry.model import EventBody, FixBody, GateBody, Judged, Reading, Run, TagBody

from ...ingest.runs import run_of

T0 = 1_777_800_000_000


def fix(seq: int, at: int = T0, stream: int = 1, device: str = "truck-1", **body) -> Reading:
    values = {"lat": 31.2304, "lon": 121.4737, "alt_m": 4.0, "speed_mps": 13.4, "course_deg": 90.0, "sats": 9, **body}
    return Reading(device, stream, seq, "fix", at, "gnss", T0, FixBody(**values))


def line_of(reading: Reading, reason: str | None = None) -> str:
    return lines_of([Judged(reading, reason)])[0]


def point_of(line: str) -> tuple[str, str]:
    """What makes a point one: measurement with tags, and timestamp."""
    head, _, rest = line.partition(" ")
    return head, rest.rsplit(" ", 1)[1]


identities = st.tuples(
    st.sampled_from(["truck-1", "truck-2", "a"]),
    st.sampled_from([1, 2, 1 << 29]),
    st.one_of(st.integers(1, 3), st.sampled_from([BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 2, 2 * BLOCK + 1, 1 << 30])),
    st.sampled_from([T0, T0 + 1]),
)


@given(st.sets(identities, max_size=40))
def test_two_readings_never_share_a_point(entries: set) -> None:
    """Also of one millisecond, of two streams, and of seqs that are a whole block apart."""
    lines = lines_of([Judged(fix(seq, at, stream, device)) for device, stream, seq, at in entries])
    assert len({point_of(line) for line in lines}) == len(entries)


@given(st.integers(1, (1 << 30) - 1), st.integers(1, 1 << 42))
def test_a_point_names_its_reading(seq: int, at: int) -> None:
    head, stamp = point_of(line_of(fix(seq, at)))
    block = int(head.split("block=")[1].split(",")[0])
    assert (int(stamp) // BLOCK, block * BLOCK + int(stamp) % BLOCK) == (at, seq)


def fields_of(line: str) -> dict[str, str]:
    return dict(each.split("=", 1) for each in line.split(" ", 1)[1].rsplit(" ", 1)[0].split(","))


@pytest.mark.parametrize("speed_mps", [0, 13.5, 0.0, 1e20, True])
def test_I01_a_field_has_one_type_whatever_the_number(speed_mps: float) -> None:
    fields = fields_of(line_of(fix(1, speed_mps=speed_mps, alt_m=5, hdop=200, sats=256)))
    assert fields["speed_mps"] == str(float(speed_mps))
    apart = bits_of(ALL_KNOWN, "gnss") | SATS_APART | HDOP_APART
    assert (fields["alt_m"], fields["hdop"], fields["sats"], fields["bits"]) == ("5.0", "200.0", "256i", f"{apart}i")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None])
def test_I03_what_is_no_number_is_never_written(bad: float | None) -> None:
    line = line_of(fix(1, lat=bad or 0.0, alt_m=bad, speed_mps=bad, course_deg=bad, hdop=bad))
    assert not {"alt_m", "speed_mps", "course_deg", "hdop"} & set(fields_of(line))
    assert "nan" not in line and "inf" not in line


@pytest.mark.parametrize("lat", [math.nan, math.inf, 1e300, -1e19])
def test_I03_a_place_that_is_none_spoils_no_line(lat: float) -> None:
    assert "lat_e6" not in fields_of(line_of(fix(1, lat=lat), "range"))


def test_I03_an_integer_beyond_64_bits_is_left_out() -> None:
    assert "sats" not in fields_of(line_of(fix(1, sats=1 << 63)))
    assert fields_of(line_of(fix(1, sats=(1 << 63) - 1)))["sats"] == f"{(1 << 63) - 1}i"


_VALUES = st.fixed_dictionaries({
    "alt_m": st.integers(-12_000, 60_000) | st.none(), "speed_mps": st.integers(0, 20_000).map(lambda n: n / 10),
    "course_deg": st.integers(0, 179).map(lambda n: n * 2.0), "sats": st.integers(0, 256) | st.just(9),
    "hdop": st.integers(0, 1024).map(lambda n: n / 10) | st.sampled_from([None, 0.95, 102.35]),
    "lat": st.integers(-90_000_000, 90_000_000).map(lambda n: n / 1e6),
})  # fmt: skip


@given(
    st.lists(_VALUES, min_size=1, max_size=6),
    st.sampled_from([1, 50, BLOCK - 3, BLOCK - 1, BLOCK]),
    st.sampled_from([None, "speed_mps", "sats", "alt_m"]),
)
@example([{"hdop": 0.9}] * 6, BLOCK - 3, None)
def test_a_run_writes_what_its_readings_do(values: list[dict], first: int, unknown: str | None) -> None:
    """Whole heights, which a tracker has, over the end of a block, and with a value that is not known."""
    if unknown is not None:
        values[-1][unknown] = None
    plain = [fix(first + n, T0 + 1000 * n, **each) for n, each in enumerate(values)]
    run = run_of(plain)
    assert run is not None
    assert list(map(_parts, lines_of([run]))) == list(map(_parts, lines_of(plain)))


def _parts(line: str) -> tuple[tuple[str, str], dict[str, str]]:
    return point_of(line), fields_of(line)


def test_a_run_is_written_without_looking_at_each_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every fix would cost twice the time."""
    run = run_of([fix(n, T0 + 1000 * n, alt_m=4, hdop=0.9) for n in range(1, 61)])
    assert run is not None
    monkeypatch.setattr(Run, "_reading", None)
    assert len(lines_of([run])) == 60


@pytest.mark.parametrize("name", ["lat", "lon", "alt_m", "speed_mps", "course_deg", "hdop", "sats"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None, 1e300, 1 << 70])
def test_I03_an_odd_value_spoils_no_line(name: str, bad: float | None) -> None:
    if bad is not None or name not in ("lat", "lon"):
        usual, odd = map(fields_of, lines_of([fix(1, hdop=0.95), fix(1, **{"hdop": 0.95, name: bad})]))
        known = math.isfinite(bad or 0.0) and bad is not None and not (name in ("lat", "lon") or name == "sats")
        key = f"{name}_e6" if name in ("lat", "lon") else name
        assert (key in odd) == known
        assert {k: v for k, v in odd.items() if k not in (key, "bits")} == {
            k: v for k, v in usual.items() if k not in (key, "bits")
        }


def test_an_epc_is_never_a_tag() -> None:
    body = TagBody("303436514C5D34AA", 0x3000, 2, -43, -60, -50, -1.5, 3.14, None, T0, 7)
    head, _, rest = line_of(Reading("door-1", 1, 1, "tag", T0, "ntp", T0, body)).partition(" ")
    assert head == "tag,block=0,device=door-1,stream=1"
    assert "303436514C5D34AA" in rest


def test_quotes_backslashes_and_line_ends_stay_inside_their_field() -> None:
    body = EventBody("log", {"text": 'he said "no"\\\n, bits=7i'})
    assert line_of(Reading("truck-1", 1, 1, "event", T0, "ntp", T0, body)).count("\n") == 0


def test_a_body_that_json_cannot_hold_is_refused_before_anything_is_sent() -> None:
    body = EventBody("x", {"n": math.nan})
    with pytest.raises(ValueError, match="JSON"):
        lines_of([Judged(fix(1)), Judged(Reading("truck-1", 1, 2, "event", T0, "ntp", T0, body))])


def test_kinds_are_measurements() -> None:
    assert line_of(Reading("door-1", 1, 1, "gate", T0, "ntp", T0, GateBody("inner", True, 0))).startswith("gate,")
