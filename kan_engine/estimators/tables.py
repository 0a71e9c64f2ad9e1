"""From the arrays and data frames of a user to typed columns."""

from __future__ import annotations

from datetime import date, datetime
from importlib.util import find_spec
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.dependencies import is_into_dataframe

from kan_engine.errors import InvalidData

Columns = dict[str, np.ndarray]
Types = dict[str, str]


def is_frame(x: Any) -> bool:
    """Whether a table is a data frame of pandas, polars or another library that narwhals knows."""
    return bool(is_into_dataframe(x))


def select_backend() -> str:
    """The library of data frames where the rows came in none: pandas, else polars.

    Raises:
        ImportError: Neither is installed.
    """
    for name in ("pandas", "polars"):
        if find_spec(name) is not None:
            return name
    raise ImportError("a data frame needs pandas or polars; install one of them")


def read_array(x: np.ndarray) -> tuple[Columns, Types]:
    """Columns ``x0``, ``x1`` … of an array [rows, columns] of numbers."""
    names = [f"x{place}" for place in range(x.shape[1])]
    return dict(zip(names, x.T, strict=True)), dict.fromkeys(names, "number")


def read_frame(frame: Any) -> tuple[Columns, Types]:
    """Columns of a data frame by name, and their types: number, boolean, datetime or category.

    Raises:
        InvalidData: A column holds values of several kinds, or of one that cannot be a feature.
    """
    columns, types = Columns(), Types()
    table = nw.from_native(frame, eager_only=True)
    for place, column in enumerate(table.iter_columns()):
        name = column.name if isinstance(column.name, str) else f"x{place}"
        columns[name], types[name] = _read_column(name, column)
    return columns, types


def _read_column(name: str, column: nw.Series[Any]) -> tuple[np.ndarray, str]:
    if column.dtype.is_numeric():
        return column.cast(nw.Float64()).to_numpy().astype(np.float64), "number"
    values = [None if value is None or value != value else value for value in column.to_list()]  # noqa: PLR0124
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool, np.bool_} and kinds:
        return np.array([np.nan if value is None else float(value) for value in values]), "boolean"
    if all(issubclass(kind, date) for kind in kinds) and kinds:
        return _to_objects([value and _format_time(value) for value in values]), "datetime"
    if all(issubclass(kind, int | float | np.number) and kind is not bool for kind in kinds):
        return np.array([np.nan if value is None else float(value) for value in values]), "number"
    if kinds == {str}:
        return _to_objects(values), "category"
    named = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise InvalidData(
        f"the column {name!r} holds values of the types {named}; "
        "convert it to numbers, texts, booleans or times",
        column=name,
    )


def _format_time(value: date) -> str:
    """ISO 8601, with midnight for a date."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return value.isoformat()


def _to_objects(values: list[Any]) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found
