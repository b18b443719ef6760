"""Signing in and out, and who I am."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from milepost.access import service
from milepost.access.deps import COOKIE, Me, Reader, Tx, database, require, token_of
from milepost.access.model import Grant, Principal
from milepost.db import Database
from milepost.errors import Unauthorized
from milepost.times import now_ms

router = APIRouter(prefix="/api/v1", tags=["access"])


class Login(BaseModel):
    login: str = Field(max_length=64)
    password: str = Field(max_length=256)


class Token(BaseModel):
    token: str = Field(description="send it as `Authorization: Bearer …`")


class GrantBody(BaseModel):
    role: str
    scope_kind: str = "company"
    scope_id: str = ""


class Person(BaseModel):
    id: str
    name: str
    grants: list[GrantBody]


class NewPerson(BaseModel):
    login: str = Field(max_length=64)
    name: str = Field(min_length=1, max_length=80)
    password: str = Field(max_length=256)
    grants: list[GrantBody] = Field(max_length=50)


class Account(BaseModel):
    id: str
    login: str
    name: str
    disabled: bool
    grants: list[GrantBody]


def open_session(db: Database, login: str, password: str, life_ms: int) -> str:
    """Sign in with the brake on guessing; returns the session token. Raises Unauthorized or RateLimited."""
    now = now_ms()
    try:
        with db.read() as conn:
            service.check_tries(conn, login, now)
            person_id = service.check_password(conn, login, password)
    except Unauthorized:
        with db.tx() as conn:
            service.count_failure(conn, login, now)
        raise
    with db.tx() as conn:
        return service.open_session(conn, person_id, now=now, life_ms=life_ms)


def set_cookie(response: Response, request: Request, token: str, life_ms: int) -> None:
    """Hand a session to a browser: not readable by scripts, not sent along from other sites."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=life_ms // 1000,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


@router.post("/auth/login")
def login(body: Login, request: Request, response: Response, db: Annotated[Database, Depends(database)]) -> Token:
    """Sign in. The token also comes as a cookie for browsers."""
    life_ms = int(request.app.state.settings.session_hours.total_seconds() * 1000)
    token = open_session(db, body.login, body.password, life_ms)
    set_cookie(response, request, token, life_ms)
    return Token(token=token)


@router.post("/auth/logout", status_code=204)
def logout(request: Request, response: Response, conn: Tx) -> None:
    """End this session."""
    token = token_of(request)
    if token:
        service.sign_out(conn, token)
    response.delete_cookie(COOKIE)


@router.get("/me")
def me(principal: Me) -> Person:
    """Who I am and what I may do."""
    return Person(id=principal.id, name=principal.name, grants=_grants(sorted(principal.grants)))


@router.get("/people")
def list_people(conn: Reader, _: Annotated[Principal, Depends(require("admin"))]) -> list[Account]:
    """Every account."""
    return [Account(**{**row, "grants": _grants(row["grants"])}) for row in service.people(conn)]


@router.post("/people", status_code=201)
def create_person(
    body: NewPerson, db: Annotated[Database, Depends(database)], _: Annotated[Principal, Depends(require("admin"))]
) -> dict[str, str]:
    """Make an account."""
    grants = [Grant(grant.role, grant.scope_kind, grant.scope_id) for grant in body.grants]
    stored = service.hash_password(body.password)
    with db.tx() as conn:
        return {
            "id": service.create_person(
                conn, login=body.login, name=body.name, password_hash=stored, grants=grants, now=now_ms()
            )
        }


def _grants(grants: list[Grant]) -> list[GrantBody]:
    return [GrantBody(role=g.role, scope_kind=g.scope_kind, scope_id=g.scope_id) for g in grants]
