"""Order of queued jobs: tenants take turns, however many jobs each has submitted."""

from collections.abc import Collection, Sequence

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session, aliased

from service.db.tables import Job, JobStatus


def order_tenants(session: Session, kinds: Collection[str]) -> Sequence[str]:
    """Tenants with queued jobs of these kinds.

    Tenants with the fewest running jobs come first; among these, those without any started job, then the one
    whose last job started earliest.
    """
    running, served = aliased(Job), aliased(Job)
    waiting = (
        select(Job.tenant).where(Job.status == JobStatus.QUEUED, Job.kind.in_(kinds)).distinct().subquery()
    )
    tenant = waiting.c.tenant
    at_work = select(func.count()).where(
        running.status == JobStatus.RUNNING, running.token.is_not(None), running.tenant == tenant
    )
    served_at = select(func.max(served.started_at)).where(served.tenant == tenant)
    order = at_work.scalar_subquery(), served_at.scalar_subquery().nulls_first(), tenant
    return session.scalars(select(tenant).order_by(*order)).all()


def select_first_job(tenant: str, kinds: Collection[str]) -> ScalarSelect[str]:
    """Id of a tenant's next queued job; skips jobs that another transaction has locked.

    The highest priority comes first, then the oldest; a subtask has the age of its parent.
    """
    job = aliased(Job)
    age = func.coalesce(job.parent_id, job.id)  # ids sort by creation time
    return (
        select(job.id)
        .where(job.status == JobStatus.QUEUED, job.tenant == tenant, job.kind.in_(kinds))
        .order_by(job.priority.desc(), age, job.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
