"""Stored datasets as columns, which the worker reads one at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from sqlalchemy.orm import Session

from service.db.tables import Dataset
from service.documents.column_report import ColumnReport, read_reports
from service.storage.blobs import read_chunks

if TYPE_CHECKING:
    import polars as pl
    from jaxtyping import Shaped

    from kan_engine.data.feature import Feature


@dataclass(frozen=True)
class StoredTable:
    """A table whose columns are read from the file on demand."""

    frame: pl.LazyFrame
    types: dict[str, str]
    units: dict[str, str]
    rows: int
    reports: list[ColumnReport]  # of each column, from the dataset

    def column(self, name: str) -> Shaped[np.ndarray, " rows"]:
        """All values of a column."""
        return column_values(self.frame.select(name).collect().to_series())

    def read_columns(self, names: Sequence[str]) -> Iterator[Shaped[np.ndarray, " rows"]]:
        """All values of columns, one after the other."""
        for block in self.divide_columns(names):
            yield from map(column_values, self.frame.select(block).collect().iter_columns())

    def divide_columns(
        self, names: Sequence[str], *, block_values: int = 2_000_000
    ) -> Iterator[Sequence[str]]:
        """Yield columns to read at once.

        Args:
            names: The columns.
            block_values: Values to read at once; a column at least. Each read parses the schema of the whole
                file, which takes longer than the values where a table is wide.
        """
        count = max(1, block_values // max(1, self.rows))
        yield from (names[start : start + count] for start in range(0, len(names), count))


def read_feature_column(column: pl.Series, feature: Feature) -> Shaped[np.ndarray, " rows"]:
    """The values of a column as a model's feature takes them; a column without values may have any type."""
    # Booleans become 0 and 1, as their encoding takes them
    is_number = feature.type in ("number", "boolean")
    return column_values(column.cast(float) if is_number else column)


def column_values(column: pl.Series) -> Shaped[np.ndarray, " rows"]:
    """The values of a column, or of a part of it, as an array.

    Numbers and integers are float64 with NaN for missing values. All other types are object arrays with
    ``None``: text and categories as ``str``, booleans as ``bool``, times as ISO 8601 text. Equal values
    share one object.
    """
    if column.dtype.is_numeric():
        # One type for all numbers: NaN marks missing values, which integers cannot represent
        numbers = column.cast(float)
        numbers = numbers.fill_null(float("nan")) if numbers.null_count() else numbers
        # A copy where polars shares its memory, because callers may write into the array
        return numbers.to_numpy(writable=True)
    return _to_objects(column)


@contextmanager
def open_table(session: Session, dataset: Dataset, folder: Path) -> Iterator[StoredTable]:
    """Open a dataset until the context ends; the session may end earlier.

    The file is an unnamed temporary file in ``folder``: its bytes are not held in memory, and it vanishes
    when it is closed.
    """
    import polars as pl  # noqa: PLC0415  # the API starts without it

    reports = read_reports(dataset.columns)
    types = {report.name: report.type for report in reports}
    with open_parquet(session, dataset, folder) as file:
        yield StoredTable(pl.scan_parquet(file), types, dict(dataset.units), dataset.rows, reports)


@contextmanager
def open_parquet(session: Session, dataset: Dataset, folder: Path) -> Iterator[BinaryIO]:
    """Open the Parquet file of a dataset, copied to an unnamed temporary file in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        for chunk in read_chunks(session, dataset.blob_sha256):
            file.write(chunk)
        file.seek(0)
        yield cast("BinaryIO", file)


def read_first_rows(
    session: Session, dataset: Dataset, rows: int, folder: Path, *, offset: int = 0
) -> pl.DataFrame:
    """The first rows of a dataset as it was ingested, or those behind an offset."""
    import polars as pl  # noqa: PLC0415  # the API starts without it

    with open_parquet(session, dataset, folder) as file:
        return pl.scan_parquet(file).slice(offset, rows).collect()


def read_rows(table: StoredTable, numbers: Sequence[int]) -> pl.DataFrame:
    """Rows of a table by their numbers; only some columns of a large table are in memory at a time."""
    import polars as pl  # noqa: PLC0415  # the API starts without it

    blocks = table.divide_columns(list(table.types))
    parts = [table.frame.select(pl.col(block).gather(numbers)).collect() for block in blocks]
    return pl.concat(parts, how="horizontal")


def to_json_rows(frame: pl.DataFrame) -> list[dict[str, str | float | None]]:
    """Rows as dictionaries of JSON values; times are ISO 8601 text."""
    import polars as pl  # noqa: PLC0415  # the API starts without it

    times = pl.selectors.datetime()
    return frame.with_columns(times.dt.to_string("iso:strict")).rows(named=True)


def _to_objects(column: pl.Series, *, block_rows: int = 100_000) -> Shaped[np.ndarray, " rows"]:
    """Values as Python objects; equal values share one, so many rows of few categories take few texts.

    The texts of one block of rows are in memory twice.
    """
    values = np.empty(len(column), dtype=object)
    shared_texts: dict[Any, Any] = {}
    for start in range(0, len(column), block_rows):
        piece = column.slice(start, block_rows)
        texts = piece.dt.to_string("iso:strict") if piece.dtype.is_temporal() else piece
        values[start : start + block_rows] = [shared_texts.setdefault(text, text) for text in texts.to_list()]
    return values
