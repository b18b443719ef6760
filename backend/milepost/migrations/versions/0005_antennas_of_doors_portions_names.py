"""Antennas of doors, what their readers sent, names in GS1 terms; look-ups of facts by event id."""

import sqlalchemy as sa
from alembic import op

from milepost.evidence.epcis.fill import fill

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gs1_name",
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("target_id", sa.String(length=36), nullable=False),
        sa.Column("uri", sa.String(length=160), nullable=False),
        sa.Column("identity", sa.String(length=160), nullable=False),
        sa.PrimaryKeyConstraint("kind", "target_id", name=op.f("pk_gs1_name")),
        sa.UniqueConstraint("kind", "identity", name=op.f("uq_gs1_name_kind_identity")),
    )
    op.create_table(
        "door_antenna",
        sa.Column("door_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=12), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["door_id"], ["door.id"], name=op.f("fk_door_antenna_door_id_door")),
        sa.PrimaryKeyConstraint("door_id", "device_id", "number", name=op.f("pk_door_antenna")),
    )
    op.create_table(
        "door_portion",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=False),
        sa.Column("door_id", sa.String(length=36), nullable=False),
        sa.Column("device_id", sa.String(length=12), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("lines", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["door_id"], ["door.id"], name=op.f("fk_door_portion_door_id_door")),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name=op.f("fk_door_portion_site_id_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_door_portion")),
    )
    with op.batch_alter_table("door_portion", schema=None) as batch_op:
        batch_op.create_index("ix_door_portion_door", ["door_id", "last_ms"], unique=False)
        batch_op.create_index("ix_door_portion_site", ["site_id", "id"], unique=False)
    fill(op.get_bind())


def downgrade() -> None:
    with op.batch_alter_table("door_portion", schema=None) as batch_op:
        batch_op.drop_index("ix_door_portion_site")
        batch_op.drop_index("ix_door_portion_door")

    op.drop_table("door_portion")
    op.drop_table("door_antenna")
    op.drop_table("gs1_name")
