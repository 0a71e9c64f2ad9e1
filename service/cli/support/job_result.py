"""The result of a job: print its model, draw its picture, suggest the next commands."""

import shlex
from pathlib import Path

import typer

from service.cli.support.files import file_name, unused
from service.cli.support.live_progress import STAGES
from service.cli.support.model_report import formulas_of, report
from service.cli.support.output import say, show
from service.client import Client, Job, Model, Symbolic

PICTURED = {"density": "density", "equation": "solution"}  # by task; otherwise the network


def tell_trained(
    client: Client, job: Job, *, picture: Path | None, no_picture: bool, as_json: bool, server: str | None
) -> None:
    """Draw and print the model of a finished job."""
    model = client.model(str(job.model_id))
    formulas = formulas_of(client, model)
    drawn = None if no_picture else _drawn(client, model, picture)
    result = {"job": job, "model": model, "formulas": formulas, "picture": drawn and str(drawn)}
    show(result, as_json, lambda: _tell(job, model, formulas, drawn, server))


def _drawn(client: Client, model: Model, path: Path | None) -> Path | None:
    """Draw the model and return the path; None if the file cannot be written, which only prints a message."""
    path = path or unused(Path(f"{file_name(model.name)}.svg"))
    try:
        client.plot(model, path, PICTURED.get(model.task, "network"))
    except OSError as error:
        say(f"the picture cannot be written: {error.strerror}: {path}; 'kan-service plot' draws it elsewhere")
        return None
    return path


def _tell(
    job: Job, model: Model, formulas: Symbolic | None, picture: Path | None, server: str | None
) -> None:
    report(model, formulas)
    if job.cut_by:
        stage = STAGES.get(job.cut_by, job.cut_by).lower()
        was_stopped = job.cancel_requested_at is not None
        hint = "" if was_stopped else "; a larger --max-seconds may do better"
        typer.echo(f"cut:       {'stopped' if was_stopped else 'time limit reached'} while {stage}{hint}")
    if picture:
        typer.echo(f"picture:   {picture.resolve()}")
    named = shlex.quote(model.name)
    commands = [f"predict {named} ROWS.csv", f"plot {named} --out network.svg"]
    commands[1:1] = [f"formula {named} --format excel"] if formulas else []
    say_next(commands, server)


def say_next(commands: list[str], server: str | None) -> None:
    """Print suggested next commands."""
    where = f" --server {server}" if server else ""
    say("next:")
    for command in commands:
        say(f"  kan-service {command}{where}")
