"""Subtasks: parts of a job that any worker can do, each a row of the job table with a parent.

A key that describes the work identifies a subtask. The process with the job's token adds subtasks and
withdraws them; like any other job, they change their status through ``Jobs``.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from service.db.repositories.job_queries import FINAL, UNFINISHED
from service.db.repositories.jobs import Jobs
from service.db.repositories.workers import Workers
from service.db.session import clock
from service.db.tables import SUBTASK_KIND, Job, JobStatus


class JobSubtasks:
    """The subtasks of one job, which the transaction has locked. Nothing here commits."""

    def __init__(self, session: Session, job: Job) -> None:
        self._session, self._job = session, job

    def all(self) -> Sequence[Job]:
        """All subtasks in any status."""
        return self._session.scalars(select(Job).where(*self._own_conditions()).order_by(Job.id)).all()

    def trainings(self) -> list[Job]:
        """The trainings of a study, in the order of their creation."""
        conditions = Job.parent_id == self._job.id, Job.kind == "train"
        return list(self._session.scalars(select(Job).where(*conditions).order_by(Job.id)))

    def results(self, keys: Collection[str]) -> dict[str, str]:
        """Hashes of the result blobs by key, for those subtasks that have a result."""
        has_one = Job.request_sha256.in_(keys), Job.result_sha256.is_not(None)
        rows = self._session.execute(
            select(Job.request_sha256, Job.result_sha256).where(*self._own_conditions(), *has_one)
        )
        return {key: sha256 for key, sha256 in rows if sha256 is not None}

    def are_all_taken(self) -> bool:
        """Whether a worker has claimed every subtask."""
        query = select(Job.id).where(*self._own_conditions(), Job.status == JobStatus.QUEUED)
        return self._session.scalar(query.limit(1)) is None

    def is_running(self, key: str) -> bool:
        """Whether a worker executes a subtask."""
        running = select(Job.id).where(*self._own_conditions(key), Job.status == JobStatus.RUNNING)
        return self._session.scalar(running) is not None

    def offer(self, requests: Mapping[str, dict[str, Any]]) -> list[Job]:
        """Queue subtasks by their keys; the job does not wait for them yet."""
        return [self._add(key, request) for key, request in requests.items()]

    def withdraw(self, key: str) -> bool:
        """Delete a queued subtask; false if a worker has claimed it."""
        statement = (
            delete(Job).where(*self._own_conditions(key), Job.status == JobStatus.QUEUED).returning(Job.id)
        )
        return self._session.scalar(statement) is not None

    def drop(self, key: str) -> None:
        """Withdraw a subtask that is not needed any more, or ask the process that does it to stop."""
        if not self.withdraw(key):
            running = (*self._own_conditions(key), Job.status == JobStatus.RUNNING)
            statement = update(Job).where(*running).values(cancel_requested_at=clock(self._session))
            self._session.execute(statement, execution_options={"synchronize_session": False})

    def wait_for(self, key: str) -> bool:
        """Mark a subtask as awaited by the job; false if it has already ended."""
        pending = (*self._own_conditions(key), Job.status.in_(UNFINISHED))
        statement = update(Job).where(*pending).values(is_awaited=True).returning(Job.id)
        options = {"synchronize_session": False}
        return self._session.scalar(statement, execution_options=options) is not None

    def record(self, key: str, request: dict[str, Any], result_sha256: str) -> None:
        """Store the result of a subtask that the job's own process has done."""
        part, now = self._add(key, request), clock(self._session)
        part.status, part.result_sha256 = JobStatus.SUCCEEDED, result_sha256
        part.started_at = part.finished_at = now
        self._session.flush()

    def _add(self, key: str, request: dict[str, Any]) -> Job:
        return Jobs(self._session).add(
            kind=SUBTASK_KIND,
            request=request,
            request_sha256=key,
            dataset_id=self._job.dataset_id,
            parent_id=self._job.id,
            priority=self._job.priority,
            tenant=self._job.tenant,
        )

    def _own_conditions(self, key: str | None = None) -> tuple[Any, ...]:
        conditions = Job.parent_id == self._job.id, Job.kind == SUBTASK_KIND
        return conditions if key is None else (*conditions, Job.request_sha256 == key)


def count_free_slots(session: Session) -> int:
    """Number of worker slots that no running or queued job needs."""
    usage = or_(Job.status == JobStatus.QUEUED, and_(Job.status == JobStatus.RUNNING, Job.token.is_not(None)))
    busy = session.scalar(select(func.count()).select_from(Job).where(usage)) or 0
    return Workers(session).count_live().slots - busy


def list_orphans(session: Session, limit: int = 100) -> Sequence[Job]:
    """Finished subtasks of finished or deleted jobs, locked."""
    parent = aliased(Job)
    unfinished_parent = select(parent.id).where(parent.id == Job.parent_id, parent.status.in_(UNFINISHED))
    query = select(Job).where(Job.kind == SUBTASK_KIND, Job.status.in_(FINAL), ~unfinished_parent.exists())
    return session.scalars(query.order_by(Job.id).limit(limit).with_for_update(skip_locked=True)).all()
