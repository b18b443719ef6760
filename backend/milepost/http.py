"""The edge of HTTP, the same for every subject: problem+json for each error, a bound on bodies, armed scopes."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from milepost.access.scope import request_scope
from milepost.db import is_passing
from milepost.errors import Invalid, MilepostError, TooLarge, Unavailable

MAX_BODY_BYTES = 1_000_000
_SHOWN = 20
_LATER = 1013  # RFC 6455 and its registry: the server cannot now, the client may come again
_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """An error after RFC 9457; `code` is what a program looks at, `detail` what a person reads."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    code: str
    detail: str = Field(description="what was wrong, and what to do next")


_CODES = {
    401: "unauthorized: nobody is signed in",
    403: "forbidden: not with these roles",
    404: "not_found: no such thing, or not yours to see",
    409: "illegal_step with `allowed`, conflict with `changed`, or duplicate_key",
    413: f"too_large: more than {MAX_BODY_BYTES} bytes",
    422: "validation: a field is wrong",
    429: "rate_limited: try again later",
    503: "unavailable: this process does not run that part, or the database is busy; nothing was changed",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/problem+json": {"schema": Problem.model_json_schema()}}}
    for status, text in _CODES.items()
}


def install(api: FastAPI) -> None:
    """Put the edge around an application."""
    api.add_middleware(_ScopedRequests)
    api.add_middleware(_BoundedBodies)
    api.add_exception_handler(MilepostError, _domain)
    api.add_exception_handler(RequestValidationError, _malformed)
    api.add_exception_handler(HTTPException, _plain)
    api.add_exception_handler(DBAPIError, _database)  # pyright: ignore[reportArgumentType]  (sockets come here too)
    api.add_exception_handler(Exception, _unexpected)


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


class _BoundedBodies:
    """Reads a body under a limit, whatever Content-Length says, before anything else looks at it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY_BYTES:
                error = TooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes; send less in one piece")
                await _answer(error)(scope, receive, send)
                return
        waiting: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, replay, send)


def _answer(error: MilepostError) -> JSONResponse:
    return JSONResponse(error.problem(), status_code=error.status, media_type="application/problem+json")


def _domain(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MilepostError)
    return _answer(error)


def _malformed(_request: Request, error: Exception) -> JSONResponse:
    """Where and what, never the input itself: it may not even be text."""
    assert isinstance(error, RequestValidationError)
    wrong = [
        {"where": _text(".".join(str(part) for part in each["loc"])), "what": _text(each["msg"])}
        for each in error.errors()[:_SHOWN]
    ]
    text = "; ".join(f"{each['where']}: {each['what']}" for each in wrong)
    return _answer(Invalid(text[:2000], errors=wrong))


def _plain(_request: Request, error: Exception) -> JSONResponse:
    """Answers of the framework itself: unknown paths, wrong methods, bodies that are no JSON."""
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        return _answer(Invalid(f"body: {error.detail}; send JSON in UTF-8"))
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    body = {
        "type": f"about:milepost:{code}",
        "title": code,
        "status": error.status_code,
        "code": code,
        "detail": str(error.detail),
    }
    return JSONResponse(
        body, status_code=error.status_code, headers=error.headers, media_type="application/problem+json"
    )


async def _database(request: HTTPConnection, error: Exception) -> JSONResponse | None:
    """Two commands that waited for each other, or a database that is away: not a defect, and nothing was changed.

    A board's socket is closed with 1013, "try again later", which its page does by itself.
    """
    if not is_passing(error):
        raise error
    _log.warning("%s %s: %s", request.scope.get("method", "socket"), request.url.path, error)
    if isinstance(request, WebSocket):
        await request.close(_LATER, "the database is busy or away")
        return None
    return _answer(Unavailable("the database is busy or away, nothing was changed by this request; send it again"))


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _answer(MilepostError("this is a defect of ours and is in the log; nothing was changed by this request"))


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()
