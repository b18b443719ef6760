"""Messages: what one was told, by role or by name; reading is marked, for each or for all."""

from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Me, Reader, database
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.errors import NotFound
from milepost.ids import new_id
from milepost.notify import service as notify
from milepost.times import parse_rfc3339
from milepost.web.forms.reading import Texts, first
from milepost.web.i18n import translator
from milepost.web.pages.house import inside
from milepost.web.pages.order_acts import key_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAGE = 50


@router.get("/messages", response_class=HTMLResponse)
def messages(
    request: Request, me: Me, conn: Reader, which: str = "unread", after: str = "", done: str = ""
) -> Response:
    """What I was told, the newest first; at first only what I have not read."""
    t = translator(language_of(request))
    which = which if which in ("unread", "all") else "unread"
    found = notify.messages(conn, me, unread=True if which == "unread" else None, cursor=after or None, limit=_PAGE)
    items = [
        {**each, "told_at": parse_rfc3339(each["told_at"]),
         "read_at": None if each["read_at"] is None else parse_rfc3339(each["read_at"])}
        for each in found["items"]
    ]  # fmt: skip
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return page(
        request, me, "messages.html", section="messages", items=items, more=found["next"], which=which, key=new_id(),
        back=back.partition("&done=")[0],
        done=t("messages.done", n=done) if done.isdigit() and len(done) < 6 else "",
        **bar(conn, me),
    )  # fmt: skip


@router.post("/messages/read")
async def read_all(request: Request, me: Me) -> Response:
    """I have read what the page shows, and all before it."""
    given = await request.form()
    return await run_in_threadpool(_read, request, me, given, None)


@router.post("/messages/{message_id}/read")
async def read_one(message_id: str, request: Request, me: Me) -> Response:
    """I have read this one."""
    given = await request.form()
    return await run_in_threadpool(_read, request, me, given, message_id)


def _read(request: Request, me: Principal, given: Texts, message_id: str | None) -> Response:
    up_to = first(given, "up_to") or None
    with database(request).tx() as conn:
        if message_id is None:
            told = once(
                conn, me, key_of(given), "POST /messages/read", {"up_to": up_to},
                lambda: {"read": notify.mark_all_read(conn, me, up_to)},
            )["read"]  # fmt: skip
        else:
            try:
                notify.mark_read(conn, me, message_id)
            except NotFound:
                raise NotFound(translator(language_of(request))("messages.gone")) from None
            told = 1
    back = inside(first(given, "back") or "/messages")
    back = back if back.startswith("/messages") else "/messages"
    return RedirectResponse(f"{back}{'&' if '?' in back else '?'}done={quote(str(told))}", status_code=303)
