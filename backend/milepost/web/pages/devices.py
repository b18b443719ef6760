"""Devices: where each is mounted, whether it is in contact, how complete its records are; one device whole."""

import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection, select

from milepost.access.deps import Me, Reader
from milepost.access.model import Principal
from milepost.access.scope import readable
from milepost.alerts import room
from milepost.alerts import service as alerts
from milepost.errors import NotFound
from milepost.fleet import model as fleet_model
from milepost.fleet import repository as fleet
from milepost.fleet.tables import bench, door, site
from milepost.ingest import dead_letters
from milepost.ingest.completeness import HOUR_MS
from milepost.ingest.completeness_account import account_of, accounts
from milepost.ingest.tables import device_contact
from milepost.live.targets import limits_of
from milepost.live.watch import Heard, sign_of
from milepost.telemetry.instants import day_after, day_start
from milepost.times import now_ms
from milepost.web import device_view, views
from milepost.web.i18n import translator
from milepost.web.moments import day_of
from milepost.web.pages.adopt import waiting
from milepost.web.pages.desk import said as letter_said
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAGE = 100
_RANGES = 100
_BAD = 1_000
_LETTERS = 20
_SHORT = 5
_ICONS = {"door": "door", "bench": "box"}
_BEHIND_MS = 120_000  # newest record older than its receipt by more: the device sends what it kept


@router.get("/fleet", response_class=HTMLResponse)
def devices(request: Request, me: Me, conn: Reader, after: str = "") -> HTMLResponse:
    """Every device: where it is mounted, when it was heard, what it runs, what of its records has come."""
    now, t = now_ms(), translator(language_of(request))
    mounted = _mounted(conn, me, language_of(request), now, t)
    # Somebody with a part of the fleet sees the devices of that part.
    seen = [row for row in fleet.devices(conn) if row["id"] > after and (me.sees_all or row["id"] in mounted)]
    shown = seen[:_PAGE]
    names = [row["id"] for row in shown]
    contacts = _contacts(conn, names)
    known = {each.device: each for each in accounts(conn, now - 23 * HOUR_MS, now + 1, names)}
    rows = [
        _row(row, mounted.get(row["id"]), contacts.get(row["id"]), now)
        | {"bars": device_view.bars(known.get(row["id"]), now, t)}
        for row in shown
    ]
    short = []
    if me.has(*alerts.STAFF, "auditor"):
        short = alerts.listing(conn, me, alerts.Filter(kind=room.RULE), limit=_SHORT)["items"]
    return page(
        request,
        me,
        "fleet.html",
        short=short,
        knocking=waiting(conn) if me.has("engineer") else None,
        section="fleet",
        rows=rows,
        more=names[-1] if len(seen) > _PAGE else None,
        letters=me.has("engineer", "dispatcher"),
        **bar(conn, me),
    )


@router.get("/fleet/{device}", response_class=HTMLResponse)
def one(
    device: str, request: Request, me: Me, conn: Reader, day: str = "", letter: str = "", result: str = ""
) -> HTMLResponse:
    """One device: its contact, the hours of a day (without one: the last 24), what is lacking, what was unreadable."""
    language, now = language_of(request), now_ms()
    t, zone = translator(language), ZoneInfo(request.app.state.settings.time_zone)
    found = fleet.find_device(conn, device)
    mounted = _mounted(conn, me, language, now, t)
    if found is None or found["removed_at"] is not None or not (me.sees_all or device in mounted):
        raise NotFound(t("device.gone"))
    chosen = day_of(day)
    if chosen is not None and not 1971 <= chosen.year < 9999:
        chosen = None
    from_ms, to_ms = (
        (now - 23 * HOUR_MS, now + 1) if chosen is None else (day_start(chosen, zone), day_after(chosen, zone))
    )
    account = account_of(conn, device, from_ms, to_ms)
    lacking = sorted(account.holes, key=lambda each: (-each.hour, each.stream, -each.first))
    store = getattr(request.app.state, "telemetry", None)
    bad = [] if store is None else store.quarantined(device, from_ms, to_ms, _BAD)
    incidents = []
    if me.has(*alerts.STAFF, "auditor"):
        incidents = alerts.listing(conn, me, alerts.Filter(device=device), limit=1)["items"]
    return page(
        request,
        me,
        "device.html",
        section="fleet",
        device=_row(found, mounted.get(device), _contacts(conn, [device]).get(device), now),
        account=account,
        hours=device_view.table(account, now),
        ranges=lacking[:_RANGES],
        more_ranges=max(0, len(lacking) - _RANGES),
        bad=len(bad),
        bad_cut=len(bad) == _BAD,
        letters=_letters(request, me, device),
        may_read_letters=me.has("engineer", "dispatcher"),
        incident=incidents[0] if incidents else None,
        day=chosen.isoformat() if chosen else "",
        said=letter_said(request, letter, result),
        today=datetime.fromtimestamp(now / 1000, zone).date().isoformat(),
        **bar(conn, me),
    )


def _letters(request: Request, me: Principal, device: str) -> list[Any] | None:
    """The newest dead letters of a device; None where this process has none or the person may not read them."""
    ingest = getattr(request.app.state, "ingest", None)
    if ingest is None or not me.has("engineer", "dispatcher"):
        return None
    return dead_letters.listed(ingest.spool.connection(), device=device, limit=_LETTERS)


def _row(row: fleet.Row, where: dict[str, str] | None, contact: dict[str, Any] | None, now: int) -> dict[str, Any]:
    """What both pages say of a device."""
    limits = limits_of(row["role"], json.loads(row["config"]))
    heard = Heard(contact["last_heard_at"], contact["gone_at"]) if contact else Heard(None, None)
    behind = None
    if contact and contact["last_record_at"] is not None and contact["last_heard_at"] is not None:
        behind = contact["last_heard_at"] - contact["last_record_at"]
    return {
        **row,
        "where": where,
        "contact": contact,
        "applied": fleet_model.applied(row, contact["cfg_version"] if contact else None),
        "sign": sign_of(heard, limits, now),
        "limits": limits,
        "behind": behind if behind is not None and behind > _BEHIND_MS else None,
    }


def _contacts(conn: Connection, names: list[str]) -> dict[str, dict[str, Any]]:
    statement = select(device_contact).where(device_contact.c.device.in_(names))
    return {row["device"]: dict(row) for row in conn.execute(statement).mappings()}


def _mounted(conn: Connection, me: Principal, language: str, now: int, t: Any) -> dict[str, dict[str, str]]:
    """Device → {text, kind, link} of the vehicle, door or bench it is on now, within the person's scopes."""
    plates = {row["id"]: row["plate"] for row in views.vehicles_seen(conn, me)}
    places: dict[tuple[str, str], dict[str, Any]] = {}
    for kind, table in (("door", door), ("bench", bench)):
        columns = (table.c.id, table.c.number, site.c.name_zh, site.c.name_en)
        statement = readable(me, table, *columns, also=[site]).join(site, site.c.id == table.c.site_id)
        places |= {(kind, row["id"]): dict(row) for row in conn.execute(statement).mappings()}
    found: dict[str, dict[str, str]] = {}
    for row in fleet.bindings(conn):
        if not (row["from_ms"] <= now and (row["to_ms"] is None or now < row["to_ms"])):
            continue
        target = row["target_id"]
        if row["target_kind"] == "vehicle" and target in plates:
            found[row["device_id"]] = {"text": plates[target], "kind": "truck", "plate": plates[target], "link": ""}
        elif (each := places.get((row["target_kind"], target))) is not None:
            text = t(f"fleet.{row['target_kind']}", site=views.site_name(each, language), n=each["number"])
            link = f"/doors/{target}" if row["target_kind"] == "door" else "/benches"
            found[row["device_id"]] = {"text": text, "kind": _ICONS[row["target_kind"]], "plate": "", "link": link}
    return found
