"""Tables of the clocks: one row per running or ended clock, what was broken, what was judged anew, and the versions
of policies and calendars. Times are UTC ms."""

from sqlalchemy import (
    BigInteger,
    Boolean,
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

_SEQ = BigInteger().with_variant(Integer, "sqlite")

# A projection of the facts, as the order's row is one: written in the transaction of every refold.
clock = Table(
    "clock",
    metadata,
    Column("order_id", String(36), ForeignKey("orders.id", ondelete="CASCADE"), nullable=False),
    Column("clock", String(8), nullable=False),
    Column("start_fact", String(64), nullable=False),
    Column("subject", String(64), nullable=False, server_default=""),
    Column("klass", String(12), nullable=False),
    Column("owner", String(64)),
    Column("channel", String(80)),
    Column("customer_class", String(80)),
    Column("start", BigInteger, nullable=False),
    Column("due", BigInteger),
    Column("late_from", BigInteger),
    # When a worker looks at it next: `late_from` while it runs, earlier when something made it worth a look.
    Column("next_at", BigInteger, index=True),
    Column("end", BigInteger),
    Column("verdict", String(8), nullable=False),
    Column("breached_at", BigInteger),
    Column("excusable", Boolean, nullable=False),
    Column("rejudged", Boolean, nullable=False),
    Column("policy", String(36), nullable=False),
    Column("calendars", String(36), nullable=False),  # newest version of any calendar when it was judged
    # Among the order's clocks that still ask somebody to act: 0 is the most pressing. Null: it asks for nothing.
    Column("place", Integer),
    Column("state", Text, nullable=False),
    # Where the order is, for the scopes.
    Column("branch", String(64)),
    Column("customer", String(64)),
    Column("site", String(64)),
    Column("carrier", String(64)),
    Column("vehicle", String(64)),
    PrimaryKeyConstraint("order_id", "clock", "start_fact", "subject"),
    Index("ix_clock_place", "place", "late_from"),
    Index("ix_clock_kind", "clock", "start"),
)

# What was told once, and is never told again. `withdrawn_at`: later evidence showed that it had been met.
breach = Table(
    "breach",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=True),
    Column("order_id", String(36), ForeignKey("orders.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("clock", String(8), nullable=False),
    Column("start_fact", String(64), nullable=False),
    Column("subject", String(64), nullable=False, server_default=""),
    Column("occurrence", Integer, nullable=False),
    Column("late_from", BigInteger, nullable=False),
    Column("owner", String(64)),
    Column("breached_at", BigInteger, nullable=False),
    Column("raised_at", BigInteger, nullable=False, index=True),
    Column("withdrawn_at", BigInteger),
    UniqueConstraint("order_id", "clock", "start_fact", "subject", "occurrence"),
)

# A verdict that became another one by late evidence, a correction or a new calendar. Never edited.
clock_audit = Table(
    "clock_audit",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=True),
    Column("order_id", String(36), ForeignKey("orders.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("clock", String(8), nullable=False),
    Column("start_fact", String(64), nullable=False),
    Column("subject", String(64), nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
    Column("cause", String(10), nullable=False),  # fact, calendar or policy
    Column("facts", Text, nullable=False),
    Column("calendars", String(36)),
    Column("before", Text),
    Column("after", Text),
    Column("why", Text, nullable=False),
)

# Never edited: another policy is another row.
policy_version = Table(
    "policy_version",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("channel", String(80)),
    Column("klass", String(80)),
    Column("values", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("author", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# Never edited; of each name the newest counts.
calendar_version = Table(
    "calendar_version",
    metadata,
    Column("seq", _SEQ, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False, unique=True),
    Column("name", String(64), nullable=False, index=True),
    Column("days", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("author", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

scoped(
    clock,
    branch=clock.c.branch,
    customer=clock.c.customer,
    site=clock.c.site,
    carrier=clock.c.carrier,
    vehicle=clock.c.vehicle,
)
# Whoever may see an order may see these: the service checks the order and then reads as SYSTEM.
scoped(breach)
scoped(clock_audit)
