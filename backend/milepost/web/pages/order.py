"""The page of one order: road with its promises, what can be done now, evidence, goods, clocks, exceptions, history."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from milepost.access.deps import Me, Reader
from milepost.access.model import SYSTEM, Principal
from milepost.alerts.service import STAFF
from milepost.clocks import service as clocks
from milepost.errors import MilepostError, NotFound
from milepost.ids import new_id
from milepost.masterdata import service as masterdata
from milepost.masterdata.model import CHANNELS, CLASSES
from milepost.notify.repository import names_of
from milepost.orders import service as orders
from milepost.orders.authority import roles_over
from milepost.orders.model import STAGES
from milepost.times import now_ms, parse_rfc3339
from milepost.web import charts, clock_view, eta_view, formats, orders_view, qr, views
from milepost.web.fact_words import lines_of
from milepost.web.forms import acts, behind, offers, refusals, starts
from milepost.web.forms.bodies import FORMS
from milepost.web.forms.reading import Texts, Wrong
from milepost.web.forms.view import form_of
from milepost.web.i18n import translator
from milepost.web.order_side import near_branches
from milepost.web.order_story import closed_troubles, entries, gist, open_items
from milepost.web.order_words import load_text, place_words
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_SUBJECTS = ("unit", "vehicle", "door", "site", "trip")  # in the order in which people say them


@dataclass(frozen=True, slots=True)
class Returned:
    """A form that came back: its command, what was typed, and what was wrong with it or why it was refused."""

    command: str
    given: Texts
    wrong: Wrong | None = None
    error: MilepostError | None = None


@router.get("/orders/{number}", response_class=HTMLResponse)
def order_page(
    number: str, request: Request, me: Me, conn: Reader, stage: str = "", done: str = "", warned: str = ""
) -> Response:
    """One order, whole."""
    t = translator(language_of(request))
    return show(request, me, conn, number, stage=stage, done=refusals.done(done, warned, t))


def show(
    request: Request,
    me: Principal,
    conn: Connection,
    number: str,
    *,
    stage: str = "",
    done: str = "",
    returned: Returned | None = None,
) -> Response:
    """The page of an order; with a form that came back, open and filled in. Raises NotFound."""
    language, now = language_of(request), now_ms()
    t, zone = translator(language), ZoneInfo(request.app.state.settings.time_zone)
    row = orders_view.by_number(conn, me, number, t)
    if row is None:
        raise NotFound(t("order.gone"))
    detail = orders.get(conn, me, row["id"])
    sites = {key: views.site_name(site, language) for key, site in views.sites_by_id(conn, SYSTEM).items()}
    branches = {each["id"]: offers.branch_name(each, language) for each in masterdata.branches(conn, active_only=False)}
    codes = {each.code: offers.in_language(each, language) for each in (*CHANNELS, *CLASSES)}
    facts = [
        shown_fact(each, t, sites, branches, lambda at: _clock(at, zone, now), codes)
        for each in orders.evidence_of(conn, me, row["id"])
    ]
    when = {fact["id"]: fact["at"] for fact in facts}
    for cell in row["road"]["cells"]:
        if not cell["done"] and cell["since"] is None:
            cell["since"] = min((when[f] for f in cell["facts"] if f in when), default=None)
    running = clocks.of_order(conn, me, row["id"])
    clock_view.with_promises(row["road"], running, now)
    items = open_items(conn, me, row["id"], language)
    shown = [fact for fact in facts if not stage or stage in fact["stages"]]
    return page(
        request,
        me,
        "order.html",
        status=_status(returned),
        section="orders",
        order=row,
        detail=detail,
        places=place_words(detail, sites),
        load=load_text(row, t),
        eta=eta_view.of_order(request, conn, row, (detail.get("to") or {}).get("site"), t, now),
        branch=masterdata.branch(conn, row["branch"]) if row["branch"] else None,
        channel=offers.channel_text(row["channel"], language),
        klass=offers.class_text(row["customer_class"], language),
        facts=shown,
        fact_count=len(facts),
        items=items,
        told_words=lambda roles: ("、" if language == "zh" else ", ").join(
            dict.fromkeys(orders_view.word(t, "role", role) for role in roles)
        ),
        troubles=closed_troubles(row["exceptions"], me.has(*STAFF)),
        history=entries(conn, me, row["id"], t, branches),
        contacts=[fact for fact in facts if fact["kind"] == "contact.logged"],
        stage=stage if stage in STAGES else "",
        due_text=lambda due: clock_view.due_text(due, zone, now),
        clocks=clock_view.table(running, now, zone, language, t),
        acts=_forms(conn, me, row, detail, facts, running, language, zone, now, returned),
        links=orders_view.linked(conn, me, row, t),
        key=new_id(),
        problem=_problem(conn, returned, detail, t, lambda at: _clock(at, zone, now)),
        done=done,
        code=qr.code(f"{str(request.base_url).rstrip('/')}/orders/{row['number']}"),
        address=f"{str(request.base_url).rstrip('/')}/orders/{row['number']}",
        **bar(conn, me),
    )


def _forms(
    conn: Connection,
    me: Principal,
    row: dict[str, Any],
    detail: dict[str, Any],
    facts: list[dict[str, Any]],
    running: list[dict[str, Any]],
    language: str,
    zone: ZoneInfo,
    now: int,
    returned: Returned | None,
) -> dict[str, Any]:
    """Every command allowed now as a form, arranged; and the choices that text inputs suggest."""
    t = translator(language)
    seen = behind.Seen(row, facts, running, orders_view.last_day(conn, row, now))
    roles = roles_over(me, row)
    offered = behind.offered(detail["allowed"], seen)
    offered += behind.derived(seen, detail["allowed"], roles)
    if returned and returned.command in detail["allowed"] and returned.command not in offered:
        offered.append(returned.command)  # its form has come back: what was typed is kept
    first, groups = acts.arranged(row["state"], offered, row["type"])
    choices = offers.of_order(
        offers.everywhere(conn, me, language, t), row, facts, t, lambda at, s=False: _clock(at, zone, now, s)
    )

    near = near_branches(conn, me, row["id"], detail["allowed"], language)

    def form(command: str) -> dict[str, Any]:
        back = returned if returned and returned.command == command else None
        start = starts.of(command, row, detail, me)
        return form_of(
            command, FORMS[command], t, choices,
            start=start, given=back.given if back else None, wrong=back.wrong if back else None,
            rows=starts.rows_needed(start), near=near, folded=starts.folded(row),
        )  # fmt: skip

    return {
        "next": [form(command) for command in first],
        "groups": [(name, [form(command) for command in commands]) for name, commands in groups],
        "open": bool(returned) and returned.command not in first and returned.command in offered,
        "not_now": [
            (t(f"act.{name}"), t(why))
            for name, why in behind.not_now(detail["allowed"], seen, roles)
            if name not in offered
        ],
        "choices": choices.choices,
    }


def _problem(conn: Connection, returned: Returned | None, detail: dict[str, Any], t: Any, clock: Any) -> Any:
    """Why a form was refused, or None."""
    if returned is None or returned.error is None:
        return None
    changed = returned.error.extra.get("changed")
    by = (changed.get("by") or {}).get("id") if isinstance(changed, dict) else None
    names = names_of(conn, {by}) if by else {}
    return refusals.told(returned.command, returned.error, detail, t, clock, names)


def _clock(at: int, zone: ZoneInfo, now: int, seconds: bool = False) -> str:
    return formats.clock_text(at, zone, now, seconds=seconds)


def _status(returned: Returned | None) -> int:
    if returned is None:
        return 200
    return returned.error.status if returned.error else 422


def shown_fact(
    each: dict[str, Any],
    t: Any,
    sites: Mapping[str, str],
    branches: Mapping[str, str],
    clock: Any,
    codes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A fact with its pictures, its times in ms, and its subjects in words."""
    at = parse_rfc3339(each["at"])
    snapshot = each["snapshot"] or {}
    return {
        **each,
        "at": at,
        "recorded_at": parse_rfc3339(each["recorded_at"]),
        "received_at": parse_rfc3339(each["received_at"]),
        "sign": orders_view.sign_of(each["source"]),
        "rssi": charts.rssi(snapshot, at),
        "track": charts.track(snapshot, at),
        "about": [
            t("subject.door", n=subject["text"]) if kind == "door" else sites.get(subject["id"], subject["text"])
            for kind in _SUBJECTS
            for subject in each["subjects"]
            if subject["kind"] == kind
        ],
        "name": orders_view.word(t, "fact", each["kind"]),
        "lines": lines_of(each["kind"], each["body"], t, clock, {**branches, **sites, **(codes or {})}),
        "gist": gist(each["kind"], each["body"], t, branches, clock),
    }
