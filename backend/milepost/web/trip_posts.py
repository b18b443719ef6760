"""The form routes of trips: each reads its form, does one act, goes back to the trip or its loading check."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import database
from milepost.access.model import Principal
from milepost.errors import MilepostError
from milepost.plan import service as plan
from milepost.web import trip_list
from milepost.web.forms.reading import Texts, Wrong, first
from milepost.web.i18n import translator
from milepost.web.render import language_of
from milepost.web.trip_acts import Back

# What an act does with a trip and the form that was sent; returns what it was warned of. Raises Wrong, MilepostError.
Do = Callable[[Request, Principal, plan.Trip, Texts], list[Any]]


@dataclass(frozen=True, slots=True)
class TripAct:
    """One form of a trip's pages. `name`: of the form; `who`: the annotation of the person who may send it; `at_door`:
    it stands on the loading check (a form may also say so itself, by its field `back`)."""

    name: str
    who: Any
    do: Do
    help: str
    at_door: bool = False


def form_routes(
    router: APIRouter, acts: Mapping[str, TripAct], show: Callable[..., Response], show_load: Callable[..., Response]
) -> None:
    """Let `POST /trips/{ref}/<path>` do each of these acts; a form that is wrong or refused comes back as it was sent.

    `show`, `show_load`: the pages of a trip and of its loading check.
    """
    for path, act in acts.items():
        router.add_api_route(
            f"/trips/{{ref}}/{path}", _route(act, show, show_load), methods=["POST"], name=act.name,
            response_class=HTMLResponse, description=act.help,
        )  # fmt: skip


def _route(act: TripAct, show: Callable[..., Response], show_load: Callable[..., Response]) -> Callable[..., Any]:
    async def route(ref: str, request: Request, me: act.who) -> Response:  # type: ignore[valid-type]
        given = await request.form()
        return await run_in_threadpool(_acted, act, show, show_load, request, me, ref, given)

    return route


def _acted(
    act: TripAct, show: Callable[..., Response], show_load: Callable[..., Response], request: Request, me: Principal,
    ref: str, given: Texts,
) -> Response:  # fmt: skip
    db, t = database(request), translator(language_of(request))
    with db.read() as conn:
        found = trip_list.find(conn, me, ref, t)
    at_door = act.at_door or first(given, "back") == "load"
    try:
        warned = act.do(request, me, found, given)
    except Wrong as wrong:
        back = Back(act.name, given, wrong=wrong)
    except MilepostError as error:
        back = Back(act.name, given, error=error)
    else:
        told = ",".join(dict.fromkeys(each["code"] for each in warned))
        page = quote(trip_list.ref({"id": found.id, "number": found.number}), safe="") + ("/load" if at_door else "")
        said = f"?done={act.name}" + (f"&warned={quote(told, safe=',')}" if told else "")
        return RedirectResponse(f"/trips/{page}{said}", status_code=303)
    with db.read() as conn:
        return (show_load if at_door else show)(request, me, conn, ref, back=back)
