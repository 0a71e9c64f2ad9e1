"""Subtasks of jobs for other workers, and priorities.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("job") as batch:
        batch.add_column(sa.Column("parent_id", sa.String(36), nullable=True))
        batch.add_column(sa.Column("is_awaited", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("job") as batch:
        batch.alter_column("is_awaited", existing_type=sa.Boolean(), server_default=None)
        batch.alter_column("priority", existing_type=sa.Integer(), server_default=None)
    op.create_index("ix_job_parent_id", "job", ["parent_id"])
    op.create_index("ix_job_tenant_started_at", "job", ["tenant", "started_at"])


def downgrade() -> None:
    op.execute("DELETE FROM job WHERE kind = 'part'")
    op.drop_index("ix_job_tenant_started_at", "job")
    op.drop_index("ix_job_parent_id", "job")
    with op.batch_alter_table("job") as batch:
        for column in ("parent_id", "is_awaited", "priority"):
            batch.drop_column(column)
