"""The simulated world in real time: it moves trucks and pallets and feeds the boards' UARTs and pins.

One thread; the methods may be called from any thread. Time is the host's clock, because the devices' is too.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from milepost_tools.sim import nmea, town
from milepost_tools.sim.door import Door, Passage
from milepost_tools.sim.drive import Route, Truck
from milepost_tools.sim.gnss import Receiver
from milepost_tools.sim.m100 import ROUNDS_PER_S, Module

TICK_S = 0.025
FORKLIFT_MPS = 3.2
EMPTY_FORKLIFT_MPS = 3.4
GATE_PINS = {"inner": 32, "outer": 33}
_MAX_LAG_S = 2.0  # a machine that slept: the world goes on from there instead of racing after


class Uart(Protocol):
    """The far end of a board's UART."""

    def write(self, data: bytes) -> int: ...
    def read(self, max_bytes: int = 4096) -> bytes: ...


class World:
    """Three trucks in their bays and one dock door. seed: of everything that is random."""

    def __init__(self, seed: int) -> None:
        self.trucks = [
            Truck(bay, town.BAY_COURSE_DEG, seed=seed * 100 + number) for number, bay in enumerate(town.BAYS)
        ]
        self.door = Door(seed)
        self._module = Module()
        self._receivers = [Receiver(town.GROUND, seed=seed * 100 + 50 + number) for number in range(len(town.BAYS))]
        self._gnss: list[Uart | None] = [None] * len(self.trucks)
        self._rfid: Uart | None = None
        self._pin: Callable[[int, int], None] | None = None
        self._levels: dict[str, int] = {}
        self._rounds = 0.0
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._given_up = False
        self._thread = threading.Thread(target=self._run, name="world", daemon=True)
        self.error: BaseException | None = None

    # --- wires -----------------------------------------------------------------------------------

    def wire_tracker(self, number: int, uart: Uart) -> None:
        """Lead the receiver of a truck to a board's UART."""
        with self._changed:
            self._gnss[number] = uart

    def wire_reader(self, uart: Uart, set_pin: Callable[[int, int], None]) -> None:
        """Lead the reader module to a board's UART and the light gates to its pins (active low)."""
        with self._changed:
            self._rfid, self._pin = uart, set_pin
            self._levels.clear()

    def start(self) -> None:
        """Let time run."""
        self._thread.start()

    def silence(self) -> None:
        """Receivers lose the sky and nothing is near the door; the reader module goes on, hearing nothing."""
        with self._changed:
            self._gnss = [None] * len(self.trucks)
            self.door.staged.clear()
            self.door.aboard.clear()
            self.door.passages.clear()

    def stop(self) -> None:
        """Stand still for good."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def give_up(self) -> None:
        """Free whoever waits for the world, with InterruptedError; the world itself goes on."""
        with self._changed:
            self._given_up = True
            self._changed.notify_all()

    # --- what people do --------------------------------------------------------------------------

    def go(self, number: int, route: Route) -> None:
        """A truck sets out."""
        with self._changed:
            self.trucks[number].go(route)

    def wait_standing(self, number: int, timeout_s: float) -> None:
        """Wait until a truck stands at the end of its route. Raises TimeoutError."""
        self._wait(lambda: not self.trucks[number].moving, timeout_s, f"truck {number + 1} still drives")

    def stage(self, epc: bytes, away_m: float) -> None:
        """A pallet is put down in the hall, so far from the door."""
        with self._changed:
            self.door.staged[epc] = away_m

    def carry(self, epc: bytes, *, inwards: bool, then_free: bool = True, timeout_s: float = 20.0) -> tuple[int, int]:
        """A forklift takes a pallet through the door, puts it down and comes back empty if it must.

        Returns (start, end) of the pallet's own passage in UTC ms, once the door is free again, or with
        then_free=False once the pallet is put down.
        """
        with self._changed:
            passage = Passage(epc, _now_ms() + 100, inwards, FORKLIFT_MPS)
            self.door.staged.pop(epc, None)
            self.door.aboard.pop(epc, None)
            self.door.passages.append(passage)
            if inwards:
                self.door.passages.append(Passage(None, passage.end_ms + 400, not inwards, EMPTY_FORKLIFT_MPS))
        self._wait(lambda: _now_ms() >= passage.end_ms, timeout_s, "the pallet is still under way")
        with self._changed:
            (self.door.aboard if inwards else self.door.staged)[epc] = 4.5 + len(self.door.aboard)
        if then_free:
            self._wait(self._free, timeout_s, "the forklift is still under way")
        return passage.start_ms, passage.end_ms

    def wait_free(self, timeout_s: float) -> None:
        """Wait until nothing is in the door. Raises TimeoutError."""
        self._wait(self._free, timeout_s, "something is still in the door")

    def clear_truck(self) -> None:
        """The truck at the door takes away what is aboard."""
        with self._changed:
            self.door.aboard.clear()

    def clear_hall(self) -> None:
        """What still stands about is taken away."""
        with self._changed:
            self.door.staged.clear()
            self.door.aboard.clear()

    def _wait(self, done: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: done() or self._over(), timeout_s):
                raise TimeoutError(f"after {timeout_s:g} s {otherwise}")
        if self.error:
            raise RuntimeError(f"the simulated world broke: {self.error}") from self.error
        if self._over():
            raise InterruptedError("nobody waits for the simulated world any more")

    def _free(self) -> bool:
        """True when nothing is in the door or near it."""
        now_ms = _now_ms()
        return all(passage.end_ms <= now_ms for passage in self.door.passages)

    def _over(self) -> bool:
        return self._stop.is_set() or self._given_up or self.error is not None

    # --- time ------------------------------------------------------------------------------------

    def _run(self) -> None:
        last = time.monotonic()
        second = _now_ms() // 1000
        try:
            while not self._stop.wait(TICK_S):
                now = time.monotonic()
                elapsed = min(now - last, _MAX_LAG_S)
                last = now
                with self._changed:
                    self._move(elapsed)
                    if _now_ms() // 1000 != second:
                        second = _now_ms() // 1000
                        self._report(second * 1000)
                    self._watch_door(elapsed)
                    self._changed.notify_all()
        except Exception as error:  # told to whoever waits for the world
            self.error = error
            with self._changed:
                self._changed.notify_all()

    def _move(self, elapsed: float) -> None:
        while elapsed > 0:
            step = min(elapsed, 0.1)
            for truck in self.trucks:
                truck.step(step)
            elapsed -= step

    def _report(self, utc_ms: int) -> None:
        for truck, receiver, uart in zip(self.trucks, self._receivers, self._gnss, strict=True):
            if uart is not None:
                seen = receiver.see(truck.at, truck.speed_mps, truck.course)
                uart.write(nmea.epoch(utc_ms, seen))

    def _watch_door(self, elapsed: float) -> None:
        now_ms = _now_ms()
        if self._rfid is not None and self._pin is not None:
            for gate, pin in GATE_PINS.items():
                level = 0 if self.door.blocked(gate, now_ms) else 1
                if self._levels.get(gate) != level:
                    self._levels[gate] = level
                    self._pin(pin, level)
            answer = self._module.feed(self._rfid.read(), lambda: self.door.round(now_ms))
            self._rounds += elapsed * ROUNDS_PER_S
            rounds = int(self._rounds)
            self._rounds -= rounds
            answer += self._module.poll(rounds, lambda: self.door.round(now_ms))
            if answer:
                self._rfid.write(answer)
        self.door.passages[:] = [passage for passage in self.door.passages if passage.end_ms > now_ms]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
