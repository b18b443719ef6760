"""The door of the house: signing in and out, preferences, static files."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from milepost.access import service as access
from milepost.access.api import open_session, set_cookie
from milepost.access.deps import COOKIE, Tx, database, person_or_none, same_origin, token_of
from milepost.access.model import Principal
from milepost.db import Database
from milepost.errors import Forbidden, NotFound, RateLimited, Unauthorized
from milepost.web import i18n
from milepost.web.assets import assets
from milepost.web.render import THEME_COOKIE, THEMES, language_of, page, remember
from milepost.web.route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_FOR_EVER = "public, max-age=31536000, immutable"


@router.get("/")
def root() -> RedirectResponse:
    """The board is the front page."""
    return RedirectResponse("/live", status_code=307)


@router.get("/static/{digest}/{path:path}")
def static(digest: str, path: str, request: Request) -> Response:
    """A static file under the hash of their content: it can be kept for ever."""
    found = assets().get(path)
    if found is None or digest != assets().digest:
        raise NotFound(f"no such file: {path}; reload the page that names it")
    kind, plain, squeezed = found
    headers = {"Cache-Control": _FOR_EVER, "X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding"}
    if squeezed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(squeezed, media_type=kind, headers=headers | {"Content-Encoding": "gzip"})
    return Response(plain, media_type=kind, headers=headers)


@router.get("/sign-in", response_class=HTMLResponse)
def sign_in_page(
    request: Request, me: Annotated[Principal | None, Depends(person_or_none)], next: str = "/live"
) -> Response:
    """Where somebody says who they are."""
    if me is not None:
        return RedirectResponse(inside(next), status_code=303)
    return page(request, None, "sign_in.html", next=inside(next), login="", problem=None)


@router.post("/sign-in", response_class=HTMLResponse)
def sign_in(
    request: Request,
    db: Annotated[Database, Depends(database)],
    login: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    next: Annotated[str, Form()] = "/live",
) -> Response:
    """Open a session and go on to where the person wanted to be."""
    # Without this another site could sign somebody into an account of its own.
    if not same_origin(request.headers.get("origin"), request):
        raise Forbidden("this request came from another site; open the page of this service and try again")
    t = i18n.translator(language_of(request))
    life_ms = int(request.app.state.settings.session_hours.total_seconds() * 1000)
    try:
        token = open_session(db, login.strip().lower(), password, life_ms)
    except Unauthorized:
        problem = t("sign_in.wrong")
    except RateLimited as error:
        problem = t("sign_in.locked", s=error.extra["retry_after"])
    else:
        response = RedirectResponse(inside(next), status_code=303)
        set_cookie(response, request, token, life_ms)
        return response
    return page(request, None, "sign_in.html", status=401, next=inside(next), login=login, problem=problem)


@router.post("/sign-out")
def sign_out(request: Request, conn: Tx) -> Response:
    """End this session."""
    token = token_of(request)
    if token:
        access.sign_out(conn, token)
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(COOKIE)
    return response


@router.post("/preferences")
def preferences(
    request: Request, theme: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "/live"
) -> Response:
    """Keep how this browser wants its pages."""
    response = RedirectResponse(inside(back), status_code=303)
    if theme in THEMES:
        remember(response, THEME_COOKIE, theme)
    return response


def inside(address: str) -> str:
    """`address` if it stays on this service, else the board: no page of ours sends people elsewhere."""
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and "\n" not in address
    return address if plain else "/live"
