"""The result of a job: print its model, draw its picture, suggest the next commands."""

import shlex
from pathlib import Path

import typer

from service.cli.support.files import find_unused_path, make_file_name
from service.cli.support.live_progress import name_stage
from service.cli.support.model_report import fetch_formulas, print_report
from service.cli.support.output import print_message, print_result
from service.client import Client, Job, Model, Symbolic

MAIN_PLOTS = {"density": "density", "equation": "solution"}  # by task; otherwise the network


def print_trained_model(
    client: Client, job: Job, *, picture: Path | None, no_picture: bool, as_json: bool, server: str | None
) -> None:
    """Draw and print the model of a finished job."""
    model = client.model(str(job.model_id))
    formulas = fetch_formulas(client, model)
    picture_path = None if no_picture else _draw_model(client, model, picture)
    result = {"job": job, "model": model, "formulas": formulas, "picture": picture_path and str(picture_path)}
    print_result(result, as_json, lambda: _print_job_result(job, model, formulas, picture_path, server))


def _draw_model(client: Client, model: Model, path: Path | None) -> Path | None:
    """Draw the model and return the path; None if the file cannot be written, which only prints a message."""
    path = path or find_unused_path(Path(f"{make_file_name(model.name)}.svg"))
    try:
        client.plot(model, path, MAIN_PLOTS.get(model.task, "network"))
    except OSError as error:
        print_message(
            f"the picture cannot be written: {error.strerror}: {path}; 'kan-service plot' draws it elsewhere"
        )
        return None
    return path


def _print_job_result(
    job: Job, model: Model, formulas: Symbolic | None, picture: Path | None, server: str | None
) -> None:
    print_report(model, formulas)
    if job.cut_by:
        stage = name_stage(job.cut_by).lower()
        was_stopped = job.cancel_requested_at is not None
        hint = "" if was_stopped else "; a larger --max-seconds may do better"
        typer.echo(f"cut:       {'stopped' if was_stopped else 'time limit reached'} while {stage}{hint}")
    if picture:
        typer.echo(f"picture:   {picture.resolve()}")
    quoted_name = shlex.quote(model.name)
    commands = [f"predict {quoted_name} ROWS.csv", f"plot {quoted_name} --out network.svg"]
    commands[1:1] = [f"formula {quoted_name} --format excel"] if formulas else []
    print_next_commands(commands, server)


def print_next_commands(commands: list[str], server: str | None) -> None:
    """Print suggested next commands."""
    where = f" --server {server}" if server else ""
    print_message("next:")
    for command in commands:
        print_message(f"  kan-service {command}{where}")
