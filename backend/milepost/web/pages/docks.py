"""The dock sessions of a door as its people open, correct and close them: forms that need no script."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Me, Reader, database, require
from milepost.access.model import Principal
from milepost.errors import MilepostError, NotFound
from milepost.evidence import api as evidence_api
from milepost.evidence import repository as evidence_rows
from milepost.evidence.docking import how
from milepost.fleet import repository as fleet_rows
from milepost.fleet import service as fleet
from milepost.ids import new_id
from milepost.notify.repository import names_of
from milepost.times import now_ms
from milepost.web import dock_forms, formats, trip_acts, views
from milepost.web.dock_forms import CLOSE, CORRECT, OPEN
from milepost.web.forms.reading import Texts, Wrong
from milepost.web.i18n import translator
from milepost.web.pages.order_acts import key_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar
from milepost.web.trip_acts import Back

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Keeper = Annotated[Principal, Depends(require("keeper"))]
Row = dict[str, Any]
# What an act does at a door with the session it is about (None: a new one) and the form that was sent.
Do = Callable[[Request, Connection, Principal, Row, Row | None, Texts], object]
_SHOWN_MS = 14 * 86_400_000
_MOST = 40


@router.get("/doors/{door_id}/sessions", response_class=HTMLResponse)
def session_list(
    door_id: str, request: Request, me: Me, conn: Reader, session: str = "", done: str = ""
) -> HTMLResponse:
    """Who stood at a door in the last fourteen days; `session`: the one that is to be corrected."""
    return _show(request, me, conn, door_id, session, done=done)


@router.post("/doors/{door_id}/sessions", response_class=HTMLResponse)
async def open_session(door_id: str, request: Request, me: Keeper) -> Response:
    """A truck stands at the door, or stood there."""
    given = await request.form()
    return await run_in_threadpool(_act, OPEN, _open, request, me, door_id, "", given)


@router.post("/doors/{door_id}/sessions/{session_id}/correct", response_class=HTMLResponse)
async def correct_session(door_id: str, session_id: str, request: Request, me: Keeper) -> Response:
    """Another door, vehicle, trip, way or time of a session."""
    given = await request.form()
    return await run_in_threadpool(_act, CORRECT, _correct, request, me, door_id, session_id, given)


@router.post("/doors/{door_id}/sessions/{session_id}/close", response_class=HTMLResponse)
async def close_session(door_id: str, session_id: str, request: Request, me: Keeper) -> Response:
    """The truck has left the door, now or at the time that the form says."""
    given = await request.form()
    return await run_in_threadpool(_act, CLOSE, _close, request, me, door_id, session_id, given)


def _act(name: str, do: Do, request: Request, me: Principal, door_id: str, session_id: str, given: Texts) -> Response:
    db = database(request)
    try:
        with db.tx() as conn:
            door = fleet.get(conn, "door", door_id, me)
            do(request, conn, me, door, _session(conn, door, session_id), given)
    except Wrong as wrong:
        back = Back(name, given, wrong=wrong)
    except NotFound:
        raise
    except MilepostError as error:
        back = Back(name, given, error=error)
    else:
        return RedirectResponse(f"/doors/{door_id}/sessions?done={name}", status_code=303)
    with db.read() as conn:
        return _show(request, me, conn, door_id, session_id, back=back)


def _open(request: Request, conn: Connection, me: Principal, door: Row, _: Row | None, given: Texts) -> object:
    choices = dock_forms.choices_of(conn, door["site_id"], set())
    body = dock_forms.opened(given, trip_acts.zone_of(request), choices)
    return evidence_api.open_session(door["id"], body, conn, me, key_of(given))


def _correct(request: Request, conn: Connection, me: Principal, door: Row, row: Row | None, given: Texts) -> object:
    if row is None:
        raise NotFound("name the session that is to be corrected")
    choices = dock_forms.choices_of(conn, door["site_id"], {row["trip_id"]})
    body = dock_forms.corrected(given, row, trip_acts.zone_of(request), choices)
    return evidence_api.correct_session(row["id"], body, conn, me, key_of(given))


def _close(request: Request, conn: Connection, me: Principal, _: Row, row: Row | None, given: Texts) -> object:
    if row is None:
        raise NotFound("name the session that is to be closed")
    body = dock_forms.closed(given, row, trip_acts.zone_of(request))
    return evidence_api.close_session(row["id"], body, conn, me, key_of(given))


def _session(conn: Connection, door: Row, session_id: str) -> Row | None:
    """The session of a form at this door; None for a new one. Raises NotFound."""
    if not session_id:
        return None
    row = evidence_rows.session(conn, session_id)
    if row is None or row["door_id"] != door["id"]:
        raise NotFound("no such session at this door; reload the page")
    return row


def _show(
    request: Request,
    me: Principal,
    conn: Connection,
    door_id: str,
    session_id: str,
    *,
    done: str = "",
    back: Back | None = None,
) -> HTMLResponse:
    language, now = language_of(request), now_ms()
    t, zone = translator(language), trip_acts.zone_of(request)
    door = fleet.get(conn, "door", door_id, me)
    rows = [row for row in evidence_rows.sessions_of_doors(conn, [door_id], now - _SHOWN_MS)
            if row["to_ms"] != row["from_ms"]][-_MOST:]  # fmt: skip
    mine = _session(conn, door, session_id)
    if mine is not None:
        rows = sorted([row for row in rows if row["id"] != mine["id"]] + [mine], key=lambda row: row["from_ms"])
    choices = dock_forms.choices_of(conn, door["site_id"], {row["trip_id"] for row in rows})
    plates, trips = dict(choices["vehicle"]), dict(choices["trip"])
    people = names_of(conn, {str(row[by]) for row in rows for by in ("opened_by", "closed_by") if row[by]})
    for row in rows:
        row |= {"plate": plates.get(row["vehicle_id"], "–"), "number": trips.get(row["trip_id"], "–"),
                "how": how(row["opened_by"]), "who": people.get(row["opened_by"], row["opened_by"]),
                "open": row["from_ms"] <= now and (row["to_ms"] is None or row["to_ms"] > now)}  # fmt: skip
    keeper = me.has("keeper")
    problem = trip_acts.told(back, t)
    if problem is not None and back is not None and back.error is not None:
        problem["text"] = dock_forms.in_words(conn, back.error, t, lambda at: formats.clock_text(at, zone, now))
    forms = {
        OPEN: trip_acts.described(OPEN, dock_forms.OPEN_INPUTS, choices, t, start={"direction": "load"}, back=back),
        CLOSE: trip_acts.described(CLOSE, dock_forms.CLOSE_INPUTS, {}, t, back=back),
    }
    if mine is not None and keeper:
        forms[CORRECT] = trip_acts.described(
            CORRECT, dock_forms.correct_inputs(mine), choices, t, start=dock_forms.started(mine, zone), back=back
        )
    site = fleet_rows.find(conn, "site", door["site_id"])
    return page(
        request, me, "dock_sessions.html", status=back.status if back else 200, section="doors", door=door,
        site_name=views.site_name(site, language), rows=rows[::-1], mine=mine, forms=forms, keeper=keeper,
        done=trip_acts.done(done, "", t), problem=problem, key=new_id(), **bar(conn, me),
    )  # fmt: skip
