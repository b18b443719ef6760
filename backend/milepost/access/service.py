"""People sign in here; a session token says who they are until it expires."""

import hashlib
import re
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Connection, delete, insert, or_, select, update

from milepost.access.model import ROLES, SCOPE_KINDS, Grant, Principal
from milepost.access.tables import login_failure, person, person_grant, session
from milepost.errors import Conflict, Invalid, NotFound, RateLimited, Unauthorized
from milepost.ids import new_id

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
_MIN_PASSWORD = 10
_FREE_FAILURES = 5
_LOCK_MS = 60_000
_hasher = PasswordHasher()


@cache
def _nobody() -> str:
    """Checked when the login is unknown, so that an answer takes as long as for a known one."""
    return _hasher.hash(secrets.token_hex(16))


def hash_password(password: str) -> str:
    """What is stored of a password. Slow on purpose: call it outside a transaction that writes.

    Raises Invalid when it has fewer than 10 characters.
    """
    if len(password) < _MIN_PASSWORD:
        raise Invalid(f"password: at least {_MIN_PASSWORD} characters")
    return _hasher.hash(password)


def create_person(
    conn: Connection,
    *,
    login: str,
    name: str,
    password_hash: str,
    grants: list[Grant],
    now: int,
    language: str = "zh",
) -> str:
    """Make an account and return its id.

    `login`: 2 to 64 of a-z, 0-9 and . _ -; `password_hash`: from `hash_password`; `now`: UTC ms.
    Raises Invalid for what breaks these, Conflict when the login is taken.
    """
    if not _LOGIN.fullmatch(login):
        raise Invalid(f"login {login!r}: use 2 to 64 of a-z, 0-9 and . _ -, starting with a letter or digit")
    for grant in grants:
        _check(grant)
    if conn.execute(select(person.c.id).where(person.c.login == login)).first():
        raise Conflict(f"login {login!r} is taken; choose another or change that account", changed="login")
    person_id = new_id()
    conn.execute(
        insert(person).values(
            id=person_id,
            login=login,
            name=name,
            password_hash=password_hash,
            language=language,
            created_at=now,
        )
    )
    set_grants(conn, person_id, grants)
    return person_id


def set_grants(conn: Connection, person_id: str, grants: list[Grant]) -> None:
    """Replace what a person may do. Raises Invalid for an unknown role or kind of scope."""
    for grant in grants:
        _check(grant)
    conn.execute(delete(person_grant).where(person_grant.c.person_id == person_id))
    for grant in sorted(set(grants)):
        conn.execute(
            insert(person_grant).values(
                person_id=person_id, role=grant.role, scope_kind=grant.scope_kind, scope_id=grant.scope_id
            )
        )


def set_disabled(conn: Connection, login: str, disabled: bool) -> None:
    """Lock or unlock an account; locking ends its sessions. Raises NotFound."""
    found = conn.execute(select(person.c.id).where(person.c.login == login)).scalar()
    if found is None:
        raise NotFound(f"no account {login!r}; `milepost user list` shows them")
    conn.execute(update(person).where(person.c.id == found).values(disabled=disabled))
    if disabled:
        conn.execute(delete(session).where(session.c.person_id == found))


def check_password(conn: Connection, login: str, password: str) -> str:
    """The id of the open account that login and password belong to. Slow on purpose: call it outside a transaction
    that writes.

    Raises Unauthorized when they do not belong together or the account is disabled.
    """
    row = conn.execute(select(person).where(person.c.login == login)).mappings().first()
    nobody = _nobody()  # known or not: the first question after a start must not tell either
    try:
        _hasher.verify(row["password_hash"] if row else nobody, password)
    except VerificationError:
        row = None
    if row is None or row["disabled"]:
        raise Unauthorized("login and password do not match an open account")
    return row["id"]


def open_session(conn: Connection, person_id: str, *, now: int, life_ms: int) -> str:
    """Open a session for a person whose password was checked; returns its token, which is shown this once."""
    login = conn.execute(select(person.c.login).where(person.c.id == person_id)).scalar_one()
    conn.execute(delete(login_failure).where(login_failure.c.login == login))
    conn.execute(delete(session).where(session.c.expires_at <= now))
    token = secrets.token_urlsafe(32)
    conn.execute(
        insert(session).values(token_hash=_hash(token), person_id=person_id, created_at=now, expires_at=now + life_ms)
    )
    return token


def check_tries(conn: Connection, login: str, now: int) -> None:
    """Raise RateLimited while a login is locked after five wrong passwords in a row (one minute)."""
    row = conn.execute(select(login_failure).where(login_failure.c.login == login)).mappings().first()
    if row and row["failures"] >= _FREE_FAILURES and now - row["last_at"] < _LOCK_MS:
        wait_s = (_LOCK_MS - (now - row["last_at"])) // 1000 + 1
        raise RateLimited(f"too many wrong passwords for this login; try again in {wait_s} s", retry_after=wait_s)


def count_failure(conn: Connection, login: str, now: int) -> None:
    """Remember one wrong password. Runs in a transaction of its own, because the failed sign-in rolls back."""
    row = conn.execute(select(login_failure).where(login_failure.c.login == login)).mappings().first()
    if row is None:
        conn.execute(insert(login_failure).values(login=login, failures=1, last_at=now))
    else:
        failures = row["failures"] + 1 if now - row["last_at"] < _LOCK_MS else 1
        conn.execute(update(login_failure).where(login_failure.c.login == login).values(failures=failures, last_at=now))


def sign_out(conn: Connection, token: str) -> None:
    """End a session; an unknown token is no error."""
    conn.execute(delete(session).where(session.c.token_hash == _hash(token)))


def principal_of(conn: Connection, token: str, now: int) -> Principal | None:
    """Who a session token stands for, or None when it is unknown, expired or its account disabled."""
    row = (
        conn.execute(
            select(person.c.id, person.c.name)
            .join(session, session.c.person_id == person.c.id)
            .where(session.c.token_hash == _hash(token), session.c.expires_at > now, ~person.c.disabled)
        )
        .mappings()
        .first()
    )
    if row is None:
        return None
    grants = conn.execute(
        select(person_grant.c.role, person_grant.c.scope_kind, person_grant.c.scope_id).where(
            person_grant.c.person_id == row["id"]
        )
    )
    return Principal(row["id"], row["name"], frozenset(Grant(*grant) for grant in grants))


def people(
    conn: Connection,
    *,
    q: str | None = None,
    role: str | None = None,
    disabled: bool | None = None,
    person_id: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> list[dict]:
    """Accounts with their grants, by login; no password hashes.

    `q`: part of a login or a name; `role`: one they hold; `after`: those behind this login.
    """
    statement = select(person).order_by(person.c.login).limit(limit)
    if q:
        statement = statement.where(
            or_(person.c.login.icontains(q, autoescape=True), person.c.name.icontains(q, autoescape=True))
        )
    if role is not None:
        statement = statement.where(
            person.c.id.in_(select(person_grant.c.person_id).where(person_grant.c.role == role))
        )
    if disabled is not None:
        statement = statement.where(person.c.disabled == disabled)
    if person_id is not None:
        statement = statement.where(person.c.id == person_id)
    if after is not None:
        statement = statement.where(person.c.login > after)
    grants: dict[str, list[Grant]] = {}
    for row in conn.execute(select(person_grant)).mappings():
        grants.setdefault(row["person_id"], []).append(Grant(row["role"], row["scope_kind"], row["scope_id"]))
    names = ("id", "login", "name", "language", "disabled")
    return [
        {**{name: row[name] for name in names}, "grants": sorted(grants.get(row["id"], []))}
        for row in conn.execute(statement).mappings()
    ]


def get_person(conn: Connection, person_id: str) -> dict:
    """One account as `people` shows it. Raises NotFound."""
    found = people(conn, person_id=person_id)
    if not found:
        raise NotFound(f"no account {person_id!r}; GET /api/v1/people lists them")
    return found[0]


def edit_person(
    conn: Connection,
    person_id: str,
    *,
    name: str | None = None,
    language: str | None = None,
    grants: list[Grant] | None = None,
    password_hash: str | None = None,
    disabled: bool | None = None,
) -> dict:
    """Change an account (OD-9); what is None stays. A new password or a lock ends its sessions.

    Raises NotFound, Invalid for grants, Conflict when it would leave no open administrator: nobody could undo that.
    """
    conn.execute(select(person.c.id).order_by(person.c.id).with_for_update()).all()  # two administrators, one each
    get_person(conn, person_id)
    values = {"name": name, "language": language, "password_hash": password_hash, "disabled": disabled}
    values = {key: value for key, value in values.items() if value is not None}
    if values:
        conn.execute(update(person).where(person.c.id == person_id).values(values))
    if grants is not None:
        set_grants(conn, person_id, grants)
    if disabled or password_hash is not None:
        conn.execute(delete(session).where(session.c.person_id == person_id))
    admins = people(conn, role="admin", disabled=False)
    if not any(g.role == "admin" and g.scope_kind == "company" for each in admins for g in each["grants"]):
        raise Conflict("this would leave no open administrator; make another one first", changed="admin")
    return get_person(conn, person_id)


def _check(grant: Grant) -> None:
    if grant.role not in ROLES:
        raise Invalid(f"role {grant.role!r}: use one of {', '.join(ROLES)}")
    if grant.scope_kind not in SCOPE_KINDS:
        raise Invalid(f"scope {grant.scope_kind!r}: use one of {', '.join(SCOPE_KINDS)}")
    if (grant.scope_kind == "company") != (grant.scope_id == ""):
        raise Invalid(f"scope {grant.scope_kind!r}: a company scope has no id, every other scope needs one")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
