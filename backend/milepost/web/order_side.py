"""The chosen order beside a list: its most pressing clock and what follows, where it should go, whom one reached."""

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from sqlalchemy import Connection

from milepost.access.model import SYSTEM, Principal
from milepost.clocks import service as clocks
from milepost.ids import new_id
from milepost.masterdata import service as masterdata
from milepost.orders import nearest
from milepost.orders import service as orders
from milepost.orders.bodies import BODIES
from milepost.times import now_ms, parse_rfc3339
from milepost.web import clock_view, orders_view, views
from milepost.web.forms import acts, behind, offers, starts
from milepost.web.forms.view import form_of
from milepost.web.i18n import translator
from milepost.web.order_words import load_text, place_words
from milepost.web.render import language_of

Row = dict[str, Any]
NEAREST = 6
_ALSO = ("reroute", "postpone", "hold", "remark", "cancel", "cancel-reason")
_CONTACTS = 6


def side_of(request: Request, conn: Connection, me: Principal, number: str) -> Row | None:
    """What the panel shows of an order; None for one that the person may not see."""
    language, now = language_of(request), now_ms()
    t, zone = translator(language), ZoneInfo(request.app.state.settings.time_zone)
    row = orders_view.by_number(conn, me, number, t)
    if row is None:
        return None
    detail = orders.get(conn, me, row["id"])
    running = clocks.of_order(conn, me, row["id"])
    clock_view.with_promises(row["road"], running, now)
    sites = {key: views.site_name(site, language) for key, site in views.sites_by_id(conn, SYSTEM).items()}
    near = near_branches(conn, me, row["id"], detail["allowed"], language)
    facts = orders.evidence_of(conn, me, row["id"])
    contacts = _contacts(facts)
    seen = behind.Seen(row, facts, running, orders_view.last_day(conn, row, now))
    waiting = [each for each in running if each["waiting"]]
    pressing = waiting[0] if waiting else None
    choices = offers.of_order(offers.everywhere(conn, me, language, t), row, (), t, lambda *_: "")
    branch = masterdata.branch(conn, row["branch"]) if row["branch"] else None
    return {
        "order": row,
        "detail": detail,
        "pressing": pressing,
        "count": clock_view.countdown(pressing, now, zone, t) if pressing else None,
        "ladder": clock_view.ladder(running, now, zone, t),
        "why": (pressing.get("explanation") or {}).get(language, "") if pressing else "",
        "load": load_text(row, t),
        "places": place_words(detail, sites),
        "branch_name": offers.branch_name(branch, language) if branch else row["branch"],
        "channel": offers.channel_text(row["channel"], language),
        "near": near,
        "reroutes": (row.get("counters") or {}).get("reroutes", 0),
        "contacts": contacts[:_CONTACTS],
        "needs": _needs(row, detail, contacts, t) if "accept" in detail["allowed"] else [],
        "forms": _forms(row, detail, behind.offered(detail["allowed"], seen), me, choices, near, t),
        "choices": choices.choices,
        "key": new_id(),
    }


def near_branches(conn: Connection, me: Principal, order_id: str, allowed: Sequence[str], language: str) -> list[Row]:
    """The branches nearest to the pickup, where somebody may assign or re-route (EO-4, EO-8)."""
    if not {"assign", "accept", "reroute"} & set(allowed):
        return []
    found = nearest.suggest(conn, me, order_id, NEAREST)
    return [
        {"id": each["branch"]["id"], "name": offers.branch_name(each["branch"], language),
         "distance_m": each["distance_m"], "waiting": each["waiting"]}
        for each in found
    ]  # fmt: skip


def _forms(
    row: Row, detail: Row, allowed: list[str], me: Principal, choices: offers.Offers, near: list[Row], t: Any
) -> Row:
    """The forms at the foot of the panel: what comes next, then what else the desk does; the log has its own."""
    first, _ = acts.arranged(row["state"], allowed, row["type"])
    shown = [command for command in first if command != "contact"]
    shown += [command for command in _ALSO if command in allowed and command not in shown]

    def form(command: str) -> Row:
        start = starts.of(command, row, detail, me)
        return form_of(
            command, BODIES[command], t, choices,
            start=start, rows=starts.rows_needed(start), near=near, folded=starts.folded(row),
        )  # fmt: skip

    return {
        "acts": [form(command) for command in shown[:6]],
        "contact": form("contact") if "contact" in allowed else None,
    }


def _contacts(facts: Sequence[Row]) -> list[Row]:
    """Calls about an order, newest first."""
    return [
        {"at": parse_rfc3339(each["at"]), "with": each["body"].get("with"), "about": each["body"].get("about"),
         "result": each["body"].get("result"), "by": each["by"]}
        for each in facts
        if each["kind"] == "contact.logged"
    ]  # fmt: skip


def _needs(row: Row, detail: Mapping[str, Any], contacts: Sequence[Row], t: Any) -> list[Row]:
    """What must be there before an order is accepted (EO-1, EO-12): {text, ok, at, note}."""
    parts = [bool(row["lines"]), *(bool(detail.get(name)) for name in ("from", "to", "contact", "dates"))]
    phone = bool((detail.get("contact") or {}).get("phone") or (detail.get("from") or {}).get("phone"))
    held = [flag[5:] for flag in row["flags"] if flag.startswith("hold:")]
    return [
        {"text": t("needs.reached"), "ok": bool(contacts), "at": contacts[0]["at"] if contacts else None, "note": ""},
        {"text": t("needs.data"), "ok": all(parts), "at": None,
         "note": t("needs.of", n=sum(parts), of=len(parts))},
        {"text": t("needs.phone"), "ok": phone, "at": None, "note": ""},
        {"text": t("needs.free"), "ok": not held, "at": None,
         "note": ", ".join(orders_view.word(t, "hold", hold) for hold in held)},
    ]  # fmt: skip
