"""Devices that knock: who calls without being known, of other makers and our own, and letting them in."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Reader, database, require
from milepost.access.model import Principal
from milepost.errors import Conflict, Invalid, MilepostError, NotFound
from milepost.fleet import devices, repository, service
from milepost.fleet.adopt import adopt, enter_stranger, strangers
from milepost.fleet.model import plate_key
from milepost.fleet.refusals import refused
from milepost.ingest.foreign import ADAPTERS, identities
from milepost.times import now_ms
from milepost.web.forms.reading import Texts, first
from milepost.web.i18n import translator
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Engineer = Annotated[Principal, Depends(require("engineer"))]
_OWN, _REFUSED = "own", "mqtt"
_CURABLE = ("password", "unknown", "removed")  # a new password, written into the device, is what helps
_ROLES = ("tracker", "reader")
Row = dict[str, Any]


class _NoPlate(MilepostError):
    """The plate that was typed is on no vehicle."""


@router.get("/adopt", response_class=HTMLResponse)
def callers(request: Request, me: Engineer, conn: Reader) -> Response:
    """Everybody who has called and is not known, the latest first."""
    return _show(request, me, conn)


@router.post("/adopt", response_class=HTMLResponse)
async def let_in(request: Request, me: Engineer) -> Response:
    """Enter one of them. The page that comes holds its secret, so it is no redirection."""
    return await run_in_threadpool(_let_in, request, me, await request.form())


def waiting(conn: Connection) -> int:
    """How many knock."""
    return len(identities.callers(conn)) + len(strangers(conn)) + len(refused(conn))


def _let_in(request: Request, me: Principal, given: Texts) -> Response:
    t = translator(language_of(request))
    try:
        with database(request).tx() as conn:
            device, secret = _enter(request, conn, me, given)
            plate = first(given, "plate").strip()
            if plate:
                found = repository.by_field(conn, "vehicle", plate_key=plate_key(plate))
                if not found:
                    raise _NoPlate(plate)
                service.bind(conn, device, "vehicle", found["id"], now_ms(), by=me.id)
    except MilepostError as error:
        with database(request).read() as conn:
            return _show(request, me, conn, given=given, problem=_told(error, t))
    done = [t("adopt.done", device=device)]
    if secret is not None and first(given, "protocol") == _REFUSED:
        done = [t("adopt.password", device=device, secret=secret)]
    elif secret is not None:
        done.append(t("adopt.secret", secret=secret))
    elif _registers(first(given, "protocol")):
        done.append(t("adopt.registers"))
    with database(request).read() as conn:
        return _show(request, me, conn, done=done, device=device)


def _enter(request: Request, conn: Connection, me: Principal, given: Texts) -> tuple[str, str | None]:
    protocol, identifier = first(given, "protocol"), first(given, "identifier")
    name = first(given, "name").strip()[:80] or None
    if protocol == _REFUSED:
        accounts = getattr(request.app.state, "accounts", None)
        known = repository.find_device(conn, identifier)
        if known is None or known["removed_at"] is not None:
            role = first(given, "role")
            made = devices.register_device(
                conn, device_id=identifier, role=role, name=name or identifier, accounts=accounts
            )
        else:
            made = devices.rotate_password(conn, identifier, accounts)
        return identifier, made.password
    if protocol == _OWN:
        enter_stranger(conn, identifier, role=first(given, "role"), name=name)
        return identifier, None
    return adopt(
        conn, protocol, identifier, device=first(given, "device").strip() or None, name=name, secret=None,
        open=first(given, "open") == "yes", by=me.id, now=now_ms(),
    )  # fmt: skip


def _show(
    request: Request, me: Principal, conn: Connection, *, given: Texts | None = None, problem: str = "",
    done: list[str] | None = None, device: str = "",
) -> Response:  # fmt: skip
    titles = {each.channel: each.title for each in ADAPTERS}
    typed = (first(given, "protocol"), first(given, "identifier")) if given is not None else None
    foreign: list[Row] = [
        {
            "protocol": each.protocol, "title": titles.get(each.protocol, each.protocol),
            "identifier": each.identifier, "said": each.said, "times": each.times, "last_at": each.last_at,
            "device": identities.default_device(each.identifier) or "",
            "secret": not _registers(each.protocol),
            "typed": given if typed == (each.protocol, each.identifier) else None,
        }
        for each in identities.callers(conn)
    ]  # fmt: skip
    own: list[Row] = [
        {"protocol": _OWN, "identifier": each.device, "said": each.fw or "", "last_at": each.last_at,
         "typed": given if typed == (_OWN, each.device) else None}
        for each in strangers(conn)
    ]  # fmt: skip
    shut_out: list[Row] = [
        {"protocol": _REFUSED, "identifier": each.name, "why": each.why, "times": each.times, "last_at": each.last_at,
         "curable": each.why in _CURABLE, "new": each.why in ("unknown", "removed"),
         "typed": given if typed == (_REFUSED, each.name) else None}
        for each in refused(conn)
    ]  # fmt: skip
    return page(
        request, me, "adopt.html", section="fleet", status=422 if problem else 200, foreign=foreign, own=own,
        shut_out=shut_out,
        roles=_ROLES, problem=problem, done=done or [], device=device, **bar(conn, me),
    )  # fmt: skip


def _registers(protocol: str) -> bool:
    return any(each.channel == protocol and each.registers for each in ADAPTERS)


def _told(error: MilepostError, t: Any) -> str:
    """Why nobody was let in, in the page's language."""
    if isinstance(error, _NoPlate):
        return t("adopt.no_plate", plate=error.message)
    if isinstance(error, devices.NoBroker):
        return t("adopt.no_broker")
    if isinstance(error, Conflict):
        return t("adopt.taken")
    if isinstance(error, NotFound):
        return t("adopt.removed")
    return t("adopt.bad_device") if isinstance(error, Invalid) else error.message
