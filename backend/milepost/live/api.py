"""The board's state over HTTP, and its changes over a WebSocket (DESIGN: HTTP)."""

import asyncio
from collections.abc import Collection
from typing import Any

from fastapi import APIRouter, Query, Request, WebSocket, WebSocketDisconnect
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from milepost.access import service as access
from milepost.access.deps import COOKIE, Me, Reader, running, same_origin
from milepost.access.model import Principal
from milepost.errors import Unavailable
from milepost.live.hub import LiveHub, encode
from milepost.live.pacing import HEARTBEAT_MS, Pace
from milepost.live.sight import vehicles_of
from milepost.live.state import Frame
from milepost.times import now_ms

router = APIRouter(prefix="/api/v1", tags=["live"])

_RECHECK_MS = 30_000  # how long a closed session or a withdrawn grant may still see the board
_SIGNED_OUT, _FOREIGN, _TOO_SLOW, _NO_HUB = 4401, 4403, 4408, 4503


def hub_of(connection: HTTPConnection) -> LiveHub:
    """The live hub of this service. Raises Unavailable in a process without ingest."""
    return running(connection, "live")


@router.get("/live")
def full_state(me: Me, conn: Reader, request: Request) -> dict[str, Any]:
    """The whole board: `{seq, t, v, e}`; go on from `seq` with the WebSocket or with `/live/changes`."""
    return hub_of(request).full(vehicles_of(conn, me)).plain()


@router.get("/live/changes")
async def changes(
    me: Me, request: Request, since: int = Query(ge=0), wait_s: float = Query(20, ge=0, le=60)
) -> dict[str, Any]:
    """What changed after `since`, as soon as something has; an empty frame after `wait_s` seconds.

    For networks that let no WebSocket through.
    """
    hub = hub_of(request)
    # Not through a request's transaction: it would stay open for as long as this one waits.
    only = await run_in_threadpool(_vehicles, request, me)
    viewer = hub.join(asyncio.get_running_loop())
    try:
        deadline = now_ms() + int(wait_s * 1000)
        while True:
            frame = hub.since(since, only)
            left_ms = deadline - now_ms()
            if frame.v or frame.e or frame.reset or left_ms <= 0:
                return frame.plain()
            viewer.wake.clear()
            await _woken(viewer.wake, left_ms / 1000)
    finally:
        hub.leave(viewer)


@router.websocket("/live")
async def live_socket(socket: WebSocket, since: int = -1) -> None:
    """Frames from `since` on (default: the whole state). The viewer answers each with `{"ack": seq}`."""
    # Browsers send cookies along with a socket opened by any site, so the Origin decides (no CORS for sockets).
    await socket.accept()
    if not same_origin(socket.headers.get("origin"), socket):  # pyright: ignore[reportArgumentType]
        await socket.close(_FOREIGN, "opened from another site")
        return
    sight = await run_in_threadpool(_sight, socket)
    if sight is None:
        await socket.close(_SIGNED_OUT, "sign in first")
        return
    try:
        hub = hub_of(socket)
    except Unavailable as error:
        await socket.close(_NO_HUB, error.message)
        return
    viewer = hub.join(asyncio.get_running_loop())
    pace = Pace(since, now_ms())
    reader = asyncio.create_task(_read_acks(socket, pace, viewer.wake))
    try:
        await _send_frames(socket, hub, pace, viewer.wake, sight[0], reader)
    except (WebSocketDisconnect, RuntimeError):
        return  # the viewer has gone; there is nobody left to tell
    finally:
        reader.cancel()
        hub.leave(viewer)


async def _send_frames(
    socket: WebSocket,
    hub: LiveHub,
    pace: Pace,
    wake: asyncio.Event,
    only: Collection[str] | None,
    reader: "asyncio.Task[None]",
) -> None:
    checked = now_ms()
    while not reader.done():
        wake.clear()
        now = now_ms()
        if pace.lost(now):
            await socket.close(_TOO_SLOW, "no answer for 30 s")
            return
        if now - checked >= _RECHECK_MS:
            sight = await run_in_threadpool(_sight, socket)
            if sight is None:
                await socket.close(_SIGNED_OUT, "signed out")
                return
            only, checked = sight[0], now
        if pace.may_send() and (pace.since != hub.seq or pace.heartbeat_due(now)):
            if pace.since == hub.seq:
                seq, text = hub.seq, encode(Frame(hub.seq, now, [], []))
            else:
                seq, text = hub.encoded(pace.since, only)
            await socket.send_text(text)
            pace.sent(seq, now)
        await _woken(wake, HEARTBEAT_MS / 2000)


async def _read_acks(socket: WebSocket, pace: Pace, wake: asyncio.Event) -> None:
    while True:
        try:
            message = await socket.receive_json()
        except (WebSocketDisconnect, RuntimeError):
            break
        except (ValueError, KeyError):
            continue  # not JSON, or not text: nothing we asked for
        if isinstance(message, dict) and isinstance(message.get("ack"), int):
            pace.acked(message["ack"], now_ms())
            wake.set()
    wake.set()


async def _woken(wake: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(wake.wait(), seconds)
    except TimeoutError:
        return


def _vehicles(request: Request, me: Principal) -> Collection[str] | None:
    with request.app.state.db.read() as conn:
        return vehicles_of(conn, me)


def _sight(connection: HTTPConnection) -> tuple[Collection[str] | None] | None:
    """The vehicles whoever opened this may see, in a tuple; None when nobody is signed in."""
    header = connection.headers.get("authorization", "")
    token = header[7:].strip() if header.lower().startswith("bearer ") else connection.cookies.get(COOKIE)
    if not token:
        return None
    with connection.app.state.db.read() as conn:
        principal = access.principal_of(conn, token, now_ms())
        return None if principal is None else (vehicles_of(conn, principal),)
