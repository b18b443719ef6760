"""The live hub: a sink of the spool that keeps the board's state and wakes its viewers four times a second."""

import asyncio
import json
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from milepost.ingest.decode import readings
from milepost.ingest.model import SpoolItem
from milepost.live.state import Board, Frame, Limits
from milepost.telemetry.model import EventBody, FixBody, GateBody, Reading, TagBody
from milepost.telemetry.quality import judge
from milepost.times import now_ms

TICK_S = 0.25


class Targets(Protocol):
    """Where a device is mounted, and how often it means to report."""

    def target_at(self, device_id: str, at: int) -> tuple[str, str] | None:
        """("vehicle" | "door", id) that the device was bound to at a time (UTC ms), or None."""
        ...

    def limits_of(self, device_id: str) -> Limits:
        """How long this device may be silent."""
        ...


@dataclass(eq=False)
class Viewer:
    """One open board; `wake` is set when there may be something to send."""

    loop: asyncio.AbstractEventLoop
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def nudge(self) -> None:
        """Wake it, from any thread. A loop that is closing needs no waking."""
        try:
            self.loop.call_soon_threadsafe(self.wake.set)
        except RuntimeError:
            return


class LiveHub:
    """Sink `live`. Its position lives in memory: after a restart the board begins with the latest fixes in store."""

    name = "live"

    def __init__(
        self, targets: Targets, *, spool_end: int = 0, clock: Callable[[], int] = now_ms, board: Board | None = None
    ) -> None:
        """`spool_end`: id of the newest spool item; what is older is in the telemetry store."""
        self._targets = targets
        self._clock = clock
        # Sequence numbers begin at the clock, so that a viewer of an earlier process cannot mistake ours for its own.
        self._board = board or Board(first_seq=clock())
        self._position = spool_end
        self._latest: dict[str, Reading] = {}
        self._lock = threading.Lock()
        self._viewers: set[Viewer] = set()
        self._shared: tuple[int, int, str] = (-1, -1, "")  # from seq, to seq, encoded frame
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # --- sink ---------------------------------------------------------------------------------------------------

    def position(self) -> int:
        """Last spool id shown."""
        return self._position

    def load(self, latest: Iterable[Reading]) -> None:
        """Begin with the latest fixes of the telemetry store."""
        self._take(latest)

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Take spool items, in order."""
        for item in items:
            if item.channel == "state":
                self._presence(item)
            else:
                self._take(readings(item))
            self._position = item.id

    def notify(self, kind: str, data: dict[str, Any], vehicle: str | None = None) -> None:
        """Tell every viewer about something above the readings: an alert, a stage, a passage. Thread-safe."""
        with self._lock:
            self._board.event(kind, data, vehicle)

    def _take(self, batch: Iterable[Reading]) -> None:
        placed = [(reading, self._targets.target_at(reading.device, reading.at)) for reading in batch]
        with self._lock:
            for reading, target in placed:
                if target is not None:
                    self._apply(reading, *target)

    def _apply(self, reading: Reading, kind: str, target: str) -> None:
        body = reading.body
        if kind == "vehicle" and isinstance(body, FixBody):
            before = self._latest.get(reading.device)
            # What the quality check keeps out of the history must not make a truck jump here either.
            if before is not None and (reading.at <= before.at or judge(before, reading) is not None):
                return
            self._latest[reading.device] = reading
            self._board.set_limits(target, self._targets.limits_of(reading.device))
            self._board.fix(
                target, lng=body.lon, lat=body.lat, course=body.course_deg, speed_mps=body.speed_mps, at=reading.at
            )
        elif kind == "vehicle" and isinstance(body, EventBody) and body.code == "ignition":
            self._board.ignition(target, bool(body.args.get("on")))
        elif kind == "door" and isinstance(body, TagBody):
            data = {
                "door": target,
                "epc": body.epc,
                "antenna": body.antenna,
                "rssi_dbm": body.rssi_max_dbm,
                "count": body.count,
                "at": reading.at,
            }
            self._board.event("tag", data)
        elif kind == "door" and isinstance(body, GateBody):
            self._board.event(
                "gate", {"door": target, "gate": body.gate, "interrupted": body.interrupted, "at": reading.at}
            )

    def _presence(self, item: SpoolItem) -> None:
        try:
            online = bool(json.loads(item.payload)["online"])
        except (ValueError, KeyError, TypeError):
            return  # ingest has put it into the dead letter
        target = self._targets.target_at(item.device, item.received_ms)
        if target is not None and target[0] == "vehicle":
            with self._lock:
                self._board.presence(target[1], online, item.received_ms)

    # --- viewers ------------------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """Sequence number of the last tick that changed something."""
        return self._board.seq

    def limits(self, vehicle: str) -> Limits:
        """How long a vehicle may be silent before it is shown stale or offline."""
        with self._lock:
            return self._board.limits_of(vehicle)

    def full(self, only: Collection[str] | None = None) -> Frame:
        """The whole board as `only` these vehicles show it (None: all)."""
        with self._lock:
            return self._board.full(only)

    def since(self, seq: int, only: Collection[str] | None = None) -> Frame:
        """What a viewer at `seq` is missing."""
        with self._lock:
            return self._board.since(seq, only)

    def encoded(self, seq: int, only: Collection[str] | None = None) -> tuple[int, str]:
        """(new sequence number, JSON) for a viewer at `seq`; all who are level share one encoding."""
        if only is None:
            start, end, text = self._shared
            if start == seq and end == self._board.seq:
                return end, text
        frame = self.since(seq, only)
        text = encode(frame)
        if only is None and not frame.reset:
            self._shared = (seq, frame.seq, text)
        return frame.seq, text

    def join(self, loop: asyncio.AbstractEventLoop) -> Viewer:
        """Be woken at every tick that changes something."""
        viewer = Viewer(loop)
        with self._lock:
            self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """No longer be woken."""
        with self._lock:
            self._viewers.discard(viewer)

    def tick(self) -> None:
        """Publish what changed and wake the viewers."""
        with self._lock:
            before = self._board.seq
            frame = self._board.tick(self._clock())
            viewers = list(self._viewers) if frame is not None else []
        if frame is not None:
            self._shared = (before, frame.seq, encode(frame))
        for viewer in viewers:
            viewer.nudge()

    def start(self) -> None:
        """Tick in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._run, name="live-hub", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop ticking."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            self.tick()


def encode(frame: Frame) -> str:
    """A frame as compact JSON."""
    return json.dumps(frame.plain(), separators=(",", ":"), ensure_ascii=False)
