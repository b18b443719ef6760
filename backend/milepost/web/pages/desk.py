"""Simple tables: devices and their contact, messages that could not be read."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection, select

from milepost.access.deps import Me, Reader, require
from milepost.access.model import Principal
from milepost.access.scope import readable
from milepost.errors import MilepostError
from milepost.fleet import model as fleet_model
from milepost.fleet import repository as fleet
from milepost.fleet.tables import door, site
from milepost.ingest import dead_letters
from milepost.ingest.tables import device_contact
from milepost.times import now_ms
from milepost.web import views
from milepost.web.i18n import translator
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Engineer = Annotated[Principal, Depends(require("engineer", "dispatcher"))]
_MOST = 200


class NoIngest(MilepostError):
    """This process takes no messages, so it has no dead letters either."""

    status = 503
    code = "unavailable"


@router.get("/fleet", response_class=HTMLResponse)
def devices(request: Request, me: Me, conn: Reader) -> HTMLResponse:
    """Every device: where it is mounted, when it was heard, what it runs."""
    language, now = language_of(request), now_ms()
    contacts = {row["device"]: dict(row) for row in conn.execute(select(device_contact)).mappings()}
    mounted = _mounted(conn, me, language, now, translator(language))
    rows: list[dict[str, Any]] = []
    for row in fleet.devices(conn):
        where = mounted.get(row["id"])
        # Somebody with a part of the fleet sees the devices of that part.
        if row["removed_at"] is None and (where or me.sees_all):
            contact = contacts.get(row["id"])
            applied = fleet_model.applied(row, contact["cfg_version"] if contact else None)
            rows.append({**row, "where": where, "contact": contact, "applied": applied})
    return page(
        request,
        me,
        "fleet.html",
        section="fleet",
        rows=rows,
        letters=me.has("engineer", "dispatcher"),
        **bar(conn, me),
    )


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


def _mounted(conn: Connection, me: Principal, language: str, now: int, t: Any) -> dict[str, dict[str, str]]:
    """Device → {text, kind, link} of the vehicle or door it is on now, within the person's scopes."""
    plates = {row["id"]: row["plate"] for row in views.vehicles_seen(conn, me)}
    statement = readable(me, door, door.c.id, door.c.number, site.c.name_zh, site.c.name_en, also=[site]).join(
        site, site.c.id == door.c.site_id
    )
    doors = {row["id"]: dict(row) for row in conn.execute(statement).mappings()}
    found: dict[str, dict[str, str]] = {}
    for row in fleet.bindings(conn):
        if not (row["from_ms"] <= now and (row["to_ms"] is None or now < row["to_ms"])):
            continue
        target = row["target_id"]
        if row["target_kind"] == "vehicle" and target in plates:
            found[row["device_id"]] = {"text": plates[target], "kind": "truck", "plate": plates[target], "link": ""}
        elif row["target_kind"] == "door" and target in doors:
            each = doors[target]
            text = t("fleet.door", site=views.site_name(each, language), n=each["number"])
            found[row["device_id"]] = {"text": text, "kind": "door", "plate": "", "link": f"/doors/{target}"}
    return found
