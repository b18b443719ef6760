"""The registers of branches, companies and goods: find, complete, change, take out of use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Reader, database
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.clocks import editing
from milepost.errors import Forbidden, MilepostError, NotFound
from milepost.masterdata import service as masterdata
from milepost.masterdata.bodies import BranchChanges, CustomerChanges, GoodsChanges, NewBranch, NewCustomer, NewGoods
from milepost.masterdata.model import CHANNELS, CLASSES, PARTY_WORDS, TIERS
from milepost.times import now_ms
from milepost.web.forms import offers
from milepost.web.forms.describe import Input
from milepost.web.forms.reading import Texts, Wrong, body_of, first
from milepost.web.forms.view import placed
from milepost.web.i18n import translator
from milepost.web.pages.order_acts import key_of, version_of
from milepost.web.pages.settings.index import PARTS, Clerk, show, told
from milepost.web.render import language_of
from milepost.web.route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAGE = 100
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Register:
    """One register: its kind for the service, the body of a new entry and of changes, key, inputs, columns."""

    kind: str
    new: type[BaseModel]
    changes: type[BaseModel]
    key: str
    inputs: tuple[Input, ...]
    columns: tuple[str, ...]


def _inputs(text: str) -> tuple[Input, ...]:
    """`name widget longest`, a star behind a name that must be filled in; one input a comma."""
    found = []
    for part in text.split(","):
        name, widget, longest = part.split()
        plain = name.rstrip("*")
        found.append(Input(plain, (plain,), widget, name.endswith("*"), longest=int(longest) or None))
    return tuple(found)


REGISTERS: Mapping[str, Register] = {
    "branches": Register(
        "branch", NewBranch, BranchChanges, "id",
        _inputs("id* text 32, name_zh* text 80, name_en* text 80, region* text 64, big_region* text 64, "
                "calendar* calendar 0, lat number 0, lng number 0, phone text 32"),
        ("name", "region", "big_region", "calendar", "phone"),
    ),
    "customers": Register(
        "customer", NewCustomer, CustomerChanges, "id",
        _inputs("id* text 64, name* text 120, customer_class class 0, channel channel 0, tier tier 0, vip yesno 0, "
                "branch branch 0, contact text 80, phone text 32, email text 120, address area 1000, "
                "payment_term text 80, currency text 3, parties list 0, remark area 1000"),
        ("name", "customer_class", "branch", "contact", "phone"),
    ),
    "goods": Register(
        "goods", NewGoods, GoodsChanges, "sku",
        _inputs("sku* text 80, name_zh* text 120, name_en* text 120, unit text 32, aliases list 0, price number 0, "
                "currency text 3, remark area 1000"),
        ("name", "unit", "aliases", "price"),
    ),
}  # fmt: skip
_EMPTIED = frozenset({"aliases", "parties"})  # lists are emptied to [], not to nothing
_KEPT = frozenset({"vip", "name", "name_zh", "name_en", "region", "big_region", "calendar"})


def _register(part: str, me: Principal, t: Any) -> Register:
    if part not in REGISTERS:
        raise NotFound(t("settings.gone"))
    if not me.has(*PARTS[part]):
        raise Forbidden(t("settings.admin_only"))
    return REGISTERS[part]


@router.get("/settings/{part}", response_class=HTMLResponse)
def listing(
    part: str, request: Request, me: Clerk, conn: Reader, q: str = "", which: str = "", after: str = "", done: str = ""
) -> Response:
    """The entries one may see, by key."""
    language = language_of(request)
    t = translator(language)
    register = _register(part, me, t)
    equal: Row = {"active": which != "retired"}
    if which == "provisional" and part != "branches":
        equal["provisional"] = True
    found = masterdata.listing(
        conn, me, register.kind, q=q.replace("\x00", "")[:120] or None, cursor=after or None, limit=_PAGE, **equal
    )
    return show(
        request, me, conn, "register.html", part, register=register, q=q, which=which, more=found["next"],
        rows=[_shown(row, register, language) for row in found["items"]],
        done=t(f"register.done.{done}") if done in ("made", "saved", "retired", "back") else "",
    )  # fmt: skip


@router.get("/settings/{part}/new", response_class=HTMLResponse)
def new(part: str, request: Request, me: Clerk, conn: Reader) -> Response:
    """The form for a new entry."""
    return _form(request, me, conn, part, None, None, None, None)


@router.get("/settings/{part}/entry", response_class=HTMLResponse)
def entry(part: str, request: Request, me: Clerk, conn: Reader, key: str = "") -> Response:
    """The form of one entry. Its key stands in the query: keys hold any character."""
    return _form(request, me, conn, part, key, None, None, None)


@router.post("/settings/{part}/save", response_class=HTMLResponse)
async def save(part: str, request: Request, me: Clerk) -> Response:
    """Make an entry, or change one (`entry` names it)."""
    given = await request.form()
    return await run_in_threadpool(_save, request, me, part, given)


@router.post("/settings/{part}/use", response_class=HTMLResponse)
async def use(part: str, request: Request, me: Clerk) -> Response:
    """Take an entry out of use, or back into it."""
    given = await request.form()
    return await run_in_threadpool(_use, request, me, part, given)


def _save(request: Request, me: Principal, part: str, given: Texts) -> Response:
    t, now = translator(language_of(request)), now_ms()
    register, key = _register(part, me, t), first(given, "entry") or None
    inputs = [each for each in register.inputs if key is None or each.name != register.key]
    zone = ZoneInfo(request.app.state.settings.time_zone)
    wrong: Wrong | None = None
    error: MilepostError | None = None
    try:
        body = body_of(register.changes if key else register.new, inputs, given, zone)
        values = body.model_dump(exclude_unset=True)
        with database(request).tx() as conn:
            if key is None:
                if register.kind == "branch":
                    values = body.model_dump()
                elif register.kind == "customer":
                    values = {"parties": ["customer"], **values}
                once(conn, me, key_of(given), f"POST /{part}", values,
                            lambda: _said(masterdata.create(conn, register.kind, values, now)))  # fmt: skip
            else:
                values |= _cleared(inputs, given, values)
                version = version_of(given)
                once(
                    conn, me, key_of(given), f"PATCH /{part}/{key}", values,
                    lambda: _said(masterdata.edit(conn, me, register.kind, key, values, now, version)),
                )  # fmt: skip
    except Wrong as refused:
        wrong = refused
    except NotFound:
        raise NotFound(t("register.gone")) from None
    except MilepostError as refused:
        error = refused
    else:
        return RedirectResponse(f"/settings/{part}?done={'saved' if key else 'made'}", status_code=303)
    with database(request).read() as conn:
        return _form(request, me, conn, part, key, given, wrong, error)


def _use(request: Request, me: Principal, part: str, given: Texts) -> Response:
    t, now = translator(language_of(request)), now_ms()
    register, key = _register(part, me, t), first(given, "entry")
    if not me.has():
        raise Forbidden(t("settings.admin_only"))
    back = first(given, "use") == "back"
    try:
        with database(request).tx() as conn:
            if back:
                masterdata.edit(conn, me, register.kind, key, {"active": True}, now)
            else:
                masterdata.retire(conn, me, register.kind, key, now)
    except NotFound:
        raise NotFound(t("register.gone")) from None
    return RedirectResponse(f"/settings/{part}?done={'back' if back else 'retired'}", status_code=303)


def _said(_: Row) -> Row:
    return {"ok": True}


def _cleared(inputs: list[Input], given: Texts, values: Row) -> Row:
    """What the form sent empty: it is emptied, where it may be."""
    sent = (each.name for each in inputs if each.name not in values and given.getlist(each.name))
    return {name: [] if name in _EMPTIED else None for name in sent if name not in _KEPT}


def _form(
    request: Request, me: Principal, conn: Connection, part: str, key: str | None, given: Texts | None,
    wrong: Wrong | None, error: MilepostError | None,
) -> Response:  # fmt: skip
    language = language_of(request)
    t = translator(language)
    register = _register(part, me, t)
    row: Row | None = None
    if key is not None:
        try:
            row = masterdata.get(conn, me, register.kind, key)
        except NotFound:
            raise NotFound(t("register.gone")) from None
    faults, general = placed(wrong, register.inputs, t)
    choices = _choices(conn, language)
    inputs = [
        _drawn(each, part, row, given, faults, choices, t)
        for each in register.inputs
        if row is None or each.name != register.key
    ]
    return show(
        request, me, conn, "register_entry.html", part, status=422 if wrong else error.status if error else 200,
        register=register, row=row, entry=key or "", inputs=inputs, faults=len(faults) + len(general), general=general,
        problem=told(request, error), may_change=row is None or me.has() or bool(row.get("provisional")),
        may_retire=row is not None and me.has(), name=_name(row, language) if row else "",
    )  # fmt: skip


def _drawn(
    each: Input, part: str, row: Row | None, given: Texts | None, faults: Mapping[str, str],
    choices: Mapping[str, list[tuple[str, str]]], t: Any,
) -> Row:  # fmt: skip
    """One input as `forms.html` draws it."""
    value = first(given, each.name) if given is not None else _text(row.get(each.name) if row else None)
    if row is None and given is None and each.name == "calendar":
        value = "default"
    if row is None and given is None and each.name == "vip":
        value = "no"
    offered = list(choices.get(each.widget, []))
    if value and each.widget in choices and value not in [code for code, _ in offered]:
        offered.append((value, value))
    widget = "select" if each.widget in choices else "area" if each.widget == "list" else each.widget
    return {
        "name": each.name, "id": f"r-{each.name}", "label": t(f"register.{each.name}"), "widget": widget,
        "needed": each.needed, "rare": False, "value": value, "choices": offered, "list": "", "longest": each.longest,
        "fault": faults.get(each.name, ""),
        "hint": t(f"register.hint.{each.name}") if each.name in ("aliases", "parties", "currency") else "",
    }  # fmt: skip


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(str(each) for each in value)
    return "" if value is None else f"{value:.12g}" if isinstance(value, float) else str(value)


def _choices(conn: Connection, language: str) -> dict[str, list[tuple[str, str]]]:
    return {
        "class": [(word.code, offers.in_language(word, language)) for word in CLASSES],
        "channel": [(word.code, offers.in_language(word, language)) for word in CHANNELS],
        "tier": [(word.code, offers.in_language(word, language)) for word in TIERS],
        "branch": [(row["id"], offers.branch_name(row, language)) for row in masterdata.branches(conn)],
        "calendar": [(row["name"], row["name"]) for row in editing.calendars(conn)],
    }


def _shown(row: Row, register: Register, language: str) -> Row:
    party = {word.code: offers.in_language(word, language) for word in PARTY_WORDS}
    return {
        **row,
        "key": row[register.key],
        "name": _name(row, language),
        "customer_class": offers.class_text(row.get("customer_class"), language),
        "aliases": ", ".join(row.get("aliases") or []),
        "parties": ", ".join(party.get(each) or each for each in row.get("parties") or []),
        "price": f"{row['price']:,.2f} {row['currency'] or ''}" if row.get("price") is not None else None,
    }


def _name(row: Row, language: str) -> str:
    return row.get("name") or row[f"name_{language}"]
