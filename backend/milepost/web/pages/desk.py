"""Simple tables: devices and their contact, messages that could not be read."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from milepost.access.deps import require
from milepost.access.model import Principal
from milepost.errors import MilepostError
from milepost.ingest import dead_letters
from milepost.web.i18n import translator
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Engineer = Annotated[Principal, Depends(require("engineer", "dispatcher"))]
_MOST = 200


class NoIngest(MilepostError):
    """This process takes no messages, so it has no dead letters either."""

    status = 503
    code = "unavailable"


@router.get("/dead-letters", response_class=HTMLResponse)
def letters(request: Request, me: Engineer) -> HTMLResponse:
    """Messages kept because nobody could read them."""
    return _letters(request, me, None, None)


@router.post("/dead-letters/{letter_id}/rerun", response_class=HTMLResponse)
def rerun(letter_id: int, request: Request, me: Engineer) -> Response:
    """Send one through ingest again; it stays where it is while it still cannot be read."""
    t = translator(language_of(request))
    try:
        _ingest(request).rerun(letter_id)
    except MilepostError as error:
        return _letters(request, me, None, t("letters.rerun.still", id=letter_id, why=error.message))
    return _letters(request, me, t("letters.rerun.ok", id=letter_id), None)


def _letters(request: Request, me: Principal, done: str | None, problem: str | None) -> HTMLResponse:
    rows = dead_letters.listed(_ingest(request).spool.connection(), limit=_MOST)
    return page(
        request, me, "dead_letters.html", section="fleet", rows=rows, done=done, problem=problem,
        status=409 if problem else 200,
    )  # fmt: skip


def _ingest(request: Request) -> Any:
    found = getattr(request.app.state, "ingest", None)
    if found is None:
        raise NoIngest("this process takes no messages; open the page of one started with `milepost serve`")
    return found
