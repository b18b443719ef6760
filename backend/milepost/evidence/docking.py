"""Which vehicle stood at which door, from what is known of a site. Pure.

A vehicle's own position says that it stands at the site; the door is told by its tag, by the appointment of its trip,
or by there being no other: exactly one free door and exactly one truck that waits. What a person opened, closed or
corrected is fixed, and everything else gives way to it. Intervals are half-open, event times UTC ms, an open end is
None. The same knowledge gives the same answer in whatever order it came (notes on RFID, section 5: DockSession).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

WAYS = ("tag", "appointment", "position")
_FOREVER = 2**53


@dataclass(frozen=True, slots=True)
class Stand:
    """A vehicle of a trip stands at the site. `proof` names what says so; `slot`: no tracker, only the appointment."""

    vehicle: str
    trip: str
    direction: str
    from_ms: int
    to_ms: int | None
    proof: str
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """An appointment: a trip has a door for some time."""

    id: str
    door: str
    trip: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Heard:
    """The tag of a vehicle was heard at a door, from `from_ms` on until it is heard at another one."""

    vehicle: str
    door: str
    from_ms: int


@dataclass(frozen=True, slots=True)
class Fixed:
    """A session that a person opened, or closed."""

    vehicle: str
    door: str
    from_ms: int
    to_ms: int | None


@dataclass(frozen=True, slots=True)
class Docked:
    """A vehicle stood at a door for a trip. `by`: `tag`, `appointment:<id>` or `position:<fact>`."""

    vehicle: str
    door: str
    trip: str
    direction: str
    from_ms: int
    to_ms: int | None
    by: str


def how(opened_by: str) -> str:
    """How a session was opened, or closed: one of WAYS, or `hand` (then the text is a person's id)."""
    way = opened_by.partition(":")[0]
    return way if way in WAYS else "hand"


def docked(
    stands: Iterable[Stand],
    slots: Sequence[Slot],
    heard: Sequence[Heard],
    fixed: Sequence[Fixed],
    doors: Collection[str],
) -> list[Docked]:
    """The sessions that follow, by time, beside the fixed ones.

    `doors`: those of the site that have a reader; only these are found by position alone.
    """
    standing = sorted(stands, key=lambda each: (each.from_ms, each.vehicle, each.trip))
    sure: list[Docked] = []
    for stand in standing:
        sure += _by_tag(stand, heard) or _by_slot(stand, slots)
    sure = [each for one in _in_turn(sure) for each in _beside(one, fixed)]
    served = {(each.vehicle, each.trip) for each in sure}
    waiting = [stand for stand in standing if (stand.vehicle, stand.trip) not in served and stand.slot is None]
    return sorted([*sure, *_by_position(waiting, slots, sure, fixed, doors)], key=_place)


def _by_tag(stand: Stand, heard: Sequence[Heard]) -> list[Docked]:
    own = sorted((each for each in heard if each.vehicle == stand.vehicle), key=lambda each: (each.from_ms, each.door))
    own = [each for each in own if stand.from_ms <= each.from_ms < _end(stand.to_ms)]
    moves = [each for n, each in enumerate(own) if n == 0 or own[n - 1].door != each.door]
    ends = [*(each.from_ms for each in moves[1:]), stand.to_ms][: len(moves)]
    return [_at(stand, each.door, each.from_ms, end, "tag") for each, end in zip(moves, ends, strict=True)]


def _by_slot(stand: Stand, slots: Sequence[Slot]) -> list[Docked]:
    own = sorted((each for each in slots if each.trip == stand.trip), key=lambda each: (each.from_ms, each.id))
    if stand.slot is not None:
        own = [each for each in own if each.id == stand.slot]
    there = [each for each in own if each.from_ms < _end(stand.to_ms) and each.to_ms > stand.from_ms]
    if not there:  # late: the door that it should have had is the one it goes to
        there = [each for each in own if each.to_ms <= stand.from_ms][-1:]
    starts = [max(stand.from_ms, each.from_ms) for each in there]
    ends = [*starts[1:], stand.to_ms][: len(there)]
    return [
        _at(stand, each.door, start, end, f"appointment:{each.id}")
        for each, start, end in zip(there, starts, ends, strict=True)
        if start < _end(end)
    ]


def _in_turn(found: Iterable[Docked]) -> list[Docked]:
    """One vehicle at a door at a time: who comes next shows that the one before has gone from there."""
    last: dict[str, Docked] = {}
    kept: list[Docked] = []
    for each in sorted(found, key=_place):
        before = last.get(each.door)
        if before is not None and _end(before.to_ms) > each.from_ms:
            if before.from_ms == each.from_ms:
                continue
            kept[kept.index(before)] = replace(before, to_ms=each.from_ms)
        last[each.door] = each
        kept.append(each)
    return kept


def _beside(one: Docked, fixed: Sequence[Fixed]) -> list[Docked]:
    """What is left of a session beside what a person said: nothing behind their word on this vehicle."""
    for each in sorted(fixed, key=lambda each: each.from_ms):
        if not _meet(one, each) or (each.vehicle != one.vehicle and each.door != one.door):
            continue
        if each.from_ms > one.from_ms:
            one = replace(one, to_ms=each.from_ms)
        elif each.vehicle == one.vehicle or each.to_ms is None:
            return []
        else:
            one = replace(one, from_ms=each.to_ms)
    return [one] if one.from_ms < _end(one.to_ms) else []


def _by_position(
    waiting: list[Stand], slots: Sequence[Slot], sure: Sequence[Docked], fixed: Sequence[Fixed], doors: Collection[str]
) -> list[Docked]:
    found: list[Docked] = []
    taken: list[Docked | Fixed] = [*sure, *fixed]
    said = {
        stand: [each for each in fixed if each.vehicle == stand.vehicle and _meet(stand, each)] for stand in waiting
    }
    moments = {each.from_ms for each in waiting}
    for each in (*waiting, *taken, *slots):
        if each.to_ms is not None:
            moments.add(each.to_ms)
    served: set[Stand] = set()
    for at in sorted(moments):
        here = [
            each
            for each in waiting
            if each not in served
            and each.from_ms <= at < _end(each.to_ms)
            and all(word.from_ms > at for word in said[each])
        ]
        if len(here) != 1:
            continue  # none, or nobody can say which of them has docked
        [stand] = here
        busy = {each.door for each in (*taken, *found) if each.from_ms <= at < _end(each.to_ms)}
        busy |= {each.door for each in slots if each.trip != stand.trip and each.from_ms <= at < each.to_ms}
        free = set(doors) - busy
        if len(free) != 1:
            continue
        [door] = free
        if any(word.door != door for word in said[stand]):
            continue
        served.add(stand)
        following = [each.from_ms for each in (*taken, *slots) if each.door == door and each.from_ms > at]
        end = min([*following, _end(stand.to_ms)])
        found.append(_at(stand, door, at, None if end == _FOREVER else end, f"position:{stand.proof}"))
    return found


def _at(stand: Stand, door: str, from_ms: int, to_ms: int | None, by: str) -> Docked:
    return Docked(stand.vehicle, door, stand.trip, stand.direction, from_ms, to_ms, by)


def _meet(one: Docked | Stand, other: Fixed | Stand) -> bool:
    return one.from_ms < _end(other.to_ms) and other.from_ms < _end(one.to_ms)


def _end(to_ms: int | None) -> int:
    return _FOREVER if to_ms is None else to_ms


def _place(each: Docked) -> tuple[int, int, str, str]:
    return each.from_ms, WAYS.index(how(each.by)), each.vehicle, each.door
