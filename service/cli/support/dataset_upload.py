"""Upload of the table for a job, with its warnings."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from service.cli.support.connection import uploaded
from service.cli.support.errors import place
from service.cli.support.output import say
from service.client import ApiError, Client, ClientError, Dataset

SHOWN_WARNINGS = 5

TableFile = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="CSV, TSV, JSON Lines or Parquet; also .gz.")
]


@contextmanager
def table_of(client: Client, file: Path) -> Iterator[Dataset]:
    """Upload a table and yield its dataset; delete it if submitting the job within the block fails."""
    dataset = uploaded(client, file)
    _tell_warnings(dataset)
    try:
        yield dataset
    except (ApiError, typer.BadParameter):
        with suppress(ClientError):
            client.delete(dataset)
        raise


def _tell_warnings(dataset: Dataset) -> None:
    """Print the size and warnings of a table before its job starts."""
    columns = "1 column" if len(dataset.columns) == 1 else f"{len(dataset.columns)} columns"
    say(f"{dataset.name}: {dataset.rows:,} rows, {columns}")
    for warning in dataset.warnings[:SHOWN_WARNINGS]:
        say(f"  warning: {place(warning)}{warning.get('detail')}")
    if len(dataset.warnings) > SHOWN_WARNINGS:
        more = len(dataset.warnings) - SHOWN_WARNINGS
        say(f"  and {more} more warnings; 'kan-service datasets show {dataset.id}' shows all")
