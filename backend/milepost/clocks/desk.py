"""What people see of clocks: the desk (which order wants what next), the strip of the day's figures, one order's."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.clocks import repository, versions
from milepost.clocks.explain import explain
from milepost.clocks.repository import Row
from milepost.clocks.todo import TO_DO
from milepost.errors import NotFound
from milepost.fleet.tables import site as site_table
from milepost.masterdata import service as masterdata
from milepost.orders import repository as orders

_LATE = ("late", "excused")
_DAY_CLOCKS = ("N-01", "N-02", "N-04", "N-05", "N-12")
_JSON = ("facts", "before", "after")
_NEVER = 2**62


def of_order(conn: Connection, who: Principal, ref: str) -> list[Row]:
    """Every clock of one order with its explanation: those that want something first, the most pressing before, then
    those that run, then the ended ones by their start.

    Each is the clock's plain values (times UTC ms) with `to_do`, `waiting` and `explanation` {zh, en}.
    Raises NotFound, also for orders outside the person's scopes.
    """
    order_id = _found(conn, who, ref)["id"]
    rows = repository.of_orders(conn, [order_id])[order_id].values()
    return [_shown(each) for each in sorted(rows, key=_by_need)]


def audit_of(conn: Connection, who: Principal, ref: str) -> list[Row]:
    """What was judged anew of one order, the newest first: {at, clock, start_fact, subject, cause, facts, calendars,
    why, before, after}, the last two plain values of a clock. Raises NotFound."""
    names = ("at", "clock", "start_fact", "subject", "cause", "calendars", "why")
    return [
        {**{name: row[name] for name in names}, **{name: json.loads(row[name] or "null") for name in _JSON}}
        for row in repository.audit_of(conn, _found(conn, who, ref)["id"])
    ]


def local_day(conn: Connection, at: int) -> date:
    """The company's local day of an instant (UTC ms)."""
    return versions.in_force(conn).calendars.default.local(at).date()


def desk(
    conn: Connection,
    who: Principal,
    *,
    branch: str | None = None,
    region: str | None = None,
    channel: str | None = None,
    customer_class: str | None = None,
    clock: str | None = None,
    limit: int = 200,
    language: str = "zh",
) -> list[Row]:
    """Orders that somebody has to act upon, one row each with its most pressing clock: the longest late first, then
    by what runs out next (EO-10, EO-22). Times are UTC ms.

    `clock`: only orders where this one waits, and that one shown. `more`: how many more clocks of the order wait.
    `language`: zh or en, of the names of sites.
    """
    equal = {"branch": branch, "channel": channel, "customer_class": customer_class, "clock": clock}
    given = {name: value for name, value in equal.items() if value is not None}
    rows = repository.pressing(conn, who, given, _branches(conn, region), limit)
    counts = repository.waiting_counts(conn, who, [row["order_id"] for row in rows]) if rows else {}
    requests = [json.loads(row["request"]) for row in rows]
    sites = _site_names(conn, requests, language)
    return [
        {
            "order_id": row["order_id"],
            "number": row["number"],
            "customer": row["customer"],
            "channel": row["channel"],
            "customer_class": row["customer_class"],
            "branch": row["branch"],
            "from": _place(request.get("from"), sites),
            "to": _place(request.get("to"), sites),
            **_load(json.loads(row["projection"]), request),
            "clock": row["clock"],
            "klass": row["klass"],
            "verdict": row["verdict"],
            "start": row["start"],
            "due": row["due"],
            "late_from": row["late_from"],
            "to_do": TO_DO[row["clock"]],
            "owner": row["owner"],
            "state": row["order_state"],
            "version": row["version"],
            "more": counts[row["order_id"]] - 1,
        }
        for row, request in zip(rows, requests, strict=True)
    ]


def figures(
    conn: Connection,
    who: Principal,
    day: date,
    *,
    branch: str | None = None,
    region: str | None = None,
    channel: str | None = None,
    customer_class: str | None = None,
) -> Row:
    """The strip above the desk for one local day (EO-22): of the promises that started that day how many were kept.

    {day, from, to, accepted {on_time, of, open}, assigned {on_time, of, open}, median_accept_ms, rerouted, postponed,
    cancelled {with_reason, without_reason}, waiting, late, hours [{hour, received, accepted}]}. `of` counts the
    clocks that are over, `open` those that still run; void ones count nowhere. `waiting` and `late` are of now.
    """
    calendar = versions.in_force(conn).calendars.default
    start, end = calendar.instant(day, time()), calendar.instant(day + timedelta(days=1), time())
    equal = {"branch": branch, "channel": channel, "customer_class": customer_class}
    given = {name: value for name, value in equal.items() if value is not None}
    branches = _branches(conn, region)
    rows = repository.started(conn, who, _DAY_CLOCKS, start, end, given, branches)
    of: dict[str, list[Row]] = {name: [row for row in rows if row["clock"] == name] for name in _DAY_CLOCKS}
    began = {name: [row for row in of[name] if start <= row["start"] < end] for name in of}
    ended = {name: [row for row in of[name] if row["end"] is not None and start <= row["end"] < end] for name in of}
    took = [max(0, row["end"] - row["start"]) for row in began["N-01"] if row["end"] and row["verdict"] != "void"]
    accepted = [row["end"] for row in ended["N-01"] if row["verdict"] in ("met", *_LATE)]
    received = repository.received(conn, who, start, end, given, branches)
    waiting, late = repository.standing(conn, who, given, branches)
    hours = [{"hour": hour, "received": 0, "accepted": 0} for hour in range(24)]
    for name, times in (("received", received), ("accepted", accepted)):
        for at in times:
            hours[calendar.local(at).hour][name] += 1
    return {
        "day": day.isoformat(),
        "from": start,
        "to": end,
        "accepted": _kept(began["N-01"]),
        "assigned": _kept(began["N-02"]),
        "median_accept_ms": int(median(took)) if took else None,
        "rerouted": sum(row["verdict"] in ("met", *_LATE) for row in ended["N-05"]),
        "postponed": sum(row["verdict"] == "met" for row in ended["N-04"]),
        "cancelled": {
            "with_reason": sum(row["end"] is not None for row in began["N-12"]),
            "without_reason": sum(row["end"] is None for row in began["N-12"]),
        },
        "waiting": waiting,
        "late": late,
        "hours": hours,
    }


def _found(conn: Connection, who: Principal, ref: str) -> Row:
    row = orders.find(conn, who, ref)
    if row is None:
        raise NotFound(f"no order {ref!r}; GET /api/v1/orders lists those you may see")
    return row


def _kept(rows: Sequence[Row]) -> Row:
    over = [row for row in rows if row["verdict"] in ("met", "early", *_LATE)]
    return {
        "on_time": sum(row["verdict"] == "met" for row in over),
        "of": len(over),
        "open": sum(row["verdict"] == "open" for row in rows),
    }


def _by_need(row: Row) -> tuple[int, int, int, str]:
    if row["place"] is not None:
        return 0, row["place"], 0, row["clock"]
    if row["verdict"] == "open":
        return 1, _NEVER if row["late_from"] is None else row["late_from"], 0, row["clock"]
    return 2, row["start"], 0, row["clock"]


def _shown(row: Row) -> Row:
    state = repository.clock_of(row)
    told = {language: explain(state, language) for language in ("zh", "en")}
    return {
        **state.as_dict(),
        "key": state.key,
        "to_do": TO_DO[state.clock],
        "waiting": row["place"] is not None,
        "explanation": told,
    }


def _branches(conn: Connection, region: str | None) -> list[str] | None:
    """The branches of a region or of a big region."""
    if region is None:
        return None
    return [row["id"] for row in masterdata.branches(conn, active_only=False)
            if region in (row["region"], row["big_region"])]  # fmt: skip


def _site_names(conn: Connection, requests: Sequence[Mapping[str, Any]], language: str) -> dict[str, str]:
    places = [request.get(end) for request in requests for end in ("from", "to")]
    ids = {place["site"] for place in places if isinstance(place, dict) and place.get("site")}
    if not ids:
        return {}
    statement = readable(SYSTEM, site_table, site_table.c.id, site_table.c[f"name_{language}"].label("name"))
    found = conn.execute(statement.where(site_table.c.id.in_(sorted(ids))))
    return {row.id: row.name for row in found}


def _place(place: Any, sites: Mapping[str, str]) -> str | None:
    """How people call a place: its name, its site's, else its address."""
    if not isinstance(place, dict):
        return None
    site = place.get("site")
    return place.get("name") or (sites.get(site, site) if site else None) or place.get("address")


def _load(projection: Mapping[str, Any], request: Mapping[str, Any]) -> Row:
    """How much it is: of the units as far as they are listed, else of what was ordered."""
    units = [unit for unit in projection.get("units", ()) if unit["counts"]]
    weights = [unit["kg"] for unit in units if unit.get("kg") is not None]
    pieces = sum(unit["pieces"] for unit in units)
    if not units:
        pieces = sum(line.get("qty") or 0 for line in request.get("lines") or ())
    return {"pieces": int(pieces) or None, "kg": round(sum(weights), 3) if weights else None}
