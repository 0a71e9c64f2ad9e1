"""The table of a command: a file, standard input, or a dataset that the service already has."""

import gzip
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal, TypedDict, Unpack

import typer

from service.cli.fields.kinds import parse_pairs
from service.cli.support.errors import UnusableInput, describe_place
from service.cli.support.output import print_message
from service.client import ApiError, Client, ClientError, Dataset

STDIN = "-"
FILE_ERROR_STATUSES = (413, 415, 422)
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".gz")
GZIP = b"\x1f\x8b"


def check_table(table: str | None) -> str | None:
    """Return the argument if it may be a table; texts that look like paths have to be files.

    Raises:
        BadParameter: It is a folder, or a file that does not exist.
    """
    if table is None or is_file(table):
        return table
    if Path(table).is_dir():
        raise typer.BadParameter(f"{table!r} is a folder; give a file in it")
    if os.sep in table or Path(table.lower()).suffix in TABLE_SUFFIXES:
        raise typer.BadParameter(f"file {table!r} does not exist.")
    return table


FORMATS = "CSV, TSV, JSON Lines or Parquet, also .gz"
Table = Annotated[
    str,
    typer.Argument(
        callback=check_table,
        help=f"File ({FORMATS}), '-' for standard input, or the id or name of a dataset.",
    ),
]
Missing = Annotated[
    list[str] | None,
    typer.Option(
        help="Value that means missing, as -999 in all columns or width=-999 in one; repeat for several.",
        show_default=False,
    ),
]
RepeatedRows = Annotated[
    Literal["keep", "drop"], typer.Option(help="What happens to rows that repeat an earlier row.")
]
SwapDayAndMonth = Annotated[
    list[str] | None,
    typer.Option(
        help="Column of dates whose day and month are exchanged, where their order was guessed wrong; "
        "repeat for several.",
        show_default=False,
    ),
]

Encoding = Annotated[
    str | None,
    typer.Option(help="Of a text file, as cp1251, where the guess was wrong.", show_default=False),
]


class Corrections(TypedDict, total=False):
    """What an upload changes in a table, as ``Client.upload`` takes it."""

    units: dict[str, str]
    missing: dict[str, list[float | str]]
    repeated_rows: Literal["keep", "drop"]
    swap_day_and_month: list[str]
    encoding: str


@dataclass(frozen=True)
class GivenTable:
    """The dataset of a table.

    Args:
        is_uploaded: Whether the command has uploaded it, and may delete it if no job uses it.
    """

    dataset: Dataset
    is_uploaded: bool

    @property
    def disposable(self) -> Dataset | None:
        """The dataset to delete if nothing is kept; None if it was there before the command."""
        return self.dataset if self.is_uploaded else None

    def delete_upload(self, client: Client) -> None:
        """Delete a dataset that this command has uploaded; if that fails, it only occupies space."""
        if self.is_uploaded:
            with suppress(ClientError):
                client.delete(self.dataset)


def is_file(table: str) -> bool:
    """Whether the table is a file or standard input."""
    return table == STDIN or Path(table).is_file()


def read_corrections(
    unit: Sequence[str] | None,
    missing: Sequence[str] | None,
    repeated_rows: Literal["keep", "drop"],
    date_columns: Sequence[str] | None,
    encoding: str | None,
) -> Corrections:
    """Convert the options of a table to what its upload changes.

    Raises:
        BadParameter: A unit names no column.
    """
    changes: Corrections = {}
    if unit:
        changes["units"] = parse_pairs(unit, "--unit")
    for text in missing or ():
        column, _, value = text.rpartition("=")
        changes.setdefault("missing", {}).setdefault(column.strip() or "*", []).append(_parse_value(value))
    if repeated_rows == "drop":
        changes["repeated_rows"] = repeated_rows
    if date_columns:
        changes["swap_day_and_month"] = list(date_columns)
    if encoding:
        changes["encoding"] = encoding
    return changes


def _parse_value(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text.strip()
    return number if isfinite(number) else text.strip()


@contextmanager
def open_dataset(client: Client, table: str, **corrections: Unpack[Corrections]) -> Iterator[GivenTable]:
    """Yield the dataset of a table; delete an uploaded one if submitting the job within the block fails.

    Raises:
        UnusableInput: There is neither a file nor a dataset of this name.
        BadParameter: There are corrections, and the service already has the dataset.
    """
    if not is_file(table):
        _refuse_corrections(table, corrections)
        yield GivenTable(_find_table(client, table), is_uploaded=False)
        return
    with open_file(table) as file:
        dataset = upload_table(client, file, **corrections)
    _print_warnings(dataset)
    source = GivenTable(dataset, is_uploaded=True)
    try:
        yield source
    except (ApiError, UnusableInput, typer.BadParameter):
        source.delete_upload(client)
        raise


def _refuse_corrections(table: str, corrections: Corrections) -> None:
    if "units" in corrections:
        hint = f"the dataset is already there; 'kan-service datasets change {table} --unit …' changes it"
        raise typer.BadParameter(hint, param_hint="--unit")
    for name in corrections:
        hint = f"the dataset {table!r} is already there, and only an upload changes values; name the file"
        raise typer.BadParameter(hint, param_hint=f"--{name.replace('_', '-')}")


@contextmanager
def open_file(table: str) -> Iterator[Path]:
    """Yield the path of a file; standard input becomes a temporary file, whose ending tells its format."""
    if table != STDIN:
        yield Path(table)
        return
    with TemporaryDirectory() as folder:
        path = Path(folder, "stdin")
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        yield path.rename(path.with_suffix(_guess_ending(path)))


def _guess_ending(path: Path, *, head_bytes: int = 4096) -> str:
    with path.open("rb") as file:
        is_packed = file.read(len(GZIP)) == GZIP
    with suppress(OSError, EOFError), gzip.open(path) if is_packed else path.open("rb") as file:
        head = file.read(head_bytes)
        line = head.partition(b"\n")[0]
        if head.startswith(b"PAR1"):
            return ".parquet"
        if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
            ending = ".jsonl"
        else:
            ending = ".tsv" if line.count(b"\t") > line.count(b",") else ".csv"
        return f"{ending}.gz" if is_packed else ending
    return ".csv.gz"  # damaged; the service says so


def upload_table(client: Client, file: Path, **corrections: Unpack[Corrections]) -> Dataset:
    """Upload a table; errors about its content name the file."""
    try:
        return client.upload(file, **corrections)
    except ApiError as error:
        detail = f"{file.name}: {error.detail}" if error.status in FILE_ERROR_STATUSES else error.detail
        raise ApiError(error.status, error.code, detail, error.errors, error.extra) from None


def find_dataset(client: Client, reference: str) -> Dataset:
    """The dataset with this id, or the newest one with this name; say so if others have the name, too."""
    dataset = client.dataset(reference)
    if dataset.id != reference and len(list(islice(client.datasets(reference), 2))) > 1:
        message = f"several datasets have the name {reference!r}; this is the newest, {dataset.id}"
        print_message(f"{message} ('kan-service datasets list --name' lists them)")
    return dataset


def _find_table(client: Client, reference: str) -> Dataset:
    try:
        return find_dataset(client, reference)
    except ApiError as error:
        if error.code != "dataset_not_found":
            raise
        hint = "'kan-service datasets list' lists the datasets"
        raise UnusableInput(f"there is neither a file nor a dataset {reference!r}; {hint}") from None


def _print_warnings(dataset: Dataset, *, max_warnings: int = 5) -> None:
    """Print the size of a table, and up to ``max_warnings`` of its warnings, before its job starts."""
    columns = "1 column" if len(dataset.columns) == 1 else f"{len(dataset.columns)} columns"
    print_message(f"{dataset.name}: {dataset.rows:,} rows, {columns}")
    for warning in dataset.warnings[:max_warnings]:
        print_message(f"  warning: {describe_place(warning)}{warning.get('detail')}")
    if len(dataset.warnings) > max_warnings:
        remainder = len(dataset.warnings) - max_warnings
        print_message(f"  and {remainder} more warnings; 'kan-service datasets show {dataset.id}' shows all")
