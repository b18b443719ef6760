"""Tables of the plan. Times are UTC ms; intervals are half-open, an open end is NULL."""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, String, Table, UniqueConstraint, select

from milepost.access.scope import scoped
from milepost.db import metadata

unit = Table(
    "unit",
    metadata,
    Column("id", String(36), primary_key=True),
    # The order is a subject above this one: its id stands here without a foreign key.
    Column("order_id", String(36), nullable=False, index=True),
    Column("no", Integer, nullable=False),
    Column("sku", String(64)),
    Column("line", Integer),
    Column("pieces", Integer, nullable=False, server_default="1"),
    Column("kg", Float),
    Column("parent_id", String(36), ForeignKey("unit.id")),
    Column("customer", String(36)),
    Column("branch", String(32)),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("order_id", "no"),
)

unit_epc = Table(
    "unit_epc",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("unit_id", String(36), ForeignKey("unit.id"), nullable=False, index=True),
    Column("epc", String(124), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),
    Index("ix_unit_epc_epc", "epc", "from_ms"),
)

trip = Table(
    "trip",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("number", String(40), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("branch", String(32)),
    Column("carrier", String(36)),
    # The vehicle assigned last, for the scope of those who see one vehicle only; intervals are in trip_vehicle.
    Column("vehicle_id", String(36)),
    Column("created_at", BigInteger, nullable=False),
)

trip_stop = Table(
    "trip_stop",
    metadata,
    Column("trip_id", String(36), ForeignKey("trip.id"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("site_id", String(36), ForeignKey("site.id"), nullable=False),
    Column("planned_from", BigInteger),
    Column("planned_to", BigInteger),
)

trip_vehicle = Table(
    "trip_vehicle",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("trip_id", String(36), ForeignKey("trip.id"), nullable=False, index=True),
    Column("vehicle_id", String(36), ForeignKey("vehicle.id"), nullable=False, index=True),
    Column("driver_id", String(36), ForeignKey("driver.id")),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),
)

trip_expected = Table(
    "trip_expected",
    metadata,
    Column("trip_id", String(36), ForeignKey("trip.id"), primary_key=True),
    Column("order_id", String(36), primary_key=True),
    # One unit, or empty: the order with whatever units it has (it may have none that are tagged).
    Column("unit_id", String(36), primary_key=True),
)

appointment = Table(
    "appointment",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("door_id", String(36), ForeignKey("door.id"), nullable=False),
    Column("trip_id", String(36), ForeignKey("trip.id"), nullable=False, index=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Index("ix_appointment_door", "door_id", "from_ms"),
)

# What was put into what, or taken out: append-only; one that an error declaration took back is withdrawn, not deleted.
packing = Table(
    "packing",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    # `unit:<id>`, or the identity of an EPC (a Digital Link, or a URI) that need be no unit of ours.
    Column("parent", String(255), nullable=False),
    Column("action", String(8), nullable=False),
    Column("source", String(32), nullable=False),
    Column("by_role", String(32), nullable=False),
    Column("by_id", String(64), nullable=False),
    Column("withdrawn", Integer, nullable=False, server_default="0"),
    Index("ix_packing_parent", "parent", "at"),
)

packing_child = Table(
    "packing_child",
    metadata,
    Column("packing_id", String(36), ForeignKey("packing.id"), primary_key=True),
    Column("child", String(255), primary_key=True),
    Index("ix_packing_child_child", "child"),
)

scoped(unit, customer=unit.c.customer, branch=unit.c.branch)
scoped(
    trip,
    branch=trip.c.branch,
    carrier=trip.c.carrier,
    vehicle=trip.c.vehicle_id,
    # The keepers of a site load and unload what stops there.
    site=lambda ids: trip.c.id.in_(select(trip_stop.c.trip_id).where(trip_stop.c.site_id.in_(ids))),
)
