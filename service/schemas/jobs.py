"""Schemas of jobs as clients see them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from service.schemas.common import JobStatusName

QueueReason = Literal["no_worker", "earlier_jobs", "busy"]


class QueuePlace(BaseModel):
    """Why a job waits."""

    position: int = Field(description="1 for the next of your jobs; tenants take turns.")
    reason: QueueReason = Field(
        description="`no_worker`: no worker is running; `earlier_jobs`: other jobs of yours come first; "
        "`busy`: all workers are busy with other jobs."
    )


class ProgressOut(BaseModel):
    """Progress of a job."""

    stage: str | None
    fraction: float
    message: str | None
    eta_seconds: float | None
    eta_range: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="Seconds in which a running job ends in four of five cases, from earlier jobs of its "
        "kind on tables of its size and from its own progress. Null if unknown, and in lists of jobs.",
    )


class PreviewOut(BaseModel):
    """The best model so far of a job, which predicts until the job has its own."""

    model_id: str = Field(
        description="Replaced by better ones, and deleted once the job has its own model. It becomes that "
        "model if the time ends first, and is kept if the job fails."
    )
    name: str | None = Field(default=None, description="Name that the model of the job will have.")
    metrics: dict[str, float | None] = Field(description="Of the hold-out rows.")
    formula: str | None = Field(description="The formula so far; the model may be closer to the rows.")
    formula_metrics: dict[str, float | None] | None = Field(
        default=None, description="Of the formula, on the hold-out rows."
    )


class ErrorOut(BaseModel):
    """Why a job failed."""

    code: str
    detail: str


class JobTimings(BaseModel):
    """What a job has cost."""

    cpu_seconds: float | None = Field(
        default=None,
        description="Processor time of the ended attempts, on all cores: of the processes that executed the "
        "job, of their child processes, and of parts of its search (for a study, of its trainings) in other "
        "processes. Attempts that were killed are not counted. Null until the first attempt has ended.",
    )


class JobOut(BaseModel):
    """A job as clients see it."""

    id: str
    kind: str
    name: str | None = Field(default=None, description="The requested name of its model, if any.")
    priority: int
    parent_id: str | None = Field(description="The study to which a training belongs.")
    status: JobStatusName
    progress: ProgressOut
    dataset_id: str | None
    dataset_name: str | None = Field(description="Null if the dataset was deleted.")
    model_id: str | None = Field(description="The trained model; null until it exists.")
    preview: PreviewOut | None = Field(
        default=None,
        description="The best model so far, from seconds after the start of a training; null once the job "
        "has its own.",
    )
    queue: QueuePlace | None = Field(
        default=None, description="Of a queued job: its place. Null in lists of jobs, and once it runs."
    )
    error: ErrorOut | None
    cut_by: str | None = Field(description="The stage that `max_seconds` or a cancellation ended early.")
    timings: JobTimings = JobTimings()
    attempt: int
    retry_of: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None

    @staticmethod
    def from_row(job: Any) -> "JobOut":
        """The current state of a job, from its row."""
        progress = ProgressOut(
            stage=job.stage, fraction=job.fraction, message=job.message, eta_seconds=job.eta_seconds
        )
        error = ErrorOut(code=job.error_code, detail=job.error_detail or "") if job.error_code else None
        timings = JobTimings(cpu_seconds=None if job.cpu_seconds is None else round(job.cpu_seconds, 3))
        columns = JobOut.model_fields.keys() - {"progress", "queue", "error", "timings"}
        return JobOut(
            progress=progress, error=error, timings=timings, **{name: getattr(job, name) for name in columns}
        )

    @staticmethod
    def from_submission(job: Any) -> "JobOut":
        """The job as at its submission, for a repeated submission."""
        unset = dict.fromkeys(
            ("model_id", "preview", "error", "cut_by", "started_at", "finished_at", "cancel_requested_at")
        )
        progress = ProgressOut(stage=None, fraction=0.0, message=None, eta_seconds=None)
        return JobOut.from_row(job).model_copy(
            update={
                **unset,
                "status": "queued",
                "attempt": 0,
                "progress": progress,
                "timings": JobTimings(),
            }
        )


class EventOut(BaseModel):
    """An event of a job: a new `status`, or `progress`."""

    number: int = Field(description="Counts from 1 without gaps.")
    kind: str
    data: dict[str, Any] = Field(
        description="Of `progress`: `stage`, `fraction`, `message`, `eta_seconds`, the lowest `error` since "
        "the last event, and `trials`, the networks tried since then. A trial has its `kind` (`structure` in "
        "the search for a small law, or `network`), `width`, `grid`, `error` on rows it was not fitted to, "
        "and `age_seconds`, the time from its end to the event; a network also has `optimizer`, `steps`, "
        "`weight_decay` and `quantile`."
    )
    created_at: datetime


class TraceStepOut(BaseModel):
    """One strategy of a search, run once."""

    strategy: str
    path: list[str] = Field(
        description="Names of the reductions inside which it ran, the outermost first; empty for the whole "
        "table."
    )
    seconds: float = Field(description="Time that the process of the job spent in it.")
    work: float | None = Field(
        description="Counted work, in seconds of one core, the same on every machine; null if not counted."
    )
    proposed: int = Field(description="Number of candidates: formulas and networks.")
    entered: int = Field(description="Number of candidates that were kept.")
    best: str | None = Field(
        description="The best formula so far, at most 200 characters of it; null if the step knows none."
    )
    error: float | None = Field(description="Its error relative to the standard deviation of the target.")
    outcome: str = Field(description="Why it ended, or why it was left out.")


class TraceOut(BaseModel):
    """What the search of a job has done, in the order in which its steps ended."""

    version: int
    steps: list[TraceStepOut] = Field(
        description="Empty until the search has ended, and of jobs without a search."
    )
    ended: str | None = Field(description="Why the search ended.")
    left_out: int = Field(
        description="Steps that are missing in the middle of a long trace, which is kept below 64 kB."
    )


class EventPage(BaseModel):
    """Events in order of occurrence."""

    items: list[EventOut]
    next_cursor: str | None = Field(
        description="Pass it as `cursor` to get the next page; null on the last one."
    )
