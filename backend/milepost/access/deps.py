"""What an endpoint asks for: a transaction, and who is asking."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Connection
from starlette.requests import HTTPConnection

from milepost.access import service
from milepost.access.model import Principal
from milepost.db import Database
from milepost.errors import Forbidden, Unauthorized, Unavailable
from milepost.times import now_ms

COOKIE = "mp_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def database(request: Request) -> Database:
    """The database this service runs on."""
    return request.app.state.db


def _tx(db: Annotated[Database, Depends(database)]) -> Iterator[Connection]:
    with db.tx() as conn:
        yield conn


def _reader(db: Annotated[Database, Depends(database)]) -> Iterator[Connection]:
    with db.read() as conn:
        yield conn


# scope="function": the transaction ends before the answer leaves, so a 2xx is always durable.
Tx = Annotated[Connection, Depends(_tx, scope="function")]
Reader = Annotated[Connection, Depends(_reader, scope="function")]


def running(connection: HTTPConnection, part: str) -> Any:
    """A part of the running service (`ingest`, `telemetry`, `live`). Raises Unavailable where it does not run."""
    found = getattr(connection.app.state, part, None)
    if found is None:
        raise Unavailable(f"this process runs no {part}; ask the one that was started with `milepost serve`")
    return found


def token_of(request: Request) -> str | None:
    """The session token of a request: the bearer token, else the cookie."""
    header = request.headers.get("authorization", "")
    if header.lower().startswith("bearer "):
        return header[7:].strip()
    token = request.cookies.get(COOKIE)
    # A page of somebody else can make a browser send our cookie, but not forge its Origin.
    if token and request.method not in _SAFE and not same_origin(request.headers.get("origin"), request):
        raise Forbidden("this request came from another site; open the page of this service and try again")
    return token


def same_origin(origin: str | None, request: Request) -> bool:
    """True when `origin` (a header) names this service, or is absent (no browser sent it)."""
    return origin is None or origin.split("://", 1)[-1] == request.headers.get("host")


def person_or_none(request: Request, db: Annotated[Database, Depends(database)]) -> Principal | None:
    """Who is signed in, or None."""
    token = token_of(request)
    if not token:
        return None
    with db.read() as conn:
        return service.principal_of(conn, token, now_ms())


def _me(found: Annotated[Principal | None, Depends(person_or_none)]) -> Principal:
    if found is None:
        raise Unauthorized("sign in first: POST /api/v1/auth/login, or open /sign-in")
    return found


Me = Annotated[Principal, Depends(_me)]


def require(*roles: str) -> Callable[[Principal], Principal]:
    """A dependency that lets only holders of one of `roles` pass (the administrator always may)."""

    def check(me: Me) -> Principal:
        if not me.has(*roles):
            raise Forbidden(f"this needs one of the roles {', '.join(roles)}; ask an administrator for it")
        return me

    return check
