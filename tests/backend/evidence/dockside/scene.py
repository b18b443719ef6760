"""A yard whose doors look both ways, and what their readers record of units on their way: windows and gates.

The ways, levels and gates are those of `dock/hand.py`; here they become records of devices, in the order in which a
device writes them: a window when it closes, half a second after its first read.
"""

import sys
from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

from milepost.evidence.dock.model import INNER
from milepost.fleet import antennas
from milepost.telemetry.model import GateBody, Reading, TagBody

sys.path.insert(0, str(Path(__file__).parents[1] / "dock"))
import hand

from ..conftest import T0, Yard

__all__ = ["T0", "arrivals", "equip", "feed", "hand", "record"]

WINDOW_MS = 500
ANTENNAS = {"i1": 0, "i2": 1, "o1": 2, "o2": 3}
_START_MS = round(hand.START_S * 1000)


def equip(yard: Yard, doors: Iterable[str] = ("1", "2")) -> None:
    """Two antennas inside, two outside at each door, on one reader."""
    roles = [{"antenna": n, "role": "inner" if name[0] == "i" else "outer"} for name, n in ANTENNAS.items()]
    with yard.db.tx() as conn:
        for door in doors:
            antennas.set_antennas(conn, yard.doors[door], roles)


def record(reads: Sequence[tuple], edges: Sequence[tuple] = (), *, start_ms: int = T0) -> list[Reading]:
    """What readers `reader-<door>` record of reads (t, door, antenna, epc, dBm) and edges (t, door, side, state).

    Doors are called "1", "2", as in the yard; `start_ms`: the instant of hand.START_S. In the order of writing.
    """
    opened: dict[tuple, list] = {}
    windows: list[list] = []
    for t, door, antenna, epc, dbm in sorted(reads):
        at = round(t * 1000) - _START_MS + start_ms
        key = (door, antenna, epc)
        known = opened.get(key)
        if known is None or at - known[3] >= WINDOW_MS:
            opened[key] = known = [door, ANTENNAS[antenna.removeprefix(door)], epc, at, at, dbm, dbm, dbm, 0]
            windows.append(known)
        known[4], known[6], known[7] = at, max(known[6], dbm), dbm
        known[8] += 1
    rows: list[tuple[int, str, str, int, object]] = []
    for door, antenna, epc, first, last, first_dbm, max_dbm, last_dbm, number in windows:
        body = TagBody(epc, 0x3000, antenna, max_dbm, first_dbm, last_dbm, None, None, None, last, number)
        rows.append((first + WINDOW_MS, door, "tag", first, body))
    for t, door, side, state in edges:
        at = round(t * 1000) - _START_MS + start_ms
        rows.append((at + 30, door, "gate", at, GateBody("inner" if side == INNER else "outer", bool(state), 0)))
    rows.sort(key=lambda row: (row[0], row[1], str(row[4])))
    seqs = {door: count(1) for _, door, *_ in rows}
    return [
        Reading(f"reader-{door}", 7, next(seqs[door]), kind, at, "ntp", written, body)  # type: ignore[arg-type]
        for written, door, kind, at, body in rows
    ]


def arrivals(readings: Sequence[Reading], every_ms: int = 1000) -> list[tuple[int, list[Reading]]]:
    """(until when, what was written by then) in deliveries of so many milliseconds."""
    found: list[tuple[int, list[Reading]]] = []
    for each in sorted(readings, key=lambda one: one.received_at):
        until = each.received_at // every_ms * every_ms + every_ms
        if not found or found[-1][0] != until:
            found.append((until, []))
        found[-1][1].append(each)
    return found


def feed(yard: Yard, readings: Sequence[Reading], every_ms: int = 1000) -> list[tuple[int, object]]:
    """Deliver readings as they are written; the facts with the instant at which each was told."""
    return [(at, fact) for at, portion in arrivals(readings, every_ms) for fact in yard.feed(*portion)]
