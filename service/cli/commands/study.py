"""``kan-service study``: train with every combination of some settings, and tabulate the results."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.fields.options import take_body
from service.cli.support import table_source, training_options
from service.cli.support.connection import Key, Server, connect
from service.cli.support.files import check_table_path, find_unused_path, make_file_name, read_columns
from service.cli.support.job_result import print_next_commands
from service.cli.support.output import AsJson, print_message, print_result
from service.cli.support.study_table import print_rows
from service.cli.support.waiting import wait_for_job
from service.client import ApiError, Client, Job
from service.documents.plots import STUDY_PLOTS
from service.schemas.study import GRID_PATH


@take_body("study", "train")
def study(
    *,
    table: table_source.Table,
    target: training_options.Target = None,
    body: dict[str, Any],
    out: Annotated[
        Path | None,
        typer.Option(
            help="File for the results, .csv or .parquet. [default: TABLE-study.csv in this folder]",
            show_default=False,
        ),
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures", help="Also plot error and time over grid and parameters.")
    ] = False,
    features: training_options.Features = None,
    drop: training_options.Drop = None,
    unit: training_options.Units = None,
    missing: table_source.Missing = None,
    repeated_rows: table_source.RepeatedRows = "keep",
    swap_day_and_month: table_source.SwapDayAndMonth = None,
    encoding: table_source.Encoding = None,
    keep_best: Annotated[
        bool, typer.Option("--keep-best", help="On Ctrl-C, keep the table of the finished trainings.")
    ] = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Train on a table with every combination of settings, or for several targets; print the results.

    Settings, also the time limit, are those of each training.
    """
    training_options.check_training(body, target, features)
    targets, variations = body.get("targets", []), body.setdefault("vary", {})
    if not targets and not variations:
        words = "give settings with their values, such as network.grid=3,10, or several --targets"
        raise typer.BadParameter(words, param_hint="--vary")
    out = out and check_table_path(out, "--out")
    corrections = table_source.read_corrections(unit, missing, repeated_rows, swap_day_and_month, encoding)
    with connect(server, key) as client:
        with table_source.open_dataset(client, table, **corrections) as source:
            goals = targets or ([] if target is None else [target])
            body |= training_options.select_features(source.dataset, goals, features, drop)
            body |= training_options.select_wanted(source.dataset, body.get("must_use"))
            path = out or find_unused_path(Path(f"{make_file_name(source.dataset.name)}-study.csv"))
            form = path.suffix.lower().removeprefix(".")
            job = client.submit(source.dataset, target, kind="study", format=form, **body)
        final_job = wait_for_job(client, job, None, keep_best=keep_best)
        client.result(final_job, path)
        plots = list(_draw_pictures(client, final_job, path)) if pictures else []
        columns = read_columns(path)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    settings = [*(["target"] if targets else []), *variations]
    result = {"job": final_job, "table": str(path), "pictures": [str(plot) for plot in plots], "rows": rows}
    print_result(result, as_json, lambda: print_rows(rows, settings))
    for row in rows:
        if row["error"]:
            print_message(f"training {row['training']}: {row['error']}")
    for file in (path, *plots):
        print_message(f"wrote {file.resolve()}")
    if not as_json:
        hints = ["predict MODEL_ID ROWS.csv"]
        hints += (
            [] if pictures or GRID_PATH not in variations else [f"plot {final_job.id} --name error_by_grid"]
        )
        print_next_commands(hints, server)


def _draw_pictures(client: Client, job: Job, table: Path) -> Iterator[Path]:
    """Draw the pictures of a study into the folder of its table; print each reason for a missing one once."""
    reasons = set()
    for name in STUDY_PLOTS:
        path = find_unused_path(table.with_name(f"{table.stem}-{name}.svg"))
        try:
            client.plot(job, path, name)
            yield path
        except ApiError as error:
            reasons.add(error.detail)
    for reason in reasons:
        print_message(f"no picture: {reason}")
