"""``kan-service predict``: predict for the rows of a file."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connected, uploaded
from service.cli.support.errors import UnusableInput
from service.cli.support.files import as_table, read_columns
from service.cli.support.live_progress import followed
from service.cli.support.output import AsJson, say, show
from service.client import Client, ClientError, Dataset, Job, Predictions
from service.schemas.members import By

ROWS_AT_ONCE = 10_000


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(predict)


def predict(
    model: Model,
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="Rows: CSV, TSV, JSON Lines or Parquet; also .gz."),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Write the rows with their predictions to this .csv or .parquet file.")
    ] = None,
    interval: Annotated[
        float | None, typer.Option(help="Share of true values that the intervals should cover, such as 0.9.")
    ] = None,
    by: Annotated[
        By,
        typer.Option(
            help="Member to predict with: accurate is the network; auto an exact formula or else it."
        ),
    ] = "auto",
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Predict for the rows of a file; print one JSON value per row, or write a table."""
    out = out and as_table(out, "--out")
    with connected(server, key) as client:
        if out is None:
            _print(list(_request_predictions(client, model, file, interval, by)), as_json)
            return
        rows = _written(client, model, file, out, interval, by)
    told = f"wrote {rows:,} rows with their predictions to {out}"
    show({"out": str(out), "rows": rows}, as_json, lambda: typer.echo(told))


def _request_predictions(
    client: Client, model: str, file: Path, interval: float | None, by: By
) -> Iterator[Predictions]:
    """Predictions in batches of ``MAX_ROWS_PER_REQUEST`` rows.

    Raises:
        UnusableInput: The file has no rows or is not a table.
    """
    columns = read_columns(file)
    length = len(next(iter(columns.values()), []))
    if not length:
        raise UnusableInput(f"{file} has no rows; add at least one")
    for start in range(0, length, ROWS_AT_ONCE):
        part = {name: values[start : start + ROWS_AT_ONCE] for name, values in columns.items()}
        yield client.predict(model, part, interval, by)


def _print(answers: list[Predictions], as_json: bool) -> None:
    doubts = [
        doubt.model_copy(update={"row": doubt.row + number * ROWS_AT_ONCE})
        for number, answer in enumerate(answers)
        for doubt in answer.warnings
    ]
    document = {
        "model_id": answers[0].model_id,
        "by": answers[0].by,
        "predictions": [value for answer in answers for value in answer.values],
        "probabilities": _joined(answers, "probabilities"),
        "intervals": _joined(answers, "intervals"),
        "warnings": [doubt.model_dump() for doubt in doubts],
        "warning_count": sum(answer.warning_count for answer in answers),
    }
    rows = [json.dumps(row, ensure_ascii=False) for answer in answers for row in _rows(answer)]
    show(document, as_json, lambda: typer.echo("\n".join(rows)))
    if doubts:
        where = f"row {doubts[0].row}, column {doubts[0].column!r}: {doubts[0].code.replace('_', ' ')}"
        say(f"warnings about the rows: {document['warning_count']}; the first: {where}")


def _rows(answer: Predictions) -> Iterator[Any]:
    """The predicted values; if intervals were requested, objects with bounds, which may be null."""
    if answer.intervals is None:
        yield from answer.values
        return
    for value, interval in zip(answer.values, answer.intervals, strict=True):
        low, high = interval or (None, None)
        yield {"prediction": value, "low": low, "high": high}


def _joined(answers: list[Predictions], name: str) -> list[Any] | None:
    parts = [getattr(answer, name) for answer in answers]
    return None if parts[0] is None else [row for part in parts for row in part]


def _written(client: Client, model: str, file: Path, out: Path, interval: float | None, by: By) -> int:
    """Predict in a job, which reads the file as a training does; return the number of rows.

    The job and the uploaded dataset are deleted afterwards.
    """
    dataset = uploaded(client, file)
    job: Job | None = None
    try:
        wished: dict[str, Any] = {} if interval is None else {"interval": interval}
        wished |= {} if by == "auto" else {"by": by}
        kind = out.suffix.lower().removeprefix(".")
        job = client.submit(dataset, kind="predict", model=model, format=kind, **wished)
        with followed() as progress:
            client.wait(job, progress=progress)
        client.result(job, out)
    finally:
        _clear(client, dataset, job)
    return dataset.rows


def _clear(client: Client, dataset: Dataset, job: Job | None) -> None:
    with suppress(ClientError):  # remains only occupy space
        if job is not None:
            if not client.job(job.id).has_ended:
                client.cancel(job)
                client.wait(job, 10.0, progress=False)
            client.delete(job)
    with suppress(ClientError):
        client.delete(dataset)
