"""Books of telemetry, workers and their leases, benches, completeness, other people's devices."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "completeness_hour",
        sa.Column("device", sa.String(length=12), nullable=False),
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False, comment="its beginning, UTC ms"),
        sa.Column("received", sa.Text(), nullable=False),
        sa.Column("on_time", sa.Text(), nullable=False, comment="received within a minute after they were made"),
        sa.Column("first_ms", sa.BigInteger(), nullable=False, comment="time of the earliest, UTC ms"),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device", "stream", "hour", name=op.f("pk_completeness_hour")),
    )
    with op.batch_alter_table("completeness_hour", schema=None) as batch_op:
        batch_op.create_index("ix_completeness_hour_hour", ["hour"], unique=False)

    op.create_table(
        "completeness_stream",
        sa.Column("device", sa.String(length=12), nullable=False),
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("placed", sa.Text(), nullable=False, comment="counted in an hour"),
        sa.Column("unreadable", sa.Text(), nullable=False, comment="arrived in a good batch, and not understood"),
        sa.Column("unplaced", sa.Text(), nullable=False, comment="arrived without a time, or with one that cannot be"),
        sa.Column("dropped", sa.Text(), nullable=False, comment="named in gap records"),
        sa.Column(
            "tail", sa.BigInteger(), nullable=False, comment="greatest tail of a batch: below it the device has nothing"
        ),
        sa.Column(
            "begin",
            sa.BigInteger(),
            nullable=False,
            comment="least tail of a batch: what lies below came before our time",
        ),
        sa.Column("floor", sa.BigInteger(), nullable=False, comment="below it hours have been forgotten"),
        sa.Column("updated_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device", "stream", name=op.f("pk_completeness_stream")),
    )
    op.create_table(
        "epcis_job",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("behaviour", sa.String(length=8), nullable=False),
        sa.Column("success", sa.Integer(), nullable=False),
        sa.Column("captured", sa.Integer(), nullable=False),
        sa.Column("known", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_epcis_job")),
    )
    op.create_table(
        "foreign_caller",
        sa.Column("protocol", sa.String(length=16), nullable=False),
        sa.Column("identifier", sa.String(length=64), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("said", sa.String(length=160), nullable=False, comment="what it told about itself"),
        sa.PrimaryKeyConstraint("protocol", "identifier", name=op.f("pk_foreign_caller")),
    )
    with op.batch_alter_table("foreign_caller", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_foreign_caller_last_at"), ["last_at"], unique=False)

    op.create_table(
        "foreign_device",
        sa.Column("protocol", sa.String(length=16), nullable=False),
        sa.Column("identifier", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=12), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False, comment="accepted without a secret"),
        sa.Column(
            "hardware",
            sa.String(length=160),
            nullable=True,
            comment="maker, model and terminal id of the first registration",
        ),
        sa.Column("registered_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("protocol", "identifier", name=op.f("pk_foreign_device")),
    )
    with op.batch_alter_table("foreign_device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_foreign_device_device"), ["device"], unique=False)

    op.create_table(
        "ingest_ear",
        sa.Column("part", sa.String(length=1), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False, comment="UTC ms"),
        sa.Column("until_ms", sa.BigInteger(), nullable=False, comment="and up to when; all of it is in the database"),
        sa.PrimaryKeyConstraint("part", name=op.f("pk_ingest_ear")),
    )
    op.create_table(
        "ingest_lease",
        sa.Column(
            "name",
            sa.String(length=32),
            nullable=False,
            comment="a part as one hex digit, or a round that one worker does",
        ),
        sa.Column(
            "holder", sa.String(length=96), nullable=False, comment="key of the spool file and host; empty: nobody"
        ),
        sa.Column("worker", sa.String(length=24), nullable=False),
        sa.Column("standby", sa.Boolean(), nullable=False, comment="held by a standby, for the worker whose own it is"),
        sa.Column("until_ms", sa.BigInteger(), nullable=False, comment="UTC ms by the clock of the database"),
        sa.Column(
            "wanted_ms", sa.BigInteger(), nullable=False, comment="when the worker whose own it is last asked for it"
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ingest_lease")),
    )
    op.create_table(
        "live_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="UTC ms, when it was written"),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column(
            "vehicle",
            sa.String(length=64),
            nullable=True,
            comment="only who may see this vehicle is told; null: everybody who sees all",
        ),
        sa.Column("data", sa.Text(), nullable=False, comment="JSON"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_live_event")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("live_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_live_event_at"), ["at"], unique=False)

    op.create_table(
        "packing",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("parent", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=8), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("by_role", sa.String(length=32), nullable=False),
        sa.Column("by_id", sa.String(length=64), nullable=False),
        sa.Column("withdrawn", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packing")),
    )
    with op.batch_alter_table("packing", schema=None) as batch_op:
        batch_op.create_index("ix_packing_parent", ["parent", "at"], unique=False)

    op.create_table(
        "telemetry_latest",
        sa.Column("device", sa.String(length=12), nullable=False),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="UTC ms"),
        sa.Column("clock", sa.String(length=8), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("lat_e6", sa.BigInteger(), nullable=False),
        sa.Column("lon_e6", sa.BigInteger(), nullable=False),
        sa.Column("alt_m", sa.Float(), nullable=True),
        sa.Column("speed_mps", sa.Float(), nullable=True),
        sa.Column("course_deg", sa.Float(), nullable=True),
        sa.Column("sats", sa.BigInteger(), nullable=True),
        sa.Column("hdop", sa.Float(), nullable=True),
        sa.Column("source", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("device", name=op.f("pk_telemetry_latest")),
    )
    op.create_table(
        "telemetry_pending",
        sa.Column(
            "spool", sa.String(length=32), nullable=False, comment="key of the spool whose records are being written"
        ),
        sa.Column(
            "what", sa.Text(), nullable=False, comment="JSON: [[device, kind, stream, first at, last at, ranges], ...]"
        ),
        sa.PrimaryKeyConstraint("spool", name=op.f("pk_telemetry_pending")),
    )
    op.create_table(
        "telemetry_refused",
        sa.Column("device", sa.String(length=12), nullable=False),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="UTC ms of the reading"),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("refused_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device", "stream", "seq", name=op.f("pk_telemetry_refused")),
    )
    op.create_table(
        "telemetry_stream",
        sa.Column("device", sa.String(length=12), nullable=False),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("ranges", sa.Text(), nullable=False, comment="JSON: [[first seq, last seq], ...] of what is stored"),
        sa.Column(
            "last_at", sa.BigInteger(), nullable=False, comment="UTC ms: nothing of the stream lies behind it in time"
        ),
        sa.PrimaryKeyConstraint("device", "stream", name=op.f("pk_telemetry_stream")),
    )
    op.create_table(
        "telemetry_touched",
        sa.Column("device", sa.String(length=12), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False, comment="UTC ms of its beginning"),
        sa.Column("times", sa.BigInteger(), nullable=False, comment="grows with every write: thinned meanwhile or not"),
        sa.PrimaryKeyConstraint("device", "hour", name=op.f("pk_telemetry_touched")),
    )
    with op.batch_alter_table("telemetry_touched", schema=None) as batch_op:
        batch_op.create_index("ix_telemetry_touched_hour", ["hour"], unique=False)

    op.create_table(
        "bench",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("rssi_floor_dbm", sa.Float(), server_default="-50", nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_bench_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bench")),
        sa.UniqueConstraint("site_id", "number", name=op.f("uq_bench_site_id_number")),
    )
    with op.batch_alter_table("bench", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bench_site_id"), ["site_id"], unique=False)

    op.create_table(
        "epcis_event",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("captured_by", sa.String(length=64), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["epcis_job.id"], name=op.f("fk_epcis_event_job_id_epcis_job")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_epcis_event")),
        sa.UniqueConstraint("event_id", "digest", name=op.f("uq_epcis_event_event_id_digest")),
    )
    with op.batch_alter_table("epcis_event", schema=None) as batch_op:
        batch_op.create_index("ix_epcis_event_at", ["at", "seq"], unique=False)
        batch_op.create_index(batch_op.f("ix_epcis_event_captured_by"), ["captured_by"], unique=False)
        batch_op.create_index(batch_op.f("ix_epcis_event_job_id"), ["job_id"], unique=False)
        batch_op.create_index("ix_epcis_event_recorded", ["recorded_at", "seq"], unique=False)

    op.create_table(
        "packing_child",
        sa.Column("packing_id", sa.String(length=36), nullable=False),
        sa.Column("child", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["packing_id"], ["packing.id"], name=op.f("fk_packing_child_packing_id_packing")),
        sa.PrimaryKeyConstraint("packing_id", "child", name=op.f("pk_packing_child")),
    )
    with op.batch_alter_table("packing_child", schema=None) as batch_op:
        batch_op.create_index("ix_packing_child_child", ["child"], unique=False)

    op.create_table(
        "travel",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("vehicle_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("to_lat", sa.Float(), nullable=False),
        sa.Column("to_lon", sa.Float(), nullable=False),
        sa.Column("distance_m", sa.Float(), nullable=False),
        sa.Column("gaps", sa.Integer(), nullable=False),
        sa.Column("gap_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_by", sa.String(length=12), nullable=True),
        sa.Column("rev", sa.Integer(), server_default="0", nullable=False),
        sa.Column("withdrawn", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["vehicle_id"], ["vehicle.id"], name=op.f("fk_travel_vehicle_id_vehicle")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_travel")),
    )
    with op.batch_alter_table("travel", schema=None) as batch_op:
        batch_op.create_index("ix_travel_vehicle", ["vehicle_id", "from_ms"], unique=False)

    op.create_table(
        "bench_stay",
        sa.Column("epc", sa.String(length=124), nullable=False),
        sa.Column("bench_id", sa.String(length=36), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["bench_id"], ["bench.id"], name=op.f("fk_bench_stay_bench_id_bench")),
        sa.PrimaryKeyConstraint("epc", "bench_id", "from_ms", name=op.f("pk_bench_stay")),
    )
    op.create_table(
        "epcis_event_thing",
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("thing", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_seq"], ["epcis_event.seq"], name=op.f("fk_epcis_event_thing_event_seq_epcis_event")
        ),
        sa.PrimaryKeyConstraint("event_seq", "thing", name=op.f("pk_epcis_event_thing")),
    )
    with op.batch_alter_table("epcis_event_thing", schema=None) as batch_op:
        batch_op.create_index("ix_epcis_event_thing_thing", ["thing"], unique=False)

    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("device", sa.String(length=12), nullable=True))
        batch_op.alter_column("order_id", existing_type=sa.VARCHAR(length=36), nullable=True)
        batch_op.alter_column("order_number", existing_type=sa.VARCHAR(length=32), nullable=True)
        batch_op.create_index("ix_alert_device", ["device"], unique=False)

    with op.batch_alter_table("device_contact", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "last_heard_at",
                sa.BigInteger(),
                nullable=True,
                comment="UTC ms at which it last sent records, of whatever time",
            )
        )
        batch_op.add_column(
            sa.Column(
                "gone_at",
                sa.BigInteger(),
                nullable=True,
                comment="UTC ms since which its last will says that it is gone",
            )
        )

    with op.batch_alter_table("fact", schema=None) as batch_op:
        batch_op.create_index("ix_fact_at", ["at", "seq"], unique=False)
        batch_op.create_index("ix_fact_received", ["received_at", "seq"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("fact", schema=None) as batch_op:
        batch_op.drop_index("ix_fact_received")
        batch_op.drop_index("ix_fact_at")

    with op.batch_alter_table("device_contact", schema=None) as batch_op:
        batch_op.drop_column("gone_at")
        batch_op.drop_column("last_heard_at")

    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_index("ix_alert_device")
        batch_op.alter_column("order_number", existing_type=sa.VARCHAR(length=32), nullable=False)
        batch_op.alter_column("order_id", existing_type=sa.VARCHAR(length=36), nullable=False)
        batch_op.drop_column("device")

    with op.batch_alter_table("epcis_event_thing", schema=None) as batch_op:
        batch_op.drop_index("ix_epcis_event_thing_thing")

    op.drop_table("epcis_event_thing")
    op.drop_table("bench_stay")
    with op.batch_alter_table("travel", schema=None) as batch_op:
        batch_op.drop_index("ix_travel_vehicle")

    op.drop_table("travel")
    with op.batch_alter_table("packing_child", schema=None) as batch_op:
        batch_op.drop_index("ix_packing_child_child")

    op.drop_table("packing_child")
    with op.batch_alter_table("epcis_event", schema=None) as batch_op:
        batch_op.drop_index("ix_epcis_event_recorded")
        batch_op.drop_index(batch_op.f("ix_epcis_event_job_id"))
        batch_op.drop_index(batch_op.f("ix_epcis_event_captured_by"))
        batch_op.drop_index("ix_epcis_event_at")

    op.drop_table("epcis_event")
    with op.batch_alter_table("bench", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bench_site_id"))

    op.drop_table("bench")
    with op.batch_alter_table("telemetry_touched", schema=None) as batch_op:
        batch_op.drop_index("ix_telemetry_touched_hour")

    op.drop_table("telemetry_touched")
    op.drop_table("telemetry_stream")
    op.drop_table("telemetry_refused")
    op.drop_table("telemetry_pending")
    op.drop_table("telemetry_latest")
    with op.batch_alter_table("packing", schema=None) as batch_op:
        batch_op.drop_index("ix_packing_parent")

    op.drop_table("packing")
    with op.batch_alter_table("live_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_live_event_at"))

    op.drop_table("live_event")
    op.drop_table("ingest_lease")
    op.drop_table("ingest_ear")
    with op.batch_alter_table("foreign_device", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_foreign_device_device"))

    op.drop_table("foreign_device")
    with op.batch_alter_table("foreign_caller", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_foreign_caller_last_at"))

    op.drop_table("foreign_caller")
    op.drop_table("epcis_job")
    op.drop_table("completeness_stream")
    with op.batch_alter_table("completeness_hour", schema=None) as batch_op:
        batch_op.drop_index("ix_completeness_hour_hour")

    op.drop_table("completeness_hour")
