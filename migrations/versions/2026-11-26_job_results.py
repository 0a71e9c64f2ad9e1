"""Result files of jobs, such as the predictions for a dataset.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("job") as batch:
        batch.add_column(sa.Column("result_sha256", sa.String(64), nullable=True))
        batch.add_column(sa.Column("result_format", sa.String(16), nullable=True))
        batch.add_column(sa.Column("result_name", sa.Text(), nullable=True))
        batch.create_foreign_key("fk_job_result_sha256_blob", "blob", ["result_sha256"], ["sha256"])
    op.create_index("ix_job_result_sha256", "job", ["result_sha256"])


def downgrade() -> None:
    op.drop_index("ix_job_result_sha256", "job")
    with op.batch_alter_table("job") as batch:
        batch.drop_constraint("fk_job_result_sha256_blob", type_="foreignkey")
        for column in ("result_sha256", "result_format", "result_name"):
            batch.drop_column(column)
