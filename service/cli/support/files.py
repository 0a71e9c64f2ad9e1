"""Files of commands: rows to read, and paths to write."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import typer
from pydantic import JsonValue

from service.cli.support.errors import UnusableInput

PICTURE_ENDINGS = (".svg", ".png")
TABLE_ENDINGS = (".csv", ".parquet")
SEPARATORS = {".csv": ",", ".tsv": "\t"}


def read_columns(file: Path) -> dict[str, list[Any]]:
    """Read a table as columns. The values are not checked here; the service does this.

    Raises:
        UnusableInput: The file is not a table.
    """
    import polars as pl  # noqa: PLC0415  # slow to import, and most commands do not need it

    kind = Path(file.stem).suffix.lower() if file.suffix == ".gz" else file.suffix.lower()
    try:
        if kind in SEPARATORS:
            frame = pl.read_csv(file, separator=SEPARATORS[kind], infer_schema_length=None)
        elif kind == ".parquet":
            frame = pl.read_parquet(file)
        else:
            return _read_json_lines(file)
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().splitlines()[0]
        raise UnusableInput(f"{file} cannot be read as a table: {reason}") from None
    return frame.to_dict(as_series=False)


def _read_json_lines(file: Path) -> dict[str, list[Any]]:
    """Read the columns of JSON Lines; absent values become None."""
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    rows: list[dict[str, JsonValue]] = []
    for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), 1):
        if line.strip():
            rows.append(_parse_row(file, number, line))
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _parse_row(file: Path, number: int, line: str) -> dict[str, JsonValue]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        hint = 'give one object a line, such as {"x": 1}, or name the file .csv, .tsv or .parquet'
        raise UnusableInput(f"{file}: line {number} is not a JSON object; {hint}")
    return row


def make_file_name(name: str) -> str:
    """Convert a model's name, which may contain any characters, to a file name of at most 100 characters."""
    return re.sub(r"[^\w-]+", "_", name).strip("_")[:100] or "model"


def check_picture_path(path: Path, option: str) -> Path:
    """Return the path of a picture after checking its ending.

    Raises:
        BadParameter: The ending is not one of ``PICTURE_ENDINGS``.
    """
    if path.suffix.lower() not in PICTURE_ENDINGS:
        raise typer.BadParameter(
            f"the file name must end with {' or '.join(PICTURE_ENDINGS)}", param_hint=option
        )
    return path


def check_table_path(path: Path, option: str) -> Path:
    """Return the path of a table to write after checking its ending and folder, before a long job starts.

    Raises:
        BadParameter: The ending is not one of ``TABLE_ENDINGS``, or the folder does not exist.
    """
    if path.suffix.lower() not in TABLE_ENDINGS:
        raise typer.BadParameter(
            f"the file name must end with {' or '.join(TABLE_ENDINGS)}", param_hint=option
        )
    if not path.parent.is_dir():
        raise typer.BadParameter(f"the folder {path.parent} does not exist", param_hint=option)
    return path


def find_unused_path(path: Path) -> Path:
    """The path, or the first free path with a number if the file exists, so that nothing is overwritten."""
    number, candidate = 1, path
    while candidate.exists():
        number += 1
        candidate = path.with_stem(f"{path.stem}-{number}")
    return candidate
