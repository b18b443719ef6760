"""The barefoot drive (Munich, one position each 15 s) through a virtual tracker, broker and service, to the history.

The drive is shifted to yesterday and told as NMEA, minutes with six decimals, faster than real time. Rule: every
position comes out of the history once, in order, at its own second, and within one unit of 1e-6 degrees: half a unit
is what rounding to the wire costs, the NMEA digits are 60 times finer.
"""

import itertools
import json
import math
import tarfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from milepost_hil.virtual import VirtualBoard
from milepost_tools.served import until

from ..chain.device import flash
from ..chain.house import House, readings

_BOUND_E6 = 0.5 + 1 / 120 + 1e-6  # rounding to 1e-6 degrees, and the last digit of the NMEA minutes
_M_PER_DEGREE = 111_195.0

Position = tuple[int, float, float]  # UTC ms, degrees


def drive(corpus: Path) -> list[Position]:
    """The positions of the drive, on yesterday's date at the time of day they had."""
    with tarfile.open(corpus / "barefoot.tar.xz") as archive:
        source = archive.extractfile("barefoot/x0001-015.json")
        assert source is not None
        samples = json.load(source)
    found: list[Position] = []
    shift = None
    for sample in samples:
        at = datetime.strptime(sample["time"], "%Y-%m-%d %H:%M:%S%z").astimezone(UTC)
        if shift is None:
            shift = datetime.now(UTC).date() - timedelta(days=1) - at.date()
        lon, lat = map(float, sample["point"].removeprefix("POINT(").removesuffix(")").split())
        found.append((round((at + shift).timestamp() * 1000), lat, lon))
    return found


def sentences(before: Position, here: Position) -> bytes:
    """RMC and GGA of a position; speed and course by the way from the one before."""
    at = time.gmtime(here[0] // 1000)
    way_m, course = _way(before, here)
    knots = way_m / max(1, (here[0] - before[0]) / 1000) * 3600 / 1852
    where = f"{_minutes(here[1], 2)},N,{_minutes(here[2], 3)},E"
    clock = time.strftime("%H%M%S.00", at)
    return _line(f"GPRMC,{clock},A,{where},{knots:.2f},{course:.1f},{time.strftime('%d%m%y', at)},,,A") + _line(
        f"GPGGA,{clock},{where},1,08,1.0,515.0,M,47.0,M,,"
    )


@pytest.mark.corpus
def test_a_real_drive_comes_out_of_the_history_as_it_was(corpus: Path, tmp_path: Path) -> None:
    way = drive(corpus)
    assert len(way) == 80
    house = House(tmp_path)
    house.start()
    board: VirtualBoard | None = None
    try:
        engineer = house.hire("engineer", "engineer")
        board = flash(house, engineer, tmp_path / "board", "02c0000000b1").start()
        board.wait_for(b"milepost 0", 20)
        uart = board.uart(1)
        for before, here in itertools.pairwise([way[0], *way]):
            # A standing truck is reported once a second, of its own clock: the firmware's lowest interval.
            if here is not way[0] and _way(before, here)[0] < 2:
                time.sleep(1.1)
            uart.write(sentences(before, here))
        fixes = until(lambda: _all(readings(engineer, board.mac, "fix"), len(way)), 40, lambda: board.console[-500:])
        assert len(fixes) == len(way)
        assert [item["at"] for item in fixes] == [_rfc3339(at) for at, _, _ in way]
        assert all(item["clock"] == "gnss" and item["quality"] is None for item in fixes)
        for item, (_, lat, lon) in zip(fixes, way, strict=True):
            assert abs(item["body"]["lat"] - lat) * 1e6 <= _BOUND_E6, item
            assert abs(item["body"]["lon"] - lon) * 1e6 <= _BOUND_E6, item
        numbers = [int(item["id"].rsplit("/", 1)[1]) for item in fixes]
        assert numbers == sorted(set(numbers))
        span = {"from": _rfc3339(way[0][0]), "to": _rfc3339(way[-1][0] + 1)}
        track = engineer.get(f"/devices/{board.mac}/track", **span)
        line = [feature for feature in track["features"] if feature["geometry"]["type"] == "LineString"]
        assert len(line) == 1 and track["properties"]["gaps"] == []
        assert line[0]["geometry"]["coordinates"] == [[item["body"]["lon"], item["body"]["lat"]] for item in fixes]
    finally:
        if board is not None:
            board.stop()
        house.stop()


def _all(items: list[dict], count: int) -> list[dict] | None:
    return items if len(items) >= count else None


def _way(one: Position, other: Position) -> tuple[float, float]:
    """Metres and course in degrees, on a plane."""
    north = (other[1] - one[1]) * _M_PER_DEGREE
    east = (other[2] - one[2]) * _M_PER_DEGREE * math.cos(math.radians(one[1]))
    return math.hypot(north, east), math.degrees(math.atan2(east, north)) % 360


def _minutes(degrees: float, width: int) -> str:
    whole = int(degrees)
    return f"{whole:0{width}d}{(degrees - whole) * 60:09.6f}"


def _line(body: str) -> bytes:
    check = 0
    for byte in body.encode():
        check ^= byte
    return f"${body}*{check:02X}\r\n".encode()


def _rfc3339(utc_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(utc_ms // 1000)) + f".{utc_ms % 1000:03d}Z"
