"""``kan-service predict``: predict for the rows of a file."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.fields.options import take_body
from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.errors import UnusableInput
from service.cli.support.files import check_table_path, read_columns
from service.cli.support.live_progress import show_live_progress
from service.cli.support.output import AsJson, print_message, print_result
from service.cli.support.table_source import GivenTable, Table, is_file, open_dataset, open_file
from service.client import Client, ClientError, Job, Predictions


@take_body("predict")
def predict(
    *,
    model: Model,
    table: Table,
    out: Annotated[
        Path | None, typer.Option(help="Write the rows with their predictions to this .csv or .parquet file.")
    ] = None,
    body: dict[str, Any],
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Predict for the rows of a table; print a JSON value per row, or write a table."""
    out = out and check_table_path(out, "--out")
    if out is None and not is_file(table):
        words = f"{table!r} is no file; predictions for a dataset are written to a file, such as rows.csv"
        raise typer.BadParameter(words, param_hint="--out")
    with connect(server, key) as client:
        if out is None:
            with open_file(table) as file:
                _print_predictions(list(_request_predictions(client, model, file, body)), as_json)
            return
        rows = _predict_to_file(client, model, table, out, body)
    text = f"wrote {rows:,} rows with their predictions to {out}"
    print_result({"out": str(out), "rows": rows}, as_json, lambda: typer.echo(text))


def _request_predictions(
    client: Client,
    model: str,
    file: Path,
    body: Mapping[str, Any],
    *,
    batch_rows: int = 10_000,
) -> Iterator[Predictions]:
    """Predictions in batches of ``batch_rows`` rows.

    Raises:
        UnusableInput: The file has no rows or is not a table.
    """
    columns = read_columns(file)
    length = len(next(iter(columns.values()), []))
    if not length:
        raise UnusableInput(f"{file} has no rows; add at least one")
    for start in range(0, length, batch_rows):
        part = {name: values[start : start + batch_rows] for name, values in columns.items()}
        yield client.predict(model, part, **body)


def _print_predictions(answers: list[Predictions], as_json: bool) -> None:
    starts = accumulate((len(answer.values) for answer in answers), initial=0)
    doubts = [
        doubt.model_copy(update={"row": doubt.row + start})
        for start, answer in zip(starts, answers, strict=False)
        for doubt in answer.warnings
    ]
    document = {
        "model_id": answers[0].model_id,
        "by": answers[0].by,
        "predictions": [value for answer in answers for value in answer.values],
        "probabilities": _concatenate(answers, "probabilities"),
        "intervals": _concatenate(answers, "intervals"),
        "warnings": [doubt.model_dump() for doubt in doubts],
        "warning_count": sum(answer.warning_count for answer in answers),
    }
    rows = [json.dumps(row, ensure_ascii=False) for answer in answers for row in _output_rows(answer)]
    print_result(document, as_json, lambda: typer.echo("\n".join(rows)))
    if doubts:
        where = f"row {doubts[0].row}, column {doubts[0].column!r}: {doubts[0].code.replace('_', ' ')}"
        print_message(f"warnings about the rows: {document['warning_count']}; the first: {where}")


def _output_rows(answer: Predictions) -> Iterator[Any]:
    """The predicted values; if intervals were requested, objects with bounds, which may be null."""
    if answer.intervals is None:
        yield from answer.values
        return
    for value, interval in zip(answer.values, answer.intervals, strict=True):
        low, high = interval or (None, None)
        yield {"prediction": value, "low": low, "high": high}


def _concatenate(answers: list[Predictions], name: str) -> list[Any] | None:
    parts = [getattr(answer, name) for answer in answers]
    return None if parts[0] is None else [row for part in parts for row in part]


def _predict_to_file(client: Client, model: str, table: str, out: Path, body: Mapping[str, Any]) -> int:
    """Predict in a job, which reads the table as a training does; return the number of rows.

    The job and the uploaded dataset are deleted afterwards.
    """
    kind = out.suffix.lower().removeprefix(".")
    with open_dataset(client, table) as source:
        job = client.submit(source.dataset, kind="predict", model=model, format=kind, **body)
    try:
        with show_live_progress() as progress:
            client.wait(job, progress=progress)
        client.result(job, out)
    finally:
        _delete_remains(client, source, job)
    return source.dataset.rows


def _delete_remains(client: Client, source: GivenTable, job: Job) -> None:
    """Delete the job, and the dataset if this command has uploaded it."""
    with suppress(ClientError):  # remains only occupy space
        if not client.job(job.id).has_ended:
            client.cancel(job)
            client.wait(job, 10.0, progress=False)
        client.delete(job)
    source.delete_upload(client)
