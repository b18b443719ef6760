"""What readings mean to a board: small changes that one process can hand to another as JSON.

`Intake` turns spool items into changes; a hub applies them (live/hub.py), and a worker that shows no board itself sends
them to those that do (live/relay.py). Every change stands a repeat and a late arrival: it carries its own time.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from milepost.ingest.decode import readings
from milepost.ingest.model import STATE, SpoolItem
from milepost.ingest.run import Run
from milepost.live.state import Limits, is_moving
from milepost.telemetry.model import EventBody, FixBody, GateBody, Reading, TagBody
from milepost.telemetry.quality import judge, surely_good_run


class Targets(Protocol):
    """Where a device is mounted, and how often it means to report."""

    def target_at(self, device_id: str, at: int) -> tuple[str, str] | None:
        """("vehicle" | "door", id) that the device was bound to at a time (UTC ms), or None."""
        ...

    def target_of(self, device_id: str, first: int, last: int) -> tuple[str, str] | None:
        """The same of a whole span, both ends in it; None also where it changes within."""
        ...

    def limits_of(self, device_id: str, moving: bool = False) -> Limits:
        """How long this device may be silent after a fix that shows it moving or not."""
        ...


@dataclass(frozen=True, slots=True)
class Position:
    """A vehicle stood there at a time (UTC ms)."""

    vehicle: str
    at: int
    lng: float
    lat: float
    course: float | None
    speed_mps: float | None
    stale_ms: int
    offline_ms: int
    device: str


@dataclass(frozen=True, slots=True)
class Ignition:
    """The ignition of a vehicle was switched at a time (UTC ms)."""

    vehicle: str
    at: int
    on: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """The broker said at a time (UTC ms) whether the device of a vehicle is connected."""

    vehicle: str
    at: int
    online: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """Something at a door, to be told once. `reading`: its identity, so that a repeat is known."""

    kind: str
    reading: str
    data: dict[str, Any]


Change = Position | Ignition | Presence | Seen
_KINDS: dict[str, Callable[..., Change]] = {"f": Position, "i": Ignition, "p": Presence, "s": Seen}
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}
_NUMBER, _MAYBE = (int, float), (int, float, type(None))
_SHAPES: dict[str, tuple[type | tuple[type, ...], ...]] = {  # types of the fields, in order
    "f": (str, int, _NUMBER, _NUMBER, _MAYBE, _MAYBE, int, int, str),
    "i": (str, int, bool),
    "p": (str, int, bool),
    "s": (str, str, dict),
}


def encode(change: Change) -> list[Any]:
    """A change as JSON values: its letter, then its fields in order."""
    return [_LETTERS[type(change)], *asdict(change).values()]


def decode(values: Any) -> Change | None:
    """The change that `encode` made these values of; None for anything else (another version's, or nonsense)."""
    if not isinstance(values, list) or not values or not isinstance(values[0], str):
        return None
    shape = _SHAPES.get(values[0])
    fields = values[1:]
    if shape is None or len(fields) != len(shape) or not all(map(isinstance, fields, shape)):
        return None
    return _KINDS[values[0]](*fields)


class Intake:
    """Readings to changes, with the memory that the quality check needs. Not thread-safe."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._latest: dict[str, Reading] = {}

    def of_items(self, items: Sequence[SpoolItem]) -> list[Change]:
        """What spool items mean to a board, in their order."""
        found: list[Change] = []
        for item in items:
            if item.channel == STATE:
                found += self._presence(item)
            else:
                batch = readings(item)
                usual = self._of_drive(batch) if isinstance(batch, Run) else None
                found += self.of_readings(batch) if usual is None else [usual]
        return found

    def _of_drive(self, run: Run) -> Position | None:
        """What good fixes mean that one vehicle sent in their order, and later than what is known of it: the last one
        counts. Nearly all messages are so; None for any other."""
        before = self._latest.get(run.device)
        if not run or (before is not None and run.at[0] <= before.at) or not run.steps.rises:
            return None
        target = self._targets.target_of(run.device, run.at[0], run.at[-1])
        if target is None or target[0] != "vehicle" or not surely_good_run(before, run):
            return None
        last = self._latest[run.device] = run[-1]
        course = next((each for each in reversed(run.course_deg) if each is not None), None)
        return self._position(target[1], last, course)

    def of_readings(self, batch: Iterable[Reading]) -> list[Change]:
        """What readings mean to a board; those of devices that are mounted nowhere mean nothing."""
        found: list[Change] = []
        newest: dict[str, Reading] = {}
        courses: dict[str, float] = {}
        for reading in batch:
            target = self._targets.target_at(reading.device, reading.at)
            if target is None:
                continue
            body = reading.body
            if isinstance(body, FixBody):
                if target[0] == "vehicle" and self._is_news(reading):
                    # A board shows where a vehicle is, not where it was: a minute of fixes is one position.
                    if target[1] not in newest or newest[target[1]].at <= reading.at:
                        newest[target[1]] = reading
                    if body.course_deg is not None:
                        courses[target[1]] = body.course_deg
                continue
            change = self._change(reading, *target)
            if change is not None:
                found.append(change)
        found += [self._position(vehicle, reading, courses.get(vehicle)) for vehicle, reading in newest.items()]
        return found

    def _position(self, vehicle: str, reading: Reading, course: float | None) -> Position:
        body = reading.body
        assert isinstance(body, FixBody)
        limits = self._targets.limits_of(reading.device, is_moving(body.speed_mps))
        return Position(
            vehicle, reading.at, body.lon, body.lat, course, body.speed_mps, limits.stale_ms, limits.offline_ms,
            reading.device,
        )  # fmt: skip

    def _is_news(self, reading: Reading) -> bool:
        before = self._latest.get(reading.device)
        # What the quality check keeps out of the history must not make a truck jump here either.
        if before is not None and (reading.at <= before.at or judge(before, reading) is not None):
            return False
        self._latest[reading.device] = reading
        return True

    def _change(self, reading: Reading, kind: str, target: str) -> Change | None:
        body = reading.body
        if kind == "vehicle" and isinstance(body, EventBody) and body.code == "ignition":
            return Ignition(target, reading.at, bool(body.args.get("on")))
        if kind == "door" and isinstance(body, TagBody | GateBody):
            data = {"door": target, "at": reading.at}
            if isinstance(body, TagBody):
                data |= {
                    "epc": body.epc, "antenna": body.antenna, "rssi_dbm": body.rssi_max_dbm, "count": body.count,
                }  # fmt: skip
                return Seen("tag", _identity(reading), data)
            return Seen("gate", _identity(reading), data | {"gate": body.gate, "interrupted": body.interrupted})
        return None

    def _presence(self, item: SpoolItem) -> list[Change]:
        try:
            online = bool(json.loads(item.payload)["online"])
        except (ValueError, KeyError, TypeError):
            return []  # ingest has put it into the dead letter
        target = self._targets.target_at(item.device, item.received_ms)
        return [Presence(target[1], item.received_ms, online)] if target is not None and target[0] == "vehicle" else []


def newest(changes: Collection[Change]) -> list[Change]:
    """The same changes without positions and signs that a later one of the same vehicle replaces."""
    kept: dict[object, Change] = {}
    for n, change in enumerate(changes):
        key = n if isinstance(change, Seen) else (type(change), change.vehicle)
        old = kept.get(key)
        if old is None or isinstance(change, Seen) or change.at >= old.at:  # pyright: ignore[reportAttributeAccessIssue]
            kept.pop(key, None)
            kept[key] = change
    return list(kept.values())


def _identity(reading: Reading) -> str:
    return f"{reading.device}/{reading.stream}/{reading.seq}"
