"""Evaluations of models on labelled rows; existing models have none.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.String(36)


def upgrade() -> None:
    op.create_table(
        "evaluation",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("model_id", ID, nullable=False),
        sa.Column("dataset_id", ID, nullable=True),
        sa.Column("by", sa.String(16), nullable=False),
        sa.Column("result", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evaluation"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name="fk_evaluation_model_id_model", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_evaluation_model_id_id", "evaluation", ["model_id", "id"])


def downgrade() -> None:
    op.drop_table("evaluation")
