"""Tables of people, their grants, their sessions and the keys of their commands."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, String, Table, Text, UniqueConstraint

from milepost.db import metadata

person = Table(
    "person",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("login", String(64), nullable=False, unique=True),
    Column("name", String(80), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("language", String(8), nullable=False, server_default="zh"),
    Column("disabled", Boolean, nullable=False, server_default="0"),
    Column("created_at", BigInteger, nullable=False),
)

person_grant = Table(
    "person_grant",
    metadata,
    Column("person_id", String(36), ForeignKey("person.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("role", String(32), nullable=False),
    Column("scope_kind", String(16), nullable=False),
    Column("scope_id", String(64), nullable=False, server_default=""),
    UniqueConstraint("person_id", "role", "scope_kind", "scope_id"),
)

session = Table(
    "session",
    metadata,
    # Only a hash of the token is kept: a stolen database opens no session.
    Column("token_hash", String(64), primary_key=True),
    Column("person_id", String(36), ForeignKey("person.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

login_failure = Table(
    "login_failure",
    metadata,
    Column("login", String(64), primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
)

# Idempotency-Keys with the answers given (once.py).
command_key = Table(
    "command_key",
    metadata,
    Column("person_id", String(64), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("body_hash", String(64), nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)
