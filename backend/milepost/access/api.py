"""Signing in and out, and who I am."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from milepost.access import service
from milepost.access.deps import COOKIE, Me, Reader, Tx, database, require, token_of
from milepost.access.model import Grant, Principal
from milepost.db import Database
from milepost.errors import Unauthorized
from milepost.times import now_ms

router = APIRouter(prefix="/api/v1", tags=["access"])
Admin = Annotated[Principal, Depends(require("admin"))]
PersonId = Annotated[str, Path(max_length=36)]


def _storable(text: str) -> str:
    """Refuse what no database can keep."""
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("holds a NUL character or half a surrogate pair")
    return text


Plain = Annotated[str, AfterValidator(_storable)]


class Login(BaseModel):
    login: str = Field(max_length=64)
    password: str = Field(max_length=256)


class Token(BaseModel):
    token: str = Field(description="send it as `Authorization: Bearer …`")


class GrantBody(BaseModel):
    role: str = Field(max_length=32)
    scope_kind: str = Field("company", max_length=16)
    scope_id: Plain = Field("", max_length=64)


class Person(BaseModel):
    id: str
    name: str
    grants: list[GrantBody]


class NewPerson(BaseModel):
    login: str = Field(max_length=64)
    name: Plain = Field(min_length=1, max_length=80)
    password: Plain = Field(max_length=256)
    grants: list[GrantBody] = Field(max_length=50)
    language: Literal["zh", "en"] = "zh"


class PersonChanges(BaseModel):
    """Fields that are left out or null stay as they are."""

    model_config = ConfigDict(extra="forbid")

    name: Plain | None = Field(None, min_length=1, max_length=80)
    password: Plain | None = Field(None, max_length=256)
    grants: list[GrantBody] | None = Field(None, max_length=50, description="replaces all it may do")
    language: Literal["zh", "en"] | None = None
    disabled: bool | None = Field(None, description="true locks the account, false opens it again")


class Created(BaseModel):
    id: str


class Account(BaseModel):
    id: str
    login: str
    name: str
    language: str
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
def list_people(
    conn: Reader,
    _: Admin,
    q: Annotated[str | None, Query(max_length=80, description="part of a login or a name")] = None,
    role: Annotated[str | None, Query(max_length=32)] = None,
    disabled: bool | None = None,
    after: Annotated[str | None, Query(max_length=64, description="login of the last row of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> list[Account]:
    """Accounts by login (OD-9)."""
    rows = service.people(conn, q=q, role=role, disabled=disabled, after=after, limit=limit)
    return [_account(row) for row in rows]


@router.get("/people/{person_id}")
def get_person(person_id: PersonId, conn: Reader, _: Admin) -> Account:
    """One account."""
    return _account(service.get_person(conn, person_id))


@router.patch("/people/{person_id}")
def edit_person(
    person_id: PersonId, body: PersonChanges, db: Annotated[Database, Depends(database)], _: Admin
) -> Account:
    """Change, lock or open an account (OD-9). A new password or a lock ends its sessions."""
    stored = None if body.password is None else service.hash_password(body.password)
    grants = None if body.grants is None else _held(body.grants)
    with db.tx() as conn:
        changed = service.edit_person(
            conn, person_id, name=body.name, language=body.language, grants=grants, password_hash=stored,
            disabled=body.disabled,
        )  # fmt: skip
    return _account(changed)


@router.post("/people", status_code=201)
def create_person(body: NewPerson, db: Annotated[Database, Depends(database)], _: Admin) -> Created:
    """Make an account."""
    stored = service.hash_password(body.password)
    with db.tx() as conn:
        made = service.create_person(
            conn, login=body.login, name=body.name, password_hash=stored, grants=_held(body.grants), now=now_ms(),
            language=body.language,
        )  # fmt: skip
    return Created(id=made)


def _account(row: dict[str, Any]) -> Account:
    return Account(**{**row, "grants": _grants(row["grants"])})


def _held(grants: list[GrantBody]) -> list[Grant]:
    return [Grant(grant.role, grant.scope_kind, grant.scope_id) for grant in grants]


def _grants(grants: list[Grant]) -> list[GrantBody]:
    return [GrantBody(role=g.role, scope_kind=g.scope_kind, scope_id=g.scope_id) for g in grants]
