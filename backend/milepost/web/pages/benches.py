"""Picking benches: which there are and which reader lies at each since when; a new one, a reader put or taken away."""

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Me, Reader, database, require
from milepost.access.model import Principal
from milepost.access.scope import readable
from milepost.errors import Conflict, MilepostError, NotFound
from milepost.fleet import repository, service
from milepost.fleet.tables import bench, site
from milepost.times import now_ms, parse_rfc3339
from milepost.web import formats, views
from milepost.web.forms.describe import Input
from milepost.web.forms.reading import Texts, Wrong, body_of, first
from milepost.web.forms.view import placed
from milepost.web.i18n import translator
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Planner = Annotated[Principal, Depends(require("dispatcher", "engineer"))]
_START = {"floor": "-50"}  # dBm, as the service has it where nothing is said
Row = dict[str, Any]


class NewBench(BaseModel):
    """A bench as the form gives it. `floor`: dBm from which on a tag counts as lying on it."""

    site: str
    number: str = Field(min_length=1, max_length=16)
    floor: float = Field(-50.0, ge=-100, le=0)


class Mounting(BaseModel):
    """A reader that lies at a bench `since` (RFC 3339; without it from now on)."""

    reader: str
    since: str | None = None


_NEW = (
    Input("site", ("site",), "select", True),
    Input("number", ("number",), "text", True, longest=16),
    Input("floor", ("floor",), "number", False),
)
_MOUNTING = (Input("reader", ("reader",), "select", True), Input("since", ("since",), "time", False))


@router.get("/benches", response_class=HTMLResponse)
def benches(request: Request, me: Me, conn: Reader, done: str = "") -> Response:
    """Every bench the person sees, with its reader."""
    return _show(request, me, conn, done=done)


@router.post("/benches", response_class=HTMLResponse)
async def add(request: Request, me: Planner) -> Response:
    """Enter a bench."""
    return await run_in_threadpool(_do, request, me, "", "added", await request.form())


@router.post("/benches/{bench_id}/{step}", response_class=HTMLResponse)
async def change(bench_id: str, step: str, request: Request, me: Planner) -> Response:
    """Put a reader at a bench (`reader`), or take it away (`end`)."""
    if step not in ("reader", "end"):
        raise NotFound(translator(language_of(request))("benches.gone"))
    return await run_in_threadpool(_do, request, me, bench_id, step, await request.form())


def _do(request: Request, me: Principal, bench_id: str, step: str, given: Texts) -> Response:
    zone = ZoneInfo(request.app.state.settings.time_zone)
    wrong: Wrong | None = None
    error: MilepostError | None = None
    try:
        with database(request).tx() as conn:
            if step == "added":
                made = body_of(NewBench, _NEW, given, zone)
                where = service.get(conn, "site", made.site, me)["id"]
                service.add_bench(conn, site_id=where, number=made.number, rssi_floor_dbm=made.floor)
            else:
                service.get(conn, "bench", bench_id, me)
            if step == "reader":
                _put(conn, me, bench_id, body_of(Mounting, _MOUNTING, given, zone))
            elif step == "end":
                for row in _standing(conn, bench_id):
                    service.unbind(conn, row["id"], now_ms())
    except Wrong as refused:
        wrong = refused
    except MilepostError as refused:
        error = refused
    else:
        return RedirectResponse(f"/benches?done={step}", status_code=303)
    with database(request).read() as conn:
        return _show(request, me, conn, bench_id=bench_id, given=given, wrong=wrong, error=error)


def _put(conn: Connection, me: Principal, bench_id: str, mounting: Mounting) -> None:
    now = now_ms()
    since = now if mounting.since is None else parse_rfc3339(mounting.since, "since")
    if since > now:
        raise Wrong([("since", "past", {})])
    service.bind(conn, mounting.reader, "bench", bench_id, since, by=me.id)


def _standing(conn: Connection, bench_id: str) -> list[Row]:
    now = now_ms()
    rows = repository.bindings(conn, target_kind="bench", target_id=bench_id)
    return [row for row in rows if row["from_ms"] <= now and (row["to_ms"] is None or now < row["to_ms"])]


def _show(
    request: Request, me: Principal, conn: Connection, *, done: str = "", bench_id: str = "",
    given: Texts | None = None, wrong: Wrong | None = None, error: MilepostError | None = None,
) -> Response:  # fmt: skip
    language, now = language_of(request), now_ms()
    t, zone = translator(language), ZoneInfo(request.app.state.settings.time_zone)
    columns = (bench.c.id, bench.c.number, bench.c.rssi_floor_dbm, site.c.name_zh, site.c.name_en, site.c.code)
    statement = readable(me, bench, *columns, also=[site]).join(site, site.c.id == bench.c.site_id)
    rows = [dict(row) for row in conn.execute(statement.order_by(site.c.code, bench.c.number)).mappings()]
    names = {row["id"]: row["name"] for row in repository.devices(conn)}
    free = _free(conn)
    for row in rows:
        row["site"] = views.site_name(row, language)
        row["readers"] = [
            {
                "id": each["device_id"],
                "name": names.get(each["device_id"], ""),
                "since": formats.clock_text(each["from_ms"], zone, now),
            }
            for each in _standing(conn, row["id"])
        ]
        back = row["id"] == bench_id
        row["open"] = back
        row["inputs"] = _drawn(_MOUNTING, given if back else None, wrong, {"reader": free}, row["id"], t)
    places = [(key, views.site_name(each, language)) for key, each in views.sites_by_id(conn, me).items()]
    places.sort(key=lambda pair: pair[1])
    return page(
        request, me, "benches.html", status=422 if wrong else error.status if error else 200, section="fleet",
        rows=rows, may=me.has("dispatcher", "engineer"), readers=free, places=places,
        inputs=_drawn(_NEW, None if bench_id else given, wrong, {"site": places}, "", t),
        problem=_told(conn, error, t), done=t(f"benches.done.{done}") if done in ("added", "reader", "end") else "",
        **bar(conn, me),
    )  # fmt: skip


def _drawn(
    inputs: tuple[Input, ...], given: Texts | None, wrong: Wrong | None, choices: Mapping[str, list[tuple[str, str]]],
    of: str, t: Any,
) -> list[Row]:  # fmt: skip
    """Inputs as `forms.html` draws them; with what was typed and what was wrong with it in the form that came back."""
    faults, _ = placed(wrong, inputs, t) if given is not None else ({}, [])
    return [
        {
            "name": each.name, "id": f"b-{each.name}{of}", "label": t(f"benches.{each.name}"), "widget": each.widget,
            "needed": each.needed, "rare": False, "list": "", "longest": each.longest, "hint": "",
            "choices": choices.get(each.name),
            "value": first(given, each.name) if given is not None else _START.get(each.name, ""),
            "fault": faults.get(each.name, ""),
        }
        for each in inputs
    ]  # fmt: skip


def _free(conn: Connection) -> list[tuple[str, str]]:
    """The readers that lie nowhere now: (id, what people call it)."""
    now = now_ms()
    taken = {row["device_id"] for row in repository.bindings(conn) if row["to_ms"] is None or now < row["to_ms"]}
    free = (row for row in repository.devices(conn) if row["role"] == "reader" and row["id"] not in taken)
    return [(row["id"], row["id"] if row["name"] in ("", row["id"]) else f"{row['id']} · {row['name']}")
            for row in free]  # fmt: skip


def _told(conn: Connection, error: MilepostError | None, t: Any) -> str:
    """Why nothing was done, in the page's language."""
    if isinstance(error, NotFound):
        return t("benches.gone")
    changed = error.extra.get("changed") if isinstance(error, Conflict) else None
    if isinstance(changed, dict):
        row = repository.find_binding(conn, changed["binding"]) or {}
        return t("benches.elsewhere", reader=row.get("device_id", "–"))
    return t("benches.twice") if changed == "number" else error.message if error else ""
