"""The live hub: a sink of the spool that keeps the board's state and wakes its viewers four times a second."""

import asyncio
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from milepost.ingest.model import SpoolItem
from milepost.live.changes import Change, Ignition, Intake, Position, Presence, Targets
from milepost.live.state import Board, Frame, Limits, Placed
from milepost.telemetry.model import Reading
from milepost.times import now_ms

TICK_S = 0.25
_SPAN = 1 << 32  # four ticks a second for 34 years
_SPANS = (1 << 20) - 1  # below 2^53, which is where JavaScript's whole numbers end
_SEEN = 20_000  # readings at doors that are known again


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
        self._clock = clock
        # A span of numbers of its own: one of another process (of another worker, or before a restart) is never among
        # ours, and whoever comes with it gets the whole state.
        self._board = board or Board(first_seq=(1 + secrets.randbelow(_SPANS)) * _SPAN)
        self._position = spool_end
        self._intake = Intake(targets)
        self._intake_lock = threading.Lock()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        self._viewers: set[Viewer] = set()
        self._shared: tuple[int, int, str] = (-1, -1, "")  # from seq, to seq, encoded frame
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.ticks = 0  # rounds, with or without news

    # --- sink ---------------------------------------------------------------------------------------------------

    def position(self) -> int:
        """Last spool id shown."""
        return self._position

    def load(self, latest: Iterable[Reading]) -> None:
        """Begin with the latest fixes of the telemetry store; later again, to see what was missed."""
        with self._intake_lock:
            changes = self._intake.of_readings(latest)
        self.apply(changes)

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Take spool items, in order."""
        with self._intake_lock:
            changes = self._intake.of_items(items)
        self.apply(changes)
        self._position = items[-1].id

    def apply(self, changes: Iterable[Change]) -> None:
        """Show changes, of our own readings or of another process (live/feed.py). Repeats and late ones do no harm."""
        with self._lock:
            for change in changes:
                self._apply(change)

    def notify(self, kind: str, data: dict[str, Any], vehicle: str | None = None) -> None:
        """Tell every viewer about something above the readings: an alert, a stage, a passage. Thread-safe."""
        with self._lock:
            self._board.event(kind, data, vehicle)

    def _apply(self, change: Change) -> None:
        if isinstance(change, Position):
            self._board.set_limits(change.vehicle, Limits(change.stale_ms, change.offline_ms))
            self._board.fix(
                change.vehicle, lng=change.lng, lat=change.lat, course=change.course, speed_mps=change.speed_mps,
                at=change.at, device=change.device,
            )  # fmt: skip
        elif isinstance(change, Ignition):
            self._board.ignition(change.vehicle, change.on, change.at)
        elif isinstance(change, Presence):
            self._board.presence(change.vehicle, change.online, change.at)
        elif change.reading not in self._seen:
            self._seen[change.reading] = None
            if len(self._seen) > _SEEN:
                self._seen.popitem(last=False)
            self._board.event(change.kind, change.data)

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

    def placed(self, only: Collection[str] | None = None) -> Sequence[Placed]:
        """Where every vehicle was last seen, and by which device; as `full`, without events."""
        with self._lock:
            return self._board.placed(only)

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

    @property
    def viewers(self) -> int:
        """How many boards are open."""
        return len(self._viewers)

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [] if self._thread is None else [self._thread]

    def tick(self) -> None:
        """Publish what changed and wake the viewers."""
        with self._lock:
            before = self._board.seq
            frame = self._board.tick(self._clock())
            self.ticks += 1
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
