"""The report of a column of a dataset, from which requests are checked without reading the table.

It is a dataclass, because the process that reads uploads does not import Pydantic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

READABLE_AS = {
    "number": ("number", "integer", "category"),
    "integer": ("integer", "number", "category"),
    "boolean": ("boolean", "number", "integer", "category"),
    "category": ("category", "text"),
    "text": ("text", "category"),
    "datetime": ("datetime",),
}
NUMBER_TYPES = ("number", "integer")
COUNTS = ("top", "possible_missing")  # members of a report that are lists of values with their counts


@dataclass(frozen=True)
class ValueCount:
    """A value, and the number of rows that have it."""

    value: float | str
    count: int


@dataclass(frozen=True)
class Histogram:
    """Number of values in each of equal bins of a range."""

    low: float
    high: float
    counts: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class ColumnReport:
    """Type and statistics of a column, as in ``GET /datasets/{id}``.

    Attributes:
        missing: Number of missing values.
        distinct: Number of different values.
        min, max: Ends of the range of numbers and times; times are ISO 8601 text.
        mean, std: Of numbers.
        top: The most frequent values.
        histogram: Of numbers; None if all are equal, and for datasets of older versions.
        is_id: Whether the column identifies rows.
        possible_missing: Numbers that may mean missing values.
        form: Of times: the format in the uploaded table, if that is not ISO 8601.
    """

    name: str
    type: str
    missing: int
    distinct: int
    min: float | str | None = None
    max: float | str | None = None
    mean: float | None = None
    std: float | None = None
    top: Sequence[ValueCount] = ()
    histogram: Histogram | None = None
    is_id: bool = False
    possible_missing: Sequence[ValueCount] = ()
    form: str | None = None

    @property
    def range(self) -> tuple[float, float] | None:
        """Smallest and largest number; None for other values."""
        if isinstance(self.min, int | float) and isinstance(self.max, int | float):
            return self.min, self.max
        return None


def read_reports(columns: Iterable[Mapping[str, Any]]) -> list[ColumnReport]:
    """The reports of a dataset, from JSON; older versions stored fewer members."""
    return [_read_report(column) for column in columns]


def _read_report(column: Mapping[str, Any]) -> ColumnReport:
    counts = {name: [ValueCount(**entry) for entry in column.get(name, ())] for name in COUNTS}
    histogram = column.get("histogram")
    return ColumnReport(**{**column, **counts, "histogram": histogram and Histogram(**histogram)})


def explain_unreadable(report: ColumnReport, requested_type: str) -> str | None:
    """Why a column cannot be read as another type; None if it can."""
    is_two_valued = requested_type == "boolean" and report.distinct == 2 and report.type in NUMBER_TYPES
    if requested_type in READABLE_AS[report.type] or is_two_valued:
        return None
    types = " or ".join(READABLE_AS[report.type])
    return (
        f"column {report.name!r} is {report.type} and cannot be read as {requested_type}; possible: {types}"
    )
