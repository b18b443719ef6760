"""The composition root: here, and only here, the parts of the service are put together.

What runs against the direction of imports (ingest feeding sinks above it, detectors moving orders) is wired here.
"""

from importlib import import_module
from importlib.util import find_spec

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from milepost.access.scope import install_guard, request_scope
from milepost.db import Database
from milepost.errors import MilepostError
from milepost.settings import Settings

_APIS = ("access", "ingest", "telemetry", "fleet", "plan", "evidence", "orders", "alerts", "live", "web")


def create_api(db: Database, settings: Settings) -> FastAPI:
    """The HTTP application over a database whose schema is current. Starts no thread and no broker."""
    api = FastAPI(title="Milepost", version="0.1.0", docs_url="/api/docs", openapi_url="/api/v1/openapi.json")
    api.state.db = db
    api.state.settings = settings
    install_guard(db.engine)
    api.add_middleware(_ScopedRequests)
    api.add_exception_handler(MilepostError, _problem)
    for subject in _APIS:
        if find_spec(f"milepost.{subject}") and find_spec(f"milepost.{subject}.api"):
            api.include_router(import_module(f"milepost.{subject}.api").router)
    return api


class _ScopedRequests:
    """Arms the guard of the scopes for everything a request does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        with request_scope():
            await self.app(scope, receive, send)


def _problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MilepostError)
    return JSONResponse(error.problem(), status_code=error.status, media_type="application/problem+json")
