"""Tables of the reports: what each order brings to the figures, and what was decided about proposals. UTC ms."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table, Text

from milepost.access.scope import scoped
from milepost.db import metadata

# One row per branch that an order ever came to ("" while it came to none), so that a branch sees its own share of
# what it passed on. A projection of the facts, as the order's row is one.
report_order = Table(
    "report_order",
    metadata,
    Column("order_id", String(36), ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("branch", String(64), primary_key=True, index=True),
    Column("main", Boolean, nullable=False),  # the row of the branch that has the order now
    Column("channel", String(80)),
    Column("klass", String(80)),
    Column("day", String(10)),
    # From the first to the last complaint or slip that proposals take up; null without any.
    Column("care_from", BigInteger),
    Column("care_to", BigInteger),
    Column("deeds", Text, nullable=False),
    Index("ix_report_order_day", "main", "day"),
    Index("ix_report_order_care", "main", "care_to"),
)

proposal_decision = Table(
    "proposal_decision",
    metadata,
    Column("proposal", String(64), primary_key=True),
    Column("verdict", String(8), nullable=False),
    Column("by_id", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("fact", String(36), nullable=False),
)

scoped(report_order, branch=report_order.c.branch)
