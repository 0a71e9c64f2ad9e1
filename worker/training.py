"""run_training(): take a job, do it, save, verdict."""

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from kan_engine.errors import KANEngineError
from service.callers import Caller
from service.db.repositories import Datasets, TrainedModels, TrainingJobs
from service.db.repositories.revisions import read_revision
from service.db.session import Sessions
from service.db.tables import Dataset, Job
from service.errors import ServiceError
from service.schemas.jobs import SymbolicRequest, TrainRequest, read_request
from service.settings import Settings
from service.storage import put_bytes, read_bytes, release
from service.tables import Table, stored_table
from worker.heartbeat import Heartbeat, Termination
from worker.outcome import Outcome, Progress, Revised, Stopped

log = logging.getLogger(__name__)

TRAINING_SHARE = 0.95  # of max_seconds; the rest is for measuring and storing what was found
PAUSES_S = (0.1, 0.5, 1, 2, 4, 8, 15, 15)  # between tries to write: databases restart

T = TypeVar("T")


class Pipeline(Protocol):
    """From a table to a measured network; see ``worker.pipeline.run_pipeline``."""

    def __call__(
        self,
        table: Table,
        request: TrainRequest,
        *,
        report: Callable[[Progress], None],
        should_stop: Callable[[], bool],
        resume: bytes | None,
        checkpoint: Callable[[bytes], None],
        revises: Revised | None,
    ) -> Outcome:
        """Train; may raise what the engine raises, and ``Stopped``."""
        ...


@dataclass(frozen=True)
class Work:
    """A job that this process holds.

    Attributes:
        owner: Whose job it is, and whose its model will be.
        request: The training; of a symbolic job the one that its change of a model amounts to.
        revises: The model that a symbolic job changes.
    """

    job_id: str
    token: str
    owner: Caller
    request: TrainRequest
    seconds_left: float
    resume: bytes | None
    revises: Revised | None = None


def run_training(
    job_id: str,
    token: str | None,
    sessions: Sessions,
    settings: Settings,
    *,
    pipeline: Pipeline,
    termination: Termination | None = None,
) -> None:
    """Do a job, unless someone else has it.

    Args:
        token: Of the dispatcher that claimed the job; None if nobody has claimed it yet.
        pipeline: What trains, and how.
        termination: Tells when this process has to end.
    """
    work = _persist(lambda session: _take(job_id, token, session, settings), sessions)
    if work is None:
        log.info("job not taken", extra={"job_id": job_id})
        return
    log.info("job taken", extra={"job_id": job_id, "resumes": work.resume is not None})
    beat = Heartbeat(
        job_id,
        work.token,
        sessions,
        settings,
        deadline=time.monotonic() + work.seconds_left,
        termination=termination or Termination(),
    )
    with beat:
        verdict = _train(work, beat, sessions, settings, pipeline)
    _persist(lambda session: _store(verdict, work, beat, session), sessions.of(work.owner))


def _take(job_id: str, token: str | None, session: Session, settings: Settings) -> Work | None:
    """Claim the job, or adopt the claim of the dispatcher; None if neither is possible, or of any use."""
    jobs, lease_s = TrainingJobs(session), settings.lease_s
    job = jobs.claim(job_id, lease_s=lease_s) if token is None else jobs.adopt(job_id, token, lease_s=lease_s)
    if job is None or job.token is None:
        return None
    request, revises = read_request(job.request), None
    if isinstance(request, SymbolicRequest):
        try:
            revision = read_revision(request, session)
        except ServiceError as error:  # the model has been deleted since
            jobs.fail(job_id, job.token, code=error.code, detail=error.detail)
            return None
        request, revises = revision.request, Revised(revision, read_bytes(session, revision.artifact_sha256))
    return Work(
        job_id=job_id,
        token=job.token,
        owner=Caller(tenant=job.tenant, name="worker"),
        request=request,
        revises=revises,
        seconds_left=_seconds_left(job, jobs),
        resume=read_bytes(session, job.checkpoint_sha256) if job.checkpoint_sha256 else None,
    )


def _seconds_left(job: Job, jobs: TrainingJobs) -> float:
    """Time for this attempt: a start from nothing has all of it, a resumption what earlier attempts left."""
    earlier, present = jobs.seconds_worked(job.id)
    spent = present + (earlier if job.checkpoint_sha256 else 0.0)
    return max(0.0, float(job.request["max_seconds"]) * TRAINING_SHARE - spent)


@dataclass(frozen=True)
class Failure:
    """Why a job has no network."""

    code: str
    detail: str


def _train(
    work: Work, beat: Heartbeat, sessions: Sessions, settings: Settings, pipeline: Pipeline
) -> Outcome | Failure | None:
    """The outcome, the failure, or None if the run was stopped and nothing of it is to be kept."""
    try:
        with _opened(work.request.dataset_id, sessions, settings.data_dir) as table:
            return pipeline(
                table,
                work.request,
                report=beat.report,
                should_stop=beat.should_stop,
                resume=work.resume,
                checkpoint=lambda data: _save_checkpoint(data, work, sessions),
                revises=work.revises,
            )
    except Stopped:
        if beat.is_interrupted:
            return None
        limit = work.request.max_seconds
        return Failure("time_limit", f"no network was found within max_seconds = {limit:g}; allow more time")
    except OperationalError as error:
        log.warning("database failed", extra={"job_id": work.job_id, "reason": str(error.orig)})
        return None
    except Exception as error:
        return _failure(error, work.job_id)


def _failure(error: Exception, job_id: str) -> Failure:
    """What the client is told; the reason in the log is for what nobody foresaw."""
    if isinstance(error, ServiceError):
        return Failure(error.code, error.detail)
    if isinstance(error, KANEngineError):
        return Failure(_snake_case(type(error).__name__), str(error))
    if isinstance(error, MemoryError):
        return Failure("out_of_memory", "the worker has too little memory; ask for a smaller network")
    log.error("job failed", exc_info=error, extra={"job_id": job_id})
    return Failure("internal_error", "the service failed; its log has the details under the id of this job")


def _snake_case(name: str) -> str:
    """``InvalidData`` → ``invalid_data``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@contextmanager
def _opened(dataset_id: str, sessions: Sessions, folder: Path) -> Iterator[Table]:
    """The job's table; no transaction stays open while it is trained on."""
    with ExitStack() as stack:
        with sessions.read() as session:
            dataset = Datasets(session).get(dataset_id)
            table = stack.enter_context(stored_table(session, dataset, folder))
        yield table


def _save_checkpoint(data: bytes, work: Work, sessions: Sessions) -> None:
    """Keep what the job can resume from, instead of what was kept before."""
    try:
        with sessions.begin() as session:
            jobs = TrainingJobs(session)
            job = jobs.hold(work.job_id, work.token)
            if job is None:
                return
            before = job.checkpoint_sha256
            jobs.set_checkpoint(job, put_bytes(session, data))
            if before is not None and before != job.checkpoint_sha256:
                release(session, before)
    except OperationalError as error:
        log.warning("checkpoint not stored", extra={"job_id": work.job_id, "reason": str(error.orig)})


def _store(verdict: Outcome | Failure | None, work: Work, beat: Heartbeat, session: Session) -> None:
    """One transaction: the artifact, the model, the verdict. Without the job's token, nothing."""
    jobs = TrainingJobs(session)
    job = jobs.hold(work.job_id, work.token)
    if job is None:
        log.info("job given up", extra={"job_id": work.job_id})
        return
    for progress in beat.pending:
        jobs.record_progress(job, **progress)
    if verdict is None or (job.cancel_requested_at and not job.keep_best):
        ended = jobs.release(work.job_id, work.token)
    elif isinstance(verdict, Failure):
        ended = jobs.fail(work.job_id, work.token, code=verdict.code, detail=verdict.detail)
    else:
        end = jobs.stop if job.cancel_requested_at else jobs.succeed
        model_id = _add_model(verdict, work, session)
        ended = end(work.job_id, work.token, model_id=model_id, cut_by=verdict.cut_by)
    log.info("job ended", extra={"job_id": work.job_id, "status": ended and ended.status})


def _add_model(outcome: Outcome, work: Work, session: Session) -> str:
    request = work.request
    model = TrainedModels(session).add(
        name=request.name or _usual_name(request.target, work.job_id),
        job_id=work.job_id,
        dataset_id=request.dataset_id,
        task=outcome.task,
        target=request.target,
        record=outcome.record | {"lineage": _lineage(work, session)},
        symbolic=outcome.symbolic,
        edges=outcome.edges,
        artifact_sha256=put_bytes(session, outcome.artifact),
        tags=request.tags,
    )
    return model.id


def _lineage(work: Work, session: Session) -> dict[str, Any]:
    """What the model was made of: the bytes it learnt from, the job and what it asked for, and the code."""
    dataset = session.get(Dataset, work.request.dataset_id)
    return {
        "dataset_sha256": dataset.blob_sha256 if dataset else None,
        "job_id": work.job_id,
        "code_version": _code_version(),
        "request": work.request.model_dump(mode="json"),
        "revises": _revises(work),
    }


def _revises(work: Work) -> dict[str, Any] | None:
    """The model that was changed, and how."""
    if work.revises is None:
        return None
    model = work.revises.model
    asked = model.changes.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude={"kind", "max_seconds", "name", "tags"}
    )
    return {**asked, "model_id": model.model_id, "version": model.version}


def _code_version() -> str | None:
    try:
        return version("kan-service")
    except PackageNotFoundError:  # run from a source folder
        return None


def _usual_name(target: str, job_id: str) -> str:
    """A name for a model whose client gave none: what it predicts, and something to tell it apart."""
    readable = re.sub(r"[^\w.-]+", "-", target)[:100]
    return f"{readable}-{job_id[-6:]}"


def _persist(work: Callable[[Session], T], sessions: Sessions) -> T:
    """Do and commit, again and again for a while: minutes of training are worth waiting for a database.

    ``IntegrityError`` is what the slower of two jobs gets that add a version of one model at the
    same moment.
    """
    for pause in PAUSES_S:
        try:
            with sessions.begin() as session:
                return work(session)
        except (OperationalError, IntegrityError) as error:
            log.warning("not stored yet", extra={"reason": str(error.orig)})
            time.sleep(pause)
    with sessions.begin() as session:
        return work(session)
