"""The last step of every reader: check the values, report on each column, and collect warnings."""

import math
import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from service.documents.column_report import ColumnReport, Histogram, ValueCount
from service.errors import Invalid, Place
from service.ingest.corrections import NO_CORRECTIONS, Corrections
from service.ingest.limits import IngestLimits
from service.ingest.missing_codes import (
    MissingCodes,
    mask_codes,
    propose_codes,
    refuse_unknown_columns,
    warn_declared_codes,
    warn_proposed_codes,
)
from service.ingest.repeated_rows import drop_repeated_rows, warn_repeated_rows
from service.ingest.swapped_dates import swap_days_and_months
from service.ingest.table_warnings import TableWarning, Warnings

EXACT_INTEGER = 2**53  # a double represents all integers up to here exactly
ID_NAME = re.compile(r"(?i:(^|[^a-z])(id|uuid|guid|index|idx|rownames?))$|[a-z](ID|Id)$")  # ends of names

CODE_NAME = re.compile(  # ends of names of numbers that are names
    r"(?i:zip|postal|(zip|post)[ _-]?code|phone|(^|[^a-z])code|(^|[^а-я])код|почтовый индекс)$|[a-z]Code$"
)


@dataclass(frozen=True)
class RawTable:
    """A table as it was read; ``lines`` has the line of each row if the source is lines of text."""

    frame: pl.DataFrame
    warnings: Warnings = field(default_factory=list)
    lines: "np.ndarray[Any, Any] | None" = None


@dataclass(frozen=True)
class IngestedTable:
    """A typed table with the report of each column and the warnings."""

    frame: pl.DataFrame
    columns: list[ColumnReport]
    warnings: Warnings


def check_and_describe(
    raw: RawTable,
    missing: MissingCodes | None = None,
    *,
    limits: IngestLimits,
    corrections: Corrections = NO_CORRECTIONS,
) -> IngestedTable:
    """Check the values, and describe the table.

    Args:
        raw: As it was read.
        missing: By column, or for ``*``, the values that mean missing.
        limits: The limits.
        corrections: What else the client asks to change.

    Raises:
        Invalid: A text contains NUL, which PostgreSQL cannot store, a time is out of range, or ``missing``
            or the corrections do not fit the columns.
    """
    refuse_unknown_columns(missing or {}, raw.frame.columns)
    frame, warnings = swap_days_and_months(raw.frame, list(raw.warnings), corrections.swapped_dates)
    forms = {warning.column: warning.form for warning in warnings if warning.form is not None}
    columns = []
    for column in frame.iter_columns():
        refuse_far_times(column)
        finite, notes = _mask_infinities(_refuse_nul(column))
        columns.append(mask_codes(finite, missing or {}))
        warnings += notes + warn_declared_codes(finite, columns[-1])
    table, lines = pl.DataFrame(columns), raw.lines
    if corrections.repeated_rows == "drop":
        table, lines, warnings = drop_repeated_rows(table, lines, warnings)
        columns = table.get_columns()
    proposals = propose_codes(columns)
    reports = [
        _report_column(column, proposals.get(column.name, []), forms.get(column.name), limits)
        for column in columns
    ]
    for report in reports:
        warnings += _warn_unusable(report)
    warnings += warn_proposed_codes(proposals, columns)
    warnings += warn_repeated_rows(table)
    return IngestedTable(table, reports, [_add_line(warning, lines) for warning in warnings])


def _refuse_nul(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        with_nul = column.str.contains("\0", literal=True)
        if with_nul.any():
            place: Place = {"column": column.name, "row": find_first_row(with_nul)}
            detail = f"a text in column {column.name!r} contains the character NUL; remove it"
            raise Invalid.make_at("nul_character", detail, place)
    return column


def refuse_far_times(column: pl.Series) -> None:
    """Refuse dates and times outside the years 1 to 9999, which Python and ISO 8601 do not write."""
    if column.dtype not in (pl.Date, pl.Datetime) or getattr(column.dtype, "time_unit", None) == "ns":
        return  # nanoseconds in 64 bits reach from 1677 to 2262
    # Compared as integers in the unit of the column, since Python has no times beyond these years
    earliest, latest = pl.Series([datetime.min, datetime.max]).cast(column.dtype).to_physical()
    is_far = ~column.to_physical().is_between(earliest, latest)
    if is_far.any():
        place: Place = {"column": column.name, "row": find_first_row(is_far)}
        detail = (
            f"a time in column {column.name!r} is not within the years 1 to 9999; correct it, or leave it "
            "empty"
        )
        raise Invalid.make_at("time_out_of_range", detail, place)


def _mask_infinities(column: pl.Series) -> tuple[pl.Series, Warnings]:
    """Replace NaN and infinities by null; warn about infinities, since NaN only means missing."""
    if column.dtype != pl.Float64:
        return column, []
    infinite = column.is_infinite()
    finite = column.set(~column.is_finite(), None)
    if not infinite.any():
        return finite, []
    detail = f"{infinite.sum()} infinite or too large values were read as missing"
    row = find_first_row(infinite)
    return finite, [TableWarning(code="infinite", column=column.name, row=row, detail=detail)]


def find_first_row(mask: pl.Series) -> int:
    """The first row, counted from 0, where a mask is true."""
    return int(mask.fill_null(value=False).arg_max() or 0)


def _report_column(
    column: pl.Series, codes: list[ValueCount], form: str | None, limits: IngestLimits
) -> ColumnReport:
    """The report of a column, given its possible codes for missing values and the format of its times."""
    values = column.drop_nulls()
    distinct, is_number = values.n_unique(), values.dtype.is_numeric()
    # Decimals differ in most rows anyway, so only integers and texts can be ids
    is_told_apart = distinct == len(column) and values.dtype in (pl.Int64, pl.String)
    has_range = len(values) and (is_number or values.dtype == pl.Datetime)
    return ColumnReport(
        name=column.name,
        type=_report_type(column, len(values), distinct, limits),
        missing=column.null_count(),
        distinct=distinct,
        min=_to_json_value(values.min(), limits) if has_range else None,
        max=_to_json_value(values.max(), limits) if has_range else None,
        mean=_finite_or_none(values.mean()) if is_number else None,
        std=_finite_or_none(values.std()) if is_number else None,
        top=[] if values.dtype in (pl.Float64, pl.Datetime) else _top_values(values, limits),
        histogram=_histogram(values) if is_number and len(values) else None,
        is_id=is_told_apart and ID_NAME.search(column.name) is not None,
        possible_missing=codes,
        form=form,
    )


def _report_type(
    column: pl.Series,
    present: int,
    distinct: int,
    limits: IngestLimits,
    *,
    max_unconditional_categories: int = 20,
) -> str:
    """The type in the report: text with few distinct values, or each twice on average, is a category.

    Args:
        max_unconditional_categories: Distinct texts, up to which any column is a category.
    """
    if column.dtype == pl.String:
        is_category = distinct <= max_unconditional_categories or (
            distinct <= min(limits.max_categories, present / 2)
        )
        return "category" if is_category else "text"
    names = {pl.Boolean: "boolean", pl.Int64: "integer", pl.Float64: "number"}
    return names.get(column.dtype.base_type(), "datetime")


def _top_values(values: pl.Series, limits: IngestLimits, *, max_top_values: int = 10) -> list[ValueCount]:
    """The most frequent values; the smallest first among equally frequent ones.

    Args:
        max_top_values: Most frequent values in the report of a column.
    """
    counts = values.rename("value").value_counts()
    top = counts.sort(["count", "value"], descending=[True, False]).head(max_top_values)
    return [ValueCount(_to_json_value(value, limits), count) for value, count in top.iter_rows()]


def _histogram(values: pl.Series, *, histogram_bins: int = 24) -> Histogram | None:
    """Number of values in each of equal bins of the range; None if the range is empty or overflows.

    Args:
        histogram_bins: Enough to see two peaks, few enough for a thumbnail.
    """
    numbers = values.cast(pl.Float64).to_numpy()
    low, high = float(numbers.min()), float(numbers.max())
    if not 0 < high - low < math.inf:
        return None
    # Scaled to [0, 1], because bins of the largest numbers would overflow
    places = (numbers - low) / (high - low)
    counts, _ = np.histogram(places, bins=histogram_bins, range=(0.0, 1.0))
    return Histogram(low, high, counts.tolist())


def _to_json_value(value: Any, limits: IngestLimits) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and len(value) > limits.max_shown_characters:
        return value[: limits.max_shown_characters] + "…"
    return value


def _finite_or_none(value: Any) -> float | None:
    """The value, or None if a sum of very large numbers has overflowed."""
    return float(value) if value is not None and math.isfinite(value) else None


def _warn_unusable(report: ColumnReport) -> Warnings:
    """Warn if a column cannot be used, or not exactly."""
    name = report.name
    if report.distinct == 0:
        detail = "every value is missing, so the column cannot be used"
        return [TableWarning(code="all_missing", column=name, detail=detail)]
    if report.is_id:
        detail = "every row has a different value and the name is that of an id, so the column is not used"
        return [TableWarning(code="id", column=name, detail=detail)]
    if report.distinct == 1 and not report.missing:
        detail = "every value is the same, so nothing can be learnt from the column"
        return [TableWarning(code="constant", column=name, detail=detail)]
    if report.type == "integer" and report.range and max(-report.range[0], report.range[1]) > EXACT_INTEGER:
        detail = f"integers beyond {EXACT_INTEGER} are rounded in training"
        return [TableWarning(code="large_integers", column=name, detail=detail)]
    if report.type == "integer" and report.distinct > 2 and CODE_NAME.search(name):
        detail = (
            "its name is that of a code, but its numbers would be used as quantities: leave the column out, "
            "or give it the type category"
        )
        return [TableWarning(code="code_numbers", column=name, detail=detail)]
    return []


def _add_line(warning: TableWarning, lines: "np.ndarray[Any, Any] | None") -> TableWarning:
    """Add the line, counted from 1, to a warning that names a row, counted from 0."""
    if lines is None or warning.row is None:
        return warning
    return replace(warning, line=int(lines[warning.row]))
