"""A stored dataset as arrays: what the engine and the worker read."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy.orm import Session

from service.db.tables import Dataset
from service.storage import read_bytes

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Table:
    """Columns of equal length.

    Numbers and integers are float64 with NaN for missing values; all other types are object arrays
    with ``None``: text and categories of ``str``, booleans of ``bool``, times as ISO 8601 text.
    """

    columns: dict[str, Array]
    types: dict[str, str]
    units: dict[str, str]
    rows: int
    reports: list[dict[str, Any]]  # what the dataset tells of each column


def read_table(session: Session, dataset: Dataset) -> Table:
    """All of a dataset, in memory."""
    frame = read_frame(session, dataset)
    types = {column["name"]: column["type"] for column in dataset.columns}
    columns = {column.name: _array(column) for column in frame.iter_columns()}
    return Table(columns, types, dict(dataset.units), dataset.rows, list(dataset.columns))


def read_frame(session: Session, dataset: Dataset, rows: int | None = None) -> pl.DataFrame:
    """A dataset, or its first rows, as it was ingested."""
    return pl.read_parquet(BytesIO(read_bytes(session, dataset.blob_sha256)), n_rows=rows)


def plain_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows with values that JSON knows."""
    times = pl.selectors.datetime()
    return frame.with_columns(times.dt.to_string("iso:strict")).rows(named=True)


def _array(column: pl.Series) -> Array:
    if column.dtype.is_numeric():
        return column.cast(pl.Float64).fill_null(float("nan")).to_numpy(writable=True)
    values = np.empty(len(column), dtype=object)
    values[:] = column.dt.to_string("iso:strict") if column.dtype == pl.Datetime else column.to_list()
    return values
