"""What an InfluxDB store keeps in the SQL database: small things that must be right at once, and exactly.

Positions of the sink lie in `sink_position` (ingest). The SQLite store has a file of its own and uses none of these.
"""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table, Text

from milepost.db import metadata

telemetry_latest = Table(
    "telemetry_latest",
    metadata,
    Column("device", String(12), primary_key=True),
    Column("stream", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False, comment="UTC ms"),
    Column("clock", String(8), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("lat_e6", BigInteger, nullable=False),
    Column("lon_e6", BigInteger, nullable=False),
    Column("alt_m", Float),
    Column("speed_mps", Float),
    Column("course_deg", Float),
    Column("sats", BigInteger),
    Column("hdop", Float),
    Column("source", Integer, nullable=False),
)

telemetry_stream = Table(
    "telemetry_stream",
    metadata,
    Column("device", String(12), primary_key=True),
    Column("stream", BigInteger, primary_key=True),
    Column("ranges", Text, nullable=False, comment="JSON: [[first seq, last seq], ...] of what is stored"),
    Column("last_at", BigInteger, nullable=False, comment="UTC ms: nothing of the stream lies behind it in time"),
)

telemetry_touched = Table(
    "telemetry_touched",
    metadata,
    Column("device", String(12), primary_key=True),
    Column("hour", BigInteger, primary_key=True, comment="UTC ms of its beginning"),
    Column("times", BigInteger, nullable=False, comment="grows with every write: thinned meanwhile or not"),
    Index("ix_telemetry_touched_hour", "hour"),
)

telemetry_refused = Table(
    "telemetry_refused",
    metadata,
    Column("device", String(12), primary_key=True),
    Column("stream", BigInteger, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("at", BigInteger, nullable=False, comment="UTC ms of the reading"),
    Column("line", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("refused_at", BigInteger, nullable=False),
)

telemetry_pending = Table(
    "telemetry_pending",
    metadata,
    Column("spool", String(32), primary_key=True, comment="key of the spool whose records are being written"),
    Column("what", Text, nullable=False, comment="JSON: [[device, kind, stream, first at, last at, ranges], ...]"),
)
