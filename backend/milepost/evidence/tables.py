"""Tables of the evidence: the append-only log, dock sessions, passages, stays, visits, states of the detectors."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from milepost.access.scope import scoped
from milepost.db import metadata
from milepost.evidence.epcis import tables as epcis_tables

fact = Table(
    "fact",
    metadata,
    # The order of appending: the feed and the audit chain follow it, the fold never does.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False),
    Column("rev", Integer, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("clock", String(8), nullable=False),
    Column("by_role", String(32), nullable=False),
    Column("by_id", String(64), nullable=False),
    Column("by_branch", String(32)),
    Column("source", String(32), nullable=False),
    Column("subjects", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("grade", String(1)),
    Column("inputs", Text, nullable=False),
    Column("snapshot", Text),
    Column("rule", String(64)),
    UniqueConstraint("id", "rev"),
    # Pages of an EPCIS query go by either.
    Index("ix_fact_at", "at", "seq"),
    Index("ix_fact_received", "received_at", "seq"),
)

fact_subject = Table(
    "fact_subject",
    metadata,
    Column("fact_seq", BigInteger, ForeignKey("fact.seq"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("subject_id", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_fact_subject_subject", "kind", "subject_id", "at"),
)

dock_session = Table(
    "dock_session",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("door_id", String(36), ForeignKey("door.id"), nullable=False),
    Column("vehicle_id", String(36), ForeignKey("vehicle.id"), nullable=False, index=True),
    Column("trip_id", String(36), ForeignKey("trip.id"), nullable=False, index=True),
    Column("direction", String(8), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),
    Column("opened_by", String(64), nullable=False),
    Column("closed_by", String(64)),
    Index("ix_dock_session_door", "door_id", "from_ms"),
)

# The tag (GIAI) that a vehicle or trailer carries, in half-open intervals.
vehicle_tag = Table(
    "vehicle_tag",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("vehicle_id", String(36), ForeignKey("vehicle.id"), nullable=False, index=True),
    Column("epc", String(124), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),
    Index("ix_vehicle_tag_epc", "epc", "from_ms"),
)

# What crossed a door, as the reader and the gates saw it; which vehicle that means is joined from the session.
passage = Table(
    "passage",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("device_id", String(12), nullable=False),
    Column("door_id", String(36), ForeignKey("door.id"), nullable=False),
    Column("epc", String(124), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("direction", String(8), nullable=False),
    Column("level_dbm", Float, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("withdrawn", Integer, nullable=False, server_default="0"),
    Index("ix_passage_door", "door_id", "at"),
    Index("ix_passage_epc", "epc", "at"),
)

# What the readers of a site's doors sent, portion by portion, as long as it may still be judged again.
door_portion = Table(
    "door_portion",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("site_id", String(36), ForeignKey("site.id"), nullable=False),
    Column("door_id", String(36), ForeignKey("door.id"), nullable=False),
    Column("device_id", String(12), nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("lines", LargeBinary, nullable=False),
    Index("ix_door_portion_site", "site_id", "id"),
    Index("ix_door_portion_door", "door_id", "last_ms"),
)

# A tag lay on a picking bench, from its first read to its last; what that means is joined from plan and pick lists.
bench_stay = Table(
    "bench_stay",
    metadata,
    Column("epc", String(124), primary_key=True),
    Column("bench_id", String(36), ForeignKey("bench.id"), primary_key=True),
    Column("from_ms", BigInteger, primary_key=True),
    Column("to_ms", BigInteger, nullable=False),
    Column("kept", Text, nullable=False),
)

# A vehicle drove through a fence, or by, without arriving. Arrivals and departures are facts in the log.
fence_pass = Table(
    "fence_pass",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("vehicle_id", String(36), ForeignKey("vehicle.id"), nullable=False),
    Column("site_id", String(36), ForeignKey("site.id"), nullable=False),
    Column("entered_at", BigInteger, nullable=False),
    Column("left_at", BigInteger, nullable=False),
    Index("ix_fence_pass_vehicle", "vehicle_id", "entered_at"),
)

# Trips, stops and unseen stretches of a vehicle that are over. A row never changes but to be withdrawn, when fixes that
# came later show another way, or to hold again; each change counts up `rev`.
travel = Table(
    "travel",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("vehicle_id", String(36), ForeignKey("vehicle.id"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("to_lat", Float, nullable=False),
    Column("to_lon", Float, nullable=False),
    Column("distance_m", Float, nullable=False),
    Column("gaps", Integer, nullable=False),
    Column("gap_ms", BigInteger, nullable=False),
    Column("ended_by", String(12)),
    Column("rev", Integer, nullable=False, server_default="0"),
    Column("withdrawn", Integer, nullable=False, server_default="0"),
    Index("ix_travel_vehicle", "vehicle_id", "from_ms"),
)

detector_state = Table(
    "detector_state",
    metadata,
    Column("detector", String(16), primary_key=True),
    Column("target", String(64), primary_key=True),
    Column("state", Text, nullable=False),
)

# Whoever may see a subject may see its facts: the service checks the subject and then reads as SYSTEM.
scoped(fact)

# What partners captured is kept beside the facts; whoever captured an event may see it, and who sees the whole company.
EPCIS_TABLES = (
    epcis_tables.epcis_event,
    epcis_tables.epcis_event_thing,
    epcis_tables.epcis_job,
    epcis_tables.gs1_name,
)
