"""What the readers of dock doors sent, kept portion by portion for as long as it may be judged again.

A worker writes a portion in the transaction in which it takes the readings, so that whoever judges next, after a
restart or in another process, has all of them and none twice.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from milepost.evidence import repository
from milepost.evidence.dock.files import Edge, Read
from milepost.evidence.dock.model import INNER, OUTER
from milepost.evidence.tables import door_portion
from milepost.telemetry.model import GateBody, Reading, TagBody

AGAIN = "dock-again"
SIDES = {"inner": INNER, "outer": OUTER}
# The firmware records a window of reads when it closes: other windows that began so long before may still be open.
WINDOW_MS = 600
AHEAD_MS = 2_000  # a reader whose clock is further ahead does not say how far the others are


@dataclass(frozen=True, slots=True)
class Window:
    """Reads of one tag at one antenna. `at`, `last_at` UTC ms; levels in dBm; `id` of the reading."""

    at: int
    last_at: int
    epc: str
    antenna: int
    max_dbm: float
    first_dbm: float
    last_dbm: float
    count: int
    id: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A light gate (`inner` or `outer`) changed at an instant (UTC ms)."""

    at: int
    gate: str
    interrupted: bool
    id: str


@dataclass(frozen=True, slots=True)
class Portion:
    """What one reader of a door sent at once. `sure_ms`: nothing before it is still under way from this reader, as far
    as an outbox keeps its order; `received_ms`, `clock`: of its last reading."""

    id: int
    door: str
    device: str
    windows: tuple[Window, ...]
    gates: tuple[Gate, ...]
    sure_ms: int
    received_ms: int
    clock: str

    @property
    def first_ms(self) -> int:
        """The first instant that it speaks of."""
        return min((each.at for each in (*self.windows, *self.gates)), default=self.sure_ms)

    def reads(self) -> list[Read]:
        """Its windows as one to three reads each, in seconds: the first, the loudest in the middle, the last."""
        found: list[Read] = []
        for each in self.windows:
            place = (self.door, f"{self.device}/{each.antenna}", each.epc)
            found.append((each.at / 1000, *place, each.first_dbm if each.count > 1 else each.max_dbm))
            if each.count > 1:
                found.append((each.last_at / 1000, *place, each.last_dbm))
            if each.count > 2 and each.max_dbm > max(each.first_dbm, each.last_dbm):
                found.append(((each.at + each.last_at) // 2 / 1000, *place, each.max_dbm))
        return found

    def edges(self) -> list[Edge]:
        """Its gates as edges, in seconds."""
        return [(each.at / 1000, self.door, SIDES[each.gate], int(each.interrupted)) for each in self.gates]


def keep(conn: Connection, site: str, door: str, device: str, readings: Sequence[Reading]) -> None:
    """Keep the tag and gate readings of a door's reader. The caller has left out repeats."""
    tags = [each for each in readings if isinstance(each.body, TagBody)]
    gates = [each for each in readings if isinstance(each.body, GateBody) and each.body.gate in SIDES]
    sure = max([each.at for each in tags] + [each.at - WINDOW_MS for each in readings])
    sure = min(sure, max(each.received_at for each in readings) + AHEAD_MS)
    times = [each.at for each in (*tags, *gates)]
    if not times:
        return
    lines = {
        "tags": [_tag(each) for each in tags],
        "gates": [[each.at, each.body.gate, int(each.body.interrupted), each.stream, each.seq]
                  for each in gates if isinstance(each.body, GateBody)],
        "sure": sure,
        "received": readings[-1].received_at,
        "clock": readings[-1].clock,
    }  # fmt: skip
    row = {
        "site_id": site,
        "door_id": door,
        "device_id": device,
        "first_ms": min(times),
        "last_ms": max([sure, *times, *(each.body.last_at for each in tags if isinstance(each.body, TagBody))]),
        "lines": zlib.compress(json.dumps(lines, separators=(",", ":")).encode(), 1),
    }
    conn.execute(insert(door_portion).values(row))


def _tag(reading: Reading) -> list[Any]:
    body = reading.body
    assert isinstance(body, TagBody)
    levels = (body.rssi_max_dbm, body.rssi_first_dbm, body.rssi_last_dbm)
    return [reading.at, body.last_at, body.epc, body.antenna, *levels, body.count, reading.stream, reading.seq]


def of_site(conn: Connection, site: str, after: int = 0) -> list[Portion]:
    """The portions of a site with ids above `after`, in order."""
    where = (door_portion.c.site_id == site, door_portion.c.id > after)
    rows = conn.execute(select(door_portion).where(*where).order_by(door_portion.c.id)).mappings()
    return [_portion(dict(row)) for row in rows]


def of_door(conn: Connection, door: str, from_ms: int, to_ms: int) -> list[Portion]:
    """The portions of a door that speak of [from_ms, to_ms)."""
    where = (door_portion.c.door_id == door, door_portion.c.last_ms >= from_ms, door_portion.c.first_ms < to_ms)
    rows = conn.execute(select(door_portion).where(*where).order_by(door_portion.c.id)).mappings()
    return [_portion(dict(row)) for row in rows]


def forget(conn: Connection, site: str, before_ms: int) -> bool:
    """Forget the portions of a site that speak of nothing from an instant on; True when there were any."""
    where = (door_portion.c.site_id == site, door_portion.c.last_ms < before_ms)
    return conn.execute(delete(door_portion).where(*where)).rowcount > 0


def judge_again(conn: Connection, site: str, now: int, *, late: bool = False) -> None:
    """Have the next tick of a sink judge a site again, because something else was told of it (`now`: UTC ms), or
    something came behind what was judged (`late`)."""
    known = repository.load_state(conn, AGAIN, site)
    if known is None or late > known["late"]:
        repository.save_state(conn, AGAIN, site, {"since": now, "late": late})


def _portion(row: dict[str, Any]) -> Portion:
    lines = json.loads(zlib.decompress(row["lines"]))
    device = row["device_id"]
    windows = (
        Window(at, last_at, epc, antenna, high, first, last, count, f"{device}/{stream}/{seq}")
        for at, last_at, epc, antenna, high, first, last, count, stream, seq in lines["tags"]
    )
    gates = (Gate(at, gate, bool(state), f"{device}/{stream}/{seq}") for at, gate, state, stream, seq in lines["gates"])
    return Portion(
        row["id"], row["door_id"], device, tuple(windows), tuple(gates), lines["sure"], lines["received"],
        lines["clock"],
    )  # fmt: skip


def epcs(found: Iterable[Portion]) -> set[str]:
    """Every EPC that was read."""
    return {each.epc for portion in found for each in portion.windows}
