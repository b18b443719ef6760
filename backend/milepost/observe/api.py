"""HTTP for operators: /healthz, /readyz and /metrics. Not part of the API of the business."""

import secrets
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from milepost.access.deps import running
from milepost.errors import Forbidden
from milepost.observe import checks
from milepost.observe.checks import Check
from milepost.observe.figures import Figures
from milepost.observe.observed import Observed
from milepost.settings import Settings

router = APIRouter(include_in_schema=False)
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "[::1]"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz")
async def healthz(request: Request) -> JSONResponse:
    """200 while the process lives: its threads run, and this answer comes from its event loop. Else restart it."""
    return _answer(request, checks.alive(_observed(request)))


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """200 while the process can do the work of its kind, 503 with what is wrong. Let a proxy ask this one."""
    return _answer(request, checks.ready(_observed(request)))


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Figures for Prometheus; for those who hold the token, without one for this host alone."""
    if not _insider(request):
        raise Forbidden("send the token of MILEPOST_METRICS_TOKEN as a bearer; where none is set ask from this host")
    figures: Figures = running(request, "figures")
    return Response(await run_in_threadpool(figures.text), media_type=_TEXT)


def _observed(request: Request) -> Observed:
    return running(request, "observed")


def _answer(request: Request, found: list[Check]) -> JSONResponse:
    """Strangers learn which checks fail, not why: details name hosts and folders."""
    well = all(each.ok for each in found)
    insider = _insider(request)
    body: dict[str, Any] = {"status": "ok" if well else "failed", "checks": {}}
    for each in found:
        body["checks"][each.name] = {"ok": each.ok, "detail": each.detail} if insider else {"ok": each.ok}
    return JSONResponse(body, status_code=200 if well else 503, headers={"Cache-Control": "no-store"})


def _insider(request: Request) -> bool:
    """True for a bearer of the token; where there is no token, for a program on this host that came by no proxy."""
    settings: Settings = request.app.state.settings
    if settings.metrics_token is not None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        wanted = settings.metrics_token.get_secret_value()
        return kind.lower() == "bearer" and secrets.compare_digest(given.strip().encode(), wanted.encode())
    # A proxy on this host comes from the loopback too. It passes on the name that the stranger asked for.
    peer = request.client.host if request.client is not None else ""
    name = request.headers.get("host", "").lower()
    name = name if name.endswith("]") else name.rpartition(":")[0] or name
    return peer in _LOOPBACK and name in _LOOPBACK and not any(each in request.headers for each in _FORWARDED)
