"""Tags on vehicles; messages about things that concern no order."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vehicle_tag",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("vehicle_id", sa.String(length=36), nullable=False),
        sa.Column("epc", sa.String(length=124), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["vehicle_id"], ["vehicle.id"], name=op.f("fk_vehicle_tag_vehicle_id_vehicle")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vehicle_tag")),
    )
    with op.batch_alter_table("vehicle_tag", schema=None) as batch_op:
        batch_op.create_index("ix_vehicle_tag_epc", ["epc", "from_ms"], unique=False)
        batch_op.create_index(batch_op.f("ix_vehicle_tag_vehicle_id"), ["vehicle_id"], unique=False)

    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.alter_column("order_id", existing_type=sa.VARCHAR(length=36), nullable=True)


def downgrade() -> None:
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.alter_column("order_id", existing_type=sa.VARCHAR(length=36), nullable=False)

    with op.batch_alter_table("vehicle_tag", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_vehicle_tag_vehicle_id"))
        batch_op.drop_index("ix_vehicle_tag_epc")

    op.drop_table("vehicle_tag")
