"""What the service last heard of each device, how far its sinks are, and which worker ingests what."""

from sqlalchemy import BigInteger, Boolean, Column, Index, String, Table, Text

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
    Column("last_heard_at", BigInteger, comment="UTC ms at which it last sent records, of whatever time"),
    Column("gone_at", BigInteger, comment="UTC ms since which its last will says that it is gone"),
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

# What is known of the records of one stream: sets of seqs, as ranges.encode writes them.
completeness_stream = Table(
    "completeness_stream",
    metadata,
    Column("device", String(12), primary_key=True),
    Column("stream", BigInteger, primary_key=True, autoincrement=False),
    Column("placed", Text, nullable=False, comment="counted in an hour"),
    Column("unreadable", Text, nullable=False, comment="arrived in a good batch, and not understood"),
    Column("unplaced", Text, nullable=False, comment="arrived without a time, or with one that cannot be"),
    Column("dropped", Text, nullable=False, comment="named in gap records"),
    Column("tail", BigInteger, nullable=False, comment="greatest tail of a batch: below it the device has nothing"),
    Column("begin", BigInteger, nullable=False, comment="least tail of a batch: what lies below came before our time"),
    Column("floor", BigInteger, nullable=False, comment="below it hours have been forgotten"),
    Column("updated_ms", BigInteger, nullable=False),
)

# The records of one stream made within one hour of UTC.
completeness_hour = Table(
    "completeness_hour",
    metadata,
    Column("device", String(12), primary_key=True),
    Column("stream", BigInteger, primary_key=True, autoincrement=False),
    Column("hour", BigInteger, primary_key=True, autoincrement=False, comment="its beginning, UTC ms"),
    Column("received", Text, nullable=False),
    Column("on_time", Text, nullable=False, comment="received within a minute after they were made"),
    Column("first_ms", BigInteger, nullable=False, comment="time of the earliest, UTC ms"),
    Column("last_ms", BigInteger, nullable=False),
    Index("ix_completeness_hour_hour", "hour"),
)

# Since when the service has heard everything that devices of a part said, without a break.
ingest_ear = Table(
    "ingest_ear",
    metadata,
    Column("part", String(1), primary_key=True),
    Column("since_ms", BigInteger, nullable=False, comment="UTC ms"),
    Column("until_ms", BigInteger, nullable=False, comment="and up to when; all of it is in the database"),
)
