"""From the tag reads of picking benches to facts: `unit.picked` where a pick list asks for it, else `unit.seen` (T9).

Stays at benches are kept, so that a read, a pick list or a binding that comes late finds the others: the same reads,
lists and bindings give the same facts in any order.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from milepost.evidence import log, picking, repository, service
from milepost.evidence.model import Author, Fact, fact_id, grade
from milepost.evidence.picking import SEEN_EVERY_MS, Heard, Stay
from milepost.fleet import service as fleet
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.telemetry.model import Reading, TagBody, reading_id
from milepost.times import now_ms

# What a person says that may change which list asks for a unit, or which unit a tag is on.
_BEARS = frozenset(
    {"pick.issued", "order.readied", "waybill.issued", "order.cancelled", "order.edited", "order.units", "unit.bound",
     "unit.unbound", "fact.retracted"}
)  # fmt: skip
_OURS = ("unit.picked", "unit.seen")


def observe(conn: Connection, bench_id: str, readings: Iterable[Reading], now: int) -> list[Fact]:
    """Take tag readings of a bench (in any order; a repeated one changes nothing) and append what they show."""
    floor_dbm = fleet.get(conn, "bench", bench_id)["rssi_floor_dbm"]
    by_epc: dict[str, list[Heard]] = {}
    for reading in readings:
        if isinstance(reading.body, TagBody) and (heard := _heard(reading, reading.body)).counts(floor_dbm):
            by_epc.setdefault(reading.body.epc, []).append(heard)
    touched: dict[str, int] = {}
    for epc, found in sorted(by_epc.items()):
        _keep(conn, bench_id, epc, found)
        for heard in found:
            unit = plan.unit_of_epc(conn, epc, heard.at)
            if unit is not None:  # a tag that nothing is bound to may be bound later
                touched[unit.id] = min(heard.at, touched.get(unit.id, heard.at))
    return [fact for unit_id, since in touched.items() for fact in _settle(conn, unit_id, since, now)]


def resettle(conn: Connection, facts: Iterable[Fact]) -> list[Fact]:
    """Judge the stays of the orders' units again after a person's facts that bear on them. Returns those appended."""
    orders = {fact.subjects["order"] for fact in facts if fact.kind in _BEARS and "order" in fact.subjects}
    appended: list[Fact] = []
    for order_id in sorted(orders):
        units = [row["id"] for row in plan_rows.units(conn, order_id=order_id)]
        bound = {row["epc"] for row in plan_rows.epcs(conn, units)} if units else set[str]()
        if bound and repository.stays(conn, bound):
            for unit_id in units:
                appended += _settle(conn, unit_id, 0, now_ms())
    return appended


def _settle(conn: Connection, unit_id: str, since: int, now: int) -> list[Fact]:
    """Bring the facts of a unit at benches up to date; of mere sightings those from `since` (UTC ms) on."""
    since -= since % SEEN_EVERY_MS
    unit = plan.get_unit(conn, unit_id)
    bound = plan_rows.epcs(conn, [unit_id])
    everywhere = [
        part
        for stay in _stays(conn, {row["epc"] for row in bound})
        for row in bound
        if row["epc"] == stay.epc and (part := stay.within(row["from_ms"], row["to_ms"])) is not None
    ]
    benches = {bench: fleet.get(conn, "bench", bench) for bench in sorted({stay.bench for stay in everywhere})}
    of_order = service.standing(log.of_subjects(conn, [("order", unit.order_id)]))
    lists, home = picking.pick_lists(of_order), picking.origin(of_order)
    here = [stay for stay in everywhere if home in (None, benches[stay.bench]["site_id"])]
    away = [stay for stay in everywhere if home not in (None, benches[stay.bench]["site_id"])]
    wanted = [_picked(unit_id, each.id, at, stay, benches[stay.bench]) for each, at, stay in picking.picks(here, lists)]
    lying = {**picking.sightings(here, lists, since), **picking.sightings(away, (), since)}
    wanted += [_seen(unit_id, bucket, at, stay, benches[stay.bench]) for (_, bucket), (at, stay) in lying.items()]
    own = log.of_subjects(conn, [("unit", unit_id)])
    known = [
        fact
        for fact in own
        if fact.by.role == "device"
        and (
            fact.kind == "fact.retracted"
            or (fact.kind in _OURS and "bench" in fact.body and (fact.kind == "unit.picked" or fact.at >= since))
        )
    ]
    return service.correct(conn, wanted, known, why="later evidence shows another stay at the bench", now=now)


def _picked(unit_id: str, list_id: str, at: int, stay: Stay, bench: dict[str, Any]) -> Fact:
    return _fact("unit.picked", unit_id, (list_id,), at, stay, bench, list=list_id)


def _seen(unit_id: str, bucket: int, at: int, stay: Stay, bench: dict[str, Any]) -> Fact:
    why = "lay at a picking bench, and no open pick list of its site asks for it"
    return _fact("unit.seen", unit_id, (f"{stay.bench}/{bucket}",), at, stay, bench, why=why)


def _fact(
    kind: str, unit_id: str, key: tuple[str, ...], at: int, stay: Stay, bench: dict[str, Any], **body: Any
) -> Fact:
    subjects = {"unit": unit_id, "site": bench["site_id"]}
    confidence = stay.confidence(bench["rssi_floor_dbm"])
    return Fact(
        id=fact_id(kind, subjects, key),
        kind=kind,
        at=at,
        received_at=max(stay.first.received_at, at),
        clock=stay.first.clock,
        by=Author("device", stay.first.id.split("/")[0]),
        source="rfid",
        subjects=subjects,
        body={"bench": stay.bench, "epc": stay.epc, **body},
        confidence=confidence,
        grade=grade({"rfid"}, confidence),
        inputs=tuple(dict.fromkeys((stay.first.id, stay.loudest.id))),
        snapshot=stay.snapshot(),
        rule=picking.RULE,
    )


def _keep(conn: Connection, bench_id: str, epc: str, found: Iterable[Heard]) -> None:
    """Join what was heard to the stays known; what no longer stands by itself goes."""
    new = [picking.stay_of(bench_id, epc, heard) for heard in found]
    known = [stay for stay in _stays(conn, {epc}) if stay.bench == bench_id]
    whole = picking.joined([*known, *new])
    gone = {stay.from_ms for stay in known if stay not in whole}
    repository.replace_stays(
        conn, bench_id, epc, gone, [(stay.from_ms, stay.to_ms, stay.kept()) for stay in whole if stay not in known]
    )


def _stays(conn: Connection, epcs: Iterable[str]) -> list[Stay]:
    return [
        Stay(
            row["bench_id"], row["epc"], row["from_ms"], row["to_ms"], Heard(**row["kept"]["first"]),
            Heard(**row["kept"]["loudest"]),
        )
        for row in repository.stays(conn, epcs)
    ]  # fmt: skip


def _heard(reading: Reading, body: TagBody) -> Heard:
    return Heard(
        reading.at, body.last_at, reading_id(reading), body.rssi_max_dbm, body.rssi_first_dbm, body.rssi_last_dbm,
        body.count, reading.clock, reading.received_at,
    )  # fmt: skip
