"""The place of a queued job, and why it waits."""

from __future__ import annotations

from sqlalchemy.orm import Session

from service.db.repositories import Jobs, Workers
from service.db.tables import SUBTASK_KIND, Job, JobStatus
from service.queue import list_kinds_in_same_queue
from service.schemas.jobs import QueuePlace, QueueReason


def find_place(job: Job, session: Session) -> QueuePlace | None:
    """The place of a job among the queued jobs of its tenant; None unless it is queued.

    Jobs of other tenants are not counted: nobody learns how many there are.
    """
    if job.status != JobStatus.QUEUED:
        return None
    kinds = [kind for kind in list_kinds_in_same_queue(job.kind) if kind != SUBTASK_KIND]
    earlier = Jobs(session).count_queued_before(job, kinds)
    reason: QueueReason = "earlier_jobs" if earlier else "busy"
    if not Workers(session).count_live().count:
        reason = "no_worker"
    return QueuePlace(position=earlier + 1, reason=reason)
