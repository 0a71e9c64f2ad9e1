"""Routes of jobs."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from service.api.http.choices import choose_from
from service.api.http.conditional import IfMatch
from service.api.http.dependencies import (
    READ,
    TRAIN,
    Config,
    Limits,
    Predictors,
    Queue,
    Sessions,
    StrictRoute,
    VersionedPath,
    Watch,
)
from service.api.http.downloads import OCTETS, VARY, AsOctets, make_download_response
from service.api.http.pagination import DEFAULT_LIMIT, MAX_LIMIT, Paging, Wanted
from service.api.live import event_stream
from service.api.live.job_following import MAX_WAIT_S, follow_job
from service.api.openapi.document import describe_file
from service.db.repositories.jobs import Jobs
from service.db.tables import Job, JobStatus
from service.operations import downloads
from service.operations.entity_tags import entity_tag
from service.operations.jobs import lifecycle, search_trace
from service.schemas.common import Page
from service.schemas.job_kinds import JOB_KINDS
from service.schemas.job_requests import JobRequest
from service.schemas.jobs import EventOut, EventPage, JobOut, TraceOut

MAX_EVENT_NUMBER = 2**31 - 1
MEDIA_TYPES = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv; charset=utf-8"}

router = APIRouter(prefix="/jobs", tags=["jobs"], route_class=StrictRoute)

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="Any text: a second submission with the same text within 24 hours returns the same job."
    ),
]


@router.post(
    "",
    dependencies=[TRAIN],
    status_code=202,
    summary="Train, change a formula, predict a dataset, compare settings, or solve equations",
)
def submit_job(
    *,
    request: JobRequest,
    response: Response,
    sessions: Sessions,
    queue: Queue,
    settings: Config,
    predictors: Predictors,
    limits: Limits,
    here: VersionedPath,
    idempotency_key: IdempotencyKey = None,
) -> JobOut:
    """Queue a job; `GET` its Location until it has ended. `kind` selects the job; a training by default."""
    submission = lifecycle.submit(
        request,
        sessions,
        queue,
        settings,
        predictors,
        idempotency_key=idempotency_key,
        limits=limits.admission,
    )
    _add_location(submission.job, response, here)
    if submission.is_replay:
        response.headers["Idempotency-Replayed"] = "true"
    return JobOut.from_submission(submission.job)


@router.get("", dependencies=[READ], summary="List jobs")
def list_jobs(
    *,
    sessions: Sessions,
    window: Paging,
    wanted: Wanted,
    status: JobStatus | None = None,
    kind: Annotated[str, *choose_from(JOB_KINDS)] | None = None,
    name: Annotated[str | None, Query(description="Name of the model that a training makes.")] = None,
    dataset: Annotated[str | None, Query(description="Id of the dataset.")] = None,
    model: Annotated[str | None, Query(description="Id of the model that it made or uses.")] = None,
) -> Page[JobOut]:
    """All jobs, or those that the filters leave; `search` looks into names and targets."""
    with sessions.read() as session:
        matches = Jobs(session).page(
            wanted,
            limit=window.limit,
            after=window.after,
            status=status,
            kind=kind,
            name=name,
            dataset_id=dataset,
            model_id=model,
        )
        jobs, cursor = window.take_page(matches)
    return Page(items=[JobOut.from_row(job) for job in jobs], next_cursor=cursor)


@router.get("/{job_id}", dependencies=[READ], summary="One job")
async def get_job(
    job_id: str,
    response: Response,
    sessions: Sessions,
    watch: Watch,
    wait: Annotated[
        float,
        Query(ge=0, le=MAX_WAIT_S, description="Longest time in seconds to wait for the end of the job."),
    ] = 0,
) -> JobOut:
    """Its status and progress. With `wait`, the answer comes when the job has ended, or after that time."""
    *_, job = [job async for job in follow_job(job_id, sessions, watch, within_s=wait)]
    response.headers["ETag"] = entity_tag(job)
    return job


@router.delete("/{job_id}", dependencies=[TRAIN], status_code=204, summary="Delete a job")
def delete_job(job_id: str, sessions: Sessions, if_match: IfMatch = None) -> None:
    """Delete a finished job with its events and its result; 409 before it has ended. Its model stays."""
    lifecycle.delete(job_id, sessions, if_match=if_match)


@router.get(
    "/{job_id}/events",
    dependencies=[READ],
    summary="What happened to a job",
    response_model=EventPage,
    responses={
        200: {"content": {event_stream.MEDIA_TYPE: {"schema": event_stream.EVENT_SCHEMA}}},
        204: {"description": "The job has ended, and its stream has no further events"},
    },
)
def list_events(
    job_id: str,
    request: Request,
    sessions: Sessions,
    watch: Watch,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[
        int, Query(ge=0, le=MAX_EVENT_NUMBER, description="Number of the last event that you received.")
    ] = 0,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=MAX_EVENT_NUMBER, description="The same as `cursor`; browsers send it.")
    ] = None,
) -> Response | EventPage:
    """Oldest first: past events as a page, or with `Accept: text/event-stream` all events as a stream.

    The stream continues until the job ends and closes with an event `done`. A client can resume it.
    """
    if event_stream.MEDIA_TYPE in request.headers.get("accept", ""):
        return event_stream.stream_events(
            job_id, cursor if last_event_id is None else last_event_id, sessions, watch
        )
    with sessions.read() as session:
        jobs = Jobs(session)
        jobs.get(job_id)
        events = jobs.events(job_id, after=cursor, limit=limit)
    items = [EventOut.model_validate(event, from_attributes=True) for event in events[:limit]]
    return EventPage(items=items, next_cursor=str(items[-1].number) if len(events) > limit else None)


@router.get("/{job_id}/trace", dependencies=[READ], summary="How the search of a job went")
def get_trace(job_id: str, sessions: Sessions) -> TraceOut:
    """Which strategies ran, for how long, what they proposed and what was kept, and why the search ended.

    It exists once the job has ended, also if it failed or was cancelled.
    """
    return search_trace.read_trace(job_id, sessions)


@router.get(
    "/{job_id}/result",
    dependencies=[READ],
    response_class=StreamingResponse,
    summary="Download what a job made",
    responses={200: describe_file(MEDIA_TYPES["parquet"], OCTETS, MEDIA_TYPES["csv"])},
)
def download_result(job_id: str, sessions: Sessions, as_octets: AsOctets) -> StreamingResponse:
    """The predictions for a dataset, or the table of a study. 409 `no_result` if there is none."""
    job, size, chunks = downloads.open_result(job_id, sessions)
    return make_download_response(
        chunks,
        name=job.result_name or job.id,
        size=size,
        sha256=str(job.result_sha256),
        media_type=OCTETS if as_octets else MEDIA_TYPES[job.result_format or "parquet"],
        headers=VARY,
    )


@router.post("/{job_id}/cancel", dependencies=[TRAIN], status_code=202, summary="Stop a job")
def cancel_job(
    job_id: str,
    response: Response,
    sessions: Sessions,
    here: VersionedPath,
    keep: Annotated[
        Literal["best"] | None, Query(description="`best` keeps the best network so far as a model.")
    ] = None,
) -> JobOut:
    """A queued job is cancelled immediately, a running job within seconds."""
    job = lifecycle.cancel(job_id, sessions, keep_best=keep == "best")
    _add_location(job, response, here)
    return JobOut.from_row(job)


@router.post("/{job_id}/retry", dependencies=[TRAIN], status_code=202, summary="Do a finished job again")
def retry_job(
    *,
    job_id: str,
    response: Response,
    sessions: Sessions,
    queue: Queue,
    settings: Config,
    predictors: Predictors,
    limits: Limits,
    here: VersionedPath,
) -> JobOut:
    """Submits the same request as a new job."""
    job = lifecycle.retry(job_id, sessions, queue, settings, predictors, limits=limits.admission)
    _add_location(job, response, here)
    return JobOut.from_row(job)


def _add_location(job: Job, response: Response, here: VersionedPath, *, poll_after_s: int = 1) -> None:
    response.headers["Location"] = here(f"/jobs/{job.id}")
    response.headers["Retry-After"] = str(poll_after_s)
