"""Table of the inbox. Times are UTC ms. An item is about an order or about a device."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from milepost.access.scope import scoped
from milepost.db import metadata

alert = Table(
    "alert",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("order_id", String(36), ForeignKey("orders.id", ondelete="CASCADE")),
    Column("order_number", String(32)),
    Column("device", String(12)),
    Column("kind", String(40), nullable=False),
    Column("cause", String(200), nullable=False),
    Column("opening", String(36), nullable=False),  # which opening of the cause, hashed
    Column("rule", String(40), nullable=False),
    Column("ex", String(40)),
    Column("clock", String(8)),
    Column("rank", Integer, nullable=False),  # 0 now, 1 this shift, 2 can wait
    Column("urgent", Boolean, nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    Column("closed_at", BigInteger),
    Column("owner", String(64)),
    Column("acked_by", String(64)),
    Column("acked_at", BigInteger),
    Column("assigned_to", String(64)),
    Column("snoozed_until", BigInteger),
    Column("changed_by", String(64)),  # the person who took a step last
    Column("resolved_by", String(64)),  # null: facts did
    Column("resolved_fact", String(64)),
    Column("resolution", Text),
    Column("data", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("branch", String(64)),
    Column("site", String(64)),
    Index("ix_alert_order", "order_id"),
    Index("ix_alert_device", "device"),
)

# Staff only: a customer or a carrier sees the exceptions on the order itself.
scoped(alert, branch=alert.c.branch, site=alert.c.site)
