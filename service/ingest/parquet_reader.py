"""Read Parquet files with supported column types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from service.errors import ErrorEntry, Invalid
from service.ingest.column_names import check_names, check_size
from service.ingest.column_report import RawTable, refuse_far_times
from service.ingest.date_formats import read_metadata
from service.ingest.limits import IngestLimits

if TYPE_CHECKING:
    from service.settings import Settings

UNITS_PER_SECOND = {"ms": 1e3, "us": 1e6, "ns": 1e9}
REMEDY = "write it again as plain Parquet, or send CSV"


def read(file: BinaryIO, settings: Settings, limits: IngestLimits) -> RawTable:
    """Read a table from a Parquet file; types and size are checked in its footer before any data is read."""
    try:
        schema = pl.read_parquet_schema(file)
        names = check_names(list(schema), settings, limits)
        if not names:
            raise Invalid("no_columns", "the Parquet file has no columns; add at least one")
        _refuse_foreign_types(schema, limits)
        file.seek(0)
        rows = int(pl.scan_parquet(file).select(pl.len()).collect().item())
        check_size(rows, len(names), settings, cell_bytes=_mean_cell_bytes(schema, limits))
        file.seek(0)
        metadata = pl.read_parquet_metadata(file)
        file.seek(0)
        frame = pl.read_parquet(file)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise Invalid("unreadable_parquet", f"the Parquet file cannot be read ({reason}); {REMEDY}") from None
    if not rows:
        raise Invalid("no_rows", "the Parquet file has no rows; add at least one")
    frame.columns = names
    table = frame.select(_convert_column(column) for column in frame.iter_columns())
    return RawTable(table, read_metadata(metadata, table))


def _refuse_foreign_types(schema: Mapping[str, pl.DataType], limits: IngestLimits) -> None:
    errors = [
        ErrorEntry("unknown_type", f"column {name!r} has the type {dtype}", {"column": name})
        for name, dtype in schema.items()
        if not _is_known(dtype)
    ]
    if errors:
        detail = (
            f"{errors[0].detail}; convert it to numbers, texts, booleans, dates or times, or leave it out"
        )
        raise Invalid("unknown_type", detail, errors=errors[: limits.max_error_entries])


def _mean_cell_bytes(
    schema: Mapping[str, pl.DataType], limits: IngestLimits, *, text_cell_bytes: int = 40
) -> float:
    """Memory per cell in bytes, averaged over the columns.

    Args:
        text_cell_bytes: Memory per cell of text in a file that stores typed columns.
    """
    costs = [limits.number_cell_bytes if dtype.is_numeric() else text_cell_bytes for dtype in schema.values()]
    return sum(costs) / max(1, len(costs))


def _is_known(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype in (
        pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Date, pl.Datetime, pl.Duration, pl.Null
    )  # fmt: skip


def _convert_column(column: pl.Series) -> pl.Series:
    """The column converted to a type of ingested tables; a duration becomes seconds."""
    dtype = column.dtype
    if dtype.is_integer() and dtype != pl.UInt64:
        return _convert_integers(column)
    if dtype.is_numeric() or dtype == pl.Null:
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Duration):
        return column.to_physical().cast(pl.Float64) / UNITS_PER_SECOND[dtype.time_unit]
    if dtype in (pl.Datetime, pl.Date):
        refuse_far_times(column)
        is_zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
        local = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if is_zoned else column
        return local.cast(pl.Datetime("us"))
    return column if dtype == pl.Boolean else column.cast(pl.String)


def _convert_integers(column: pl.Series) -> pl.Series:
    """Int64; Float64 if a value of a wider type does not fit into it."""
    fitting = column.cast(pl.Int64, strict=False)
    return fitting if fitting.null_count() == column.null_count() else column.cast(pl.Float64)
