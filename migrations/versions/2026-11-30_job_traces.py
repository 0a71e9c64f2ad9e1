"""Traces of the searches of jobs; existing jobs have none.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_trace",
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("document", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_trace"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_trace_job_id_job", ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("job_trace")
