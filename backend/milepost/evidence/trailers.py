"""Tags that vehicles and trailers carry (GIAI), and the doors at which they are heard: a truck in the dock is heard all
the time, one that drives by is not."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from milepost.errors import Conflict, Invalid
from milepost.evidence import repository
from milepost.evidence.docking import Heard
from milepost.evidence.epc.decoding import decode
from milepost.evidence.epc.model import EpcError
from milepost.fleet import service as fleet
from milepost.ids import new_id
from milepost.plan.service import normal_epc
from milepost.telemetry.model import Reading, TagBody
from milepost.times import to_rfc3339

DETECTOR = "trailer"
DOCKED_MS = 60_000  # who drives by is heard for less
RIVAL_DB = 6.0
_APART_MS = 600_000
_MOST_SPANS = 200
_HEADERS = ("34", "38")  # GIAI-96, GIAI-202 (GS1 TDS, EPC binary headers)
Spans = list[list[Any]]  # [from, to, loudest dBm]


def bind_tag(conn: Connection, vehicle: str, epc: str, from_ms: int, to_ms: int | None = None) -> str:
    """Say that a vehicle carries a tag in [from_ms, to_ms) (UTC ms). Returns the EPC in its normal form.

    Raises NotFound, Invalid unless the EPC is a GIAI, Conflict naming the vehicle that carries it in this time.
    """
    fleet.get(conn, "vehicle", vehicle)
    epc = normal_epc(epc)
    try:
        scheme = decode(epc).scheme
    except EpcError as error:
        raise Invalid(f"epc: {error}") from None
    if scheme != "giai":
        raise Invalid(f"EPC {epc} is a {scheme}; a vehicle or trailer carries a GIAI (asset identifier)")
    if to_ms is not None and to_ms <= from_ms:
        raise Invalid("the tag is taken off before it is put on")
    for old in repository.vehicle_tags(conn, epc):
        if (to_ms is None or old["from_ms"] < to_ms) and (old["to_ms"] is None or old["to_ms"] > from_ms):
            raise Conflict(
                f"the tag is on vehicle {old['vehicle_id']} since {to_rfc3339(old['from_ms'])}",
                changed={"vehicle": old["vehicle_id"]},
            )
    row = {"id": new_id(), "vehicle_id": vehicle, "epc": epc, "from_ms": from_ms, "to_ms": to_ms}
    repository.add_vehicle_tag(conn, row)
    return epc


def hear(conn: Connection, door: str, readings: Iterable[Reading]) -> int | None:
    """Take what the reader of a door has read of vehicles' tags.

    Returns the event time (UTC ms) from which on it says something new about who stands there, or None.
    """
    found: dict[str, list[tuple[int, int, float]]] = {}
    for reading in readings:
        body = reading.body
        if isinstance(body, TagBody) and body.epc[:2] in _HEADERS:
            found.setdefault(body.epc, []).append((reading.at, body.last_at, body.rssi_max_dbm))
    if not found:
        return None
    state: dict[str, Spans] = repository.load_state(conn, DETECTOR, door) or {}
    news: list[int] = []
    for epc, reads in sorted(found.items()):
        for row in repository.vehicle_tags(conn, epc):
            own: Spans = [list(each) for each in reads if row["from_ms"] <= each[0] < (row["to_ms"] or 2**53)]
            before = state.get(row["vehicle_id"], [])
            state[row["vehicle_id"]] = after = joined([*before, *own])
            if own and _docked(before) != _docked(after):
                news.append(min([each[0] for each in own] + [start for start, _ in _docked(after)[-1:]]))
    repository.save_state(conn, DETECTOR, door, state)
    return min(news, default=None)


def joined(spans: Iterable[list[Any]]) -> Spans:
    """Spans of one tag at one door; those with less than ten minutes between them are one. The union, in any order."""
    found: Spans = []
    for start, end, level in sorted(spans):
        if found and start - found[-1][1] <= _APART_MS:
            found[-1][1], found[-1][2] = max(found[-1][1], end), max(found[-1][2], level)
        else:
            found.append([start, end, level])
    return found[-_MOST_SPANS:]


def docked_by_tag(conn: Connection, doors: Iterable[str]) -> list[Heard]:
    """Where the tags of vehicles were heard for a minute and more, and not within 6 dB at another door meanwhile."""
    states: dict[str, dict[str, Spans]] = {door: repository.peek_state(conn, DETECTOR, door) or {} for door in doors}
    spans = [
        (vehicle, door, *span)
        for door, state in states.items()
        for vehicle, each in state.items()
        for span in each
        if span[1] - span[0] >= DOCKED_MS
    ]
    found = []
    for vehicle, door, start, end, level in spans:
        rivals = [
            loud
            for own, place, begin, until, loud in spans
            if own == vehicle and place != door and begin < end and start < until
        ]
        if all(level >= loud + RIVAL_DB for loud in rivals):
            found.append(Heard(vehicle, door, start))
    return found


def _docked(spans: Spans) -> list[tuple[int, float]]:
    return [(start, level) for start, end, level in spans if end - start >= DOCKED_MS]
