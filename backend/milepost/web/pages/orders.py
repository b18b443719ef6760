"""Orders: the list, the page of one with its nine stones and the evidence behind each, its commands as forms."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Me, Reader, database
from milepost.access.model import SYSTEM, Principal
from milepost.errors import Invalid, MilepostError, NotFound
from milepost.ids import new_id
from milepost.orders import service as orders
from milepost.orders.model import STAGES
from milepost.times import parse_rfc3339
from milepost.web import charts, orders_view, views
from milepost.web.i18n import translator
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAGE = 100
_SUBJECTS = ("unit", "vehicle", "door", "site", "trip")  # in the order in which people say them


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a command's form."""

    name: str
    kind: str = "text"  # text, int, number, date, yes or a fixed choice "a/b"
    start: str = ""  # pieces: the order's count; branch: the order's branch; else the value itself
    needed: bool = True


# Commands that a page offers, with what each asks for; the others are the API's.
FORMS: dict[str, tuple[Field, ...]] = {
    "submit": (),
    "assign": (Field("branch", start="branch"),),
    "accept": (Field("branch", start="branch"),),
    "confirm": (Field("checked", "yes"),),
    "pick-list": (Field("list"),),
    "ready": (Field("reason"),),
    "waybill": (Field("waybill"), Field("pieces", "int", "pieces"), Field("kg", "number")),
    "sign": (Field("signer"), Field("pieces", "int", "pieces")),
    "sign-abnormal": (
        Field("signer"),
        Field("pieces", "int", "pieces"),
        Field("short", "int", "0"),
        Field("damaged", "int", "0"),
        Field("note"),
        Field("photo"),
    ),
    "refuse": (Field("reason"),),
    "receipt": (Field("slip"), Field("qualified", "yes")),
    "archive": (),
    "postpone": (Field("to", "date"), Field("asked_by", "customer/desk")),
    "cancel": (Field("asked_by", "customer/desk"), Field("reason", needed=False)),
}
# Acts with an effect on money, law or blame: asked once, in words that name the order and the effect.
ASKED = ("cancel", "sign", "sign-abnormal", "refuse", "archive")


@router.get("/orders", response_class=HTMLResponse)
def order_list(request: Request, me: Me, conn: Reader, show: str = "open", q: str = "", after: str = "") -> Response:
    """Orders by latest change; the filter is the address."""
    show = show if show in ("", "all", "open", "problem", "done", *STAGES) else "open"
    t = translator(language_of(request))
    before = None
    if after:
        at, _, last = after.partition(".")
        before = (int(at), last) if at.isdigit() else None
    rows = orders_view.listing(
        conn, me, show="" if show == "all" else show, query=q.strip(), before=before, limit=_PAGE + 1, t=t
    )
    more = rows[_PAGE - 1] if len(rows) > _PAGE else None
    return page(
        request,
        me,
        "orders.html",
        section="orders",
        rows=rows[:_PAGE],
        more=f"{more['updated_at']}.{more['id']}" if more else None,
        show=show,
        q=q,
        counts=orders_view.counts(conn, me),
        stages=STAGES,
        inbox_count=orders_view.open_alerts(conn, me),
    )


@router.get("/orders/{number}", response_class=HTMLResponse)
def order_page(number: str, request: Request, me: Me, conn: Reader, stage: str = "") -> Response:
    """One order: road, evidence, goods, exceptions, what can be done now."""
    return _show(request, me, conn, number, stage)


@router.post("/orders/{number}/act/{command}", response_class=HTMLResponse)
async def act(number: str, command: str, request: Request, me: Me) -> Response:
    """Give a command from the page; refused ones come back with the reason, nothing changed."""
    given = dict(await request.form())
    return await run_in_threadpool(_act, request, me, number, command, given)


def _act(request: Request, me: Principal, number: str, command: str, given: dict[str, Any]) -> Response:
    db = database(request)
    try:
        if command not in FORMS:
            raise NotFound(f"no command {command!r} on this page")
        asked = orders.Asked(fields=read_form(command, given), key=str(given.get("key") or new_id()))
        with db.tx() as conn:
            orders.command(conn, me, number, command, asked)
    except MilepostError as error:
        with db.read() as conn:
            return _show(request, me, conn, number, "", error)
    return RedirectResponse(f"/orders/{number}", status_code=303)


def read_form(command: str, given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a command from a form's texts. Raises Invalid naming the field."""
    fields: dict[str, Any] = {}
    for each in FORMS[command]:
        text = str(given.get(each.name, "")).strip()
        if each.kind == "yes":
            fields[each.name] = text != "no"
        elif not text:
            if each.needed:
                raise Invalid(f"{each.name}: fill this in")
        elif each.kind in ("int", "number"):
            try:
                fields[each.name] = int(text) if each.kind == "int" else float(text)
            except ValueError:
                raise Invalid(f"{each.name}: {text!r} is not a number") from None
        else:
            fields[each.name] = text
    return fields


def _show(
    request: Request, me: Principal, conn: Connection, number: str, stage: str, problem: MilepostError | None = None
) -> Response:
    t = translator(language_of(request))
    row = orders_view.by_number(conn, me, number, t)
    if row is None:
        raise NotFound(t("order.gone"))
    detail = orders.get(conn, me, row["id"])
    language = language_of(request)
    sites = {key: views.site_name(site, language) for key, site in views.sites_by_id(conn, SYSTEM).items()}
    facts = [_fact(each, t, sites) for each in orders.evidence_of(conn, me, row["id"])]
    when = {fact["id"]: fact["at"] for fact in facts}
    for cell in row["road"]["cells"]:
        if not cell["done"] and cell["since"] is None:
            cell["since"] = min((when[f] for f in cell["facts"] if f in when), default=None)
    shown = [fact for fact in facts if not stage or stage in fact["stages"]]
    starts = {"pieces": str(row["tally"]["pieces"] or ""), "branch": row["branch"] or ""}
    forms = [
        {
            "name": name,
            "asked": name in ASKED,
            "fields": [(field, starts.get(field.start, field.start)) for field in FORMS[name]],
        }
        for name in FORMS
        if name in detail["allowed"]
    ]
    return page(
        request,
        me,
        "order.html",
        status=problem.status if problem else 200,
        section="orders",
        order=row,
        detail=detail,
        facts=shown,
        fact_count=len(facts),
        stage=stage if stage in STAGES else "",
        forms=forms,
        key=new_id(),
        problem=problem,
        inbox_count=orders_view.open_alerts(conn, me),
    )


def _fact(each: dict[str, Any], t: Any, sites: dict[str, str]) -> dict[str, Any]:
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
    }
