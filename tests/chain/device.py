"""Virtual boards with the real firmware, what their sensors say, and the account of their flash."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from milepost_hil.bench.sensors import nmea, position
from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo.boards import Broker, flashed
from milepost_tools.demo.client import Client
from milepost_tools.demo.ledger import Made, made_by
from milepost_tools.served import until

from .house import House, events, readings, seqs

# Every position that differs by 1 m becomes a record, and leaves soon.
EVERY_FIX = {
    "version": 1,
    "report_interval_s": 1,
    "min_distance_m": 1,
    "min_course_deg": 0,
    "min_speed_delta_kmh": 0,
    "arrive_after_s": 3600,
    "batch_wait_ms": 200,
    "ack_stall_s": 2,
    "health_interval_s": 86400,
}
_STEP_E6 = 20  # 2.2 m
_HOME_E6 = (31_230_400, 121_473_700)
_SETTLES = 6
_DELIVERY_S = 4.0


def flash(
    house: House, engineer: Client, folder: Path, device: str, *, role: str = "tracker", config: Mapping[str, Any] = {}
) -> VirtualBoard:
    """A registered and flashed board without power."""
    return flashed(
        engineer, folder, device=device, role=role, name=device, broker=Broker(*house.broker),
        config={**EVERY_FIX, **config},
    )  # fmt: skip


def epoch(at_ms: int, lat_e6: int, lon_e6: int, speed_mps: float = 11.0, course_deg: float = 0.0) -> bytes:
    """RMC and GGA of one instant (UTC ms), minutes with six decimals: 1e-6 degrees survive exactly."""
    at = time.gmtime(at_ms // 1000)
    clock = f"{time.strftime('%H%M%S', at)}.{at_ms % 1000:03d}"
    lat, lon = position(lat_e6, lon_e6)
    knots = speed_mps * 3600 / 1852
    rmc = f"GNRMC,{clock},A,{lat},{lon},{knots:.3f},{course_deg:.1f},{time.strftime('%d%m%y', at)},,,A"
    return nmea(rmc) + nmea(f"GNGGA,{clock},{lat},{lon},1,09,0.9,12.0,M,8.0,M,,")


class Drive:
    """A receiver on UART 1 that tells a drive to the north, in its own thread, at the time of the wall clock.

    `said` holds (UTC ms, lat, lon in 1e-6 degrees) of every fix told; a use as context manager starts and ends it.
    """

    def __init__(self, board: VirtualBoard, every_s: float = 0.15) -> None:
        self.said: list[tuple[int, int, int]] = []
        self._uart = board.uart(1)
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Drive":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """The engine is off; nothing more is said."""
        self._stop.set()
        self._thread.join(10)

    def wait(self, count: int, timeout_s: float = 30.0) -> None:
        """Wait until so many fixes are told."""
        until(lambda: len(self.said) >= count, timeout_s, lambda: f"{len(self.said)} fixes told")

    def _run(self) -> None:
        lat, lon = _HOME_E6
        while not self._stop.wait(self._every_s):
            lat += _STEP_E6
            at_ms = time.time_ns() // 1_000_000
            self._uart.write(epoch(at_ms, lat, lon))
            self.said.append((at_ms, lat, lon))


def told(items: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    """(time, lat, lon in 1e-6 degrees) of fix readings, in their order."""
    return [
        (i["at"], round(i["body"]["lat"] * 1e6), round(i["body"]["lon"] * 1e6)) for i in items if i["kind"] == "fix"
    ]


def as_told(said: list[tuple[int, int, int]]) -> list[tuple[str, int, int]]:
    """What a drive said, in the form of `told`."""
    return [
        (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000)) + f".{at % 1000:03d}Z", lat, lon)
        for at, lat, lon in said
    ]


def hear_out(person: Client, board: VirtualBoard, drive: Drive) -> None:
    """Wait until the last fix of an ended drive is in the store: a power cut must not take it from the UART."""
    last = as_told(drive.said[-1:])[0]
    until(lambda: last in told(readings(person, board.mac)), 60)


def settle(house: House, person: Client, board: VirtualBoard, first: int = 1) -> tuple[Made, list[dict[str, Any]]]:
    """Let a board deliver what it has, cut its power, and return what its flash made and what the service holds.

    A record made in the instant of the cut goes out after the next start, which makes new ones; the last cut is the
    one behind which nothing is left. first: the seq from which on the service must have everything.
    """
    for _ in range(_SETTLES):
        board.power_cut()
        made = made_by(board.folder)
        if _comes_true(lambda: everything(house, person, board.mac, made, first), _DELIVERY_S):  # noqa: B023
            return made, readings(person, board.mac)
        boots = len(events(person, board.mac, "boot"))
        board.start()
        # The boot event has its place only behind the clock step: then nothing more is being made.
        until(lambda: len(events(person, board.mac, "boot")) > boots, 40, lambda: board.console[-600:])  # noqa: B023
    raise AssertionError(_state(house, person, board, made.head))


def everything(house: House, person: Client, device: str, made: Made, first: int = 1) -> bool:
    """True when seq `first` to the head are there: in the store, or safe in the spool waiting for a clock step."""
    have = {seq for stream, seq in house.held(device) if stream == made.stream}
    return have | set(seqs(readings(person, device), made.stream)) >= set(range(first, made.head + 1))


def _comes_true(condition: Callable[[], bool], timeout_s: float) -> bool:
    try:
        return until(condition, timeout_s)
    except TimeoutError:
        return False


def acknowledged(person: Client, device: str) -> int:
    """The watermark that the service has told the device."""
    contact = person.get(f"/devices/{device}")["contact"]
    return (contact and contact["acknowledged"]) or 0


def once(house: House, device: str, made: Made, items: list[dict[str, Any]]) -> None:
    """Assert that every record of the flash is held exactly once, and no other."""
    waiting = [seq for stream, seq in house.held(device) if stream == made.stream]
    assert sorted(seqs(items, made.stream) + waiting) == list(range(1, made.head + 1))
    assert {item["id"].split("/")[1] for item in items} <= {str(made.stream)}, "the device began a second stream"
    fixes = told(items)
    assert len(set(fixes)) == len(fixes), "the same fix under two numbers"


def _state(house: House, person: Client, board: VirtualBoard, head: int) -> str:
    return (
        f"{board.mac}: head {head}, acknowledged {acknowledged(person, board.mac)}, "
        f"{len(readings(person, board.mac))} stored, held {sorted(house.held(board.mac))}\n"
        f"{board.console[-600:].decode(errors='replace')}\n{house.log()[-1500:]}"
    )
