"""Which fixes are believed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.telemetry.model import FixBody, GateBody, Reading
from milepost.telemetry.quality import distance_m, judge

T0 = 1_777_800_000_000
DEGREE_M = 111_195  # of latitude


def fix(second: float, north_m: float = 0.0, **fields: object) -> Reading:
    body = {"lat": 31.2304 + north_m / DEGREE_M, "lon": 121.4737, "speed_mps": 10.0, "sats": 9, **fields}
    at = T0 + int(second * 1000)
    return Reading("d", 1, int(second) + 1, "fix", at, "gnss", at, FixBody(**body))  # pyright: ignore


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"lat": 91.0}, "range"),
        ({"lon": -180.5}, "range"),
        ({"lat": math.nan}, "range"),
        ({"lon": math.inf}, "range"),
        ({"lat": 0.0, "lon": 0.0}, "null_island"),
        ({"sats": 0}, "no_fix"),
        ({"sats": 0, "source": 3}, None),  # a cell position has no satellites
        ({"sats": None}, None),
        ({"lat": 0.0, "lon": 121.0}, None),  # the equator is a place
    ],
)
def test_a_fix_alone(fields: dict, reason: str | None) -> None:
    assert judge(None, fix(0, **fields)) == reason


def test_times_that_cannot_be() -> None:
    good = fix(0)
    future = Reading("d", 1, 1, "fix", good.at + 3_600_000, "rtc", good.at, good.body)
    past = Reading("d", 1, 1, "fix", 946_684_800_000, "rtc", good.at, good.body)
    assert (judge(None, future), judge(None, past), judge(None, good)) == ("future", "past", None)


def test_a_spike_out_and_back_is_told_from_a_new_place() -> None:
    assert judge(fix(0), fix(1, 5_000), fix(2)) == "spike"
    assert judge(fix(0), fix(1, 5_000), fix(2, 5_010)) is None  # two agree: the vehicle is there
    assert judge(fix(0), fix(1, 5_000)) == "speed"  # nobody knows yet
    assert judge(fix(0), fix(100, 5_000)) is None  # 50 m/s


def test_a_spike_of_200_m_at_a_claimed_standstill_is_seen() -> None:
    # Below the limit of speed, over some seconds: only the receiver's own word gives it away (notes §2 #10).
    assert judge(fix(0, speed_mps=0.2), fix(4, 240, speed_mps=0.2), fix(8, speed_mps=0.2)) == "disagrees"
    assert judge(fix(0, speed_mps=60.0), fix(4, 240, speed_mps=60.0), fix(8, 480, speed_mps=60.0)) is None
    assert judge(fix(0), fix(4, 240, speed_mps=None), fix(8)) is None


def test_noise_while_standing_is_no_reason() -> None:
    for second in range(1, 50):
        assert judge(fix(second - 1, -30), fix(second, 30), fix(second + 1, -30)) is None


def test_other_kinds_are_not_judged() -> None:
    gate = Reading("d", 1, 1, "gate", T0, "gnss", T0, GateBody("inner", True, 0))
    assert judge(fix(0), gate, fix(1)) is None


def test_a_bad_neighbour_proves_nothing() -> None:
    assert judge(fix(0), fix(1, 5_000), fix(2, lat=0.0, lon=0.0)) == "speed"


@given(st.integers(0, 60), st.integers(1, 600))
def test_any_drive_at_road_speed_is_believed(speed_mps: int, step_s: int) -> None:
    line = [fix(n * step_s, n * step_s * speed_mps, speed_mps=float(speed_mps)) for n in range(3)]
    assert judge(*line) is None


def test_the_distance_is_that_of_the_sphere() -> None:
    assert distance_m(fix(0).body, fix(0, 1_000).body) == pytest.approx(1_000, rel=1e-4)  # pyright: ignore
    one, other = FixBody(0.0, 179.9), FixBody(0.0, -179.9)
    assert distance_m(one, other) == pytest.approx(0.2 * DEGREE_M, rel=1e-3)  # over the date line
