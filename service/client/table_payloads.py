"""Conversion of tables to files or JSON for requests.

DataFrames of polars and pandas are recognized by their methods, so that neither library has to be imported.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Protocol, TypeGuard


class DataFrameLike(Protocol):
    """A DataFrame of polars or pandas."""

    @property
    def columns(self) -> Any:
        """Names of the columns."""

    def __getitem__(self, name: Any, /) -> Any: ...


File = str | PathLike[str] | IO[bytes]
RowSequence = Sequence[Mapping[str, Any]]
Columns = Mapping[str, Any]  # of lists, arrays or series with one value per row
Table = RowSequence | Columns | DataFrameLike

MISSING_TYPES = ("NAType", "NaTType")  # types of pandas, whose values cannot be compared


def is_file(table: Any) -> TypeGuard[File]:
    """Whether a table is a path or an open file."""
    return isinstance(table, str | PathLike) or hasattr(type(table), "read")


def is_frame(table: Any) -> TypeGuard[DataFrameLike]:
    """Whether a table is a DataFrame of polars or pandas."""
    return _is_polars(table) or hasattr(type(table), "to_parquet")


@contextmanager
def open_table(table: Any) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the content of a file, or of a DataFrame written as Parquet."""
    if is_frame(table):
        with TemporaryFile() as file:
            frame = _to_polars(table)
            frame.write_parquet(file)
            file.seek(0)
            yield "table.parquet", file
    elif isinstance(table, str | PathLike):
        with Path(table).open("rb") as file:
            yield Path(table).name, file
    else:
        yield Path(str(getattr(table, "name", "table"))).name, table


def encode_table(table: Any) -> dict[str, Any]:
    """Convert a table to ``{"columns": …}`` or ``{"rows": …}`` with JSON values.

    Raises:
        TypeError: The argument is not a table.
    """
    if is_frame(table):
        return {"columns": {str(name): _plain_values(table[name]) for name in table.columns}}
    if isinstance(table, Mapping):
        return {"columns": {str(name): _column_values(name, values) for name, values in table.items()}}
    if isinstance(table, Sequence) and all(isinstance(row, Mapping) for row in table):
        return {"rows": [{str(name): _to_plain(value) for name, value in row.items()} for row in table]}
    kind = type(table).__name__
    raise TypeError(f"{kind} is not a table; give a list of rows, a dict of columns, or a DataFrame")


def _column_values(name: Any, values: Any) -> list[Any]:
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__iter__"):
        raise TypeError(f"column {name!r} is a single value; give a list of them, or rows as a list of dicts")
    return _plain_values(values)


def _plain_values(values: Any) -> list[Any]:
    """One plain value per row."""
    if hasattr(values, "to_list"):
        values = values.to_list()
    elif hasattr(values, "tolist"):
        is_times = values.dtype.kind == "M"  # tolist gives integers for units below microseconds
        values = (values.astype("datetime64[us]") if is_times else values).tolist()
    return [_to_plain(value) for value in values]


def _to_plain(value: Any) -> Any:
    """Convert a value to a JSON value; missing values become None."""
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    if value is None or isinstance(value, str | int):
        return value
    if type(value).__name__ in MISSING_TYPES:
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):  # a NumPy scalar
        return _to_plain(value.item())
    return value


def _is_polars(table: Any) -> bool:
    return hasattr(type(table), "write_parquet")


def _to_polars(frame: Any) -> Any:
    """Convert a DataFrame to polars: the Parquet writer of pandas needs a package that may be missing."""
    if _is_polars(frame):
        return frame
    import polars as pl  # noqa: PLC0415  # only DataFrames of pandas need it

    return pl.DataFrame([_to_series(str(name), frame[name], pl) for name in frame.columns])


def _to_series(name: str, column: Any, pl: Any) -> Any:
    values = zip(column.to_list(), column.isna(), strict=True)
    return pl.Series(name, [None if is_missing else value for value, is_missing in values], strict=False)
