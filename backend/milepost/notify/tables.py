"""Tables of the notices: the outbox, who has read what, texts that this installation has changed. Times are UTC ms."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from milepost.access.scope import scoped
from milepost.db import metadata

# One notice on one channel. Written in the transaction of the change that makes it due.
message = Table(
    "message",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("notice_id", String(36), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("order_id", String(36), ForeignKey("orders.id", ondelete="CASCADE")),  # null: about a device or a host
    Column("order_number", String(32), nullable=False),
    Column("cause", String(200), nullable=False),
    Column("ex", String(40)),
    Column("clock", String(8)),
    Column("template", String(64), nullable=False),
    Column("urgency", String(8), nullable=False),
    Column("to_role", String(32), nullable=False),
    Column("to_scope_kind", String(16), nullable=False),
    Column("to_scope_id", String(64), nullable=False),
    Column("person_id", String(36)),  # told by name, not by role
    Column("data", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", BigInteger),
    Column("leased_by", String(36)),
    Column("sent_at", BigInteger),
    Column("read_at", BigInteger),
    Column("read_by", String(36)),
    Column("error", Text),
    # The recipient's scope, once per kind; staff are told over the order's branch and over its site.
    Column("branch", String(64)),
    Column("site", String(64)),
    Column("customer", String(64)),
    Column("carrier", String(64)),
    Column("vehicle", String(64)),
    UniqueConstraint("notice_id", "channel"),
    Index("ix_message_order", "order_id"),
    Index("ix_message_due", "state", "next_at"),
)

message_read = Table(
    "message_read",
    metadata,
    Column("message_id", String(36), ForeignKey("message.id", ondelete="CASCADE"), nullable=False),
    Column("person_id", String(36), nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("message_id", "person_id"),
)

message_template = Table(
    "message_template",
    metadata,
    Column("name", String(64), nullable=False),
    Column("language", String(2), nullable=False),
    Column("text", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", String(36), nullable=False),
    PrimaryKeyConstraint("name", "language"),
)

scoped(
    message,
    branch=message.c.branch,
    site=message.c.site,
    customer=message.c.customer,
    carrier=message.c.carrier,
    vehicle=message.c.vehicle,
)
