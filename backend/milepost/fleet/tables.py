"""Tables of the fleet. Times are UTC ms; intervals are half-open, an open end is NULL."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from milepost.access.scope import scoped
from milepost.db import metadata

device = Table(
    "device",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("part", String(1), nullable=False),
    Column("name", String(80), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger),
    Column("config_version", Integer, nullable=False, server_default="0"),
    Column("config", Text, nullable=False, server_default="{}"),
    # What the device last answered about its configuration.
    Column("applied_version", Integer),
    Column("applied_ok", Boolean),
    Column("applied_reason", Text),
    Column("applied_at", BigInteger),
)

device_command = Table(
    "device_command",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("device_id", String(12), ForeignKey("device.id"), nullable=False, index=True),
    Column("verb", String(32), nullable=False),
    Column("args", Text, nullable=False),
    Column("not_after", BigInteger, nullable=False),
    Column("state", String(8), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(36), nullable=False),
    Column("sent_at", BigInteger),
    Column("sent_count", Integer, nullable=False, server_default="0"),
    Column("done_at", BigInteger),
    Column("result", Text),
)

vehicle = Table(
    "vehicle",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("plate", String(20), nullable=False),
    Column("plate_key", String(20), nullable=False, unique=True),
    Column("country", String(2), nullable=False, server_default="CN"),
    Column("kind", String(16), nullable=False),
    Column("branch", String(32)),
    Column("carrier", String(36)),
    Column("created_at", BigInteger, nullable=False),
)

driver = Table(
    "driver",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("phone", String(32)),
    Column("person_id", String(36)),
    Column("branch", String(32)),
    Column("carrier", String(36)),
    Column("created_at", BigInteger, nullable=False),
)

site = Table(
    "site",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("code", String(32), nullable=False, unique=True),
    Column("name_zh", String(80), nullable=False),
    Column("name_en", String(80), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("branch", String(32)),
    Column("customer", String(36)),
    Column("shape", Text, nullable=False),
    Column("dwell_s", Integer, nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

door = Table(
    "door",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("site_id", String(36), ForeignKey("site.id"), nullable=False, index=True),
    Column("number", String(16), nullable=False),
    Column("sgln", String(64)),
    Column("gates", Boolean, nullable=False, server_default="1"),
    Column("rssi_floor_dbm", Float, nullable=False, server_default="-60"),
    UniqueConstraint("site_id", "number"),
)

# Where goods are picked: a reader there, on the bench or in a hand, says which units are.
bench = Table(
    "bench",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("site_id", String(36), ForeignKey("site.id"), nullable=False, index=True),
    Column("number", String(16), nullable=False),
    Column("rssi_floor_dbm", Float, nullable=False, server_default="-50"),
    UniqueConstraint("site_id", "number"),
)

# Where an antenna of a door's readers looks; `device_id` empty: of whatever reader is mounted there.
door_antenna = Table(
    "door_antenna",
    metadata,
    Column("door_id", String(36), ForeignKey("door.id"), primary_key=True),
    Column("device_id", String(12), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("role", String(8), nullable=False),
)
binding = Table(
    "binding",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("device_id", String(12), ForeignKey("device.id"), nullable=False),
    Column("target_kind", String(8), nullable=False),
    Column("target_id", String(36), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(36), nullable=False),
    Index("ix_binding_device", "device_id", "from_ms"),
    Index("ix_binding_target", "target_kind", "target_id", "from_ms"),
)

scoped(vehicle, vehicle=vehicle.c.id, branch=vehicle.c.branch, carrier=vehicle.c.carrier)
scoped(driver, branch=driver.c.branch, carrier=driver.c.carrier)
scoped(site, site=site.c.id, branch=site.c.branch, customer=site.c.customer)
scoped(door, site=door.c.site_id)
scoped(bench, site=bench.c.site_id)
