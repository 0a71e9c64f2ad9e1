"""Tools for jobs: train, solve equations, change a formula, predict a dataset, study, wait, list."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from service.api.live.job_following import MAX_WAIT_S, follow_job
from service.api.mcp.dataset_tools import ItemId, ListArguments
from service.api.mcp.tool import ProgressReporter, Tool, ToolContext
from service.caller import Scope
from service.db.repositories import Jobs
from service.db.tables import JobStatus
from service.operations.downloads import read_result_rows
from service.operations.jobs import lifecycle, search_trace
from service.schemas.common import RequestModel
from service.schemas.equations import SolveRequest
from service.schemas.job_kinds import AnyRequest
from service.schemas.jobs import JobOut, TraceOut
from service.schemas.prediction import BatchRequest
from service.schemas.revision import SymbolicRequest
from service.schemas.study import StudyRequest
from service.schemas.training import TrainRequest


class SolveArguments(SolveRequest):
    """Equations with their domain and conditions."""

    kind: Literal["solve"] = "solve"


class ChangeArguments(SymbolicRequest):
    """Which model, and what becomes another: its formula, or the member that answers."""

    kind: Literal["symbolic"] = "symbolic"


class TableArguments(BatchRequest):
    """Which model predicts which dataset."""

    kind: Literal["predict"] = "predict"


class StudyArguments(StudyRequest):
    """A training, and the settings or targets to compare."""

    kind: Literal["study"] = "study"


class JobArguments(RequestModel):
    """Which job."""

    job_id: ItemId


class ResultArguments(JobArguments):
    """Which rows of which result."""

    offset: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=1_000)] = 50


class ResultRows(BaseModel):
    """Rows of a result."""

    columns: list[str]
    row_count: int = Field(description="Of the whole result.")
    rows: list[dict[str, Any]]


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


def train(arguments: TrainRequest, context: ToolContext, _: ProgressReporter) -> JobOut:
    """Start the search for a formula of `target`, and for a network that predicts it. `dataset_id` and
    `target` suffice. Then call wait_for_job.
    """
    return _submit(arguments, context)


def solve_equations(arguments: SolveArguments, context: ToolContext, _: ProgressReporter) -> JobOut:
    """Start solving ordinary or partial differential equations, such as `y'' + 4*y = 0` or `u_t = 0.1*u_xx`,
    with conditions such as `y(0) = 1`. Then call wait_for_job, and read_formula of the model.
    """
    return _submit(arguments, context)


def change_formula(arguments: ChangeArguments, context: ToolContext, _: ProgressReporter) -> JobOut:
    """Make the next version of a model with another formula: one of `pareto` (`choose`), with functions on
    edges (`fix`), without columns or functions; or let another member answer. Then call wait_for_job.
    """
    return _submit(arguments, context)


def predict_table(arguments: TableArguments, context: ToolContext, _: ProgressReporter) -> JobOut:
    """Start the prediction of every row of a dataset. Then call wait_for_job and read_result."""
    return _submit(arguments, context)


def run_study(arguments: StudyArguments, context: ToolContext, _: ProgressReporter) -> JobOut:
    """Start trainings that differ in settings (`vary`) or in `targets`. Then call wait_for_job and
    read_result, which has a row per training.
    """
    return _submit(arguments, context)


def retry_job(arguments: JobArguments, context: ToolContext, _: ProgressReporter) -> JobOut:
    """Submit the request of an ended job again, as a new job."""
    job = lifecycle.retry(
        arguments.job_id,
        context.sessions,
        context.queue,
        context.settings,
        context.serving.predictors,
        limits=context.limits.admission,
    )
    return JobOut.from_row(job)


def read_result(arguments: ResultArguments, context: ToolContext, _: ProgressReporter) -> ResultRows:
    """Rows of the result of predict_table or run_study."""
    return ResultRows(
        **read_result_rows(arguments.job_id, arguments.offset, arguments.limit, context.sessions)
    )


def read_trace(arguments: JobArguments, context: ToolContext, _: ProgressReporter) -> TraceOut:
    """What the search of an ended job did: its strategies, what they proposed and kept, why it ended."""
    return search_trace.read_trace(arguments.job_id, context.sessions)


async def wait_for_job(arguments: WaitArguments, context: ToolContext, report: ProgressReporter) -> JobOut:
    """Wait until a job has ended, at most `max_seconds`. Call it again while `status` is queued or running.
    `succeeded` has a `model_id`, `failed` an `error`.
    """
    reported_fraction = -1.0
    async for job in follow_job(
        arguments.job_id, context.sessions, context.watch, within_s=arguments.max_seconds
    ):
        if job.progress.fraction > reported_fraction:  # the protocol wants progress that grows
            reported_fraction = job.progress.fraction
            await report(reported_fraction, 1.0, job.progress.message or job.progress.stage or job.status)
    return job


def cancel_job(arguments: CancelArguments, context: ToolContext, _: ProgressReporter) -> JobOut:
    """Stop a queued or running job."""
    return JobOut.from_row(
        lifecycle.cancel(arguments.job_id, context.sessions, keep_best=arguments.keep_best)
    )


def list_jobs(arguments: ListJobsArguments, context: ToolContext, _: ProgressReporter) -> JobEntries:
    """Trainings and other jobs with their progress, newest first."""
    with context.sessions.read() as session:
        rows = Jobs(session).page(limit=arguments.limit, after=arguments.after, status=arguments.status)
    items = [JobOut.from_row(row) for row in rows[: arguments.limit]]
    return JobEntries(items=items, has_more=len(rows) > arguments.limit)


def _submit(request: AnyRequest, context: ToolContext) -> JobOut:
    submission = lifecycle.submit(
        request,
        context.sessions,
        context.queue,
        context.settings,
        context.serving.predictors,
        limits=context.limits.admission,
    )
    return JobOut.from_submission(submission.job)


JOB_TOOLS = (
    Tool(
        title="Train on a dataset",
        run=train,
        arguments=TrainRequest,
        result=JobOut,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="Solve differential equations",
        run=solve_equations,
        arguments=SolveArguments,
        result=JobOut,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="Change the formula of a model",
        run=change_formula,
        arguments=ChangeArguments,
        result=JobOut,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="Predict a dataset",
        run=predict_table,
        arguments=TableArguments,
        result=JobOut,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="Run a study",
        run=run_study,
        arguments=StudyArguments,
        result=JobOut,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="Retry a job",
        run=retry_job,
        arguments=JobArguments,
        result=JobOut,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="Read a result",
        run=read_result,
        arguments=ResultArguments,
        result=ResultRows,
        scopes=(Scope.READ,),
        is_read_only=True,
    ),
    Tool(
        title="Read the trace of a search",
        run=read_trace,
        arguments=JobArguments,
        result=TraceOut,
        scopes=(Scope.READ,),
        is_read_only=True,
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
