"""Tables of what partners told in EPCIS: their events as they came, the things these name, the jobs of capturing."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from milepost.db import metadata

epcis_job = Table(
    "epcis_job",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("behaviour", String(8), nullable=False),
    Column("success", Integer, nullable=False),
    Column("captured", Integer, nullable=False),
    Column("known", Integer, nullable=False),
    Column("errors", Text, nullable=False),
)

epcis_event = Table(
    "epcis_event",
    metadata,
    # The order of capture: pages of a query follow it where times are equal.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("event_id", String(255), nullable=False),
    # SHA-256 of what it tells: an event and its error declarations share their id, and all stay visible.
    Column("digest", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("job_id", String(36), ForeignKey("epcis_job.id"), nullable=False, index=True),
    Column("captured_by", String(64), nullable=False, index=True),
    Column("event", Text, nullable=False),
    UniqueConstraint("event_id", "digest"),
    Index("ix_epcis_event_at", "at", "seq"),
    Index("ix_epcis_event_recorded", "recorded_at", "seq"),
)

epcis_event_thing = Table(
    "epcis_event_thing",
    metadata,
    Column("event_seq", BigInteger, ForeignKey("epcis_event.seq"), primary_key=True),
    Column("thing", String(255), primary_key=True),
    Index("ix_epcis_event_thing_thing", "thing"),
)

# What partners call our vehicles (GIAI) and sites (SGLN); a door keeps its own. `identity`: one for all writings.
gs1_name = Table(
    "gs1_name",
    metadata,
    Column("kind", String(8), primary_key=True),
    Column("target_id", String(36), primary_key=True),
    Column("uri", String(160), nullable=False),
    Column("identity", String(160), nullable=False),
    UniqueConstraint("kind", "identity"),
)
