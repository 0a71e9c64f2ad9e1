"""Order of queued jobs: tenants take turns, however many jobs each has submitted."""

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, ScalarSelect, and_, func, select
from sqlalchemy.orm import Session, aliased
from sqlalchemy.orm.util import AliasedClass

from service.db.tables import Job, JobStatus


def is_waiting(
    job: type[Job] | AliasedClass[Job], kinds: Collection[str], max_seconds: float | None = None
) -> ColumnElement[bool]:
    """Whether a job of these kinds is queued; with ``max_seconds``, only one that is expected to be short."""
    is_queued = and_(job.status == JobStatus.QUEUED, job.kind.in_(kinds))
    return is_queued if max_seconds is None else and_(is_queued, job.estimated_seconds <= max_seconds)


def order_tenants(
    session: Session, kinds: Collection[str], max_seconds: float | None = None
) -> Sequence[str]:
    """Tenants with queued jobs of these kinds; see ``is_waiting``.

    Tenants with the fewest running jobs come first; among these, those without any started job, then the one
    whose last job started earliest.
    """
    running_job, past_job = aliased(Job), aliased(Job)
    waiting = select(Job.tenant).where(is_waiting(Job, kinds, max_seconds)).distinct().subquery()
    tenant = waiting.c.tenant
    at_work = select(func.count()).where(
        running_job.status == JobStatus.RUNNING, running_job.token.is_not(None), running_job.tenant == tenant
    )
    served_at = select(func.max(past_job.started_at)).where(past_job.tenant == tenant)
    order = at_work.scalar_subquery(), served_at.scalar_subquery().nulls_first(), tenant
    return session.scalars(select(tenant).order_by(*order)).all()


def select_first_job(
    tenant: str, kinds: Collection[str], max_seconds: float | None = None
) -> ScalarSelect[str]:
    """Id of a tenant's next queued job; skips jobs that another transaction has locked.

    The highest priority comes first, then the oldest; a subtask has the age of its parent.
    """
    job = aliased(Job)
    age = func.coalesce(job.parent_id, job.id)  # ids sort by creation time
    return (
        select(job.id)
        .where(job.tenant == tenant, is_waiting(job, kinds, max_seconds))
        .order_by(job.priority.desc(), age, job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
