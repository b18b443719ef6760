"""Where the antennas of a dock door look: placed, turned and taken away by forms, beside what each of them hears."""

from collections.abc import Callable
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Me, Reader, database, require
from milepost.access.model import Principal
from milepost.errors import Conflict, Invalid, MilepostError, NotFound
from milepost.fleet import antennas, repository
from milepost.fleet import api as fleet_api
from milepost.fleet import service as fleet
from milepost.plan import service as plan
from milepost.telemetry.model import Reading, TagBody
from milepost.times import now_ms
from milepost.web import antenna_view, scanned, trip_acts, views
from milepost.web.antenna_view import COUNT_MS, LAST_MS
from milepost.web.forms.describe import Input
from milepost.web.forms.reading import Texts, Wrong, body_of, first
from milepost.web.i18n import translator
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar
from milepost.web.trip_acts import Back

router = APIRouter(route_class=PageRoute, include_in_schema=False)
PLANNERS = ("dispatcher", "engineer")  # as the API has it
Planner = Annotated[Principal, Depends(require(*PLANNERS))]
ADD, PLACE, TURN, REMOVE = "antenna-add", "antenna-place", "antenna-turn", "antenna-remove"
_ANY = "any"
_INPUTS = (
    Input("antenna", ("antenna",), "int", True, low=0, high=255),
    Input("role", ("role",), "choice", True, choices=antennas.ROLES),
    Input("device", ("device",), "reader", True),
)
_AHEAD_MS = 60_000  # a reader's clock may be ahead of ours
_MOST_READINGS = 60_000  # of one reader are looked through for the last read of a silent antenna
Row = dict[str, Any]


@router.get("/doors/{door_id}/antennas", response_class=HTMLResponse)
def antenna_list(door_id: str, request: Request, me: Me, conn: Reader, done: str = "") -> HTMLResponse:
    """The antennas of a door with what each hears, and those that send without being placed."""
    return _show(request, me, conn, door_id, done=done)


@router.post("/doors/{door_id}/antennas/{step}", response_class=HTMLResponse)
async def change(door_id: str, step: str, request: Request, me: Planner) -> Response:
    """Place an antenna (`add` as typed, `place` as offered), `turn` it to the other side, or `remove` it."""
    if step not in _STEPS:
        raise NotFound(translator(language_of(request))("antenna.gone"))
    return await run_in_threadpool(_change, request, me, door_id, step, await request.form())


def _change(request: Request, me: Principal, door_id: str, step: str, given: Texts) -> Response:
    name, do = _STEPS[step]
    db, t = database(request), translator(language_of(request))
    try:
        with db.tx() as conn:
            fleet.get(conn, "door", door_id, me)
            repository.lock(conn, "door", door_id)  # two people at once: the list is written as a whole
            told = antennas.as_json(antennas.of_doors(conn, [door_id]).get(door_id, ()))
            body = fleet_api.Antennas.model_validate({"antennas": do(request, told, given, t)})
            fleet_api.set_antennas(door_id, body, conn, me)
    except (Wrong, Invalid) as fault:
        # A form says beside which input; a button has none, and nobody presses it with anything else but by hand.
        unknown = Wrong([("device", "choice", {})])  # what the form alone cannot tell: no such reader
        wrong = fault if isinstance(fault, Wrong) else unknown
        back = (
            Back(name, given, wrong=wrong) if step == "add" else Back(name, given, error=Invalid(t("antenna.unclear")))
        )
    except MilepostError as error:
        back = Back(name, given, error=error)
    else:
        return RedirectResponse(f"/doors/{door_id}/antennas?done={name}", status_code=303)
    with db.read() as conn:
        return _show(request, me, conn, door_id, back=back)


def _added(request: Request, told: list[Row], given: Texts, _t: trip_acts.Translate) -> list[Row]:
    """The list with one more. Raises Wrong."""
    new = _typed(request, given)
    if any(_same(each, new) for each in told):
        raise Wrong([("antenna", "antenna_twice", {})])
    if len(told) >= antennas.MOST:
        raise Wrong([("", "antenna_most", {"n": antennas.MOST})])
    return [*told, new]


def _placed(request: Request, told: list[Row], given: Texts, t: trip_acts.Translate) -> list[Row]:
    """The list with one that sends; pressed twice it is there once. Raises Conflict when somebody else has placed it
    otherwise, or there are too many."""
    new = _typed(request, given)
    if new in told:
        return told
    if any(_same(each, new) for each in told):
        raise Conflict(t("fault.antenna_twice"))
    if len(told) >= antennas.MOST:
        raise Conflict(t("fault.antenna_most", n=antennas.MOST))
    return [*told, new]


def _typed(request: Request, given: Texts) -> Row:
    """An antenna as a form names it. Raises Wrong."""
    made = body_of(fleet_api.Antenna, _INPUTS, given, ZoneInfo(request.app.state.settings.time_zone))
    if made.role not in antennas.ROLES:
        raise Wrong([("role", "choice", {})])
    return {"antenna": made.antenna, "role": made.role, "device": None if made.device == _ANY else made.device}


def _turned(request: Request, told: list[Row], given: Texts, t: trip_acts.Translate) -> list[Row]:
    """The list with one looking at the side that the form names."""
    return [*_removed(request, told, given, t), {**_named(given), "role": first(given, "role")}]


def _removed(_request: Request, told: list[Row], given: Texts, t: trip_acts.Translate) -> list[Row]:
    """The list without one. Raises NotFound when somebody else has taken it away."""
    left = [each for each in told if not _same(each, _named(given))]
    if len(left) == len(told):
        raise NotFound(t("antenna.gone"))
    return left


_STEPS: dict[str, tuple[str, Callable[..., list[Row]]]] = {
    "add": (ADD, _added), "place": (PLACE, _placed), "turn": (TURN, _turned), "remove": (REMOVE, _removed),
}  # fmt: skip


def _named(given: Texts) -> Row:
    number, device = first(given, "antenna"), first(given, "device")
    return {"antenna": int(number) if number.isdigit() and len(number) < 4 else -1,
            "device": None if device == _ANY else device}  # fmt: skip


def _same(one: Row, other: Row) -> bool:
    return (one["antenna"], one["device"]) == (other["antenna"], other["device"])


def _show(
    request: Request, me: Principal, conn: Connection, door_id: str, *, done: str = "", back: Back | None = None
) -> HTMLResponse:
    language, now = language_of(request), now_ms()
    t = translator(language)
    door = fleet.get(conn, "door", door_id, me)
    told = antennas.of_doors(conn, [door_id]).get(door_id, [])
    mounted = [row for row in repository.bindings(conn, target_kind="door", target_id=door_id)
               if row["from_ms"] <= now and (row["to_ms"] is None or row["to_ms"] > now)]  # fmt: skip
    sounds, blind = _sounds(request, mounted, told, now)
    rows = antenna_view.rows(told, sounds)
    unplaced = antenna_view.unplaced(told, sounds)
    for row in (*rows, *unplaced):
        row["loudest"] = _called(conn, row["heard"].epc, now) if row["heard"] and row["heard"].epc else ""
    readers = sorted({row["device_id"] for row in mounted} | {row["device_id"] for row in told if row["device_id"]})
    choices = {"reader": [(_ANY, t("antenna.of_any")), *((each, each) for each in readers)]}
    return page(
        request, me, "antennas.html", status=back.status if back else 200, section="doors", door=door,
        site_name=views.site_name(repository.find(conn, "site", door["site_id"]), language),
        rows=rows, unplaced=unplaced, sides=antenna_view.sides(told), mounted=[row["device_id"] for row in mounted],
        blind=blind, may=me.has(*PLANNERS), any=_ANY, since=now - COUNT_MS,
        place_on=_ANY if len(mounted) == 1 else "",
        form=trip_acts.described(ADD, _INPUTS, choices, t, start={"device": _ANY}, back=back),
        done=trip_acts.done(done, "", t), problem=trip_acts.told(back, t), **bar(conn, me),
    )  # fmt: skip


def _sounds(
    request: Request, mounted: list[Row], told: list[Row], now: int
) -> tuple[dict[antenna_view.Place, antenna_view.Heard], str]:
    """What the readers that hang here heard, and the text that says why nothing is known of it.

    An antenna that is silent is looked for further back, ten minutes at a time, as long as that is not too much.
    """
    store = getattr(request.app.state, "telemetry", None)
    if store is None:
        return {}, "elsewhere"
    found: list[Reading] = []
    try:
        for row in mounted:
            own = {each["number"] for each in told if each["device_id"] in ("", row["device_id"])}
            mine: list[Reading] = []
            start, end = now - COUNT_MS, now + _AHEAD_MS
            while True:
                mine += store.tags(row["device_id"], max(start, row["from_ms"]), end)
                silent = own - {each.body.antenna for each in mine if isinstance(each.body, TagBody)}
                if not silent or start <= max(now - LAST_MS, row["from_ms"]) or len(mine) > _MOST_READINGS:
                    break
                start, end = start - COUNT_MS, start
            found += mine
    except OSError:
        return {}, "unreachable"
    return antenna_view.heard(found, now), ""


def _called(conn: Connection, epc: str, now: int) -> str:
    """What people call the goods with a tag: order and piece, else the end of its number."""
    unit = plan.unit_of_epc(conn, epc, now)
    known = None if unit is None else scanned.label_of(conn, unit.id)
    return known[1] if known else f"…{epc[-8:]}"
