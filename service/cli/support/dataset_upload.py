"""Upload of the table for a job, with its warnings."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from service.cli.support.connection import upload_table
from service.cli.support.errors import describe_place
from service.cli.support.output import print_message
from service.client import ApiError, Client, ClientError, Dataset

TableFile = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="CSV, TSV, JSON Lines or Parquet; also .gz.")
]


@contextmanager
def upload_dataset(client: Client, file: Path, units: Mapping[str, str] | None = None) -> Iterator[Dataset]:
    """Upload a table and yield its dataset; delete it if submitting the job within the block fails."""
    dataset = upload_table(client, file, units)
    _print_warnings(dataset)
    try:
        yield dataset
    except (ApiError, typer.BadParameter):
        with suppress(ClientError):
            client.delete(dataset)
        raise


def _print_warnings(dataset: Dataset, *, max_warnings: int = 5) -> None:
    """Print the size of a table, and up to ``max_warnings`` of its warnings, before its job starts."""
    columns = "1 column" if len(dataset.columns) == 1 else f"{len(dataset.columns)} columns"
    print_message(f"{dataset.name}: {dataset.rows:,} rows, {columns}")
    for warning in dataset.warnings[:max_warnings]:
        print_message(f"  warning: {describe_place(warning)}{warning.get('detail')}")
    if len(dataset.warnings) > max_warnings:
        more = len(dataset.warnings) - max_warnings
        print_message(f"  and {more} more warnings; 'kan-service datasets show {dataset.id}' shows all")
