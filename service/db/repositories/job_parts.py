"""Parts: pieces of a job that any worker can do, each a row of the job table with a parent.

A part is known by its key, which says what is to be done. Whoever has the job's token adds parts and takes
them back; their own lives are those of all jobs (``TrainingJobs``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, aliased

from service.db.repositories.jobs import FINAL, UNFINISHED, TrainingJobs
from service.db.session import clock
from service.db.tables import PART, Job, JobStatus


class JobParts:
    """The parts of one job, which the transaction has locked. Nothing here commits."""

    def __init__(self, session: Session, job: Job) -> None:
        self._session, self._job = session, job

    def all(self) -> Sequence[Job]:
        """Every part, whatever became of it."""
        return self._session.scalars(select(Job).where(*self._own()).order_by(Job.id)).all()

    def offer(self, requests: Mapping[str, dict[str, Any]]) -> list[Job]:
        """Queue parts by their keys; nobody waits for them yet."""
        return [self._add(key, request) for key, request in requests.items()]

    def withdraw(self, key: str) -> bool:
        """Take a part back that no worker has taken."""
        queued = delete(Job).where(*self._own(key), Job.status == JobStatus.QUEUED).returning(Job.id)
        return self._session.scalar(queued) is not None

    def wait_for(self, key: str) -> bool:
        """Note that the job cannot go on without a part; false if it has ended already."""
        pending = (*self._own(key), Job.status.in_(UNFINISHED))
        awaited = update(Job).where(*pending).values(is_awaited=True).returning(Job.id)
        options = {"synchronize_session": False}
        return self._session.scalar(awaited, execution_options=options) is not None

    def record(self, key: str, request: dict[str, Any], result_sha256: str) -> None:
        """Keep the result of a part that the job's own process has done."""
        part, now = self._add(key, request), clock(self._session)
        part.status, part.result_sha256 = JobStatus.SUCCEEDED, result_sha256
        part.started_at = part.finished_at = now
        self._session.flush()

    def _add(self, key: str, request: dict[str, Any]) -> Job:
        return TrainingJobs(self._session).add(
            kind=PART,
            request=request,
            request_sha256=key,
            dataset_id=self._job.dataset_id,
            parent_id=self._job.id,
            priority=self._job.priority,
            tenant=self._job.tenant,
        )

    def _own(self, key: str | None = None) -> tuple[Any, ...]:
        own = Job.parent_id == self._job.id, Job.kind == PART
        return own if key is None else (*own, Job.request_sha256 == key)


def left_over(session: Session, limit: int = 100) -> Sequence[Job]:
    """Parts that have ended, of jobs that have, locked."""
    parent = aliased(Job)
    needed = select(parent.id).where(parent.id == Job.parent_id, parent.status.in_(UNFINISHED))
    ended = select(Job).where(Job.kind == PART, Job.status.in_(FINAL), ~needed.exists())
    return session.scalars(ended.order_by(Job.id).limit(limit).with_for_update(skip_locked=True)).all()
