"""A new order, by a customer or for a caller (EO-3): asked for, or submitted at once."""

from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from milepost.access.deps import Reader, database, require
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.db import Database
from milepost.errors import MilepostError
from milepost.ids import new_id
from milepost.masterdata import service as masterdata
from milepost.orders import service as orders
from milepost.orders.bodies import Request as NewOrder
from milepost.web.forms import offers, starts
from milepost.web.forms.describe import inputs_of
from milepost.web.forms.reading import MOST_LINES, Texts, Wrong, body_of, first
from milepost.web.forms.view import MORE_ROWS, ROWS, form_of
from milepost.web.i18n import translator
from milepost.web.pages.order_acts import key_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Maker = Annotated[Principal, Depends(require("customer", "desk", "call_centre"))]
# How the form is laid out: each part with the inputs that stand in it.
PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("who", ("type", "customer", "class", "channel", "payment_term", "currency", "online")),
    ("contact", ("contact.name", "contact.phone", "contact.email", "contact.remark")),
    ("goods", ("lines",)),
    ("from", ("from.site", "from.name", "from.phone", "from.address")),
    ("to", ("to.site", "to.name", "to.phone", "to.address")),
    ("when", ("dates.order", "dates.ship", "dates.required", "pickup", "dates.pickup", "dates.pickup_to", "branch")),
)
_CUSTOMERS = 500


@router.get("/orders/new", response_class=HTMLResponse)
def new_order(
    request: Request, me: Maker, conn: Reader, channel: str = "", customer: str = "", type: str = ""
) -> Response:
    """The empty form; `channel=phone` when somebody is on the phone."""
    zone = ZoneInfo(request.app.state.settings.time_zone)
    own = sorted(me.scope_ids("customer"))
    start = starts.new_order(zone) | {
        "channel": channel[:80],
        "customer": customer[:64] or (own[0] if len(own) == 1 else ""),
        "type": type if type in ("goods", "consignment") else "",
    }
    return _show(request, me, conn, start=start)


@router.post("/orders/new", response_class=HTMLResponse)
async def make(request: Request, me: Maker) -> Response:
    """Make the order; with faults the form comes back as it was typed."""
    given = await request.form()
    return await run_in_threadpool(_make, request, me, given)


def _make(request: Request, me: Principal, given: FormData) -> Response:
    db = database(request)
    zone = ZoneInfo(request.app.state.settings.time_zone)
    wrong: Wrong | None = None
    error: MilepostError | None = None
    if not first(given, "more"):
        try:
            number = _carry_out(request, db, me, given, zone)
            return RedirectResponse(f"/orders/{quote(number, safe='')}?done=create", status_code=303)
        except Wrong as fault:
            wrong = fault
        except MilepostError as fault:
            error = fault
    with db.read() as conn:
        rows = _rows(given) + (MORE_ROWS if first(given, "more") else 0)
        return _show(request, me, conn, given=given, wrong=wrong, error=error, rows=min(rows, MOST_LINES))


def _carry_out(request: Request, db: Database, me: Principal, given: Texts, zone: ZoneInfo) -> str:
    """Make the order, and submit it when asked to, in one transaction: an order that cannot be submitted is not made
    either, for the person would not know whether it is there. Returns its number."""
    language = language_of(request)
    with db.read() as conn:
        ids = offers.everywhere(conn, me, language, translator(language)).ids
    body = body_of(NewOrder, inputs_of("create", NewOrder), given, zone, ids)
    fields = body.fields()
    fields.pop("number", None)
    key = key_of(given)
    submit = first(given, "go") == "submit"

    def do(conn: Any) -> dict[str, Any]:
        made = orders.create(conn, me, orders.Asked(fields, None, key, "person"))
        if submit:
            asked = orders.Asked({}, None, f"{key}-s" if key else None, "person")
            made = orders.command(conn, me, made["id"], "submit", asked)
        return {"number": made["number"]}

    what = "POST /orders" + (" and submit" if submit else "")
    with db.tx() as conn:
        return once(conn, me, key, what, body.model_dump(mode="json"), lambda: do(conn))["number"]


def _rows(given: Texts) -> int:
    """How many rows of goods the form had."""
    return next((n for n in range(MOST_LINES) if not given.getlist(f"lines.{n}.qty")), MOST_LINES) or ROWS


def _show(
    request: Request,
    me: Principal,
    conn: Any,
    *,
    start: dict[str, str] | None = None,
    given: Texts | None = None,
    wrong: Wrong | None = None,
    error: MilepostError | None = None,
    rows: int = ROWS,
) -> Response:
    language = language_of(request)
    t = translator(language)
    choices = offers.everywhere(conn, me, language, t)
    customers = masterdata.listing(conn, me, "customer", limit=_CUSTOMERS, active=True)["items"]
    choices.choices["customer"] = [(row["id"], row["name"]) for row in customers]
    form = form_of("create", NewOrder, t, choices, start=start, given=given, wrong=wrong, rows=rows)
    inputs = {each["name"]: each for each in (*form["inputs"], *form["rare"])}
    placed = {name for _, names in PARTS for name in names}
    parts = [(part, [inputs[name] for name in names if name in inputs]) for part, names in PARTS]
    parts.append(("else", [each for name, each in inputs.items() if name not in placed and name != "at"]))
    return page(
        request,
        me,
        "order_new.html",
        status=error.status if error else 422 if wrong else 200,
        section="orders",
        form=form,
        parts=[(part, each) for part, each in parts if each],
        choices=choices.choices,
        key=new_id(),
        error=error,
        **bar(conn, me),
    )
