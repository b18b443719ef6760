"""Which device stands behind an identifier of a foreign protocol, and who called without being known."""

from sqlalchemy import BigInteger, Boolean, Column, String, Table

from milepost.db import metadata

foreign_device = Table(
    "foreign_device",
    metadata,
    Column("protocol", String(16), primary_key=True),
    Column("identifier", String(64), primary_key=True),
    Column("device", String(12), nullable=False, index=True),
    # Only a hash of the secret is kept. NULL: none has been given yet (JT/T 808 before its registration).
    Column("secret_hash", String(64)),
    Column("open", Boolean, nullable=False, comment="accepted without a secret"),
    Column("hardware", String(160), comment="maker, model and terminal id of the first registration"),
    Column("registered_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(64), nullable=False),
)

foreign_caller = Table(
    "foreign_caller",
    metadata,
    Column("protocol", String(16), primary_key=True),
    Column("identifier", String(64), primary_key=True),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False, index=True),
    Column("times", BigInteger, nullable=False),
    Column("said", String(160), nullable=False, comment="what it told about itself"),
)
