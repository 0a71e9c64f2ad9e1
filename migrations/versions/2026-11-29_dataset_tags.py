"""Tags of datasets, and types by which trainings read their columns.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    for name in ("types", "tags"):
        op.add_column("dataset", sa.Column(name, JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    with op.batch_alter_table("dataset") as batch:
        for name in ("types", "tags"):
            batch.drop_column(name)
