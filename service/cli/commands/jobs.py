"""``kan-service jobs``: list, show, stop and retry jobs."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.support.connection import Key, Server, connect
from service.cli.support.groups import make_group
from service.cli.support.list_filters import DatasetOption, Search, Since, Sort, Tag, Until, make_filters
from service.cli.support.output import AsJson, clean_text, print_list, print_message, print_result
from service.cli.support.table_source import find_dataset
from service.client import Job, Trace
from service.schemas.common import JobStatusName
from service.schemas.job_kinds import JOB_KINDS
from service.schemas.jobs import TraceStepOut

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a job, as listed.")]
if TYPE_CHECKING:
    Kind = str
else:
    Kind = Literal[tuple(JOB_KINDS)]

app = make_group("Trainings and other jobs.")


@app.command("list")
def list_all(
    *,
    status: Annotated[JobStatusName | None, typer.Option(help="Only jobs with this status.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only jobs of this kind.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model that a training makes.")] = None,
    dataset: DatasetOption = None,
    model: Annotated[
        str | None, typer.Option(help="Id or name of the model that they made or use.", show_default=False)
    ] = None,
    search: Search = None,
    tag: Tag = None,
    since: Since = None,
    until: Until = None,
    sort: Sort = "newest",
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """List the jobs, newest first."""
    with connect(server, key) as client:
        filters = make_filters(search, tag, since, until, sort)
        source = dataset and find_dataset(client, dataset)
        records = client.jobs(status, kind=kind, name=name, dataset=source, model=model, **filters)
        print_list(records, as_json, ["id", "kind", "status", "done", "created", "model"], _cells)


@app.command("show")
def show_one(job: Id, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Show the status and progress of a job, and the steps of its search once it has ended."""
    with connect(server, key) as client:
        record, trace = client.job(job), client.trace(job)
    document = {**record.model_dump(mode="json"), "trace": trace.model_dump(mode="json")}
    print_result(document, as_json, lambda: _print_job(record, trace))


@app.command()
def cancel(
    job: Id,
    keep_best: Annotated[bool, typer.Option("--keep-best", help="Keep the best network so far.")] = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Stop a job."""
    with connect(server, key) as client:
        record = client.cancel(job, keep_best=keep_best)
    what = "finishes with the best network so far" if keep_best else "is cancelled"
    print_result(record, as_json, lambda: typer.echo(f"the job {record.id} {what}"))


@app.command()
def retry(job: Id, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Submit a finished job again, as a new job."""
    with connect(server, key) as client:
        record = client.retry(job)
    print_result(
        record,
        as_json,
        lambda: typer.echo(f"queued the job {record.id}; 'kan-service jobs show' shows its progress"),
    )


WAITING_REASONS = {
    "no_worker": "no worker is running",
    "earlier_jobs": "{earlier} of your jobs come first",
    "busy": "it is next: all workers are busy",
}


def _cells(job: Job) -> list[object]:
    return [job.id, job.kind, job.status, f"{job.progress.fraction:.0%}", job.created_at, job.model_id]


STEP_COLUMNS = ["strategy", "seconds", "proposed", "entered", "error", "outcome", "best"]


def _print_job(job: Job, trace: Trace) -> None:
    now = job.progress
    stage = ": ".join(word for word in (now.stage, now.message) if word) if not job.has_ended else None
    facts = {
        "job": f"{job.id} ({job.kind})",
        "status": job.status,
        "progress": f"{now.fraction:.0%}",
        "stage": stage,
        "waits": job.queue and WAITING_REASONS[job.queue.reason].format(earlier=job.queue.position - 1),
        "left": None if job.has_ended or now.eta_seconds is None else f"about {now.eta_seconds:.0f} s",
        "error": job.error and f"{job.error.detail} ({job.error.code})",
        "cut by": job.cut_by,
        "attempt": job.attempt or None,
        "dataset": job.dataset_id,
        "model": job.model_id,
        "preview": job.preview and job.preview.model_id,
        "retry of": job.retry_of,
        "search": trace.ended,
        "created": job.created_at,
        "started": job.started_at,
        "finished": job.finished_at,
    }
    for name, value in facts.items():
        if value is not None:
            typer.echo(f"{name + ':':<10}{clean_text(str(value))}")
    if trace.steps:
        typer.echo()
        print_list(trace.steps, as_json=False, names=STEP_COLUMNS, cells=_list_step_cells)
    if trace.left_out:
        print_message(f"(steps not shown, in the middle: {trace.left_out})")


def _list_step_cells(step: TraceStepOut) -> list[object]:
    name = " > ".join((*step.path, step.strategy))
    return [name, round(step.seconds, 2), step.proposed, step.entered, step.error, step.outcome, step.best]
