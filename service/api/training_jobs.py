"""Routes of jobs."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response

from service.api.deps import READ, TRAIN, Config, Here, Queue, Sessions, StrictRoute
from service.api.pagination import DEFAULT_LIMIT, MAX_LIMIT, Paging
from service.db.repositories.jobs import TrainingJobs
from service.db.tables import Job, JobStatus
from service.operations import training
from service.schemas.common import Page
from service.schemas.jobs import EventOut, EventPage, JobOut, JobRequest

POLL_AFTER_S = 1
MAX_EVENT = 2**31 - 1

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=StrictRoute)

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="Any text of your choice: submitting again under it within 24 hours gives the same job."
    ),
]


@router.post("", dependencies=[TRAIN], status_code=202, summary="Train a network, or change a formula")
def submit_job(
    *,
    request: JobRequest,
    response: Response,
    sessions: Sessions,
    queue: Queue,
    settings: Config,
    here: Here,
    idempotency_key: IdempotencyKey = None,
) -> JobOut:
    """Queue a job; `GET` its Location until it has finished. `kind` says which; the default is a training."""
    submitted = training.submit(request, sessions, queue, settings, idempotency_key=idempotency_key)
    _point_to(submitted.job, response, here)
    if submitted.is_replay:
        response.headers["Idempotency-Replayed"] = "true"
    return JobOut.as_submitted(submitted.job)


@router.get("", dependencies=[READ], summary="List jobs")
def list_jobs(sessions: Sessions, window: Paging, status: JobStatus | None = None) -> Page[JobOut]:
    """Newest first."""
    with sessions.read() as session:
        jobs, cursor = window.cut(
            TrainingJobs(session).page(limit=window.limit, after=window.after, status=status)
        )
    return Page(items=[JobOut.of(job) for job in jobs], next_cursor=cursor)


@router.get("/{job_id}", dependencies=[READ], summary="One job")
def get_job(job_id: str, sessions: Sessions) -> JobOut:
    """Its status and progress now."""
    with sessions.read() as session:
        return JobOut.of(TrainingJobs(session).get(job_id))


@router.get("/{job_id}/events", dependencies=[READ], summary="What happened to a job")
def list_events(
    job_id: str,
    sessions: Sessions,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[
        int, Query(ge=0, le=MAX_EVENT, description="Number of the last event that you have seen.")
    ] = 0,
) -> EventPage:
    """Oldest first. To follow a job, ask again with the number of the last event as `cursor`."""
    with sessions.read() as session:
        jobs = TrainingJobs(session)
        jobs.get(job_id)
        events = jobs.events(job_id, after=cursor, limit=limit)
    items = [EventOut.model_validate(event, from_attributes=True) for event in events[:limit]]
    return EventPage(items=items, next_cursor=str(items[-1].number) if len(events) > limit else None)


@router.post("/{job_id}/cancel", dependencies=[TRAIN], status_code=202, summary="Stop a job")
def cancel_job(
    job_id: str,
    response: Response,
    sessions: Sessions,
    here: Here,
    keep: Annotated[
        Literal["best"] | None, Query(description="`best` keeps the best network so far as a model.")
    ] = None,
) -> JobOut:
    """A queued job is cancelled at once, a running one within seconds."""
    job = training.cancel(job_id, sessions, keep_best=keep == "best")
    _point_to(job, response, here)
    return JobOut.of(job)


@router.post("/{job_id}/retry", dependencies=[TRAIN], status_code=202, summary="Do a finished job again")
def retry_job(
    *, job_id: str, response: Response, sessions: Sessions, queue: Queue, settings: Config, here: Here
) -> JobOut:
    """Makes a new job from the same request."""
    job = training.retry(job_id, sessions, queue, settings)
    _point_to(job, response, here)
    return JobOut.of(job)


def _point_to(job: Job, response: Response, here: Here) -> None:
    response.headers["Location"] = here(f"/jobs/{job.id}")
    response.headers["Retry-After"] = str(POLL_AFTER_S)
