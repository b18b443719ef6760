"""The first rule of the dock door: what crossed it, which way. One reader, one antenna, two light gates. Pure.

A *crossing* is what the gates see: from the first interruption until both are free again and both were interrupted.
It leads out (hall to truck) when the inner gate is interrupted first and the outer freed last, in when it is the
other way round; begun and ended at the same gate it is a back-out and nothing has passed (notes on RFID, section 5).

A *passage* is a tag that went along: read during the crossing, at a level above the door's floor, at least twice, and
louder than where it stood before. A stray next to the door is as loud before as during; what stands aboard is as loud
while an empty forklift comes back. A tag that was nearly as loud before is held back until it falls silent behind the
crossing.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

RULE = "door/1"
PAD_MS = 400  # a read this close to a crossing belongs to it
JOIN_MS = 5_000  # a short load frees one gate before it meets the other
STUCK_MS = 600_000  # a gate interrupted for so long is no crossing
BEFORE_MS, APPROACH_MS = 35_000, 5_000  # where a tag stood: this long before, less its way to the door
RISE_DB = 3.0
FALL_DB = 8.0
AFTER_FROM_MS, AFTER_TO_MS = 1_500, 6_000
MIN_READS = 2
MEMORY_MS = 3_600_000  # what went through an hour ago says nothing of how loud a tag is now
RIVAL_DB = 6.0
_NAMESPACE = uuid.UUID("2d9c1b6e-3c0e-5f0b-8a55-0c9b8ad9f7a3")


@dataclass(frozen=True, slots=True)
class Gate:
    """A light gate changed. `at` UTC ms; `gate` inner (hall) or outer (truck)."""

    at: int
    id: str
    gate: str
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Read:
    """Reads of one tag within one window. Levels in dBm, times UTC ms."""

    at: int
    last_at: int
    id: str
    epc: str
    max_dbm: float
    first_dbm: float
    last_dbm: float
    count: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """Something went through the gates. `direction`: out, in or back; `at`: when it met the second gate."""

    start: int
    end: int
    at: int
    direction: str
    first_id: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """A tag crossed the door. `id` follows from door reader, tag and first gate reading."""

    id: str
    epc: str
    at: int
    direction: str
    crossing: str
    level_dbm: float
    confidence: float
    inputs: tuple[str, ...]
    snapshot: dict[str, Any]
    end: int  # of the crossing

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def crossings(gates: Iterable[Gate]) -> list[Crossing]:
    """All complete crossings in gate readings sorted by time."""
    return follow(gates)[0]


def follow(gates: Iterable[Gate]) -> tuple[list[Crossing], int | None]:
    """Complete crossings, and since when (UTC ms) one is under way, or None."""
    found: list[Crossing] = []
    run: list[Gate] = []
    blocked: set[str] = set()
    for gate in gates:
        if gate.gate not in ("inner", "outer"):
            continue
        if run and _over(run, blocked, gate.at):
            run, blocked = [], set()
        if gate.interrupted:
            run.append(gate)
            blocked.add(gate.gate)
        elif run:
            run.append(gate)
            blocked.discard(gate.gate)
            if not blocked and {each.gate for each in run if each.interrupted} == {"inner", "outer"}:
                found.append(_crossing(run))
                run = []
    return found, run[0].at if run else None


def _over(run: Sequence[Gate], blocked: set[str], at: int) -> bool:
    """True when what the gates saw so far does not go on at `at`."""
    return at - run[0].at > STUCK_MS or (not blocked and at - run[-1].at > JOIN_MS)


def _crossing(run: Sequence[Gate]) -> Crossing:
    first, final = run[0], run[-1]
    direction = "back" if first.gate == final.gate else ("out" if first.gate == "inner" else "in")
    second = next(each for each in run if each.interrupted and each.gate != first.gate)
    return Crossing(first.at, final.at, second.at, direction, first.id, tuple(each.id for each in run))


def passages(
    device: str, gates: Sequence[Gate], reads: Sequence[Read], *, floor_dbm: float, newest: int,
    since: int | None = None, settled: Mapping[str, tuple[int, float]] | None = None,
) -> list[Passage]:  # fmt: skip
    """Every tag that crossed, from readings sorted by time; `newest` is the latest time any of them speaks of.

    `since`: crossings before it were judged while more was known of the time before them, and are left out; `settled`:
    of each tag the end (UTC ms) and level of its last passage among those.
    """
    through = crossings(gates)
    found = []
    by_epc: dict[str, list[Read]] = {}
    for read in reads:
        by_epc.setdefault(read.epc, []).append(read)
    for epc, own in sorted(by_epc.items()):
        share = _shares(through, own)
        last = (settled or {}).get(epc)
        for crossing in through:
            if since is not None and crossing.at < since:
                continue
            if last is not None and crossing.start - last[0] >= MEMORY_MS:
                last = None
            during = share.get(crossing.first_id, [])
            level = max((read.max_dbm for read in during), default=-999.0)
            if crossing.direction == "back" or sum(read.count for read in during) < MIN_READS or level < floor_dbm:
                continue
            before = _level_before(crossing, own, during, last)
            confidence = _confidence(crossing, own, level, before, newest)
            if confidence is None or (last and level < last[1] - RIVAL_DB):
                continue
            last = (crossing.end, level)
            found.append(_passage(device, epc, crossing, during, own, gates, level, confidence))
    return sorted(found, key=lambda each: (each.at, each.epc))


def _shares(through: Sequence[Crossing], reads: Sequence[Read]) -> dict[str, list[Read]]:
    """Each read belongs to the crossing it overlaps most, within the pad."""
    share: dict[str, list[Read]] = {}
    for read in reads:
        overlap, first_id = max(
            ((min(read.last_at, each.end + PAD_MS) - max(read.at, each.start - PAD_MS), each.first_id)
             for each in through),
            default=(-1, ""),
        )  # fmt: skip
        if overlap >= 0:
            share.setdefault(first_id, []).append(read)
    return share


def _level_before(
    crossing: Crossing, own: Sequence[Read], during: Sequence[Read], last: tuple[int, float] | None
) -> float | None:
    """How loud the tag was where it stood before this crossing; None when it was not heard there."""
    start, end = crossing.start - BEFORE_MS, crossing.start - APPROACH_MS
    if last and last[0] + PAD_MS > start:  # it stands where the crossing before has left it
        start, end = last[0] + PAD_MS, max(end, crossing.start - PAD_MS)
    levels = [read.max_dbm for read in own if start <= read.at and read.last_at < end]
    # A window so long that it began before the approach says by its first read how loud the tag stood there.
    levels += [read.first_dbm for read in during if read.at < crossing.start - APPROACH_MS]
    return max(levels, default=None)


def _confidence(
    crossing: Crossing, own: Sequence[Read], level: float, before: float | None, newest: int
) -> float | None:
    if before is None or level >= before + RISE_DB:
        return 0.995
    behind = (crossing.end + AFTER_FROM_MS, crossing.end + AFTER_TO_MS)
    if newest < behind[1]:
        return None  # not yet
    after = max((read.max_dbm for read in own if behind[0] <= read.at < behind[1]), default=None)
    return 0.97 if after is None or after <= level - FALL_DB else None


def _passage(
    device: str, epc: str, crossing: Crossing, during: Sequence[Read], own: Sequence[Read], gates: Sequence[Gate],
    level: float, confidence: float,
) -> Passage:  # fmt: skip
    around = [read for read in own if crossing.start - 10_000 <= read.last_at and read.at <= crossing.end + 2_000]
    trace = sorted(around, key=lambda read: (-read.max_dbm, read.at))[:24]
    snapshot = {
        "rssi": [
            [read.at, read.last_at, read.first_dbm, read.max_dbm, read.last_dbm, read.count]
            for read in sorted(trace, key=lambda read: read.at)
        ],
        "gates": [[gate.at, gate.gate, gate.interrupted] for gate in gates if gate.id in set(crossing.inputs[:16])],
    }
    return Passage(
        id=str(uuid.uuid5(_NAMESPACE, f"{device}/{epc}/{crossing.first_id}/{crossing.direction}")),
        epc=epc,
        at=crossing.at,
        direction=crossing.direction,
        crossing=crossing.first_id,
        level_dbm=level,
        confidence=confidence,
        inputs=(*crossing.inputs[:16], *(read.id for read in during[:24])),
        snapshot=snapshot,
        end=crossing.end,
    )


def without_gates(
    device: str, reads: Sequence[Read], *, floor_dbm: float, direction: str, newest: int
) -> list[Passage]:
    """A door without light gates: a tag that rose above the floor and fell away again went the way the session goes.

    One antenna cannot tell direction, so the session says it (`direction`: out or in) and confidence is 0.9: grade C.
    A presence ends when the tag is silent for 3 s.
    """
    found = []
    by_epc: dict[str, list[list[Read]]] = {}
    for read in reads:
        presences = by_epc.setdefault(read.epc, [])
        if presences and read.at - max(each.last_at for each in presences[-1]) <= 3_000:
            presences[-1].append(read)
        else:
            presences.append([read])
    for epc, presences in sorted(by_epc.items()):
        for presence in presences:
            peak = max(presence, key=lambda read: (read.max_dbm, -read.at))
            rise = peak.max_dbm - presence[0].first_dbm
            fall = peak.max_dbm - presence[-1].last_dbm
            count = sum(read.count for read in presence)
            over = newest - max(read.last_at for read in presence) > 3_000
            if peak.max_dbm < floor_dbm or count < 3 or rise < 6 or (fall < 6 and not over):
                continue
            crossing = Crossing(presence[0].at, presence[-1].last_at, peak.at, direction, presence[0].id, ())
            found.append(_passage(device, epc, crossing, presence, presence, [], peak.max_dbm, 0.9))
    return sorted(found, key=lambda each: (each.at, each.epc))
