"""History of aliases: the model of `name@alias`, the time of the change and the API key used.

Existing aliases have no history; it begins with their next change.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.String(36)


def upgrade() -> None:
    op.create_table(
        "alias_move",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("alias", sa.String(64), nullable=False),
        sa.Column("model_id", ID, nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("key_id", ID, nullable=True),
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alias_move"),
    )
    op.create_index("ix_alias_move_tenant_name", "alias_move", ["tenant", "name", "id"])


def downgrade() -> None:
    op.drop_table("alias_move")
