"""All tables, and the states of a job.

Ids are UUIDv7 strings, so that they sort by creation time. JSON columns are JSONB on PostgreSQL.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypedDict

import uuid_utils
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

from service.db.earlier_documents import upgrade_symbolic

NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

SUBTASK_KIND = "part"  # kind of jobs that are subtasks of another one and hidden from clients

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def new_id() -> str:
    """A new UUIDv7 as text."""
    return str(uuid_utils.uuid7())


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC on both dialects; SQLite does not store the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse times without a zone, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time must have a time zone, got {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Restore the zone UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SymbolicJson(TypeDecorator[dict[str, Any]]):
    """The formulas of a model; those that an earlier version stored are read as this one would store them."""

    impl = Json
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """Upgrade the document."""
        return None if value is None else upgrade_symbolic(value)


class StoredWebhook(TypedDict):
    """Where a message goes when a job ends, and the ends that it reports."""

    url: str
    events: list[str]


class TableBase(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class TenantMixin:
    """Columns of rows that belong to a tenant; see ``service.db.session``."""

    tenant: Mapped[str] = mapped_column(String(64))


class SearchMixin:
    """A text by which rows are found; ``service.db.search`` writes it."""

    search_text: Mapped[str] = mapped_column(Text, default="", server_default="", deferred=True)

    def list_searched_texts(self) -> list[str | None]:
        """What a search looks into."""
        raise NotImplementedError


def _list_tags(tags: dict[str, str] | None) -> list[str | None]:
    return [text for tag in (tags or {}).items() for text in tag]


class JobStatus(StrEnum):
    """States of a job: ``queued → running → final``, and back to ``queued`` when a worker is lost."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the job never changes again."""
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)


class Blob(TableBase):
    """Immutable bytes, identified by their SHA-256."""

    __tablename__ = "blob"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class BlobChunk(TableBase):
    """At most 1 MiB of a blob."""

    __tablename__ = "blob_chunk"

    sha256: Mapped[str] = mapped_column(ForeignKey("blob.sha256", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Dataset(SearchMixin, TenantMixin, TableBase):
    """A typed table of a client; its content is a Parquet blob.

    ``types`` are types by which trainings read some columns; ``columns`` has those that were found.
    """

    __tablename__ = "dataset"
    __table_args__ = (Index("ix_dataset_tenant_id", "tenant", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text)
    rows: Mapped[int]
    columns: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    units: Mapped[dict[str, str]] = mapped_column(Json)
    types: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    tags: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    warnings: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    blob_sha256: Mapped[str] = mapped_column(ForeignKey("blob.sha256"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    def list_searched_texts(self) -> list[str | None]:
        """Its name, those of its columns, and its tags."""
        return [self.name, *(column["name"] for column in self.columns), *_list_tags(self.tags)]


class Job(SearchMixin, TenantMixin, TableBase):
    """A job; this row is authoritative, not the message in the queue.

    ``token`` is the fencing token of the worker that claimed the job: every write to a running job is
    conditional on it. ``lease_until`` is when the claim ends unless a heartbeat renews it. ``holder`` is a
    unique name of the process that has the token, so that other processes on its machine detect its end.
    ``published_at`` is when the job was last sent to the queue. ``result_sha256`` is the blob of a result
    file, ``result_name`` its name. ``preview`` describes the model that serves until the job has its own; see
    ``PreviewOut``. ``cpu_seconds`` counts ended attempts and those of subtasks. ``estimated_seconds`` is None
    where it is not known; see ``duration_estimate``. ``dataset_name`` is the name of its dataset, loaded only
    for responses to clients.

    A job may have subtasks or trainings: jobs of their own with its id in ``parent_id``. A job that runs
    without a token has left its worker and waits until all of these with ``is_awaited`` have ended.

    ``webhook`` is told of its end.
    """

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')", name="status"),
        UniqueConstraint("tenant", "idempotency_key"),
        Index("ix_job_status_created_at", "status", "created_at"),
        Index("ix_job_tenant_id", "tenant", "id"),
        Index("ix_job_tenant_started_at", "tenant", "started_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    parent_id: Mapped[str | None] = mapped_column(String(36), index=True)
    is_awaited: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(default=0)
    request: Mapped[dict[str, Any]] = mapped_column(Json)
    dataset_id: Mapped[str | None] = mapped_column(String(36), index=True)
    dataset_name: Mapped[str | None] = column_property(
        select(Dataset.name).where(Dataset.id == dataset_id).scalar_subquery(), deferred=True
    )
    status: Mapped[str] = mapped_column(String(16), default=JobStatus.QUEUED)
    stage: Mapped[str | None] = mapped_column(String(32))
    fraction: Mapped[float] = mapped_column(default=0.0)
    message: Mapped[str | None] = mapped_column(Text)
    eta_seconds: Mapped[float | None]
    model_id: Mapped[str | None] = mapped_column(String(36))
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_detail: Mapped[str | None] = mapped_column(Text)
    cut_by: Mapped[str | None] = mapped_column(String(32))
    attempt: Mapped[int] = mapped_column(default=0)
    retry_of: Mapped[str | None] = mapped_column(String(36))
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    request_sha256: Mapped[str] = mapped_column(String(64))
    token: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    holder: Mapped[str | None] = mapped_column(String(128))
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    keep_best: Mapped[bool] = mapped_column(default=False)
    checkpoint_sha256: Mapped[str | None] = mapped_column(ForeignKey("blob.sha256"), index=True)
    result_sha256: Mapped[str | None] = mapped_column(ForeignKey("blob.sha256"), index=True)
    result_format: Mapped[str | None] = mapped_column(String(16))
    result_name: Mapped[str | None] = mapped_column(Text)
    preview: Mapped[dict[str, Any] | None] = mapped_column(Json)
    cpu_seconds: Mapped[float | None]
    estimated_seconds: Mapped[float | None]
    webhook: Mapped[StoredWebhook | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def name(self) -> str | None:
        """The requested name of its model."""
        name: str | None = self.request.get("name")
        return name

    def list_searched_texts(self) -> list[str | None]:
        """The requested name of its model, and its target; its dataset has a text of its own."""
        return [self.name, self.request.get("target")]


class JobEvent(TableBase):
    """An event of a job, numbered from 1 without gaps."""

    __tablename__ = "job_event"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class JobTrace(TenantMixin, TableBase):
    """The trace of a job's search, apart from the job, which is read often; deleted with it.

    ``document`` is the JSON of ``kan_engine.formulas.trace.SearchTrace``.
    """

    __tablename__ = "job_trace"

    job_id: Mapped[str] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(Json)


class Model(SearchMixin, TenantMixin, TableBase):
    """A trained network that the service keeps; one per job.

    ``record`` holds the body of ``GET /models/{id}`` beyond the columns here, ``symbolic`` the formulas (null
    without one), ``edges`` the activation curves and suggestions per edge, ``figures`` the data for further
    figures (null for models that were not measured here).
    """

    __tablename__ = "model"
    __table_args__ = (
        UniqueConstraint("tenant", "name", "version"),
        UniqueConstraint("job_id"),
        Index("ix_model_tenant_id", "tenant", "id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]
    job_id: Mapped[str] = mapped_column(String(36))
    dataset_id: Mapped[str | None] = mapped_column(String(36), index=True)
    task: Mapped[str] = mapped_column(String(16))
    target: Mapped[str] = mapped_column(Text)
    record: Mapped[dict[str, Any]] = mapped_column(Json)
    tags: Mapped[dict[str, str]] = mapped_column(Json)
    symbolic: Mapped[dict[str, Any] | None] = mapped_column(SymbolicJson, deferred=True)
    edges: Mapped[dict[str, Any]] = mapped_column(Json, deferred=True)
    figures: Mapped[dict[str, Any] | None] = mapped_column(Json, deferred=True)
    artifact_sha256: Mapped[str] = mapped_column(ForeignKey("blob.sha256"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    def list_searched_texts(self) -> list[str | None]:
        """Its name, its target and its tags."""
        return [self.name, self.target, *_list_tags(self.tags)]


class ModelAlias(TenantMixin, TableBase):
    """A name for one version of a model: ``name@alias``."""

    __tablename__ = "model_alias"

    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    alias: Mapped[str] = mapped_column(String(64), primary_key=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"), index=True)


class AliasMove(TenantMixin, TableBase):
    """An alias was set to a model, or removed; rows never change.

    ``model_id`` and ``version`` are what the alias then referred to; null for nothing. They are not foreign
    keys: the history outlives the models.
    """

    __tablename__ = "alias_move"
    __table_args__ = (Index("ix_alias_move_tenant_name", "tenant", "name", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    alias: Mapped[str] = mapped_column(String(64))
    model_id: Mapped[str | None] = mapped_column(String(36))
    version: Mapped[int | None]
    key_id: Mapped[str | None] = mapped_column(String(36))
    key_name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Evaluation(TenantMixin, TableBase):
    """A measurement of a model on labelled rows; it never changes, and is deleted with its model.

    ``dataset_id`` is null for rows from a request. It is no foreign key: evaluations outlive datasets.
    ``result`` is the body of ``EvaluationOut`` beyond the columns here.
    """

    __tablename__ = "evaluation"
    __table_args__ = (Index("ix_evaluation_model_id_id", "model_id", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    model_id: Mapped[str] = mapped_column(ForeignKey("model.id", ondelete="CASCADE"))
    dataset_id: Mapped[str | None] = mapped_column(String(36))
    by: Mapped[str] = mapped_column(String(16))
    result: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Worker(TableBase):
    """A worker process that was alive at ``seen_at``."""

    __tablename__ = "worker"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    host: Mapped[str] = mapped_column(Text)
    pid: Mapped[int]
    slots: Mapped[int]
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiKey(TenantMixin, TableBase):
    """An API key of a client; only its hash is stored.

    ``last_used_at`` is accurate to the minute. ``webhook`` is for jobs without one of their own.
    """

    __tablename__ = "api_key"
    __table_args__ = (UniqueConstraint("sha256"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(String(12))
    sha256: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    webhook: Mapped[StoredWebhook | None] = mapped_column(Json)


class AuditEntry(TenantMixin, TableBase):
    """A change by a client, and the API key used; rows never change."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_tenant_id", "tenant", "id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    key_id: Mapped[str | None] = mapped_column(String(36))
    key_name: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(32))
    object_id: Mapped[str] = mapped_column(String(36))
    detail: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WebhookAccount(TenantMixin, TableBase):
    """The secrets that sign a tenant's webhooks, and the number of its last one.

    An HMAC needs the secret itself, so it is stored as it is, readable for whoever can read all other data
    of the tenant. ``previous_secret`` signs as well until ``previous_until``.
    """

    __tablename__ = "webhook_account"

    tenant: Mapped[str] = mapped_column(String(64), primary_key=True)
    secret: Mapped[str] = mapped_column(Text)
    previous_secret: Mapped[str | None] = mapped_column(Text)
    previous_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rotated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_number: Mapped[int] = mapped_column(BigInteger, default=0)


class DeliveryStatus(StrEnum):
    """States of a delivery: ``pending → delivered | failed``, and back to ``pending`` on request."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class WebhookDelivery(TenantMixin, TableBase):
    """A message about the end of a job, written in the transaction that ends it; its id never changes.

    ``number`` counts the tenant's messages in the order in which their transactions committed. ``due_at`` is
    when a worker may send it next: during an attempt, when the lease of that worker ends. ``opened_at`` is
    when the period of attempts began. It outlives the job, so ``job_id`` is no foreign key.
    """

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'delivered', 'failed')", name="status"),
        UniqueConstraint("tenant", "number"),
        Index("ix_webhook_delivery_tenant_id", "tenant", "id"),
        Index("ix_webhook_delivery_status_due_at", "status", "due_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    number: Mapped[int] = mapped_column(BigInteger)
    job_id: Mapped[str] = mapped_column(String(36), index=True)
    event: Mapped[str] = mapped_column(String(16))
    url: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16), default=DeliveryStatus.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    status_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
