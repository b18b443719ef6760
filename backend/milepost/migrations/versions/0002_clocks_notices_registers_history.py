"""Clocks, notices, registers, history of orders, figures."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_head",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "branch",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name_zh", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("region", sa.String(length=64), nullable=False),
        sa.Column("big_region", sa.String(length=64), nullable=False),
        sa.Column("calendar", sa.String(length=64), server_default="default", nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lng", sa.Float(), nullable=True),
        sa.Column("phone", sa.String(length=32), nullable=True),
        sa.Column("active", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_branch")),
    )
    with op.batch_alter_table("branch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_branch_region"), ["region"], unique=False)

    op.create_table(
        "calendar_version",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("days", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_calendar_version")),
        sa.UniqueConstraint("id", name=op.f("uq_calendar_version_id")),
    )
    with op.batch_alter_table("calendar_version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_calendar_version_name"), ["name"], unique=False)

    op.create_table(
        "customer",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("customer_class", sa.String(length=80), nullable=True),
        sa.Column("channel", sa.String(length=80), nullable=True),
        sa.Column("tier", sa.String(length=32), nullable=True),
        sa.Column("vip", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("branch", sa.String(length=64), nullable=True),
        sa.Column("contact", sa.String(length=80), nullable=True),
        sa.Column("phone", sa.String(length=32), nullable=True),
        sa.Column("email", sa.String(length=120), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("payment_term", sa.String(length=80), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("provisional", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("active", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_customer_branch"), ["branch"], unique=False)
        batch_op.create_index(batch_op.f("ix_customer_phone"), ["phone"], unique=False)
        batch_op.create_index(batch_op.f("ix_customer_provisional"), ["provisional"], unique=False)

    op.create_table(
        "goods",
        sa.Column("sku", sa.String(length=80), nullable=False),
        sa.Column("name_zh", sa.String(length=120), nullable=False),
        sa.Column("name_en", sa.String(length=120), nullable=False),
        sa.Column("unit", sa.String(length=32), nullable=True),
        sa.Column("price", sa.Float(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("provisional", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("active", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sku", name=op.f("pk_goods")),
    )
    with op.batch_alter_table("goods", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_goods_provisional"), ["provisional"], unique=False)

    op.create_table(
        "message_template",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("name", "language", name=op.f("pk_message_template")),
    )
    op.create_table(
        "order_audit",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("prev_order", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_order_audit")),
        sa.UniqueConstraint("order_id", "n", name=op.f("uq_order_audit_order_id_n")),
    )
    op.create_table(
        "policy_version",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(length=80), nullable=True),
        sa.Column("klass", sa.String(length=80), nullable=True),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_policy_version")),
        sa.UniqueConstraint("id", name=op.f("uq_policy_version_id")),
    )
    op.create_table(
        "proposal_decision",
        sa.Column("proposal", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("by_id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("fact", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("proposal", name=op.f("pk_proposal_decision")),
    )
    op.create_table(
        "waybill_number",
        sa.Column("waybill", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("waybill", name=op.f("pk_waybill_number")),
    )
    op.create_table(
        "breach",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("clock", sa.String(length=8), nullable=False),
        sa.Column("start_fact", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), server_default="", nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("late_from", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("breached_at", sa.BigInteger(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_breach_order_id_orders"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_breach")),
        sa.UniqueConstraint(
            "order_id",
            "clock",
            "start_fact",
            "subject",
            "occurrence",
            name=op.f("uq_breach_order_id_clock_start_fact_subject_occurrence"),
        ),
    )
    with op.batch_alter_table("breach", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_breach_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_breach_raised_at"), ["raised_at"], unique=False)

    op.create_table(
        "clock",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("clock", sa.String(length=8), nullable=False),
        sa.Column("start_fact", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), server_default="", nullable=False),
        sa.Column("klass", sa.String(length=12), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("channel", sa.String(length=80), nullable=True),
        sa.Column("customer_class", sa.String(length=80), nullable=True),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=True),
        sa.Column("late_from", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("end", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("breached_at", sa.BigInteger(), nullable=True),
        sa.Column("excusable", sa.Boolean(), nullable=False),
        sa.Column("rejudged", sa.Boolean(), nullable=False),
        sa.Column("policy", sa.String(length=36), nullable=False),
        sa.Column("calendars", sa.String(length=36), nullable=False),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("branch", sa.String(length=64), nullable=True),
        sa.Column("customer", sa.String(length=64), nullable=True),
        sa.Column("site", sa.String(length=64), nullable=True),
        sa.Column("carrier", sa.String(length=64), nullable=True),
        sa.Column("vehicle", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_clock_order_id_orders"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_id", "clock", "start_fact", "subject", name=op.f("pk_clock")),
    )
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.create_index("ix_clock_kind", ["clock", "start"], unique=False)
        batch_op.create_index(batch_op.f("ix_clock_next_at"), ["next_at"], unique=False)
        batch_op.create_index("ix_clock_place", ["place", "late_from"], unique=False)

    op.create_table(
        "clock_audit",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("clock", sa.String(length=8), nullable=False),
        sa.Column("start_fact", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("calendars", sa.String(length=36), nullable=True),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_clock_audit_order_id_orders"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_clock_audit")),
    )
    with op.batch_alter_table("clock_audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_clock_audit_order_id"), ["order_id"], unique=False)

    op.create_table(
        "customer_party",
        sa.Column("customer_id", sa.String(length=64), nullable=False),
        sa.Column("party", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_customer_party_customer_id_customer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("customer_id", "party", name=op.f("pk_customer_party")),
    )
    op.create_table(
        "goods_name",
        sa.Column("sku", sa.String(length=80), nullable=False),
        sa.Column("key", sa.String(length=360), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("alias", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["sku"], ["goods.sku"], name=op.f("fk_goods_name_sku_goods"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sku", "key", name=op.f("pk_goods_name")),
    )
    with op.batch_alter_table("goods_name", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_goods_name_key"), ["key"], unique=False)

    op.create_table(
        "message",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("notice_id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("order_number", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=200), nullable=False),
        sa.Column("ex", sa.String(length=40), nullable=True),
        sa.Column("clock", sa.String(length=8), nullable=True),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column("urgency", sa.String(length=8), nullable=False),
        sa.Column("to_role", sa.String(length=32), nullable=False),
        sa.Column("to_scope_kind", sa.String(length=16), nullable=False),
        sa.Column("to_scope_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("leased_by", sa.String(length=36), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("read_by", sa.String(length=36), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("branch", sa.String(length=64), nullable=True),
        sa.Column("site", sa.String(length=64), nullable=True),
        sa.Column("customer", sa.String(length=64), nullable=True),
        sa.Column("carrier", sa.String(length=64), nullable=True),
        sa.Column("vehicle", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_message_order_id_orders"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("notice_id", "channel", name=op.f("uq_message_notice_id_channel")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index("ix_message_due", ["state", "next_at"], unique=False)
        batch_op.create_index("ix_message_order", ["order_id"], unique=False)

    op.create_table(
        "report_order",
        sa.Column("order_id", sa.String(length=36), nullable=False),
        sa.Column("branch", sa.String(length=64), nullable=False),
        sa.Column("main", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=80), nullable=True),
        sa.Column("klass", sa.String(length=80), nullable=True),
        sa.Column("day", sa.String(length=10), nullable=True),
        sa.Column("care_from", sa.BigInteger(), nullable=True),
        sa.Column("care_to", sa.BigInteger(), nullable=True),
        sa.Column("deeds", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_report_order_order_id_orders"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("order_id", "branch", name=op.f("pk_report_order")),
    )
    with op.batch_alter_table("report_order", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_order_branch"), ["branch"], unique=False)
        batch_op.create_index("ix_report_order_care", ["main", "care_to"], unique=False)
        batch_op.create_index("ix_report_order_day", ["main", "day"], unique=False)

    op.create_table(
        "message_read",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_message_read_message_id_message"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", "person_id", name=op.f("pk_message_read")),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("opening", sa.String(length=36), server_default="", nullable=False))
        batch_op.add_column(sa.Column("rule", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("clock", sa.String(length=8), nullable=True))
        batch_op.add_column(sa.Column("rank", sa.Integer(), server_default="2", nullable=False))
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(sa.Column("due_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("owner", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("changed_by", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("resolved_by", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("resolved_fact", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("resolution", sa.Text(), nullable=True))
        batch_op.alter_column(
            "cause", existing_type=sa.VARCHAR(length=160), type_=sa.String(length=200), existing_nullable=False
        )
        batch_op.drop_index(batch_op.f("ix_alert_cause"))
        batch_op.create_index("ix_alert_order", ["order_id"], unique=False)

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("customer_class", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("phone", sa.String(length=80), nullable=True))
        batch_op.add_column(sa.Column("ship_on", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("search", sa.Text(), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_orders_channel"), ["channel"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_customer_class"), ["customer_class"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_phone"), ["phone"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_ship_on"), ["ship_on"], unique=False)

    # What stood open keeps its place in the inbox; every order is folded once more, which gives it its clocks.
    op.execute("UPDATE alert SET opening = id, rule = kind")
    op.execute("UPDATE orders SET next_due = 0")


def downgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_orders_ship_on"))
        batch_op.drop_index(batch_op.f("ix_orders_phone"))
        batch_op.drop_index(batch_op.f("ix_orders_customer_class"))
        batch_op.drop_index(batch_op.f("ix_orders_channel"))
        batch_op.drop_column("search")
        batch_op.drop_column("ship_on")
        batch_op.drop_column("phone")
        batch_op.drop_column("customer_class")
        batch_op.drop_column("channel")

    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.drop_index("ix_alert_order")
        batch_op.create_index(batch_op.f("ix_alert_cause"), ["order_id", "cause"], unique=False)
        batch_op.alter_column(
            "cause", existing_type=sa.String(length=200), type_=sa.VARCHAR(length=160), existing_nullable=False
        )
        batch_op.drop_column("resolution")
        batch_op.drop_column("resolved_fact")
        batch_op.drop_column("resolved_by")
        batch_op.drop_column("changed_by")
        batch_op.drop_column("owner")
        batch_op.drop_column("due_at")
        batch_op.drop_column("version")
        batch_op.drop_column("rank")
        batch_op.drop_column("clock")
        batch_op.drop_column("rule")
        batch_op.drop_column("opening")

    op.drop_table("message_read")
    with op.batch_alter_table("report_order", schema=None) as batch_op:
        batch_op.drop_index("ix_report_order_day")
        batch_op.drop_index("ix_report_order_care")
        batch_op.drop_index(batch_op.f("ix_report_order_branch"))

    op.drop_table("report_order")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index("ix_message_order")
        batch_op.drop_index("ix_message_due")

    op.drop_table("message")
    with op.batch_alter_table("goods_name", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_goods_name_key"))

    op.drop_table("goods_name")
    op.drop_table("customer_party")
    with op.batch_alter_table("clock_audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_clock_audit_order_id"))

    op.drop_table("clock_audit")
    with op.batch_alter_table("clock", schema=None) as batch_op:
        batch_op.drop_index("ix_clock_place")
        batch_op.drop_index(batch_op.f("ix_clock_next_at"))
        batch_op.drop_index("ix_clock_kind")

    op.drop_table("clock")
    with op.batch_alter_table("breach", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_breach_raised_at"))
        batch_op.drop_index(batch_op.f("ix_breach_order_id"))

    op.drop_table("breach")
    op.drop_table("waybill_number")
    op.drop_table("proposal_decision")
    op.drop_table("policy_version")
    op.drop_table("order_audit")
    op.drop_table("message_template")
    with op.batch_alter_table("goods", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_goods_provisional"))

    op.drop_table("goods")
    with op.batch_alter_table("customer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_customer_provisional"))
        batch_op.drop_index(batch_op.f("ix_customer_phone"))
        batch_op.drop_index(batch_op.f("ix_customer_branch"))

    op.drop_table("customer")
    with op.batch_alter_table("calendar_version", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_calendar_version_name"))

    op.drop_table("calendar_version")
    with op.batch_alter_table("branch", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_branch_region"))

    op.drop_table("branch")
    op.drop_table("audit_head")
