"""``kan-service train``: from a file to a network, its formula and its picture."""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli import wishes
from service.cli.connection import Key, Server, connected, uploaded
from service.cli.errors import place
from service.cli.files import as_picture, file_name, unused
from service.cli.live import STAGES
from service.cli.output import AsJson, say, show
from service.cli.report import formulas_of, report
from service.cli.waiting import ended_job
from service.client import ApiError, Client, ClientError, Dataset, Job, Model, Symbolic

SHOWN_WARNINGS = 5


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(train)


def train(
    *,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV, TSV, JSON Lines or Parquet; also .gz.")
    ],
    target: Annotated[str, typer.Option(help="Column to predict.")],
    name: wishes.Name = None,
    max_seconds: wishes.MaxSeconds = None,
    task: wishes.Task = "auto",
    features: wishes.Features = None,
    drop: wishes.Drop = None,
    hidden: wishes.Hidden = None,
    grid: wishes.Grid = None,
    seed: wishes.Seed = None,
    test_fraction: wishes.TestFraction = None,
    no_formula: wishes.NoFormula = False,
    baselines: wishes.Baselines = None,
    picture: Annotated[
        Path | None, typer.Option(help="Where to draw the network. [default: NAME.svg in this folder]")
    ] = None,
    no_picture: Annotated[bool, typer.Option("--no-picture", help="Do not draw the network.")] = False,
    keep_best: Annotated[
        bool, typer.Option("--keep-best", help="On Ctrl-C, keep the best network so far.")
    ] = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Train a network on a file, and print how good it is and its formula. Ctrl-C cancels the job."""
    wished = {
        "name": name,
        "max_seconds": max_seconds,
        "task": None if task == "auto" else task,
        "seed": seed,
    }
    wished |= {"hidden": hidden, "grid": grid, "test_fraction": test_fraction}
    body = wishes.body_of(wished | {"no_formula": no_formula, "baselines": baselines})
    picture = picture and as_picture(picture, "--picture")
    with connected(server, key) as client:
        dataset = uploaded(client, file)
        _tell_warnings(dataset)
        job = _submitted(client, dataset, target, body, (features, drop))
        ended = ended_job(client, job, dataset, keep_best=keep_best)
        model = client.model(str(ended.model_id))
        formulas = formulas_of(client, model)
        drawn = None if no_picture else _drawn(client, model, picture)
        result = {"job": ended, "model": model, "formulas": formulas, "picture": drawn and str(drawn)}
        show(result, as_json, lambda: _tell(ended, model, formulas, drawn, server))


def _tell_warnings(dataset: Dataset) -> None:
    """What looks odd in the table, before anyone waits for what comes of it."""
    say(f"{dataset.name}: {dataset.rows:,} rows, {len(dataset.columns)} columns")
    for warning in dataset.warnings[:SHOWN_WARNINGS]:
        say(f"  warning: {place(warning)}{warning.get('detail')}")
    if len(dataset.warnings) > SHOWN_WARNINGS:
        more = len(dataset.warnings) - SHOWN_WARNINGS
        say(f"  and {more} more warnings; 'kan-service datasets show {dataset.id}' has all")


def _submitted(
    client: Client,
    dataset: Dataset,
    target: str,
    body: dict[str, Any],
    columns: tuple[list[str] | None, list[str] | None],
) -> Job:
    """The job; if there cannot be one, the table is of no use either."""
    try:
        return client.submit(dataset, target, **body | wishes.features_of(dataset, target, *columns))
    except (ApiError, typer.BadParameter):
        with suppress(ClientError):
            client.delete(dataset)
        raise


def _drawn(client: Client, model: Model, path: Path | None) -> Path | None:
    """Where the picture is; a folder without room for it is no reason to keep the result back."""
    path = path or unused(Path(f"{file_name(model.name)}.svg"))
    try:
        client.plot(model, path)
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
        typer.echo(f"cut:       {'stopped' if was_stopped else 'the time was up'} while {stage}{hint}")
    if picture:
        typer.echo(f"picture:   {picture.resolve()}")
    named = shlex.quote(model.name)
    commands = [f"predict {named} ROWS.csv", f"plot {named} --out network.svg"]
    commands[1:1] = [f"formula {named} --format excel"] if formulas else []
    where = f" --server {server}" if server else ""
    say("next:")
    for command in commands:
        say(f"  kan-service {command}{where}")
