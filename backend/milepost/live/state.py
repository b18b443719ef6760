"""State of the live board: one row per vehicle, a list of events, a sequence number. Pure: time is an argument.

A change becomes visible at the next tick, which gives everything changed since the last one the same sequence number.
`since(n)` is what a viewer that has seen n must apply to have what a new viewer gets from `full()`; rows are conflated
(the newest per vehicle), events never are.
"""

import heapq
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

MOVING_MPS = 1.5  # slower than a walk is standing: GNSS noise of a parked truck stays below it
DEFAULT_STALE_MS = 60_000
DEFAULT_OFFLINE_MS = 600_000
EVENTS_KEPT = 5_000
EVENTS_SHOWN = 100  # of the past, to somebody who opens the board

Row = list[Any]  # [id, lng, lat, course, speed, motion, contact, t], DESIGN: HTTP
Placed = tuple[Row, str | None]


@dataclass(frozen=True, slots=True)
class Limits:
    """After how long without a fix a vehicle is stale, then offline (DESIGN: States, stages, signs)."""

    stale_ms: int = DEFAULT_STALE_MS
    offline_ms: int = DEFAULT_OFFLINE_MS

    @classmethod
    def of_interval(cls, interval_s: float) -> "Limits":
        """Limits of a device that reports every `interval_s` s: 3 × and at least 60 s, 10 × and at least 600 s."""
        stale = max(DEFAULT_STALE_MS, int(3000 * interval_s))
        return cls(stale, max(DEFAULT_OFFLINE_MS, int(10_000 * interval_s), stale + 1))


@dataclass(slots=True)
class _Vehicle:
    lng: float
    lat: float
    course: int | None
    speed_mps: float | None
    at: int
    ignition: bool | None = None
    gone_at: int | None = None  # last will: offline since then
    limits: Limits = field(default_factory=Limits)
    contact: str = "live"
    seq: int = 0
    row: Row = field(default_factory=list)
    device: str | None = None  # that saw it last
    seen_by: str | None = None  # the same for `row`


@dataclass(frozen=True, slots=True)
class Frame:
    """What viewers are sent. `reset`: forget everything before applying it."""

    seq: int
    t: int
    v: list[Row]
    e: list[dict[str, Any]]
    reset: bool = False

    def plain(self) -> dict[str, Any]:
        """The frame as JSON values."""
        body: dict[str, Any] = {"seq": self.seq, "t": self.t, "v": self.v, "e": self.e}
        return body | {"reset": True} if self.reset else body


def contact(age_ms: int, limits: Limits) -> str:
    """`live`, `stale` or `offline` from the age of the last fix."""
    if age_ms >= limits.offline_ms:
        return "offline"
    return "stale" if age_ms >= limits.stale_ms else "live"


def is_moving(speed_mps: float | None) -> bool:
    """True for a speed that a parked truck does not have; an unknown one is none."""
    return speed_mps is not None and speed_mps >= MOVING_MPS


def motion(speed_mps: float | None, ignition: bool | None) -> str:
    """`moving`, `idling` or `stopped`. Idling needs the ignition to be known as on."""
    if is_moving(speed_mps):
        return "moving"
    return "idling" if ignition else "stopped"


class Board:
    """All vehicles and recent events. Not thread-safe: the hub holds the lock."""

    def __init__(self, first_seq: int = 0, events_kept: int = EVENTS_KEPT) -> None:
        self.seq = first_seq
        self.now = 0
        self._first = first_seq
        self._vehicles: dict[str, _Vehicle] = {}
        self._by_id: list[_Vehicle] | None = None  # the same by id; None when one was added since
        self._placed: list[Placed] | None = None  # of all, as long as no row changes
        self._ignition: dict[str, tuple[int, bool]] = {}  # when it was switched last, and whether on
        self._presence: dict[str, tuple[int, bool]] = {}  # when the broker last said whether it is there, and what
        self._limits: dict[str, Limits] = {}
        self._dirty: set[str] = set()
        self._due: list[tuple[int, str]] = []  # (when the contact may change, vehicle)
        self._waiting: list[dict[str, Any]] = []
        self._events: deque[dict[str, Any]] = deque()
        self._events_kept = events_kept
        self._lost_events = first_seq  # events up to this sequence number are no longer all here

    def set_limits(self, vehicle: str, limits: Limits) -> None:
        """How long this vehicle may be silent."""
        self._limits[vehicle] = limits
        state = self._vehicles.get(vehicle)
        if state is not None and state.limits != limits:
            state.limits = limits
            self._dirty.add(vehicle)

    def limits_of(self, vehicle: str) -> Limits:
        """The limits in force for a vehicle."""
        return self._limits.get(vehicle, Limits())

    def fix(
        self, vehicle: str, *, lng: float, lat: float, course: float | None, speed_mps: float | None, at: int,
        device: str | None = None,
    ) -> bool:  # fmt: skip
        """Take a position of time `at` (UTC ms), seen by `device`. One older than what is known changes nothing
        (returns False)."""
        state = self._vehicles.get(vehicle)
        if state is not None and at < state.at:
            return False
        if state is None:
            state = self._vehicles[vehicle] = _Vehicle(lng, lat, None, None, at)
            self._by_id = None
            state.ignition = self._ignition.get(vehicle, (0, None))[1]
            state.limits = self.limits_of(vehicle)
        state.lng, state.lat, state.at, state.speed_mps, state.device = lng, lat, at, speed_mps, device
        if course is not None:  # a standing receiver has no course: the last one is the best known
            state.course = round(course) % 360
        state.gone_at = self._gone_at(vehicle, at)
        self._dirty.add(vehicle)
        return True

    def ignition(self, vehicle: str, on: bool, at: int) -> None:
        """The ignition was switched at `at` (UTC ms). What is older than the last word changes nothing."""
        if at < self._ignition.get(vehicle, (0, False))[0]:
            return
        self._ignition[vehicle] = (at, on)
        state = self._vehicles.get(vehicle)
        if state is not None and state.ignition != on:
            state.ignition = on
            self._dirty.add(vehicle)

    def presence(self, vehicle: str, online: bool, at: int) -> None:
        """The broker says at `at` (UTC ms) whether the device is connected; a last will makes its vehicle offline at
        once. What is older than its last word changes nothing."""
        if at < self._presence.get(vehicle, (0, False))[0]:
            return
        self._presence[vehicle] = (at, online)
        state = self._vehicles.get(vehicle)
        if state is not None:
            state.gone_at = self._gone_at(vehicle, state.at)
            self._dirty.add(vehicle)

    def _gone_at(self, vehicle: str, fixed_at: int) -> int | None:
        """Since when a vehicle whose last fix is of `fixed_at` is known to be gone."""
        at, online = self._presence.get(vehicle, (0, True))
        return None if online or fixed_at > at else at

    def event(self, kind: str, data: dict[str, Any], vehicle: str | None = None) -> None:
        """Something to be told exactly once to every viewer."""
        body = {"kind": kind, **data}
        if vehicle is not None:
            body["vehicle"] = vehicle
        self._waiting.append(body)

    def tick(self, now: int) -> Frame | None:
        """Make what changed visible; None when nothing did. `now` in UTC ms."""
        self.now = max(self.now, now)
        while self._due and self._due[0][0] <= self.now:
            self._dirty.add(heapq.heappop(self._due)[1])
        rows = [row for vehicle in sorted(self._dirty) if (row := self._refresh(vehicle))]
        self._dirty.clear()
        if not rows and not self._waiting:
            return None
        self.seq += 1
        if rows:
            self._placed = None
        for row in rows:
            self._vehicles[row[0]].seq = self.seq
        events = [{"seq": self.seq, **body} for body in self._waiting]
        self._waiting.clear()
        self._events.extend(events)
        while len(self._events) > self._events_kept:
            self._lost_events = self._events.popleft()["seq"]
        return Frame(self.seq, self.now, rows, events)

    def since(self, seq: int, only: Collection[str] | None = None) -> Frame:
        """What a viewer that has applied `seq` is missing; a whole new state where that cannot be said.

        `only`: ids of the vehicles the viewer may see; None sees all.
        """
        if seq > self.seq or seq < self._lost_events:
            full = self.full(only)
            return Frame(full.seq, full.t, full.v, full.e, reset=True)
        rows = [v.row for v in self._vehicles.values() if v.seq > seq and _sees(only, v.row[0])]
        return Frame(self.seq, self.now, rows, self._since_events(seq, only))

    def full(self, only: Collection[str] | None = None) -> Frame:
        """The whole state with the latest events."""
        rows = [v.row for v in self._vehicles.values() if v.row and _sees(only, v.row[0])]
        return Frame(self.seq, self.now, rows, self._since_events(0, only)[-EVENTS_SHOWN:])

    def placed(self, only: Collection[str] | None = None) -> Sequence[Placed]:
        """The rows of `full`, by id of the vehicle, each with the device that saw it. Who sees all is given the same
        object as long as nothing changes."""
        if self._by_id is None:
            self._by_id = [self._vehicles[each] for each in sorted(self._vehicles)]
        if only is None:
            if self._placed is None:
                self._placed = [(each.row, each.seen_by) for each in self._by_id if each.row]
            return self._placed
        return [(each.row, each.seen_by) for each in self._by_id if each.row and each.row[0] in only]

    def _since_events(self, seq: int, only: Collection[str] | None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for event in reversed(self._events):
            if event["seq"] <= seq:
                break
            if only is None or event.get("vehicle") in only:
                found.append(event)
        found.reverse()
        return found

    def _refresh(self, vehicle: str) -> Row | None:
        state = self._vehicles[vehicle]
        age_ms = self.now - state.at
        state.contact = "offline" if state.gone_at is not None else contact(age_ms, state.limits)
        for limit in (state.limits.stale_ms, state.limits.offline_ms):
            if age_ms < limit:
                heapq.heappush(self._due, (state.at + limit, vehicle))
                break
        row = [
            vehicle,
            round(state.lng, 6),
            round(state.lat, 6),
            state.course,
            None if state.speed_mps is None else round(state.speed_mps, 1),
            motion(state.speed_mps, state.ignition),
            state.contact,
            state.at,
        ]
        if row == state.row:
            return None
        state.row, state.seen_by = row, state.device
        return row


def _sees(only: Collection[str] | None, vehicle: str) -> bool:
    return only is None or vehicle in only
