"""Tools for jobs: train, solve equations, wait, cancel, list."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from service.api.live.job_following import MAX_WAIT_S, follow_job
from service.api.mcp.dataset_tools import ItemId, ListArguments
from service.api.mcp.tool import ProgressReporter, Tool, ToolContext
from service.caller import Scope
from service.db.repositories import Jobs
from service.db.tables import JobStatus
from service.operations.jobs import lifecycle
from service.schemas.common import RequestModel
from service.schemas.equations import SolveRequest
from service.schemas.job_requests import AnyRequest
from service.schemas.jobs import JobOut
from service.schemas.training import TrainRequest


class SolveArguments(SolveRequest):
    """Equations with their domain and conditions."""

    kind: Literal["solve"] = "solve"


class WaitArguments(RequestModel):
    """Which job, and how long."""

    job_id: ItemId
    max_seconds: Annotated[float, Field(ge=0, le=MAX_WAIT_S)] = 45


class CancelArguments(RequestModel):
    """Which job, and what remains of it."""

    job_id: ItemId
    keep_best: bool = Field(default=False, description="Whether the best network so far becomes a model.")


class ListJobsArguments(ListArguments):
    """Which part of the list of jobs, newest first."""

    status: JobStatus | None = None


class JobEntries(BaseModel):
    """A part of a list."""

    items: list[JobOut]
    has_more: bool


def train(given: TrainRequest, context: ToolContext, _: ProgressReporter) -> JobOut:
    """Start the search for a formula of `target`, and for a network that predicts it. `dataset_id` and
    `target` suffice. It also takes every other field of a training of `POST /jobs`. Then call wait_for_job.
    """
    return _submit(given, context)


def solve_equations(given: SolveArguments, context: ToolContext, _: ProgressReporter) -> JobOut:
    """Start solving ordinary or partial differential equations, such as `y'' + 4*y = 0` or `u_t = 0.1*u_xx`,
    with conditions such as `y(0) = 1`. Then call wait_for_job, and read_formula of the model.
    """
    return _submit(given, context)


async def wait_for_job(given: WaitArguments, context: ToolContext, report: ProgressReporter) -> JobOut:
    """Wait until a job has ended, at most `max_seconds`. Call it again while `status` is queued or running.
    `succeeded` has a `model_id`, `failed` an `error`.
    """
    reported = -1.0
    async for job in follow_job(given.job_id, context.sessions, context.watch, within_s=given.max_seconds):
        if job.progress.fraction > reported:  # the protocol wants progress that grows
            reported = job.progress.fraction
            await report(reported, 1.0, job.progress.message or job.progress.stage or job.status)
    return job


def cancel_job(given: CancelArguments, context: ToolContext, _: ProgressReporter) -> JobOut:
    """Stop a queued or running job."""
    return JobOut.from_row(lifecycle.cancel(given.job_id, context.sessions, keep_best=given.keep_best))


def list_jobs(given: ListJobsArguments, context: ToolContext, _: ProgressReporter) -> JobEntries:
    """Trainings and other jobs with their progress, newest first."""
    with context.sessions.read() as session:
        rows = Jobs(session).page(limit=given.limit, after=given.after, status=given.status)
    items = [JobOut.from_row(row) for row in rows[: given.limit]]
    return JobEntries(items=items, has_more=len(rows) > given.limit)


def _submit(request: AnyRequest, context: ToolContext) -> JobOut:
    submitted = lifecycle.submit(
        request,
        context.sessions,
        context.queue,
        context.settings,
        context.serving.predictors,
        limits=context.limits.admission,
    )
    return JobOut.from_submission(submitted.job)


JOB_TOOLS = (
    Tool(
        title="Train on a dataset",
        run=train,
        arguments=TrainRequest,
        result=JobOut,
        scopes=(Scope.TRAIN,),
        properties=(
            "dataset_id",
            "target",
            "features",
            "task",
            "types",
            "form",
            "must_use",
            "functions",
            "max_constants",
            "units",
            "max_seconds",
            "name",
        ),
    ),
    Tool(
        title="Solve differential equations",
        run=solve_equations,
        arguments=SolveArguments,
        result=JobOut,
        scopes=(Scope.TRAIN,),
        properties=(
            "independent",
            "unknowns",
            "domain",
            "equations",
            "conditions",
            "parameters",
            "measurements",
            "max_seconds",
            "name",
        ),
    ),
    Tool(
        title="Wait for a job",
        run=wait_for_job,
        arguments=WaitArguments,
        result=JobOut,
        scopes=(Scope.READ,),
        is_read_only=True,
    ),
    Tool(
        title="Cancel a job",
        run=cancel_job,
        arguments=CancelArguments,
        result=JobOut,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="List jobs",
        run=list_jobs,
        arguments=ListJobsArguments,
        result=JobEntries,
        scopes=(Scope.READ,),
        is_read_only=True,
    ),
)
