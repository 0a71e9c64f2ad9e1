"""``kan-service study``: train with every combination of some settings, and tabulate the results."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.commands.plot import OF_STUDIES
from service.cli.support import training_options
from service.cli.support.connection import Key, Server, connected
from service.cli.support.dataset_upload import TableFile, table_of
from service.cli.support.files import as_table, file_name, read_columns, unused
from service.cli.support.job_result import say_next
from service.cli.support.output import AsJson, say, show
from service.cli.support.study_table import tell_rows
from service.cli.support.waiting import ended_job
from service.client import ApiError, Client, Job
from service.schemas.study import GRID

COMMA = re.compile(r",(?![^\[]*\])")  # a comma outside brackets

Vary = Annotated[
    list[str],
    typer.Option(
        help="Path of a setting with the values to try, such as network.grid=3,10 or "
        "'network.hidden=[5],[10,5]'; repeat the option for each setting.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(study)


def study(
    *,
    file: TableFile,
    target: training_options.Target = None,
    vary: Vary,
    refine: Annotated[
        bool, typer.Option("--refine", help="Refine one network from the coarsest to the finest grid.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File for the table, .csv or .parquet. [default: FILE-study.csv in this folder]",
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Also plot error and time over grid and parameters.")
    ] = False,
    name: training_options.Name = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Time limit of each training. [default: 300]")
    ] = None,
    task: training_options.Task = "auto",
    features: training_options.Features = None,
    drop: training_options.Drop = None,
    hidden: training_options.Hidden = None,
    grid: training_options.Grid = None,
    seed: training_options.Seed = None,
    test_fraction: training_options.TestFraction = None,
    no_formula: training_options.NoFormula = False,
    baselines: training_options.Baselines = None,
    keep_best: Annotated[
        bool, typer.Option("--keep-best", help="On Ctrl-C, keep the table of the finished trainings.")
    ] = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Train on a file with every combination of settings, and print a table of the results."""
    training_options.check_goal(target, task, features)
    body = training_options.body_of(
        name=name,
        max_seconds=max_seconds,
        task=task,
        seed=seed,
        hidden=hidden,
        grid=grid,
        test_fraction=test_fraction,
        no_formula=no_formula,
        baselines=baselines,
    )
    varied = _varied(vary)
    out = out and as_table(out, "--out")
    with connected(server, key) as client:
        with table_of(client, file) as dataset:
            body |= training_options.features_of(dataset, target, features, drop)
            body |= {"vary": varied, "refine": refine}
            path = out or unused(Path(f"{file_name(dataset.name)}-study.csv"))
            form = path.suffix.lower().removeprefix(".")
            job = client.submit(dataset, target, kind="study", format=form, **body)
        ended = ended_job(client, job, None, keep_best=keep_best)
        client.result(ended, path)
        drawn = list(_drawn(client, ended, path)) if pictures else []
        columns = read_columns(path)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    result = {"job": ended, "table": str(path), "pictures": [str(each) for each in drawn], "rows": rows}
    show(result, as_json, lambda: tell_rows(rows, list(varied)))
    for row in rows:
        if row["error"]:
            say(f"training {row['training']}: {row['error']}")
    for written in (path, *drawn):
        say(f"wrote {written.resolve()}")
    if not as_json:
        hints = ["predict MODEL_ID ROWS.csv"]
        hints += [] if pictures or GRID not in varied else [f"plot {ended.id} --name error_by_grid"]
        say_next(hints, server)


def _varied(given: Sequence[str]) -> dict[str, list[Any]]:
    varied: dict[str, list[Any]] = {}
    for text in given:
        path, _, values = (part.strip() for part in text.partition("="))
        if not path or not values:
            words = f"{text!r} has no values; write for example network.grid=3,10"
            raise typer.BadParameter(words, param_hint="--vary")
        if path in varied:
            words = f"{path} is given twice; give all its values at once, as in {path}=3,10"
            raise typer.BadParameter(words, param_hint="--vary")
        varied[path] = _values(values)
    return varied


def _values(text: str) -> list[Any]:
    """Parse JSON values separated by commas; strings need no quotes."""
    try:
        return list(json.loads(f"[{text}]"))
    except ValueError:
        return [_value(part.strip()) for part in COMMA.split(text)]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        if text.startswith(("[", "{", '"')):
            words = f'{text} is not valid JSON; write lists as in \'features=["x1"],["x1","x2"]\''
            raise typer.BadParameter(words, param_hint="--vary") from None
        return text


def _drawn(client: Client, job: Job, table: Path) -> Iterator[Path]:
    """Draw the pictures of a study into the folder of its table; print each reason for a missing one once."""
    reasons = set()
    for name in OF_STUDIES:
        path = unused(table.with_name(f"{table.stem}-{name}.svg"))
        try:
            client.plot(job, path, name)
            yield path
        except ApiError as error:
            reasons.add(error.detail)
    for reason in reasons:
        say(f"no picture: {reason}")
