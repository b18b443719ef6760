"""Tables of the base data. Entries are never deleted: orders and facts refer to them; they become inactive."""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Integer, String, Table, Text

from milepost.access.scope import scoped
from milepost.db import metadata

branch = Table(
    "branch",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name_zh", String(80), nullable=False),
    Column("name_en", String(80), nullable=False),
    Column("region", String(64), nullable=False, index=True),
    Column("big_region", String(64), nullable=False),
    # Name of its business calendar (C6); the clocks hold the days.
    Column("calendar", String(64), nullable=False, server_default="default"),
    Column("lat", Float),
    Column("lng", Float),
    Column("phone", String(32)),
    Column("active", Boolean, nullable=False, server_default="1"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("updated_at", BigInteger, nullable=False),
)

# A company (or person) in whichever of the five roles it holds (LI-3).
customer = Table(
    "customer",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("customer_class", String(80)),
    Column("channel", String(80)),
    Column("tier", String(32)),
    Column("vip", Boolean, nullable=False, server_default="0"),
    # The branch that looks after it; its people see the entry.
    Column("branch", String(64), index=True),
    Column("contact", String(80)),
    Column("phone", String(32), index=True),
    Column("email", String(120)),
    Column("address", Text),
    Column("payment_term", String(80)),
    Column("currency", String(3)),
    Column("remark", Text),
    # Made by an order that came before its base data; somebody has to complete it.
    Column("provisional", Boolean, nullable=False, server_default="0", index=True),
    Column("active", Boolean, nullable=False, server_default="1"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("updated_at", BigInteger, nullable=False),
)

customer_party = Table(
    "customer_party",
    metadata,
    Column("customer_id", String(64), ForeignKey("customer.id", ondelete="CASCADE"), primary_key=True),
    Column("party", String(16), primary_key=True),
)

goods = Table(
    "goods",
    metadata,
    Column("sku", String(80), primary_key=True),
    Column("name_zh", String(120), nullable=False),
    Column("name_en", String(120), nullable=False),
    Column("unit", String(32)),
    Column("price", Float),
    Column("currency", String(3)),
    Column("remark", Text),
    Column("provisional", Boolean, nullable=False, server_default="0", index=True),
    Column("active", Boolean, nullable=False, server_default="1"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("updated_at", BigInteger, nullable=False),
)

# Every name goods go by: the two of the entry, and its regional aliases (OT-16). One name may mean several goods.
goods_name = Table(
    "goods_name",
    metadata,
    Column("sku", String(80), ForeignKey("goods.sku", ondelete="CASCADE"), primary_key=True),
    Column("key", String(360), primary_key=True, index=True),
    Column("name", String(120), nullable=False),
    Column("alias", Boolean, nullable=False),
)

scoped(customer, customer=customer.c.id, branch=customer.c.branch)
