"""From the readings of a door's reader to passages: the door rule with memory and correction.

The last two minutes of a reader stay open (ten while one of its records is missing). A crossing is judged only while
the 45 s before it are still known, so that forgetting never turns a stray into a passage.
"""

import json
from collections.abc import Iterable
from dataclasses import astuple, replace
from typing import Any

from sqlalchemy import Connection

from milepost.evidence import log, passages, repository, service, sighting
from milepost.evidence.model import Fact
from milepost.evidence.passages import Gate, Passage, Read
from milepost.evidence.window import merged
from milepost.fleet import service as fleet
from milepost.plan import service as plan
from milepost.telemetry.model import GateBody, Reading, TagBody, reading_id

DETECTOR = "door"
OPEN_MS, OPEN_WAITING_MS = 120_000, 600_000
NEEDS_MS = 45_000
_MOST = 4_000  # readings of one door kept open, whatever their age


def observe(
    conn: Connection, device: str, door_id: str, readings: Iterable[Reading], *, waiting: bool, now: int
) -> list[Fact]:
    """Take new tag and gate readings of a door's reader (each once, in any order) and append what they show."""
    target = f"{device}@{door_id}"
    door = fleet.get(conn, "door", door_id)
    stored = repository.load_state(conn, DETECTOR, target) or {}
    fresh = sorted(readings, key=lambda reading: (reading.at, reading.stream, reading.seq))
    cut = stored.get("cut")
    usable = [reading for reading in fresh if cut is None or reading.at >= cut]
    gates = merged([Gate(*row) for row in stored.get("gates", ())], _gates(usable), key=_order)
    reads = merged([Read(*row) for row in stored.get("reads", ())], _reads(usable), key=_order)
    newest = max(stored.get("newest", 0), *(_end(reading) for reading in fresh))
    told = set(stored.get("told", ()))
    settled = {epc: (end, level) for epc, (end, level) in stored.get("settled", {}).items()}
    found = _judge(conn, device, door, gates, reads, cut, newest, settled)
    changed = _keep(conn, device, door_id, found, told, fresh[-1], cut)
    appended = service.settle(conn, changed)
    seen = dict(stored.get("seen", {}))
    appended += _tell_seen(conn, door, reads, seen, newest=newest, received=fresh[-1].received_at)
    cut = _cut(gates, reads, newest - (OPEN_WAITING_MS if waiting else OPEN_MS), cut)
    gone = {read.epc for read in reads} - {each.epc for each in found}
    settled |= {each.epc: (each.end, each.level_dbm) for each in found if not _open(each.at, cut)}
    state = {
        "gates": [astuple(gate) for gate in gates if cut is None or gate.at >= cut],
        "reads": [astuple(read) for read in reads if cut is None or read.at >= cut],
        "cut": cut,
        "newest": newest,
        "told": sorted(each.id for each in found),
        "settled": {epc: last for epc, last in settled.items() if newest - last[0] < 2 * passages.MEMORY_MS},
        "seen": {epc: bucket for epc, bucket in seen.items() if newest // sighting.EVERY_MS - bucket < 2},
        "strays": len(gone),
        "late": stored.get("late", 0) + len(fresh) - len(usable),
    }
    repository.save_state(conn, DETECTOR, target, state)
    return appended


def _judge(
    conn: Connection, device: str, door: dict[str, Any], gates: list[Gate], reads: list[Read], cut: int | None,
    newest: int, settled: dict[str, tuple[int, float]],
) -> list[Passage]:  # fmt: skip
    """The passages of the open window that can still be judged, that is: whose time before is known."""
    floor = door["rssi_floor_dbm"]
    if door["gates"]:
        since = None if cut is None else cut + NEEDS_MS
        found = passages.passages(device, gates, reads, floor_dbm=floor, newest=newest, since=since, settled=settled)
    else:
        found = []
        for direction in ("out", "in"):
            every = passages.without_gates(device, reads, floor_dbm=floor, direction=direction, newest=newest)
            found += [each for each in every if _goes(conn, door["id"], each.at) == direction]
    return [each for each in found if _open(each.at, cut)]


def _open(at: int, cut: int | None) -> bool:
    return cut is None or at >= cut + NEEDS_MS


def _goes(conn: Connection, door_id: str, at: int) -> str | None:
    session = repository.session_at(conn, door_id, at)
    return None if session is None else ("out" if session["direction"] == "load" else "in")


def _keep(
    conn: Connection, device: str, door_id: str, found: list[Passage], told: set[str], newest: Reading, cut: int | None
) -> list[dict[str, Any]]:
    """Store passages; returns the rows that are new, changed or withdrawn, and those of rivals at other doors."""
    known = repository.passages_by_id(conn, {each.id for each in found} | told)
    changed = []
    for each in found:
        old = known.get(each.id)
        evidence = each.as_json()
        first = json.loads(old["evidence"]) if old else {}
        evidence["received_at"] = first.get("received_at", max(newest.received_at, each.at))
        evidence["clock"] = first.get("clock", newest.clock)
        evidence["gates"] = bool(evidence["snapshot"]["gates"])
        row = {
            "id": each.id,
            "device_id": device,
            "door_id": door_id,
            "epc": each.epc,
            "at": each.at,
            "direction": each.direction,
            "level_dbm": each.level_dbm,
            "evidence": json.dumps(evidence, separators=(",", ":")),
            "withdrawn": 0,
        }
        if old != row:
            repository.put_passage(conn, row, old is not None)
            changed.append(row)
    for passage_id in told - {each.id for each in found}:
        row = known.get(passage_id)
        # A passage that left the open window keeps its word; one that is gone from within it does not.
        if row is not None and not row["withdrawn"] and _open(row["at"], cut):
            repository.withdraw_passage(conn, passage_id)
            changed.append({**row, "withdrawn": 1})
    for row in list(changed):
        span = (row["at"] - service.RIVAL_MS, row["at"] + service.RIVAL_MS)
        changed += repository.rivals(conn, row["epc"], door_id, *span)
    return changed


def _tell_seen(
    conn: Connection, door: dict[str, Any], reads: list[Read], seen: dict[str, int], *, newest: int, received: int
) -> list[Fact]:
    """unit.seen for known units that were heard and did not pass: once in ten minutes, not while aboard here."""
    facts = []
    for read in reads:
        bucket = read.at // sighting.EVERY_MS
        if seen.get(read.epc, -1) >= bucket or newest - read.last_at < sighting.QUIET_MS:
            continue
        seen[read.epc] = bucket
        unit = plan.unit_of_epc(conn, read.epc, read.at)
        if unit is None or _explained(conn, door["id"], read):
            continue
        fact = sighting.fact_of(unit.id, door["site_id"], door["id"], read, passages.RULE)
        facts.append(replace(fact, received_at=max(received, read.at), clock="ntp"))
    return log.append(conn, facts)


def _explained(conn: Connection, door_id: str, read: Read) -> bool:
    """True when a passage near in time says more than that the tag was heard, or when the tag's last passage of the
    hour before led out: then it is heard from inside the truck. By readings alone: sessions may be known later."""
    if repository.passages(conn, door_id, read.at - sighting.NEAR_MS, read.last_at + sighting.AHEAD_MS, [read.epc]):
        return True
    rows = repository.passages(conn, door_id, read.at - passages.MEMORY_MS, read.at, [read.epc])
    return bool(rows) and rows[-1]["direction"] == "out"


def _cut(gates: list[Gate], reads: list[Read], wish: int, old: int | None) -> int | None:
    """From where on readings stay open: never in the middle of a crossing."""
    times = sorted([*(gate.at for gate in gates), *(read.at for read in reads)])
    if len(times) > _MOST:
        wish = max(wish, times[len(times) // 2])
    through, under_way = passages.follow(gates)
    for crossing in through:
        if crossing.start < wish <= crossing.end:
            wish = crossing.start
    if under_way is not None and wish > under_way > wish - passages.STUCK_MS:
        wish = under_way
    if old is not None:
        return max(old, wish)
    return wish if times and times[0] < wish else None  # nothing was forgotten so far


def _gates(readings: Iterable[Reading]) -> list[Gate]:
    return [
        Gate(reading.at, reading_id(reading), reading.body.gate, reading.body.interrupted)
        for reading in readings
        if isinstance(reading.body, GateBody)
    ]


def _reads(readings: Iterable[Reading]) -> list[Read]:
    found = []
    for reading in readings:
        body = reading.body
        if isinstance(body, TagBody):
            levels = (body.rssi_max_dbm, body.rssi_first_dbm, body.rssi_last_dbm)
            found.append(Read(reading.at, body.last_at, reading_id(reading), body.epc, *levels, body.count))
    return found


def _order(each: Gate | Read) -> tuple[int, str, int, int]:
    device, stream, seq = each.id.split("/")
    return (each.at, device, int(stream), int(seq))


def _end(reading: Reading) -> int:
    return reading.body.last_at if isinstance(reading.body, TagBody) else reading.at
