"""Commands given from a page: read the form, carry the command out as the API does, come back with what was typed."""

import re
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Me, database
from milepost.access.model import Principal
from milepost.db import Database
from milepost.errors import Invalid, MilepostError, NotFound
from milepost.orders import carry
from milepost.orders import service as orders
from milepost.orders.bodies import BODIES, Command
from milepost.web import orders_view
from milepost.web.forms import offers, starts
from milepost.web.forms.describe import inputs_of
from milepost.web.forms.reading import Texts, Wrong, body_of, first
from milepost.web.i18n import translator
from milepost.web.pages.house import inside
from milepost.web.pages.order import Returned, show
from milepost.web.render import language_of
from milepost.web.route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_KEY = re.compile(r"[\x21-\x7e]{1,128}")


@router.post("/orders/{number}/act/{command}", response_class=HTMLResponse)
async def act(number: str, command: str, request: Request, me: Me) -> Response:
    """Give a command; a refused one comes back with the reason and all that was typed, nothing changed."""
    given = await request.form()
    return await run_in_threadpool(_act, request, me, number, command, given)


def _act(request: Request, me: Principal, number: str, command: str, given: Texts) -> Response:
    db = database(request)
    if command not in BODIES:
        raise NotFound(f"no command {command!r} on this page")
    try:
        body = _body(request, db, me, number, command, given)
        answer = carry.on_order(db, me, number, command, body, key_of(given), version_of(given))
    except Wrong as wrong:
        returned = Returned(command, given, wrong=wrong)
    except MilepostError as error:
        returned = Returned(command, given, error=error)
    else:
        back = first(given, "back")
        target = inside(back) if back else f"/orders/{quote(number, safe='')}"
        warned = ",".join(each["code"] for each in answer.get("warnings", ()))
        told = f"done={command}" + (f"&warned={quote(warned, safe=',')}" if warned else "")
        return RedirectResponse(f"{target}{'&' if '?' in target else '?'}{told}", status_code=303)
    with db.read() as conn:
        return show(request, me, conn, number, returned=returned)


def _body(request: Request, db: Database, me: Principal, number: str, command: str, given: Texts) -> Command:
    """The body of the command. Raises Wrong for the form, NotFound for the order."""
    language = language_of(request)
    t, zone = translator(language), ZoneInfo(request.app.state.settings.time_zone)
    with db.read() as conn:
        row = orders_view.by_number(conn, me, number, t)
        if row is None:
            raise NotFound(t("order.gone"))
        detail = orders.get(conn, me, row["id"])
        choices = offers.of_order(offers.everywhere(conn, me, language, t), row, (), t, lambda *_: "")
    body = body_of(BODIES[command], inputs_of(command, BODIES[command]), given, zone, choices.ids)
    if command == "edit":
        left = starts.changed_only(
            body.changes.model_dump(by_alias=True, mode="json"), starts.of("edit", row, detail, me)
        )
        if not left:
            raise Wrong([("changes.remark", "unchanged", {})])
        body = BODIES["edit"].model_validate({**body.model_dump(by_alias=True, mode="json"), "changes": left})
    try:
        body.fields()
    except Invalid as error:
        raise Wrong([("", "other", {"text": error.message})]) from None
    return body


def key_of(given: Texts) -> str | None:
    """The form's Idempotency-Key: sending it twice (a double click, the back button) does the thing once."""
    text = first(given, "key")
    return text if _KEY.fullmatch(text) else None


def version_of(given: Texts) -> int | None:
    """The version of the order that the form was made from."""
    text = first(given, "version")
    return int(text) if text.isdigit() and len(text) < 10 else None
