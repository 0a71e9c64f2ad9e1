"""First tables: blobs, datasets, jobs with their events, models with their aliases, workers, keys.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(36)
SHA256 = sa.String(64)
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "blob",
        sa.Column("sha256", SHA256, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_blob"),
    )
    op.create_table(
        "blob_chunk",
        sa.Column("sha256", SHA256, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "number", name="pk_blob_chunk"),
        sa.ForeignKeyConstraint(
            ["sha256"], ["blob.sha256"], name="fk_blob_chunk_sha256_blob", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "dataset",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("columns", JSON, nullable=False),
        sa.Column("units", JSON, nullable=False),
        sa.Column("warnings", JSON, nullable=False),
        sa.Column("blob_sha256", SHA256, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dataset"),
        sa.ForeignKeyConstraint(["blob_sha256"], ["blob.sha256"], name="fk_dataset_blob_sha256_blob"),
    )
    op.create_index("ix_dataset_blob_sha256", "dataset", ["blob_sha256"])
    op.create_table(
        "job",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("request", JSON, nullable=False),
        sa.Column("dataset_id", ID, nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(32), nullable=True),
        sa.Column("fraction", sa.Double(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("eta_seconds", sa.Double(), nullable=True),
        sa.Column("model_id", ID, nullable=True),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("cut_by", sa.String(32), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retry_of", ID, nullable=True),
        sa.Column("idempotency_key", sa.String(255), nullable=True),
        sa.Column("request_sha256", SHA256, nullable=False),
        sa.Column("token", ID, nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("published_at", TIME, nullable=True),
        sa.Column("cancel_requested_at", TIME, nullable=True),
        sa.Column("keep_best", sa.Boolean(), nullable=False),
        sa.Column("checkpoint_sha256", SHA256, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME, nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
        sa.UniqueConstraint("idempotency_key", name="uq_job_idempotency_key"),
        sa.ForeignKeyConstraint(["checkpoint_sha256"], ["blob.sha256"], name="fk_job_checkpoint_sha256_blob"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="ck_job_status"
        ),
    )
    op.create_index("ix_job_dataset_id", "job", ["dataset_id"])
    op.create_index("ix_job_checkpoint_sha256", "job", ["checkpoint_sha256"])
    op.create_index("ix_job_status_created_at", "job", ["status", "created_at"])
    op.create_table(
        "job_event",
        sa.Column("job_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("data", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_job_event"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_job_event_job_id_job", ondelete="CASCADE"),
    )
    op.create_table(
        "model",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("job_id", ID, nullable=False),
        sa.Column("dataset_id", ID, nullable=True),
        sa.Column("task", sa.String(16), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("record", JSON, nullable=False),
        sa.Column("tags", JSON, nullable=False),
        sa.Column("symbolic", JSON, nullable=True),
        sa.Column("edges", JSON, nullable=False),
        sa.Column("artifact_sha256", SHA256, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model"),
        sa.UniqueConstraint("name", "version", name="uq_model_name"),
        sa.UniqueConstraint("job_id", name="uq_model_job_id"),
        sa.ForeignKeyConstraint(["artifact_sha256"], ["blob.sha256"], name="fk_model_artifact_sha256_blob"),
    )
    op.create_index("ix_model_dataset_id", "model", ["dataset_id"])
    op.create_index("ix_model_artifact_sha256", "model", ["artifact_sha256"])
    op.create_table(
        "model_alias",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("alias", sa.String(64), nullable=False),
        sa.Column("model_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("name", "alias", name="pk_model_alias"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name="fk_model_alias_model_id_model", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_model_alias_model_id", "model_alias", ["model_id"])
    op.create_table(
        "worker",
        sa.Column("id", ID, nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_worker"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.String(12), nullable=False),
        sa.Column("sha256", SHA256, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("sha256", name="uq_api_key_sha256"),
    )


def downgrade() -> None:
    for table in (
        "api_key",
        "worker",
        "model_alias",
        "model",
        "job_event",
        "job",
        "dataset",
        "blob_chunk",
        "blob",
    ):
        op.drop_table(table)
