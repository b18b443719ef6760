"""GS1 names of vehicles, sites and doors, and CSV files that bring them in: forms that need no script."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL, UploadFile

from milepost.access.deps import Reader, database, require
from milepost.access.model import Principal
from milepost.errors import Conflict, MilepostError, NotFound
from milepost.evidence.epcis import assets
from milepost.fleet import repository as fleet_rows
from milepost.fleet import service as fleet
from milepost.ids import new_id
from milepost.orders import csv_import
from milepost.web import views
from milepost.web.forms.reading import first
from milepost.web.i18n import translator
from milepost.web.pages.order_acts import key_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Planner = Annotated[Principal, Depends(require("dispatcher", "engineer"))]
KINDS = {"vehicles": "vehicle", "sites": "site", "doors": "door"}
_PAGE = 100
_MOST_FAULTS = 30
Row = dict[str, Any]


@router.get("/gs1", response_class=HTMLResponse)
def listing(
    request: Request, me: Planner, conn: Reader, kind: str = "vehicles", after: str = "", saved: str = "",
    rows: str = "", made: str = "", changed: str = "",
) -> Response:  # fmt: skip
    """Vehicles, sites or doors with their names; `saved`, `rows`, `made`, `changed`: what was just done."""
    t = translator(language_of(request))
    done = t("gs1.saved", name=saved[:40]) if saved else ""
    if all(each.isdigit() for each in (rows, made, changed)):
        done = t("gs1.file.done", rows=rows, made=made, changed=changed)
    return _show(request, me, conn, kind, after=after, done=done)


@router.get("/gs1/empty/{kind}.csv")
def empty_file(kind: str, me: Planner) -> Response:
    """A file with nothing but its heads, to be filled in."""
    if kind not in csv_import.HEADS:
        raise NotFound(f"no kind {kind!r}; one of {', '.join(csv_import.HEADS)}")
    needed, more = csv_import.HEADS[kind]
    return Response(
        "\ufeff" + ",".join((*needed, *more)) + "\r\n",
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{kind}.csv"'},
    )


@router.post("/gs1/import", response_class=HTMLResponse)
async def bring_in(request: Request, me: Planner) -> Response:
    """Take a CSV file in, whole or not at all."""
    given = await request.form()
    kind, file = first(given, "what"), given.get("file")
    data = await file.read() if isinstance(file, UploadFile) else b""
    return await run_in_threadpool(_import, request, me, kind, data, key_of(given))


@router.post("/gs1/{kind}/{row_id}", response_class=HTMLResponse)
async def save(kind: str, row_id: str, request: Request, me: Planner) -> Response:
    """Say what a vehicle, site or door is called."""
    given = await request.form()
    return await run_in_threadpool(_save, request, me, kind, row_id, first(given, "name"))


def _save(request: Request, me: Principal, kind: str, row_id: str, text: str) -> Response:
    if kind not in KINDS:
        raise NotFound(f"no kind {kind!r}")
    t = translator(language_of(request))
    try:
        with database(request).tx() as conn:
            row = fleet.get(conn, KINDS[kind], row_id, me)
            assets.set_name(conn, KINDS[kind], row_id, text)
    except NotFound:
        raise
    except MilepostError as error:
        why = t("gs1.taken") if isinstance(error, Conflict) else error.message
        with database(request).read() as conn:
            return _show(request, me, conn, kind, typed={row_id: (text, why)}, status=error.status)
    told = row.get("plate") or row.get("code") or row.get("number")
    return _back(kind, saved=told)


def _import(request: Request, me: Principal, kind: str, data: bytes, key: str | None) -> Response:
    t = translator(language_of(request))
    shown = kind if kind in KINDS else "vehicles"
    status, faults = 422, [t("gs1.file.missing")]
    if kind in csv_import.HEADS and not me.has(*csv_import.ROLES[kind]):
        status, faults = 403, [t("gs1.file.forbidden")]
    elif kind in csv_import.HEADS and data:
        try:
            with database(request).tx() as conn:
                done = csv_import.take_in(conn, me, kind, data, key)
            return _back(shown, rows=done.rows, made=done.made, changed=done.changed)
        except MilepostError as error:
            lines = error.extra.get("errors", ())
            faults = [t("gs1.file.line", n=each["line"], what=each["what"]) for each in lines[:_MOST_FAULTS]]
            status, faults = error.status, faults or [error.message]
    with database(request).read() as conn:
        return _show(request, me, conn, shown, what=kind, faults=faults, status=status)


def _back(kind: str, **told: Any) -> Response:
    address = URL("/gs1").include_query_params(kind=kind, **told)
    return RedirectResponse(str(address), status_code=303)


def _show(
    request: Request, me: Principal, conn: Connection, kind: str, *, after: str = "", done: str = "",
    typed: dict[str, tuple[str, str]] | None = None, what: str = "", faults: list[str] | None = None,
    status: int = 200,
) -> HTMLResponse:  # fmt: skip
    language = language_of(request)
    kind = kind if kind in KINDS else "vehicles"
    single = KINDS[kind]
    found = fleet_rows.listing(conn, single, me, after=after or None, limit=_PAGE + 1)
    shown, more = found[:_PAGE], len(found) > _PAGE
    if typed and all(row["id"] not in typed for row in shown):  # it stood on another page of the list
        shown = [fleet.get(conn, single, row_id, me) for row_id in typed] + shown
    named = assets.names(conn, single, [row["id"] for row in shown])
    sites = views.sites_by_id(conn, me) if kind == "doors" else {}
    rows = [
        {"id": row["id"], "text": _text(row, kind, sites, language),
         "name": named.get(row["id"]) or row.get("sgln") or "", "fault": "", **_typed(row["id"], typed)}
        for row in shown
    ]  # fmt: skip
    return page(
        request, me, "gs1.html", status=status, section="fleet", kind=kind, kinds=list(KINDS), rows=rows,
        more=shown[-1]["id"] if more else None, after=after, done=done, example=assets.EXAMPLES[single],
        files=list(csv_import.HEADS), what=what, faults=faults or [], key=new_id(), **bar(conn, me),
    )  # fmt: skip


def _typed(row_id: str, typed: dict[str, tuple[str, str]] | None) -> Row:
    if typed is None or row_id not in typed:
        return {}
    return {"name": typed[row_id][0], "fault": typed[row_id][1]}


def _text(row: Row, kind: str, sites: dict[str, Row], language: str) -> str:
    if kind == "vehicles":
        return row["plate"]
    if kind == "sites":
        return f"{row['code']} · {row[f'name_{language}']}"
    return f"{views.site_name(sites.get(row['site_id']), language)} · {row['number']}"
