"""What the service last heard of each device."""

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
