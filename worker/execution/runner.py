"""``run_job`` claims a job, executes it and stores its result, for every kind of job.

Each kind has a handler, a function from an ``Attempt`` to a ``JobResult``. This module has all that they
share: claim, heartbeat, checkpoints, failures and the transaction that stores the result.
"""

import logging
import math
import os
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kan_engine.errors import KANEngineError
from service.caller import Caller
from service.db.repositories import Jobs
from service.db.session import UNAVAILABLE_ERRORS, Sessions
from service.db.tables import SUBTASK_KIND, Job
from service.errors import ServiceError, is_disk_full
from service.queue import list_kinds_in_same_queue
from service.schemas.job_kinds import AnyRequest
from service.schemas.job_requests import SubtaskRequest, read_request
from service.settings import Settings
from service.storage.blobs import put_bytes, read_bytes, release_blob
from worker.execution.attempt import Attempt, JobHandler, JobResult
from worker.execution.best_model import end_with_best_model
from worker.execution.heartbeat import Heartbeat, Termination
from worker.execution.limits import DEFAULT_EXECUTION, ExecutionLimits
from worker.execution.memory_limit import MemoryLimit, allocation_size, is_out_of_memory, limit_allocations
from worker.execution.outcome import JobStopped, JobWaiting
from worker.execution.process_identity import current_holder
from worker.execution.search_recorder import SearchRecorder

log = logging.getLogger(__name__)

TIME_LIMIT, OUT_OF_MEMORY = "time_limit", "out_of_memory"

T = TypeVar("T")


def run_job(
    job_id: str,
    token: str | None,
    sessions: Sessions,
    settings: Settings,
    *,
    work_of: Callable[[str], JobHandler],
    termination: Termination | None = None,
    ring: Callable[[], None] = lambda: None,
    max_run_s: float = math.inf,
    limits: ExecutionLimits = DEFAULT_EXECUTION,
) -> None:
    """Claim and execute a job; do nothing if no job can be claimed.

    Args:
        job_id: With a token, the job that a dispatcher claimed. Without one, the job of a message: it only
            announces that a job waits, so the next job in its queue is claimed.
        token: Token of the dispatcher that claimed the job; None if the job is not claimed yet.
        work_of: Returns the handler of a kind of job. The handler may raise the errors of the service and the
            engine, and ``JobStopped``. ``work_of`` is called after the claim, because it may import modules.
        termination: Reports when this process has to end.
        ring: Notifies workers that jobs were queued.
        max_run_s: Time after which the job goes back to the queue: it was expected to be short.
        limits: Times and shares of the execution.
    """

    def claim_job(session: Session) -> _ClaimedJob | None:
        return _claim_or_adopt(job_id, token, session, settings)

    claim = _commit_with_retries(claim_job, sessions, limits)
    if claim is None:
        log.info("job not taken", extra={"job_id": job_id})
        return
    cpu_at_start = _cpu_seconds()
    log.info("job taken", extra={"job_id": claim.job_id, "resumes": claim.resume is not None})
    memory = MemoryLimit(settings.max_memory_bytes, kill_ratio=limits.memory_kill_ratio)
    recorder = SearchRecorder()
    began, max_seconds = time.monotonic() - claim.seconds_spent, claim.request.max_seconds
    beat = Heartbeat(
        claim.job_id,
        claim.token,
        sessions,
        settings,
        deadline=began + _working_seconds(max_seconds, limits),
        ends_at=began + max_seconds + limits.overrun_s,
        first_model_s=0.0 if claim.kind == SUBTASK_KIND else limits.first_model_s,
        max_seconds=max_seconds,
        max_run_s=max_run_s,
        recorder=recorder,
        memory=memory,
        termination=termination or Termination(),
        limits=limits,
    )
    owner_sessions = sessions.restrict_to(claim.owner)
    with ExitStack() as files:
        attempt = Attempt(
            job_id=claim.job_id,
            request=claim.request,
            resume=claim.resume,
            sessions=owner_sessions,
            folder=settings.data_dir,
            device=settings.device,
            files=files,
            record_trial=beat.record_trial,
            recorder=recorder,
            report=beat.report,
            should_stop=beat.should_stop,
            hold=lambda session: _lock_row(claim, session),
            checkpoint=lambda data: _save_checkpoint(data, claim, recorder, sessions),
            begin_anew=lambda: _begin_anew(claim, beat, sessions, limits),
            seconds_left=beat.seconds_left,
            ring=ring,
            limits=limits,
        )
        with beat:
            verdict = _run_handler(lambda: work_of(claim.kind), attempt, beat, memory)
        cpu_seconds = _cpu_seconds() - cpu_at_start

        def store(session: Session) -> None:
            recorder.store(session, _store_verdict(verdict, claim, beat, cpu_seconds, session))

        _commit_with_retries(store, owner_sessions, limits)
    ring()


@dataclass(frozen=True)
class _ClaimedJob:
    """A job that this process has claimed.

    Attributes:
        owner: Owner of the job and of its result.
        seconds_spent: Time of the limit that earlier attempts and the start of this one have used.
        resume: The last checkpoint of an earlier attempt; None without one.
    """

    job_id: str
    token: str
    kind: str
    owner: Caller
    request: AnyRequest | SubtaskRequest
    seconds_spent: float
    resume: bytes | None


def _claim_or_adopt(
    job_id: str, token: str | None, session: Session, settings: Settings
) -> _ClaimedJob | None:
    """Claim the next job, or adopt the claim of the dispatcher; None if neither is possible."""
    jobs, lease_s, holder = Jobs(session), settings.lease_s, current_holder()
    if token is not None:
        job = jobs.adopt(job_id, token, lease_s=lease_s, holder=holder)
    else:
        job = jobs.claim_next(
            kinds=list_kinds_in_same_queue(jobs.kind_of(job_id)), lease_s=lease_s, holder=holder
        )
    if job is None or job.token is None:
        return None
    return _ClaimedJob(
        job_id=job.id,
        token=job.token,
        kind=job.kind,
        owner=Caller(tenant=job.tenant, name="worker"),
        request=SubtaskRequest.model_validate(job.request)
        if job.kind == SUBTASK_KIND
        else read_request(job.request),
        seconds_spent=_sum_seconds_spent(job, jobs),
        resume=read_bytes(session, job.checkpoint_sha256) if job.checkpoint_sha256 else None,
    )


def _sum_seconds_spent(job: Job, jobs: Jobs) -> float:
    """Return the used time of a job; an earlier attempt counts if it left a checkpoint or subtasks."""
    earlier, present = jobs.seconds_worked(job.id)
    return present + (earlier if job.checkpoint_sha256 or jobs.has_subtasks(job.id) else 0.0)


def _working_seconds(
    max_seconds: float, limits: ExecutionLimits, *, min_work_time_share: float = 0.5
) -> float:
    """Return the time of a job until ``should_stop``; the rest is for evaluating and storing.

    Args:
        min_work_time_share: Least share of ``max_seconds`` until ``should_stop``, in the shortest jobs.
    """
    usual = min(limits.work_time_share * max_seconds, max_seconds - limits.min_finish_s)
    return max(min_work_time_share * max_seconds, usual)


@dataclass(frozen=True)
class _Failure:
    """Code and message of a failed job."""

    code: str
    detail: str


Verdict = JobResult | _Failure | JobWaiting | None
"""How an attempt ended; None if it was stopped and its result is discarded."""


def _run_handler(
    work: Callable[[], JobHandler], attempt: Attempt, beat: Heartbeat, memory: MemoryLimit
) -> Verdict:
    try:
        with beat.pause_clock():
            do = work()
        memory.set_baseline()
        with limit_allocations(memory.limit):
            return do(attempt)
    except JobWaiting as waiting:
        return waiting
    except JobStopped as stopped:
        if beat.is_interrupted:
            return None
        limit = attempt.request.max_seconds
        detail = f"{stopped.lacking} within max_seconds = {limit:g}; raise max_seconds"
        return _Failure(TIME_LIMIT, detail)
    except UNAVAILABLE_ERRORS as error:
        log.warning("database failed", extra={"job_id": attempt.job_id, "reason": str(error.orig)})
        return None
    except Exception as error:
        return _to_failure(error, attempt.job_id, memory)


def _to_failure(error: Exception, job_id: str, memory: MemoryLimit) -> _Failure:
    """Convert an exception to a failure for the client, and log it if it is not the client's error."""
    if isinstance(error, ServiceError):
        return _Failure(error.code, error.detail)
    if isinstance(error, KANEngineError):
        return _Failure(_snake_case(type(error).__name__), str(error))
    if is_out_of_memory(error):
        log.warning("job ran out of memory", extra={"job_id": job_id, "reason": str(error)})
        return _Failure(OUT_OF_MEMORY, memory.describe_excess(allocation_size(error)))
    if is_disk_full(error):
        return _Failure("disk_full", "the disk of the worker is full; retry the job once there is space")
    log.error("job failed", exc_info=error, extra={"job_id": job_id})
    return _Failure("internal_error", "the service failed; its log has the details under the id of this job")


def _snake_case(name: str) -> str:
    """``InvalidData`` → ``invalid_data``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _save_checkpoint(data: bytes, claim: _ClaimedJob, recorder: SearchRecorder, sessions: Sessions) -> None:
    """Store the checkpoint of a job in place of its last one, and the steps that led to it."""
    try:
        with sessions.begin() as session:
            jobs = Jobs(session)
            job = jobs.hold(claim.job_id, claim.token)
            if job is None:
                return
            before = job.checkpoint_sha256
            jobs.set_checkpoint(job, put_bytes(session, data))
            recorder.store(session, job)
            if before is not None and before != job.checkpoint_sha256:
                release_blob(session, before)
    except UNAVAILABLE_ERRORS as error:
        log.warning("checkpoint not stored", extra={"job_id": claim.job_id, "reason": str(error.orig)})


def _begin_anew(claim: _ClaimedJob, beat: Heartbeat, sessions: Sessions, limits: ExecutionLimits) -> None:
    """Drop the checkpoint of a job, and give the job its whole time again."""
    with sessions.begin() as session:
        job = _lock_row(claim, session)
        unreadable = job.checkpoint_sha256
        Jobs(session).begin_anew(job)
        if unreadable is not None:
            release_blob(session, unreadable)
    now, max_seconds = time.monotonic(), claim.request.max_seconds
    beat.restart_clock(
        deadline=now + _working_seconds(max_seconds, limits), ends_at=now + max_seconds + limits.overrun_s
    )


def _lock_row(claim: _ClaimedJob, session: Session) -> Job:
    job = Jobs(session).hold(claim.job_id, claim.token)
    if job is None:
        raise JobStopped
    return job


def _cpu_seconds() -> float:
    """Return the processor time of this process, its threads and its ended child processes."""
    return sum(os.times()[:4])


def _store_verdict(
    verdict: Verdict, claim: _ClaimedJob, beat: Heartbeat, cpu_seconds: float, session: Session
) -> Job | None:
    """Store the result and the state of a job, and return it; do nothing if another process holds it."""
    jobs = Jobs(session)
    job = jobs.hold(claim.job_id, claim.token)
    if job is None:
        log.info("job given up", extra={"job_id": claim.job_id})
        return None
    for progress in beat.progress_buffer:
        jobs.record_progress(job, **progress.to_event())
    jobs.add_cpu_seconds(job, cpu_seconds)
    updated_job = _end_job(verdict, job, claim, beat, session)
    log.info("job ended", extra={"job_id": claim.job_id, "status": updated_job and updated_job.status})
    return updated_job


def _end_job(verdict: Verdict, job: Job, claim: _ClaimedJob, beat: Heartbeat, session: Session) -> Job | None:
    """Move a held job to the status that follows from how its attempt ended."""
    jobs, key = Jobs(session), (claim.job_id, claim.token)
    is_cancelled = job.cancel_requested_at is not None
    is_late = isinstance(verdict, _Failure) and verdict.code == TIME_LIMIT
    if (is_late or (verdict is None and is_cancelled)) and (
        updated_job := end_with_best_model(session, *key, beat.stage)
    ):
        return updated_job
    if verdict is None or (is_cancelled and not job.keep_best):
        return jobs.release(*key)
    if isinstance(verdict, JobWaiting):
        return jobs.wait(*key, message=str(verdict))
    if isinstance(verdict, _Failure) and verdict.code == OUT_OF_MEMORY and beat.is_short:
        return jobs.requeue_as_long(*key)  # another process may use more
    if isinstance(verdict, _Failure):
        return jobs.fail(*key, code=verdict.code, detail=verdict.detail)
    end = jobs.stop if is_cancelled else jobs.succeed
    return end(*key, **asdict(verdict.store(session)))


def _commit_with_retries(work: Callable[[Session], T], sessions: Sessions, limits: ExecutionLimits) -> T:
    """Run a transaction, and repeat it for a while if it fails, so that an outage does not lose a result.

    ``IntegrityError`` occurs if two jobs add a version of the same model at the same time; the slower job
    gets it.
    """
    for pause in limits.retry_pauses_s:
        try:
            with sessions.begin() as session:
                return work(session)
        except (*UNAVAILABLE_ERRORS, IntegrityError) as error:
            log.warning("not stored yet", extra={"reason": str(error.orig)})
            time.sleep(pause)
    with sessions.begin() as session:
        return work(session)
