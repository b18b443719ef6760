"""What every open board is told once: the events of orders, clocks and the inbox, in the order they were written."""

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from milepost.db import metadata

live_event = Table(
    "live_event",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True, comment="UTC ms, when it was written"),
    Column("kind", String(32), nullable=False),
    Column("vehicle", String(64), comment="only who may see this vehicle is told; null: everybody who sees all"),
    Column("data", Text, nullable=False, comment="JSON"),
    sqlite_autoincrement=True,
)
