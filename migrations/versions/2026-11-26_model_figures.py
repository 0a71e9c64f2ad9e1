"""Data for the figures of a model; existing models have none.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("model", sa.Column("figures", kind, nullable=True))


def downgrade() -> None:
    op.drop_column("model", "figures")
