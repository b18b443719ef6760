"""The inbox as its page shows it: rows by urgency, one item with its evidence, what settles it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from milepost.access import service as access
from milepost.access.model import SYSTEM, Principal
from milepost.alerts import service as alerts
from milepost.alerts.service import Filter
from milepost.clocks.todo import TO_DO
from milepost.errors import NotFound
from milepost.masterdata import service as masterdata
from milepost.notify.rules import URGENCIES
from milepost.orders import repository as orders_repository
from milepost.orders import service as orders
from milepost.orders.authority import covers
from milepost.times import now_ms, parse_rfc3339
from milepost.web import charts, help_view, inbox_doors, orders_view, views
from milepost.web.forms import offers
from milepost.web.order_story import gist

Row = dict[str, Any]
Translate = Callable[..., str]
HOUR_MS = 3_600_000
SINCE = {"1h": HOUR_MS, "8h": 8 * HOUR_MS, "24h": 24 * HOUR_MS, "7d": 168 * HOUR_MS}
SHOWS = ("open", "mine", "none", "snoozed", "closed")
_JUST = 8
_MOST = 200
_TIMES = ("opened_at", "raised_at", "closed_at", "acked_at", "snoozed_until", "due_at")
_SUBJECTS = ("unit", "vehicle", "door", "site", "trip")
# The sign before a row, by the stage at which the trouble stands.
_ICONS = ("doc", "doc", "user", "doc", "box", "door", "truck", "pin", "truck", "doc")
# What is done on the order's page about a trouble, the most telling first.
_SETTLES: Mapping[str, tuple[str, ...]] = {
    "two_trucks": ("pass-back", "retract", "correct"),
    "wrong_truck": ("pass-back", "load", "retract"),
    "misdropped": ("load", "unload", "contact"),
    "left_on_vehicle": ("contact", "load", "unload"),
    "short": ("load", "load-override"),
    "load_count": ("load", "load-override", "correct"),
    "departed_incomplete": ("load-override", "split-consented"),
    "left_without_outcome": ("sign", "delivery-failed", "refuse"),
    "signed_without_presence": ("correct", "retract"),
    "cancel_requested": ("cancel", "contact"),
    "cancelled_alone": ("cancel-reason", "contact"),
    "line_short": ("contact", "edit", "link"),
    "postponed_too_far": ("postpone", "cancel"),
    "pickup_too_far": ("pickup-agreed", "postpone"),
    "hold": ("release",),
    "refused": ("disposition", "contact"),
    "delivery_failed": ("delivery-agreed", "contact", "disposition"),
    "receipt_unqualified": ("receipt", "receipt-moved"),
    "receipt_lost": ("receipt",),
    "split_without_consent": ("split-consented",),
    "lost": ("disposition", "claim-lodge"),
    "unit_of_two_orders": ("unbind-unit", "retract"),
    "waybill_differs": ("correct", "waybill"),
    "rerouted": ("accept", "contact"),
}
_ANY = ("contact", "correct")
# What ends a clock, by the key that the desk calls it (clocks/todo.py), as a command of the order's page.
_BY_TO_DO: Mapping[str, str] = {
    "accept": "accept", "assign": "assign", "postpone": "postpone", "reroute": "reroute", "print": "note-printed",
    "waybill": "waybill", "cancel_reason": "cancel-reason", "remark": "remark", "pickup": "pickup-done",
    "rebook": "pickup-agreed", "warn": "contact", "track": "track", "sign_entry": "sign", "handout": "handout",
    "deliver": "sign", "contact": "contact", "receipt": "receipt", "locate": "location-answer",
    "complaint": "complaint-close", "claim": "claim-propose", "pick": "ready",
}  # fmt: skip


def groups(
    conn: Connection, me: Principal, show: str, branch: str | None, since: int | None, now: int, cursor: str | None
) -> tuple[list[tuple[str, list[Row]]], str | None]:
    """Items in their groups, each group as a whole page of the service; and where a long list goes on.

    `show`: one of SHOWS; `since`: raised from then on (UTC ms). Raises Invalid for a cursor that is none of ours.
    """
    if show in ("snoozed", "closed"):
        state = "resolved" if show == "closed" else show
        found = alerts.listing(conn, me, Filter(state, branch=branch, since=since), cursor=cursor, limit=_MOST)
        return [(show, [_row(each) for each in found["items"]])], found["next"]
    wanted = Filter("active", mine=show == "mine", no_owner=show == "none", branch=branch, since=since)
    found = alerts.listing(conn, me, wanted, sort="urgency", cursor=cursor, limit=_MOST)
    rows = [_row(each) for each in found["items"]]
    made = [(name, [row for row in rows if row["urgency"] == name]) for name in URGENCIES]
    if show == "open" and cursor is None:
        asleep = alerts.listing(conn, me, Filter("snoozed", branch=branch, since=since), limit=_MOST)["items"]
        made.append(("snoozed", [_row(each) for each in asleep]))
        closed = Filter("resolved", branch=branch, since=since, closed_since=now - HOUR_MS)
        over = [_row(each) for each in alerts.listing(conn, me, closed, limit=_MOST)["items"]]
        made.append(("just", sorted(over, key=lambda row: -(row["closed_at"] or 0))[:_JUST]))
    return [(name, each) for name, each in made if each], found["next"]


def one(conn: Connection, me: Principal, alert_id: str, language: str, t: Translate) -> Row | None:
    """One item with all that a person needs to decide it; None for one they may not see.

    {item, order, allowed, facts, pieces, settle, people, door}: `facts`: the evidence it names, oldest first; `pieces`:
    of a contradiction the two readings, side by side; `settle`: commands of the order that end it, allowed now; `door`:
    see `inbox_doors.about`.
    """
    try:
        item = _row(alerts.get(conn, me, alert_id))
    except NotFound:
        return None
    about = item["order_id"]
    order = None if about is None else orders_view.by_number(conn, me, about, t)
    evidence, allowed = [], []
    if about is not None and order is not None:
        names = {row["id"]: offers.branch_name(row, language) for row in masterdata.branches(conn, active_only=False)}
        sites = {key: views.site_name(row, language) for key, row in views.sites_by_id(conn, SYSTEM).items()}
        evidence = [_fact(each, names, sites, t) for each in orders.evidence_of(conn, me, about)]
        allowed = orders.get(conn, me, about)["allowed"]
    named = set(item["facts"])
    return {
        "item": item,
        "order": order,
        "facts": sorted((each for each in evidence if each["id"] in named), key=lambda each: each["at"]),
        "pieces": _pieces(item, evidence),
        "settle": settling(item, allowed),
        "people": _people(conn, item),
        "told": _told(item["told"], t),
        "door": inbox_doors.about(conn, me, item, language, t),
        "help": help_view.of_item(conn, me, item, order, now_ms()),
    }


def settling(item: Mapping[str, Any], allowed: Sequence[str]) -> list[str]:
    """The commands of the order's page that end an item, of those allowed now; at most three, the best first. Pure."""
    if item["clock"]:
        command = _BY_TO_DO.get(TO_DO.get(item["clock"], ""))
        first = () if command is None else (command,)
    else:
        first = _SETTLES.get(item["kind"], ())
    wanted = dict.fromkeys((*first, *_ANY))
    return [command for command in wanted if command in allowed][:3]


def wake_times(now: int, zone: ZoneInfo) -> list[tuple[str, int]]:
    """When a snooze usually ends: in an hour, at the end of the shift (18:00), tomorrow at eight. Pure.

    [(key of its text, UTC ms)], those that lie ahead.
    """
    at = datetime.fromtimestamp(now / 1000, zone)
    evening = at.replace(hour=18, minute=0, second=0, microsecond=0)
    morning = (at + timedelta(days=1)).replace(hour=8, minute=0, second=0, microsecond=0)
    found = [("hour", now + HOUR_MS), ("evening", _ms(evening)), ("morning", _ms(morning))]
    return [(name, when) for name, when in found if when > now + HOUR_MS // 4]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _row(item: Mapping[str, Any]) -> Row:
    times = {name: None if item[name] is None else parse_rfc3339(item[name]) for name in _TIMES}
    icon = "clock" if item["clock"] else _ICONS[item["stage"]] if 0 <= item["stage"] < len(_ICONS) else "doc"
    names = [person["name"] for told in item["told"] for person in told["people"]]
    roles = [told["role"] for told in item["told"]]
    return {**item, **times, "icon": icon, "told_names": list(dict.fromkeys(names)),
            "told_roles": list(dict.fromkeys(roles))}  # fmt: skip


def _fact(each: Mapping[str, Any], branches: Mapping[str, str], sites: Mapping[str, str], t: Translate) -> Row:
    at, snapshot = parse_rfc3339(each["at"]), each["snapshot"] or {}
    return {
        **each,
        "at": at,
        "received_at": parse_rfc3339(each["received_at"]),
        "sign": orders_view.sign_of(each["source"]),
        "rssi": charts.rssi(snapshot, at),
        "name": orders_view.word(t, "fact", each["kind"]),
        "gist": gist(each["kind"], each["body"], t, branches),
        "about": [
            t("subject.door", n=subject["text"]) if kind == "door" else sites.get(subject["id"], subject["text"])
            for kind in _SUBJECTS
            for subject in each["subjects"]
            if subject["kind"] == kind
        ],
    }


def _pieces(item: Mapping[str, Any], evidence: Sequence[Row]) -> list[Row]:
    """The two loadings that contradict each other, the earlier first; empty for other troubles."""
    if item["kind"] != "two_trucks":
        return []
    found: dict[str, Row] = {}
    for each in evidence:
        about = {subject["kind"]: subject for subject in each["subjects"]}
        vehicle = about.get("vehicle")
        if each["kind"] != "unit.loaded" or vehicle is None or about.get("unit", {}).get("id") != item["data"]["unit"]:
            continue
        if vehicle["id"] in item["data"]["vehicles"] and vehicle["id"] not in found:  # newest first: the last word
            found[vehicle["id"]] = {**each, "plate": vehicle["text"], "door": about.get("door", {}).get("text")}
    return sorted(found.values(), key=lambda each: each["at"])[:2]


def _people(conn: Connection, item: Mapping[str, Any]) -> list[Row]:
    """Open accounts that may act on the item's order: {id, name, roles}."""
    if "assign" not in item["can"]:
        return []
    row = item if item["order_id"] is None else orders_repository.find(conn, SYSTEM, item["order_id"])
    if row is None:
        return []
    roles = (*alerts.STAFF, "admin")
    found = [
        {"id": person["id"], "name": person["name"],
         "roles": list(dict.fromkeys(g.role for g in person["grants"] if g.role in roles and covers(g, row)))}
        for person in access.people(conn, disabled=False)
    ]  # fmt: skip
    return sorted((each for each in found if each["roles"]), key=lambda each: each["name"])


def _told(told: Sequence[Mapping[str, Any]], t: Translate) -> list[Row]:
    return [
        {**each, "at": parse_rfc3339(each["at"]), "role_name": orders_view.word(t, "role", each["role"]),
         "read_at": None if each["read_at"] is None else parse_rfc3339(each["read_at"])}
        for each in told
    ]  # fmt: skip
