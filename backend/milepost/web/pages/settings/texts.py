"""The texts in which messages are told: in both languages, changed for this installation, or as the house has them."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Reader, database
from milepost.access.model import Principal
from milepost.errors import MilepostError, NotFound
from milepost.notify import service as notify
from milepost.notify.repository import names_of
from milepost.notify.rules import RULES
from milepost.notify.rules_devices import DEVICE_RULES
from milepost.notify.templates import FIELDS, MAX_TEMPLATE
from milepost.times import parse_rfc3339
from milepost.web.forms.reading import Texts, first
from milepost.web.i18n import translator
from milepost.web.pages.settings.index import Admin, show, told
from milepost.web.render import language_of
from milepost.web.route import PageRoute

_NO_WORDS = {"inbox.assigned": "texts.assigned"}
router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/settings/texts", response_class=HTMLResponse)
def texts(
    request: Request, me: Admin, conn: Reader, q: str = "", own: str = "", name: str = "", done: str = ""
) -> Response:
    """Every text, and beside the list one to change."""
    return _show(request, me, conn, q, own, name, done, None, None)


@router.post("/settings/texts/{name}/{language}", response_class=HTMLResponse)
async def put(name: str, language: str, request: Request, me: Admin) -> Response:
    """Say it in other words here, or (`reset`) as the house does."""
    given = await request.form()
    return await run_in_threadpool(_put, request, me, name, language, given)


def _put(request: Request, me: Principal, name: str, language: str, given: Texts) -> Response:
    reset = bool(first(given, "reset"))
    try:
        with database(request).tx() as conn:
            if reset:
                notify.reset_template(conn, name, language)
            else:
                notify.put_template(conn, me, name, language, first(given, "text")[: MAX_TEMPLATE + 1])
    except NotFound:
        raise NotFound(translator(language_of(request))("texts.gone")) from None
    except MilepostError as error:
        with database(request).read() as conn:
            return _show(request, me, conn, "", "", name, "", error, (language, first(given, "text")))
    done = "reset" if reset else "saved"
    return RedirectResponse(f"/settings/texts?name={quote(name, safe='')}&done={done}", status_code=303)


def name_of(template: str, t: Any) -> str:
    """What a text tells, and to whom: `Not accepted in time · our people`; an event by its own name."""
    head, _, tail = template.rpartition(".")
    if template in _NO_WORDS:
        return t(_NO_WORDS[template])
    if head == "event":
        return t(f"texts.event.{tail}")
    rule = RULES.get(head) or DEVICE_RULES[head]
    who = t(f"texts.{tail}") if tail in ("staff", "over") else t(f"role.{tail}")
    return f"{rule.title[t('form.yes') != '是']} · {who}"


def _show(
    request: Request, me: Principal, conn: Connection, q: str, own: str, name: str, done: str,
    error: MilepostError | None, typed: tuple[str, str] | None,
) -> Response:  # fmt: skip
    t = translator(language_of(request))
    whole = notify.templates(conn)
    named: dict[str, dict[str, Any]] = {}
    for row in whole:
        named.setdefault(row["name"], {})[row["language"]] = row
    wanted = q.casefold()
    rows = [
        {"name": key, "title": name_of(key, t), **pair, "own": any(each["changed_at"] for each in pair.values())}
        for key, pair in named.items()
        if (
            not wanted
            or any(wanted in text.casefold() for text in (key, name_of(key, t), pair["zh"]["text"], pair["en"]["text"]))
        )
    ]
    side = named.get(name)
    people = names_of(conn, {row["changed_by"] for row in whole if row["changed_by"]})
    shown = side and {
        key: {**row, "changed_by": people.get(row["changed_by"] or "", row["changed_by"]),
              "changed_at": row["changed_at"] and parse_rfc3339(row["changed_at"]),
              "text": typed[1] if typed and typed[0] == key else row["text"]}
        for key, row in side.items()
    }  # fmt: skip
    return show(
        request, me, conn, "message_texts.html", "texts", status=error.status if error else 200,
        rows=[row for row in rows if row["own"] or not own], q=q, own=own, name=name, side=shown,
        title=name_of(name, t) if side else "",
        changed=sum(1 for row in rows if row["own"]), gone=bool(name) and side is None,
        problem=told(request, error), wrong=typed[0] if typed else "", fields=sorted(FIELDS), longest=MAX_TEMPLATE,
        done=t(f"texts.done.{done}") if done in ("saved", "reset") else "",
    )  # fmt: skip
