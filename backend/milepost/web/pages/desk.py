"""Messages that could not be read: listed, and run again with the result on the page where the button stands."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from milepost.access.deps import require
from milepost.access.model import Principal
from milepost.errors import Conflict, NotFound
from milepost.ingest import dead_letters
from milepost.ingest.spools import Spools
from milepost.web.i18n import translator
from milepost.web.pages.house import inside
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Engineer = Annotated[Principal, Depends(require("engineer", "dispatcher"))]
_MOST = 200
_WAIT_S = 5.0  # a sink that fails at it tries for two seconds before it gives up
_GOOD, _BAD = ("read", "queued"), ("again", "still", "gone")


@router.get("/dead-letters", response_class=HTMLResponse)
def letters(request: Request, me: Engineer, worker: str = "", letter: str = "", result: str = "") -> HTMLResponse:
    """Messages kept because nobody could read them; in a process without a spool those of a worker on this host."""
    own = _ingest(request)
    names = [] if own is not None else _spools(request).workers()
    chosen = worker if worker in names else next(iter(names), "")
    rows: list[Any] = []
    if own is not None or names:
        with _letters(request, chosen) as conn:
            rows = dead_letters.listed(conn, limit=_MOST)
    return page(
        request, me, "dead_letters.html", section="fleet", rows=rows, workers=names, worker=chosen,
        elsewhere=own is None and not names, back=f"/dead-letters?{urlencode({'worker': chosen})}" if names else "",
        said=said(request, letter, result),
    )  # fmt: skip


@router.post("/dead-letters/{letter_id}/rerun")
def rerun(
    letter_id: int, request: Request, _me: Engineer, back: Annotated[str, Form()] = "",
    worker: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Send one through ingest again and go back to say what became of it; where it cannot be read it stays."""
    result = _rerun(request, letter_id, worker)
    to = inside(back or "/dead-letters")
    known = to.startswith(("/dead-letters", "/fleet/"))
    to = to if known else "/dead-letters"
    query = urlencode({"letter": letter_id, "result": result})
    return RedirectResponse(f"{to}{'&' if '?' in to else '?'}{query}#said", status_code=303)


def said(request: Request, letter: str, result: str) -> dict[str, str]:
    """What a page says after a letter was run again: {done, problem}, at most one of them."""
    if not (letter.isdigit() and len(letter) < 16 and result in _GOOD + _BAD):
        return {"done": "", "problem": ""}
    text = translator(language_of(request))(f"letters.rerun.{result}", id=letter)
    return {"done": text, "problem": ""} if result in _GOOD else {"done": "", "problem": text}


def _rerun(request: Request, letter_id: int, worker: str) -> str:
    own = _ingest(request)
    try:
        if own is None:
            _spools(request).rerun(worker or None, letter_id)
            return "queued"  # its worker takes it from there within a second
        return own.rerun_ended(letter_id, own.rerun(letter_id), _WAIT_S)
    except Conflict:
        return "still"
    except NotFound:
        return "gone"


@contextmanager
def _letters(request: Request, worker: str) -> Iterator[sqlite3.Connection]:
    own = _ingest(request)
    if own is not None:
        yield own.spool.connection()
        return
    with _spools(request).connection(worker) as conn:
        yield conn


def _spools(request: Request) -> Spools:
    return Spools(request.app.state.settings.data_dir)


def _ingest(request: Request) -> Any | None:
    return getattr(request.app.state, "ingest", None)
