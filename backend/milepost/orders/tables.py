"""Tables of the orders: one row per order with its projection, and what it hangs together with."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from milepost.access.scope import scoped
from milepost.db import metadata

order = Table(
    "orders",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("number", String(32), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    # What was asked for, as it was first said.
    Column("request", Text, nullable=False),
    # The projection of the fold, rewritten whenever a fact touches the order.
    Column("version", Integer, nullable=False, server_default="0"),
    Column("updated_at", BigInteger, nullable=False),
    Column("changed_by", Text),
    Column("type", String(16)),
    Column("channel", String(80), index=True),
    Column("customer_class", String(80), index=True),
    Column("phone", String(80), index=True),
    Column("ship_on", String(10), index=True),  # the day agreed for shipping, YYYY-MM-DD
    # All that people look an order up by, in lower case: numbers, people, places, goods.
    Column("search", Text, nullable=False, server_default=""),
    Column("waybill", String(64), index=True),
    Column("customer", String(64), index=True),
    Column("branch", String(64), index=True),
    Column("site", String(64), index=True),
    Column("carrier", String(64)),
    Column("vehicle", String(64), index=True),
    Column("trip", String(64)),
    Column("state", String(20), nullable=False, index=True),
    Column("stage", Integer, nullable=False),
    Column("current", String(12)),
    Column("outcome", String(20)),
    Column("open_exceptions", Integer, nullable=False, server_default="0"),
    Column("next_due", BigInteger, index=True),
    Column("projection", Text, nullable=False),
)

# What a fact must name to touch an order: its units, trips, and vehicles within [from_ms, to_ms].
order_link = Table(
    "order_link",
    metadata,
    Column("order_id", String(36), ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("subject_id", String(64), primary_key=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Index("ix_order_link_subject", "kind", "subject_id"),
)

# Which order took a waybill number; two that ask for one at the same instant meet here.
waybill_number = Table(
    "waybill_number",
    metadata,
    Column("waybill", String(64), primary_key=True),
    Column("order_id", String(36), nullable=False),
)

order_day = Table(
    "order_day",
    metadata,
    Column("day", String(6), primary_key=True),
    Column("last", Integer, nullable=False),
)

scoped(
    order,
    branch=order.c.branch,
    customer=order.c.customer,
    site=order.c.site,
    carrier=order.c.carrier,
    vehicle=order.c.vehicle,
)

# The history (orders/chain.py). Append-only; `seq` is given by us, so that a gap is a gap.
order_audit = Table(
    "order_audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("order_id", String(36), nullable=False),
    Column("n", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("prev_order", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("order_id", "n"),
)

# Where the chains end: one row per order, and one ("*") over all that whoever writes holds until the end.
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

# Whoever may see an order may see its history: the service checks the order and then reads as SYSTEM.
scoped(order_audit)
