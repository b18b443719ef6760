"""What the service last heard of each device, how far its sinks are, and which worker ingests what."""

from sqlalchemy import BigInteger, Boolean, Column, String, Table

from milepost.db import metadata
from milepost.ingest.foreign import tables as foreign  # noqa: F401  (its tables belong to this subject)

device_contact = Table(
    "device_contact",
    metadata,
    Column("device", String(12), primary_key=True),
    Column("online", Boolean, nullable=False),
    Column("fw", String(64)),
    Column("cfg_version", BigInteger),
    Column("reset_reason", String(64)),
    Column("boot", BigInteger),
    Column("stream", BigInteger, comment="stream of the last acknowledged batch"),
    Column("acknowledged", BigInteger, comment="watermark of that stream"),
    Column("last_record_at", BigInteger, comment="UTC ms of the newest record"),
    Column("last_received_at", BigInteger, comment="UTC ms of the newest message of any kind"),
    Column("updated_at", BigInteger, nullable=False),
)

sink_position = Table(
    "sink_position",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("position", BigInteger, nullable=False),
)

ingest_lease = Table(
    "ingest_lease",
    metadata,
    Column("name", String(32), primary_key=True, comment="a part as one hex digit, or a round that one worker does"),
    Column("holder", String(96), nullable=False, comment="key of the spool file and host; empty: nobody"),
    Column("worker", String(24), nullable=False),
    Column("standby", Boolean, nullable=False, comment="held by a standby, for the worker whose own it is"),
    Column("until_ms", BigInteger, nullable=False, comment="UTC ms by the clock of the database"),
    Column("wanted_ms", BigInteger, nullable=False, comment="when the worker whose own it is last asked for it"),
)
