"""A kill storm: devices deliver while service, broker and database die at random; afterwards every seq is counted.

The devices speak the wire and do what a device does: keep every record until the service itself says that it is safe,
send again from the oldest after a stall, boot anew with another number, and begin a new stream when their flash is
formatted. Nothing else is known of what was lost or doubled.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from milepost_tools.bench.ingest import fleet
from milepost_tools.bench.ingest.fleet import Drive
from milepost_tools.bench.ingest.house import House
from milepost_tools.bench.ingest.sender import Sender

_BATCH = 60
_WINDOW = 4  # batches of one device under way
_STALL_S = 1.5  # without a word the oldest is sent again
_PAUSE_S = 0.02
_REBOOT = 0.0005  # chance of a device in a round
_FIRST, _LAST = 0.05, 0.95  # blows fall while this part of the records is made


@dataclass
class Tracker:
    """One simulated device: an outbox of encoded batches, and where it stands in it."""

    drive: Drive
    records: int
    format_at: int  # of its records so many lie in the first stream
    rng: random.Random
    stream: int = 101
    boot: int = 1
    acked: int = 0  # of the present stream
    made: list[tuple[int, int]] = field(default_factory=list)  # (stream, records) of every stream
    held: list[tuple[int, bytes]] = field(default_factory=list)  # (last seq, batch) not known to be safe
    sent: int = 0  # of those, so many are under way
    since_s: float = 0.0  # of the last word or the last repeat
    started_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.made.append((self.stream, 0))

    @property
    def done(self) -> bool:
        """Everything was made and is known to be safe."""
        return not self.held and sum(count for _, count in self.made) >= self.records

    def fill(self, now_s: float) -> int:
        """Record on: a batch into the outbox while there is something left to drive; returns its records."""
        stream, count = self.made[-1]
        total = sum(each for _, each in self.made)
        if stream == 101 and total >= self.format_at and not self.held:
            # The flash is formatted: a new stream, and the seq begins anew.
            self.stream, self.acked, self.drive.seq = self.rng.randrange(1_000, 1 << 30), 0, 0
            self.made.append((self.stream, 0))
            return 0
        most = (self.format_at if stream == 101 else self.records) - total
        if most <= 0 or len(self.held) >= 40:
            return 0
        size = min(most, self.rng.randint(1, _BATCH))
        tail = self.acked + 1
        uptime_ms = int((now_s - self.started_s) * 1000)
        payload = self.drive.batch(size, tail=tail, boot=self.boot, uptime_ms=uptime_ms, stream=self.stream)
        self.held.append((self.drive.seq, payload))
        self.made[-1] = (stream, count + size)
        return size

    def due(self, now_s: float) -> list[bytes]:
        """What it sends now."""
        if self.held and self.sent and now_s - self.since_s > _STALL_S:
            self.sent, self.since_s = 0, now_s
        if self.sent == 0:
            self.since_s = now_s
        new = self.held[self.sent : _WINDOW]
        self.sent += len(new)
        return [payload for _, payload in new]

    def heard(self, stream: int, seq: int, now_s: float) -> None:
        """An end-to-end acknowledgement."""
        if stream != self.stream or seq <= self.acked:
            return
        self.acked, self.since_s = seq, now_s
        safe = sum(1 for last, _ in self.held if last <= seq)
        del self.held[:safe]
        self.sent = max(0, self.sent - safe)

    def reboot(self, now_s: float) -> None:
        """Power off and on: what is held is in flash, what was under way is forgotten."""
        self.boot += 1
        self.sent = 0
        self.started_s = now_s


@dataclass(frozen=True)
class Blow:
    """Something that goes wrong: a name for the log, what does it, and what mends it when `lasts` is over.

    `lasts`: for so large a part of all records; 0: `strike` has mended it itself when it returns.
    """

    name: str
    strike: Callable[[], None]
    lasts: float = 0.0
    mend: Callable[[], None] = lambda: None


def laid_out(blows: Sequence[Blow], rng: random.Random) -> list[tuple[float, Blow]]:
    """The blows in an order that `rng` decides, each with the part of the records at which it falls, 0 to 1.

    None falls before an earlier one is mended, and the last is mended while records are still made: a blow that waits
    for more of them than there are would never end. Raises ValueError when they last longer than the storm.
    """
    gap = (_LAST - _FIRST - sum(each.lasts for each in blows)) / max(1, len(blows))
    if gap <= 0:
        raise ValueError(f"blows that last {sum(each.lasts for each in blows):g} of a storm leave no room in it")
    order = list(blows)
    rng.shuffle(order)
    at, found = _FIRST, []
    for each in order:
        found.append((at, each))
        at += each.lasts + gap
    return found


class Storm:
    """Runs the devices through the blows until everything is safe."""

    def __init__(self, house: House, trackers: int, records: int, seed: int, per_s: float) -> None:
        """`records`: of all devices together; `per_s`: so many of them are made a second, about."""
        self._house = house
        self._chance = min(1.0, per_s * _PAUSE_S / trackers / (_BATCH / 2))  # of a new batch in a round
        self._rng = random.Random(seed)
        each = -(-records // trackers)
        start = fleet.now_s() - each - 100
        self.trackers = {
            fleet.name(n): Tracker(
                Drive(n, start, seed), each, self._rng.randint(each // 4, each // 2), random.Random(seed * 7919 + n)
            )
            for n in range(trackers)
        }
        self._lock = threading.Lock()
        self.reboots = 0
        self.log: list[str] = []
        self._total = sum(tracker.records for tracker in self.trackers.values())
        self._made = 0
        self._up_to = 1.0  # part of all records that may be made by now
        self._failure: Exception | None = None
        self._over = threading.Event()
        self._sender = Sender(house.place, "storm", self._heard)

    def progress(self) -> float:
        """Part of all records that were made, 0 to 1."""
        with self._lock:
            return self._made / self._total

    def run(self, blows: list[tuple[float, Blow]], timeout_s: float) -> None:
        """Deliver everything through the blows (`laid_out`).

        Raises ValueError for a blow that would last beyond the last record, TimeoutError, and RuntimeError when a
        blow failed.
        """
        for part, blow in blows:
            if part + blow.lasts > 1:
                raise ValueError(f"{blow.name} at {part:.0%} cannot last {blow.lasts:.0%} of all records")
        striker = threading.Thread(target=self._strike, args=(blows,), name="blows", daemon=True)
        striker.start()
        deadline = time.monotonic() + timeout_s
        try:
            while True:
                with self._lock:
                    if all(each.done for each in self.trackers.values()) and not striker.is_alive():
                        break
                if self._failure is not None:
                    raise RuntimeError(f"a blow failed: {self.log}") from self._failure
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not within {timeout_s:g} s: {self._open()}\n{self._house.log()[-2000:]}")
                self._round()
                time.sleep(_PAUSE_S)
            if self._failure is not None:
                raise RuntimeError(f"the last blow failed: {self.log}") from self._failure
        finally:
            self._over.set()
            self._sender.close()

    def _round(self) -> None:
        now_s = time.monotonic()
        messages: list[tuple[str, bytes]] = []
        with self._lock:
            for name, each in self.trackers.items():
                if self._rng.random() < _REBOOT:
                    each.reboot(now_s)
                    self.reboots += 1
                if self._rng.random() < self._chance and self._made < self._up_to * self._total:
                    self._made += each.fill(now_s)
                messages += [(name, payload) for payload in each.due(now_s)]
        try:
            if not self._sender.alive:
                self._sender.connect()
            self._sender.send(messages)
        except OSError:
            time.sleep(0.2)  # what was under way goes again after the stall

    def _heard(self, device: str, stream: int, seq: int) -> None:
        with self._lock:
            self.trackers[device].heard(stream, seq, time.monotonic())

    def _strike(self, blows: list[tuple[float, Blow]]) -> None:
        ends = [part for part, _ in blows[1:]] + [1.0]
        try:
            for (part, blow), end in zip(blows, ends, strict=True):
                if not self._reach(part):
                    return
                # Devices record on meanwhile, but not past the next blow: it would come too late for them.
                self._up_to = end
                self._strike_one(part, blow)
        except Exception as error:
            self._failure = error
        finally:
            self._up_to = 1.0

    def _strike_one(self, part: float, blow: Blow) -> None:
        self.log.append(f"{self.progress():.0%} {blow.name}")
        blow.strike()
        if blow.lasts:
            self._reach(part + blow.lasts)
            blow.mend()
            self.log.append(f"{self.progress():.0%} {blow.name} is over")

    def _reach(self, part: float) -> bool:
        """Let devices record up to that part of all records and wait for it; False when the storm has ended before."""
        self._up_to = max(part, self._up_to)
        while self.progress() < part:
            if self._over.wait(0.05):
                return False
        return True

    def _open(self) -> str:
        with self._lock:
            waiting = {
                name: (each.stream, each.acked, len(each.held)) for name, each in self.trackers.items() if each.held
            }
        return f"{len(waiting)} devices wait, such as {dict(list(waiting.items())[:3])}; blows: {self.log}"


@dataclass(frozen=True, slots=True)
class Count:
    """What became of the records."""

    made: int
    lost: int
    doubled: int


def count(trackers: dict[str, Tracker], seqs_of: Callable[[str, int], list[int]]) -> Count:
    """Compare, seq by seq, what was made with what is stored; `seqs_of(device, stream)`: every stored seq, repeats
    included."""
    made = lost = doubled = 0
    for name, tracker in trackers.items():
        for stream, records in tracker.made:
            stored = seqs_of(name, stream)
            made += records
            lost += len(set(range(1, records + 1)) - set(stored))
            doubled += len(stored) - len(set(stored)) + len(set(stored) - set(range(1, records + 1)))
    return Count(made, lost, doubled)
