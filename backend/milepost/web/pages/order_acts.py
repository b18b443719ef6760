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
from milepost.numbers import FORM
from milepost.orders import carry, derive
from milepost.orders import service as orders
from milepost.orders.bodies import Command, Split
from milepost.web import orders_view
from milepost.web.forms import offers, parts, starts
from milepost.web.forms.bodies import FORMS
from milepost.web.forms.describe import inputs_of
from milepost.web.forms.reading import Texts, Wrong, body_of, first
from milepost.web.i18n import translator
from milepost.web.pages.house import inside
from milepost.web.pages.order import Returned, show
from milepost.web.render import language_of
from milepost.web.route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_DERIVED = {"split": derive.split, "append": derive.extend, "copy": derive.copy}
_KEY = re.compile(r"[\x21-\x7e]{1,128}")


@router.post("/orders/{number}/act/{command}", response_class=HTMLResponse)
async def act(number: str, command: str, request: Request, me: Me) -> Response:
    """Give a command; a refused one comes back with the reason and all that was typed, nothing changed."""
    given = await request.form()
    return await run_in_threadpool(_act, request, me, number, command, given)


def _act(request: Request, me: Principal, number: str, command: str, given: Texts) -> Response:
    db = database(request)
    if command not in FORMS:
        raise NotFound(f"no command {command!r} on this page")
    try:
        body = _body(request, db, me, number, command, given)
        answer = carry.on_order(db, me, number, command, body, key_of(given), version_of(given), _DERIVED.get(command))
    except Wrong as wrong:
        returned = Returned(command, given, wrong=wrong)
    except MilepostError as error:
        returned = Returned(command, given, error=error)
    else:
        back = first(given, "back")
        # A further order is looked at next; the parts of a split stand on the page of the first.
        shown = answer["number"] if command in ("append", "copy") else number
        target = inside(back) if back else f"/orders/{quote(shown, safe='')}"
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
    if command == "split":
        asked = {"parts": parts.read(given, row["lines"]), "override_by": first(given, "override_by") or None}
        return Split.model_validate(asked, context=FORM)
    body = body_of(FORMS[command], inputs_of(command, FORMS[command]), given, zone, choices.ids)
    if command == "edit":
        left = starts.changed_only(
            body.changes.model_dump(by_alias=True, mode="json"), starts.of("edit", row, detail, me)
        )
        if not left:
            raise Wrong([("changes.remark", "unchanged", {})])
        body = FORMS["edit"].model_validate({**body.model_dump(by_alias=True, mode="json"), "changes": left})
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
