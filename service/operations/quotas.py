"""Usage and quotas of a tenant."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.db.repositories.job_queries import UNFINISHED
from service.db.session import Sessions
from service.db.tables import SUBTASK_KIND, Blob, Dataset, Job, JobStatus, Model
from service.errors import OutOfSpace, TooMany
from service.schemas.tenant import Stored, UsageLimits, UsageOut
from service.settings import Settings

BLOB_COLUMNS = (Dataset.blob_sha256, Model.artifact_sha256, Job.result_sha256)


def read_usage(sessions: Sessions, settings: Settings) -> UsageOut:
    """Number and size of datasets, models and results of the caller's tenant; its jobs and limits."""
    with sessions.read() as session:
        datasets, models, results = (_count_stored(session, column) for column in BLOB_COLUMNS)
        counts = session.execute(
            select(Job.status, func.count()).where(Job.kind != SUBTASK_KIND).group_by(Job.status)
        ).all()
        jobs = dict.fromkeys(JobStatus, 0) | {row[0]: row[1] for row in counts}
    return UsageOut(
        datasets=datasets,
        models=models,
        results=results,
        jobs=jobs,
        limits=UsageLimits(
            bytes=settings.quota_bytes or None,
            unfinished_jobs=settings.quota_jobs or None,
            requests_per_minute=settings.rate_limit or None,
        ),
    )


def refuse_more_bytes(session: Session, settings: Settings) -> None:
    """Refuse an addition to storage in this transaction, made or planned, if the tenant is over its quota.

    Equal contents count each time, so that usage does not reveal what other tenants store.

    Raises:
        OutOfSpace: The tenant is over its quota.
    """
    if not settings.quota_bytes:
        return
    total = sum(_count_stored(session, column).bytes for column in BLOB_COLUMNS)
    if total > settings.quota_bytes:
        detail = (
            f"this would store {total} bytes, the quota is {settings.quota_bytes}; "
            "delete datasets, models or results of jobs that you no longer need"
        )
        raise OutOfSpace("quota_exceeded", detail, limit=settings.quota_bytes)


def refuse_more_jobs(session: Session, settings: Settings) -> None:
    """Refuse another job if the tenant's unfinished jobs have reached the quota.

    Raises:
        TooMany: They have.
    """
    if not settings.quota_jobs:
        return
    conditions = Job.status.in_(UNFINISHED), Job.parent_id.is_(None)
    query = select(func.count()).select_from(Job).where(*conditions)
    if (session.scalar(query) or 0) >= settings.quota_jobs:
        detail = f"{settings.quota_jobs} jobs are queued or running; wait for some to end, or cancel them"
        raise TooMany("too_many_jobs", detail, limit=settings.quota_jobs)


def _count_stored(session: Session, column: Any) -> Stored:
    rows = session.execute(
        select(func.count(), func.coalesce(func.sum(Blob.size), 0)).join_from(
            column.class_, Blob, Blob.sha256 == column
        )
    ).one()
    return Stored(count=rows[0], bytes=rows[1])
