"""The last step of every reader: check the values, report on each column, and collect warnings."""

import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from service.errors import Invalid
from service.ingest.missing_codes import (
    Missing,
    about_codes,
    about_proposals,
    proposals,
    refuse_unknown,
    without_codes,
)

EXACT_INTEGER = 2**53  # a double represents all integers up to here exactly
MAX_CATEGORIES = 1_000
FEW_CATEGORIES = 20
TOP = 10
BINS = 24  # of a histogram: enough to see two peaks, few enough for a thumbnail
SHOWN_CHARACTERS = 100
ID = re.compile(r"(?i:(^|[^a-z])(id|uuid|guid|index|idx|rownames?))$|[a-z](ID|Id)$")  # ends of names

Warnings = list[dict[str, Any]]


@dataclass(frozen=True)
class Raw:
    """A table as it was read; ``lines`` has the line of each row if the source is lines of text."""

    frame: pl.DataFrame
    warnings: Warnings = field(default_factory=list)
    lines: "np.ndarray[Any, Any] | None" = None


@dataclass(frozen=True)
class Ingested:
    """A typed table with the report of each column and the warnings."""

    frame: pl.DataFrame
    columns: list[dict[str, Any]]
    warnings: Warnings


def finish(raw: Raw, missing: Missing | None = None) -> Ingested:
    """Check the values, and describe the table.

    Args:
        raw: As it was read.
        missing: By column, or for ``*``, the values that mean missing.

    Raises:
        Invalid: A text contains NUL, which PostgreSQL cannot store, or ``missing`` names an unknown column.
    """
    refuse_unknown(missing or {}, raw.frame.columns)
    columns, warnings = [], list(raw.warnings)
    for column in raw.frame.iter_columns():
        finite, found = _without_infinities(_without_nul(column))
        columns.append(without_codes(finite, missing or {}))
        warnings += found + about_codes(finite, columns[-1])
    proposed = proposals(columns)
    forms = {warning["column"]: warning["form"] for warning in raw.warnings if "form" in warning}
    reports = [
        _report(column) | {"possible_missing": proposed.get(column.name, []), "form": forms.get(column.name)}
        for column in columns
    ]
    for report in reports:
        warnings += _about(report)
    warnings += about_proposals(proposed, columns)
    warnings += _about_repeated(pl.DataFrame(columns))
    return Ingested(pl.DataFrame(columns), reports, [_placed(warning, raw.lines) for warning in warnings])


def _about_repeated(table: pl.DataFrame) -> Warnings:
    """Warn about repeated rows, found by hashes: even for a large table these take little memory."""
    hashes = table.hash_rows()
    repeated = ~hashes.is_first_distinct()
    count = int(repeated.sum())
    if not count or table.width == 1:
        return []
    detail = (
        f"{count} rows repeat an earlier row; test rows that also occur in training inflate the scores, "
        "so remove repeated rows unless they are separate measurements"
    )
    return [{"code": "repeated_rows", "row": first_row(repeated), "detail": detail}]


def _without_nul(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        with_nul = column.str.contains("\0", literal=True)
        if with_nul.any():
            entry = {"column": column.name, "row": first_row(with_nul), "code": "nul_character"}
            detail = f"a text in column {column.name!r} contains the character NUL; remove it"
            raise Invalid("nul_character", detail, errors=[entry | {"detail": detail}])
    return column


def _without_infinities(column: pl.Series) -> tuple[pl.Series, Warnings]:
    """Replace NaN and infinities by null; warn about infinities, since NaN only means missing."""
    if column.dtype != pl.Float64:
        return column, []
    infinite = column.is_infinite()
    finite = column.set(~column.is_finite(), None)
    if not infinite.any():
        return finite, []
    detail = f"{infinite.sum()} infinite or too large values were read as missing"
    return finite, [{"code": "infinite", "column": column.name, "row": first_row(infinite), "detail": detail}]


def first_row(mask: pl.Series) -> int:
    """The first row, counted from 0, where a mask is true."""
    return int(mask.fill_null(value=False).arg_max() or 0)


def _report(column: pl.Series) -> dict[str, Any]:
    """The report of a column, as in ``GET /datasets/{id}``."""
    values = column.drop_nulls()
    distinct = values.n_unique()
    report = {
        "name": column.name,
        "type": _type(column, len(values), distinct),
        "missing": column.null_count(),
        "distinct": distinct,
        "min": None,
        "max": None,
        "mean": None,
        "std": None,
        "top": [],
        "histogram": None,
    }
    is_told_apart = distinct == len(column) and values.dtype in (pl.Int64, pl.String)
    report["is_id"] = is_told_apart and ID.search(column.name) is not None
    if len(values) and (values.dtype.is_numeric() or values.dtype == pl.Datetime):
        report |= {"min": _plain(values.min()), "max": _plain(values.max())}
    if len(values) and values.dtype.is_numeric():
        report |= {"mean": _finite(values.mean()), "std": _finite(values.std())}
        report["histogram"] = _histogram(values)
    if values.dtype not in (pl.Float64, pl.Datetime):
        report["top"] = _top(values)
    return report


def _type(column: pl.Series, present: int, distinct: int) -> str:
    """The type in the report: text with few distinct values, or each twice on average, is a category."""
    if column.dtype == pl.String:
        is_category = distinct <= FEW_CATEGORIES or distinct <= min(MAX_CATEGORIES, present / 2)
        return "category" if is_category else "text"
    names = {pl.Boolean: "boolean", pl.Int64: "integer", pl.Float64: "number"}
    return names.get(column.dtype.base_type(), "datetime")


def _top(values: pl.Series) -> list[dict[str, Any]]:
    """The most frequent values; the smallest first among equally frequent ones."""
    counts = values.rename("value").value_counts()
    top = counts.sort(["count", "value"], descending=[True, False]).head(TOP)
    return [{"value": _plain(value), "count": count} for value, count in top.iter_rows()]


def _histogram(values: pl.Series) -> dict[str, Any] | None:
    """Number of values in each of equal bins of the range; None if the range is empty or overflows."""
    numbers = values.cast(pl.Float64).to_numpy()
    low, high = float(numbers.min()), float(numbers.max())
    if not 0 < high - low < math.inf:
        return None
    places = (numbers - low) / (high - low)  # scaled to [0, 1]: bins of the largest numbers would overflow
    counts, _ = np.histogram(places, bins=BINS, range=(0.0, 1.0))
    return {"low": low, "high": high, "counts": counts.tolist()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and len(value) > SHOWN_CHARACTERS:
        return value[:SHOWN_CHARACTERS] + "…"
    return value


def _finite(value: Any) -> float | None:
    """The value, or None if a sum of very large numbers has overflowed."""
    return float(value) if value is not None and math.isfinite(value) else None


def _about(report: dict[str, Any]) -> Warnings:
    """Warn if a column cannot be used, or not exactly."""
    name = report["name"]
    if report["distinct"] == 0:
        detail = "every value is missing, so the column cannot be used"
        return [{"code": "all_missing", "column": name, "detail": detail}]
    if report["is_id"]:
        detail = "every row has a different value and the name is that of an id, so the column is not used"
        return [{"code": "id", "column": name, "detail": detail}]
    if report["distinct"] == 1 and not report["missing"]:
        detail = "every value is the same, so nothing can be learnt from the column"
        return [{"code": "constant", "column": name, "detail": detail}]
    if report["type"] == "integer" and max(-report["min"], report["max"]) > EXACT_INTEGER:
        detail = f"integers beyond {EXACT_INTEGER} are rounded in training"
        return [{"code": "large_integers", "column": name, "detail": detail}]
    return []


def _placed(warning: dict[str, Any], lines: "np.ndarray[Any, Any] | None") -> dict[str, Any]:
    """Add the line, counted from 1, to a warning that names a row, counted from 0."""
    if lines is None or "row" not in warning:
        return warning
    return warning | {"line": int(lines[warning["row"]])}
