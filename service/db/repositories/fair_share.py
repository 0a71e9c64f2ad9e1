"""Which queued job comes next: tenants take turns, whatever each of them has submitted."""

from collections.abc import Collection

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import aliased

from service.db.tables import Job, JobStatus


def fairest(kinds: Collection[str]) -> ScalarSelect[str]:
    """Id of the queued job of these kinds that comes next; those that others are taking are passed over.

    First come tenants that have the fewest jobs running, of these the one who was served longest ago. Of the
    tenant's jobs, the highest priority comes first, then the oldest; a part is as old as what it is part of.
    """
    waiting, running, served = aliased(Job), aliased(Job), aliased(Job)
    is_waiting = waiting.status == JobStatus.QUEUED, waiting.kind.in_(kinds)
    tenants = select(waiting.tenant).where(*is_waiting).distinct().subquery()
    at_work = select(func.count()).where(
        running.tenant == tenants.c.tenant, running.status == JobStatus.RUNNING, running.token.is_not(None)
    )
    served_at = select(func.max(served.started_at)).where(served.tenant == tenants.c.tenant)
    shares = select(
        tenants.c.tenant,
        at_work.scalar_subquery().label("at_work"),
        served_at.scalar_subquery().label("served_at"),
    ).subquery()
    return (
        select(waiting.id)
        .join(shares, shares.c.tenant == waiting.tenant)
        .where(*is_waiting)
        .order_by(
            shares.c.at_work,
            shares.c.served_at.nulls_first(),
            waiting.priority.desc(),
            func.coalesce(waiting.parent_id, waiting.id),  # ids sort by their time
            waiting.id,
        )
        .limit(1)
        .with_for_update(skip_locked=True, of=waiting)
        .scalar_subquery()
    )
