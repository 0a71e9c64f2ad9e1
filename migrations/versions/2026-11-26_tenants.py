"""Tenants: every dataset, job, model, alias and key has an owner; keys have scopes; an audit log.

Existing rows belong to the tenant of a service without keys; existing keys get all scopes.

Revision ID: 0002
Revises: 0001
"""

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(36)
TENANT = sa.String(64)
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
OWNED = ("dataset", "job", "model", "model_alias", "api_key")
OLD_TENANT, OLD_SCOPES = "default", json.dumps(["admin"])


def upgrade() -> None:
    for table in OWNED:
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("tenant", TENANT, nullable=False, server_default=OLD_TENANT))
            if table == "job":
                batch.drop_constraint("uq_job_idempotency_key", type_="unique")
                batch.create_unique_constraint("uq_job_tenant", ["tenant", "idempotency_key"])
            if table == "model":
                batch.drop_constraint("uq_model_name", type_="unique")
                batch.create_unique_constraint("uq_model_tenant", ["tenant", "name", "version"])
            if table == "model_alias":
                batch.drop_constraint("pk_model_alias", type_="primary")
                batch.create_primary_key("pk_model_alias", ["tenant", "name", "alias"])
            if table == "api_key":
                batch.add_column(sa.Column("scopes", JSON, nullable=False, server_default=OLD_SCOPES))
                batch.add_column(sa.Column("expires_at", TIME, nullable=True))
                batch.add_column(sa.Column("last_used_at", TIME, nullable=True))
        with op.batch_alter_table(table) as batch:  # the default applies only to existing rows
            batch.alter_column("tenant", server_default=None)
            if table == "api_key":
                batch.alter_column("scopes", server_default=None)
    for table in ("dataset", "job", "model"):
        op.create_index(f"ix_{table}_tenant_id", table, ["tenant", "id"])
    op.create_table(
        "audit_entry",
        sa.Column("id", ID, nullable=False),
        sa.Column("tenant", TENANT, nullable=False),
        sa.Column("key_id", ID, nullable=True),
        sa.Column("key_name", sa.Text(), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("object_id", ID, nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
    )
    op.create_index("ix_audit_entry_tenant_id", "audit_entry", ["tenant", "id"])


def downgrade() -> None:
    """Possible only if no two tenants use the same names."""
    op.drop_table("audit_entry")
    for table in ("dataset", "job", "model"):
        op.drop_index(f"ix_{table}_tenant_id", table)
    for table in OWNED:
        with op.batch_alter_table(table) as batch:
            if table == "job":
                batch.drop_constraint("uq_job_tenant", type_="unique")
                batch.create_unique_constraint("uq_job_idempotency_key", ["idempotency_key"])
            if table == "model":
                batch.drop_constraint("uq_model_tenant", type_="unique")
                batch.create_unique_constraint("uq_model_name", ["name", "version"])
            if table == "model_alias":
                batch.drop_constraint("pk_model_alias", type_="primary")
                batch.create_primary_key("pk_model_alias", ["name", "alias"])
            if table == "api_key":
                for column in ("scopes", "expires_at", "last_used_at"):
                    batch.drop_column(column)
            batch.drop_column("tenant")
