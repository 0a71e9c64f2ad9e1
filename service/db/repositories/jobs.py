"""Jobs: the only code that moves a job from one status to another.

Every verb is one conditional UPDATE: it changes the row only in the expected status, and a running job only
while the caller's fencing token is still the job's. A verb that is too late returns ``None`` and changes
nothing. The event of a change is written in the same transaction, under the lock of the UPDATE, so that
events are numbered without gaps and in the order of changes.

A job may have subtasks. Whoever changes both locks the job before its subtasks, which prevents deadlocks.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from service.db.repositories.fair_share import order_tenants, select_first_job
from service.db.repositories.job_queries import (
    BEGINS_ANEW,
    FINAL,
    UNFINISHED,
    WITH_DATASET_NAME,
    JobQueries,
    require_visible,
)
from service.db.repositories.webhooks import WebhookDeliveries
from service.db.session import LOCK_FOR_CHANGE, clock
from service.db.tables import SUBTASK_KIND, Job, JobEvent, JobStatus, JobTrace, StoredWebhook
from service.errors import Conflict

CLEARED_VALUES: Mapping[str, Any] = {"token": None, "lease_until": None, "holder": None, "eta_seconds": None}
QUEUED_VALUES: Mapping[str, Any] = {
    **CLEARED_VALUES,
    "status": JobStatus.QUEUED,
    "stage": None,
    "message": None,
    "fraction": 0.0,
    "published_at": None,
}


def derive_token(token: str) -> str:
    """The token of the process that runs the job, derived from the dispatcher's token."""
    return str(uuid5(NAMESPACE_URL, token))


class Jobs(JobQueries):
    """Jobs and their events, and the verbs that change them. Nothing here commits."""

    def add(
        self,
        *,
        kind: str,
        request: dict[str, Any],
        request_sha256: str,
        dataset_id: str | None,
        idempotency_key: str | None = None,
        retry_of: str | None = None,
        parent_id: str | None = None,
        is_awaited: bool = False,
        priority: int = 0,
        tenant: str | None = None,
        webhook: StoredWebhook | None = None,
    ) -> Job:
        """Add a queued job, owned by the caller's tenant unless one is given."""
        job = Job(
            kind=kind,
            request=request,
            request_sha256=request_sha256,
            dataset_id=dataset_id,
            idempotency_key=idempotency_key,
            retry_of=retry_of,
            parent_id=parent_id,
            is_awaited=is_awaited,
            priority=priority,
            tenant=tenant,
            webhook=webhook,
            created_at=clock(self._session),
        )
        self._session.add(job)
        self._session.flush()
        self._record_event(job, "status", status=JobStatus.QUEUED)
        return job

    def find_by_key(self, idempotency_key: str, *, since: datetime) -> Job | None:
        """The job submitted with this idempotency key; keys from before ``since`` are freed."""
        self._session.execute(
            update(Job)
            .where(Job.idempotency_key == idempotency_key, Job.created_at < since)
            .values(idempotency_key=None)
        )
        under = select(Job).where(Job.idempotency_key == idempotency_key)
        return self._session.scalar(under.options(WITH_DATASET_NAME))

    def claim(self, job_id: str, *, lease_s: float, holder: str | None = None) -> Job | None:
        """Claim this job if it is queued; the returned row has the caller's ``token``."""
        return self._claim(Job.id == job_id, lease_s, holder)

    def claim_next(
        self,
        *,
        kinds: Collection[str],
        lease_s: float,
        holder: str | None = None,
        max_seconds: float | None = None,
    ) -> Job | None:
        """Claim the next job of these kinds; see ``fair_share``.

        Args:
            kinds: Kinds of jobs.
            lease_s: Time until the job goes back to the queue, unless it is renewed.
            holder: The process that claims it.
            max_seconds: Longest estimated time; None for any job.
        """
        tenants = order_tenants(self._session, kinds, max_seconds)
        for tenant in tenants:
            job = self._claim(Job.id == select_first_job(tenant, kinds, max_seconds), lease_s, holder)
            if job is not None:
                return job
        return None

    def adopt(self, job_id: str, token: str, *, lease_s: float, holder: str | None = None) -> Job | None:
        """Take over a job that a dispatcher claimed; only the first attempt succeeds.

        The broker may deliver a message twice. The first delivery changes the token, so the token of the
        second is no longer valid.
        """
        lease_until = clock(self._session) + timedelta(seconds=lease_s)
        return self._change(
            *_token_conditions(job_id, token),
            token=derive_token(token),
            lease_until=lease_until,
            holder=holder,
        )

    def heartbeat(self, job_id: str, token: str, *, lease_s: float, **progress: Any) -> Job | None:
        """Renew the lease and store the progress; the returned row shows whether to stop.

        Args:
            progress: Any of ``stage``, ``fraction``, ``message`` and ``eta_seconds``.
        """
        lease_until = clock(self._session) + timedelta(seconds=lease_s)
        return self._change(*_token_conditions(job_id, token), lease_until=lease_until, **progress)

    def hold(self, job_id: str, token: str) -> Job | None:
        """The job, locked until the transaction ends, if the token is still valid."""
        self._lock_parent(job_id)
        query = select(Job).where(*_token_conditions(job_id, token)).with_for_update()
        return self._session.scalar(query, execution_options={"populate_existing": True})

    def record_progress(self, job: Job, **data: Any) -> None:
        """Add a progress event to a job that this transaction has locked."""
        self._record_event(job, "progress", **data)

    def set_preview(self, job: Job, preview: dict[str, Any]) -> None:
        """Describe the first model of a held job."""
        job.preview = preview
        self._record_event(job, "preview", **preview)

    def set_trace(self, job: Job, trace: dict[str, Any]) -> None:
        """Set the trace of the search of a job whose row this transaction has locked."""
        self._session.merge(JobTrace(job_id=job.id, tenant=job.tenant, document=trace))

    def set_checkpoint(self, job: Job, sha256: str | None) -> None:
        """Set the blob with the intermediate state of a held job."""
        job.checkpoint_sha256 = sha256
        self._session.flush()

    def begin_anew(self, job: Job) -> None:
        """Drop the checkpoint of a held job, whose time begins again."""
        self.set_checkpoint(job, None)
        self._record_event(job, "status", status=job.status, reason=BEGINS_ANEW)

    def add_cpu_seconds(self, job: Job, seconds: float) -> None:
        """Add the processor time of an attempt to a held job, and to its parent unless that has ended."""
        counts = or_(Job.id == job.id, and_(Job.id == job.parent_id, Job.status.in_(UNFINISHED)))
        total = func.coalesce(Job.cpu_seconds, 0.0) + seconds
        self._session.execute(
            update(Job).where(counts).values(cpu_seconds=total),
            execution_options={"synchronize_session": False},
        )
        self._session.refresh(job, ["cpu_seconds"])

    def release(self, job_id: str, token: str) -> Job | None:
        """Queue a job again whose worker is stopping; this does not count as an attempt."""
        if cancelled_job := self.stop(job_id, token):
            return cancelled_job
        job = self._change(*_token_conditions(job_id, token), **QUEUED_VALUES, attempt=Job.attempt - 1)
        return job and self._record_status(job, status=JobStatus.QUEUED, reason="worker_stopped")

    def requeue_as_long(self, job_id: str, token: str) -> Job | None:
        """Queue a job again that takes longer than estimated; it counts as long from now on."""
        if cancelled_job := self.stop(job_id, token):
            return cancelled_job
        values = {**QUEUED_VALUES, "attempt": Job.attempt - 1, "estimated_seconds": None}
        job = self._change(*_token_conditions(job_id, token), **values)
        return job and self._record_status(job, status=JobStatus.QUEUED, reason="longer_than_estimated")

    def wait(self, job_id: str, token: str, *, message: str) -> Job | None:
        """Leave the worker until every awaited subtask has ended; the last of them queues the job again."""
        job = self._change(*_token_conditions(job_id, token), **CLEARED_VALUES, message=message)
        if job is None:
            return None
        self._record_event(job, "progress", stage=job.stage, fraction=job.fraction, message=message)
        return self._queue_or_end_parent(job_id) or job

    def succeed(self, job_id: str, token: str, **result: Any) -> Job | None:
        """End a job that has its result, unless its cancellation was accepted (see ``stop``).

        Args:
            result: ``model_id``; or ``result_sha256``, ``result_format`` and ``result_name`` of a file; and
                ``cut_by``.
        """
        conditions = (*_token_conditions(job_id, token), Job.cancel_requested_at.is_(None))
        final_values = {"fraction": 1.0, "stage": "done", "message": None}
        return self._finish(job_id, conditions, JobStatus.SUCCEEDED, **result, **final_values)

    def stop(self, job_id: str, token: str, **result: Any) -> Job | None:
        """End a job whose cancellation was requested; ``result`` is the best one so far, if requested."""
        conditions = (*_token_conditions(job_id, token), Job.cancel_requested_at.is_not(None))
        return self._finish(job_id, conditions, JobStatus.CANCELLED, **result)

    def drop(self, job: Job) -> None:
        """End a held subtask that nobody needs, as cancelled."""
        conditions = _token_conditions(job.id, job.token or "")
        self._finish(job.id, conditions, JobStatus.CANCELLED, cancel_requested_at=clock(self._session))

    def fail(self, job_id: str, token: str, *, code: str, detail: str) -> Job | None:
        """End a job that cannot succeed; if its cancellation was requested, it ends as cancelled."""
        if cancelled_job := self.stop(job_id, token):
            return cancelled_job
        error = {"error_code": code, "error_detail": detail}
        return self._finish(job_id, _token_conditions(job_id, token), JobStatus.FAILED, **error)

    def cancel(self, job_id: str, *, keep_best: bool = False) -> Job:
        """Cancel a queued job at once; request a running job to stop.

        Raises:
            NotFound: There is no such job.
            Conflict: The job has finished.
        """
        self._lock_parent(job_id)
        job = self._lock(job_id)
        if job.status == JobStatus.QUEUED:
            return self._cancel_queued(job_id) or job
        if job.status != JobStatus.RUNNING:
            raise Conflict(
                "job_already_finished",
                f"job {job_id} has already {_describe_end(job.status)}; there is nothing left to cancel",
            )
        is_first = job.cancel_requested_at is None
        job.cancel_requested_at = job.cancel_requested_at or clock(self._session)
        job.keep_best = keep_best
        self._session.flush()
        if is_first:
            self._record_event(job, "status", status=job.status, reason="cancel_requested")
        self._cancel_subtasks(job)
        return job

    def get_finished(self, job_id: str, *, hold: bool = False) -> Job:
        """The finished job; with ``hold``, nobody else can delete it until this transaction ends.

        Raises:
            NotFound: There is no such job.
            Conflict: It has not finished.
        """
        row = self._session.get(Job, job_id, with_for_update=LOCK_FOR_CHANGE if hold else None)
        job = require_visible(row, job_id)
        if not JobStatus(job.status).is_final:
            detail = f"job {job_id} is {job.status}; cancel it first, or wait for its end"
            raise Conflict("job_not_finished", detail)
        return job

    def delete(self, job: Job) -> None:
        """Delete a finished job, its events and its trace; the caller releases its blobs (``list_blobs``)."""
        self._session.delete(job)
        self._session.flush()

    def holders(self) -> Sequence[str]:
        """The processes that hold running jobs."""
        query = select(Job.holder).where(Job.status == JobStatus.RUNNING, Job.holder.is_not(None))
        return [holder for holder in self._session.scalars(query.distinct()) if holder is not None]

    def reap(self, *, max_attempts: int, gone: Collection[str] = ()) -> Sequence[Job]:
        """Take jobs from lost workers: queue them again, or fail them after the last attempt.

        A job whose row is locked by a worker's transaction, which may be suspended, must not block the
        others.

        Args:
            gone: Holders that have ended. Other lost holders are recognised by their expired leases.
        """
        is_lost = or_(Job.lease_until < clock(self._session), Job.holder.in_(gone))
        lapse = (Job.status == JobStatus.RUNNING, is_lost)
        # By tenant, because the end of a job may lock the tenant's counter of webhooks
        job_ids = self._session.scalars(select(Job.id).where(*lapse).order_by(Job.tenant, Job.id)).all()
        jobs = (self._reap(job_id, lapse, max_attempts) for job_id in job_ids if self._try_lock(job_id))
        return [job for job in jobs if job is not None]

    def set_published(self, job_id: str) -> None:
        """Record that a job was sent to the queue."""
        self._change(Job.id == job_id, Job.status == JobStatus.QUEUED, published_at=clock(self._session))

    def list_with_stale_checkpoint(self, limit: int = 100) -> Sequence[Job]:
        """Finished jobs that still refer to a checkpoint, which is no longer needed."""
        query = select(Job).where(Job.checkpoint_sha256.is_not(None), Job.status.in_(FINAL))
        return self._session.scalars(
            query.order_by(Job.id).limit(limit).with_for_update(skip_locked=True)
        ).all()

    def _claim(self, which: ColumnElement[bool], lease_s: float, holder: str | None) -> Job | None:
        now = clock(self._session)
        job = self._change(
            which,
            Job.status == JobStatus.QUEUED,
            status=JobStatus.RUNNING,
            token=str(uuid4()),
            lease_until=now + timedelta(seconds=lease_s),
            holder=holder,
            attempt=Job.attempt + 1,
            started_at=func.coalesce(Job.started_at, now),
            stage="starting",
        )
        return job and self._record_status(job, status=JobStatus.RUNNING, attempt=job.attempt)

    def _try_lock(self, job_id: str) -> bool:
        """Lock a job after its parent; return false if another transaction has locked either."""
        parent_id = self._session.scalar(select(Job.parent_id).where(Job.id == job_id))
        family = [job_id] if parent_id is None else [parent_id, job_id]
        locks = (select(Job.id).where(Job.id == key).with_for_update(skip_locked=True) for key in family)
        return all(self._session.scalar(lock) is not None for lock in locks)

    def _reap(self, job_id: str, lapse: tuple[ColumnElement[bool], ...], max_attempts: int) -> Job | None:
        """Reap one lapsed job; each UPDATE checks again that it is lapsed."""
        lapse = (Job.id == job_id, *lapse)
        job = self._finish(job_id, (*lapse, Job.cancel_requested_at.is_not(None)), JobStatus.CANCELLED)
        if job:
            return job
        detail = (
            f"the worker was lost {max_attempts} times in a row, perhaps out of memory; request a smaller job"
        )
        error = {"error_code": "worker_lost", "error_detail": detail}
        job = self._finish(job_id, (*lapse, Job.attempt >= max_attempts), JobStatus.FAILED, **error)
        if job:
            return job
        job = self._change(*lapse, **QUEUED_VALUES)
        return job and self._record_status(job, status=JobStatus.QUEUED, reason="worker_lost")

    def _finish(
        self, job_id: str, conditions: tuple[ColumnElement[bool], ...], status: JobStatus, **result: Any
    ) -> Job | None:
        """End a job, cancel its subtasks, queue its parent if that need not wait, and write its webhook.

        Every final status is set here. The webhook comes last: its number locks a counter of the tenant, and
        whoever has that lock waits for no other.
        """
        parent_id = self._lock_parent(job_id)
        now = clock(self._session)
        job = self._change(*conditions, **CLEARED_VALUES, status=status, finished_at=now, **result)
        if job is None:
            return None
        self._record_event(
            job, "status", status=status, **{k: v for k, v in result.items() if k in EVENT_FIELDS and v}
        )
        self._cancel_subtasks(job)
        if (
            parent_id is not None
            and self._queue_or_end_parent(parent_id) is None
            and job.kind != SUBTASK_KIND
        ):
            self._report_study_progress(parent_id)
        WebhookDeliveries(self._session).add(job)
        return job

    def _report_study_progress(self, job_id: str) -> None:
        """Report how many trainings of a study have ended."""
        trainings = Job.parent_id == job_id, Job.is_awaited
        end_count = func.sum(case((Job.status.in_(FINAL), 1), else_=0))
        ends, total = self._session.execute(select(end_count, func.count()).where(*trainings)).one()
        study = Job.id == job_id, Job.status == JobStatus.RUNNING, Job.kind == "study"
        data = {"fraction": (ends or 0) / (total or 1), "message": f"{ends} of {total} trainings have ended"}
        job = self._change(*study, **data)
        if job is not None:
            self._record_event(job, "progress", stage=job.stage, **data)

    def _cancel_queued(self, job_id: str) -> Job | None:
        conditions = (Job.id == job_id, Job.status == JobStatus.QUEUED)
        now = clock(self._session)
        return self._finish(job_id, conditions, JobStatus.CANCELLED, cancel_requested_at=now)

    def _cancel_subtasks(self, job: Job) -> None:
        """Cancel queued subtasks; request running ones to stop in the same way as the job."""
        conditions = Job.parent_id == job.id, Job.status.in_(UNFINISHED)
        parts = self._session.execute(select(Job.id, Job.status).where(*conditions).order_by(Job.id)).all()
        now = clock(self._session) if parts else None
        for part_id, status in parts:
            if status == JobStatus.QUEUED and self._cancel_queued(part_id):
                continue
            running = Job.id == part_id, Job.status == JobStatus.RUNNING
            requested_at = func.coalesce(Job.cancel_requested_at, now)
            self._change(*running, cancel_requested_at=requested_at, keep_best=job.keep_best)

    def _queue_or_end_parent(self, job_id: str) -> Job | None:
        """Queue a job that waits for its subtasks, or end it if cancelled, once it need not wait.

        The transaction has locked the job: if two subtasks end at once, the second sees the end of the first.
        """
        part = aliased(Job)
        part_conditions = part.parent_id == job_id, part.status.in_(UNFINISHED)
        waits = Job.id == job_id, Job.status == JobStatus.RUNNING, Job.token.is_(None)
        is_cancelled = Job.cancel_requested_at.is_not(None), Job.keep_best.is_(False)
        cancelled_job = self._finish(
            job_id, (*waits, *is_cancelled, ~exists().where(*part_conditions)), JobStatus.CANCELLED
        )
        if cancelled_job:
            return cancelled_job
        has_all = ~or_(exists().where(*part_conditions, part.is_awaited), and_(*is_cancelled))
        values = {"status": JobStatus.QUEUED, "published_at": None, "attempt": Job.attempt - 1}
        job = self._change(*waits, has_all, **values)
        return job and self._record_status(job, status=JobStatus.QUEUED, reason="parts_done")

    def _change(self, *conditions: ColumnElement[bool], **values: Any) -> Job | None:
        """The conditional UPDATE; ``None`` if no row met the conditions."""
        change = update(Job).where(*conditions).values(**values).returning(Job)
        options = {"synchronize_session": False, "populate_existing": True}
        return self._session.scalars(change, execution_options=options).one_or_none()

    def _lock(self, job_id: str) -> Job:
        query = select(Job).where(Job.id == job_id).with_for_update()
        job = self._session.scalar(query, execution_options={"populate_existing": True})
        return require_visible(job, job_id)

    def _lock_parent(self, job_id: str) -> str | None:
        """Lock the parent of a job, if any, and return its id."""
        parent_id = self._session.scalar(select(Job.parent_id).where(Job.id == job_id))
        if parent_id is not None:
            self._session.execute(select(Job.id).where(Job.id == parent_id).with_for_update())
        return parent_id

    def _record_status(self, job: Job, **data: Any) -> Job:
        self._record_event(job, "status", **data)
        return job

    def _record_event(self, job: Job, kind: str, **data: Any) -> None:
        """Add the next event of a job whose row this transaction has locked."""
        last_number = self._session.scalar(select(func.max(JobEvent.number)).where(JobEvent.job_id == job.id))
        number = (last_number or 0) + 1
        self._session.add(
            JobEvent(job_id=job.id, number=number, kind=kind, data=data, created_at=clock(self._session))
        )
        self._session.flush()


EVENT_FIELDS = ("model_id", "cut_by", "error_code", "error_detail")


def _token_conditions(job_id: str, token: str) -> tuple[ColumnElement[bool], ...]:
    return Job.id == job_id, Job.token == token, Job.status == JobStatus.RUNNING


def _describe_end(status: str) -> str:
    return "been cancelled" if status == JobStatus.CANCELLED else str(status)
