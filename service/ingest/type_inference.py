"""Infer the type of a column of text: the narrowest that fits every cell."""

from collections.abc import Callable
from functools import reduce

import polars as pl

from service.ingest.column_report import find_first_row
from service.ingest.date_formats import parse_times
from service.ingest.number_formats import parse_units
from service.ingest.table_warnings import TableWarning, Warnings

MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none", "?", "-")
DATETIME = r"^\d{4}[-/]\d{2}[-/]\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$"
LOCAL_TIMES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f")
ZONED_TIMES = ("%Y-%m-%dT%H:%M%#z", "%Y-%m-%dT%H:%M:%S%.f%#z")
DECIMAL_COMMA = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)?,\d+([eE][+-]?\d+)?$"
THOUSANDS_COMMA = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"


def infer_type(column: pl.Series, *, comma_is_free: bool) -> tuple[pl.Series, Warnings]:
    """Convert a column of text to its inferred type.

    Args:
        column: The cells as in the file.
        comma_is_free: Whether commas separate no columns. If so, 1,234 is more likely a decimal number
            than one thousand two hundred and thirty-four.

    Returns:
        The column as Boolean, Int64, Float64, Datetime or String, with null for missing cells, and
        warnings about cells that were interpreted.
    """
    cells = column.str.strip_chars()
    is_missing = cells.str.to_lowercase().is_in(MISSING_WORDS)
    values = cells.set(is_missing, None)
    warnings = _warn_missing_words(cells, is_missing)
    if values.null_count() == len(values):
        return values.cast(pl.Float64), warnings
    numbers = [_parse_integers, _parse_numbers, *_comma_parsers(comma_is_free)]
    for attempt in (_parse_booleans, *numbers, parse_iso_times):
        series, notes = attempt(values)
        if series is not None and series.null_count() == values.null_count():
            return series, warnings + notes
    series, notes = parse_units(values, numbers)
    if series is not None:
        return series, warnings + notes
    return values, warnings + notes + _warn_mixed_types(values)


def parse_iso_times(values: pl.Series) -> tuple[pl.Series | None, Warnings]:
    """Parse ISO 8601 dates and times, also with a space or slashes, or the forms of `parse_times`.

    Times with a zone are converted to UTC. None if the column holds no times; null for a value out of range.
    """
    if not values.str.contains(DATETIME).all():
        return parse_times(values)
    text = values.str.replace_all("/", "-", literal=True).str.replace(" ", "T", literal=True)
    local = [text.str.to_datetime(form, time_unit="us", strict=False) for form in LOCAL_TIMES]
    utc = [
        text.str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone(None)
        for form in ZONED_TIMES
    ]
    result = reduce(lambda times, fallback: times.zip_with(times.is_not_null(), fallback), [*local, *utc])
    return result, []


def _parse_booleans(values: pl.Series) -> tuple[pl.Series | None, Warnings]:
    lower = values.str.to_lowercase()
    if not lower.is_in(("true", "false")).all():
        return None, []
    return lower == "true", []


def _parse_integers(values: pl.Series) -> tuple[pl.Series | None, Warnings]:
    return values.cast(pl.Int64, strict=False), []


def _parse_numbers(values: pl.Series) -> tuple[pl.Series | None, Warnings]:
    return values.cast(pl.Float64, strict=False), []


def _comma_parsers(comma_is_free: bool) -> list[Callable[[pl.Series], tuple[pl.Series | None, Warnings]]]:
    return (
        [_parse_decimal_commas, _parse_thousands_commas]
        if comma_is_free
        else [_parse_thousands_commas, _parse_decimal_commas]
    )


def _parse_decimal_commas(values: pl.Series) -> tuple[pl.Series | None, Warnings]:
    plain = values.cast(pl.Float64, strict=False).is_not_null() & ~values.str.contains(".", literal=True)
    if not (values.str.contains(DECIMAL_COMMA) | plain).all():
        return None, []
    text = values.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return _parse_numbers(text)[0], [
        _make_comma_warning("decimal_comma", values, "commas were read as decimal signs")
    ]


def _parse_thousands_commas(values: pl.Series) -> tuple[pl.Series | None, Warnings]:
    plain = values.cast(pl.Float64, strict=False).is_not_null()
    if not (values.str.contains(THOUSANDS_COMMA) | plain).all():
        return None, []
    text = values.str.replace_all(",", "", literal=True)
    return _parse_numbers(text)[0], [
        _make_comma_warning("thousands_comma", values, "commas were read as marks between thousands")
    ]


def _make_comma_warning(code: str, values: pl.Series, what: str) -> TableWarning:
    row = find_first_row(values.str.contains(",", literal=True))
    example = values[row]
    return TableWarning(code=code, column=values.name, row=row, detail=f"{what}, as in {example!r}")


def _warn_missing_words(cells: pl.Series, is_missing: pl.Series) -> Warnings:
    """Warn about words that were read as missing; empty cells need no warning."""
    is_word = is_missing & (cells != "")
    count = int(is_word.sum())
    if not count:
        return []
    words = cells.filter(is_word).unique().sort().head(10).to_list()
    detail = f"read as missing: {', '.join(map(repr, words))}, {count} in all"
    row = find_first_row(is_word)
    return [TableWarning(code="missing_words", column=cells.name, row=row, detail=detail)]


def _warn_mixed_types(values: pl.Series, *, max_mixed_share: float = 0.5) -> Warnings:
    """Warn if a few words make a column of numbers text: probably an error in these cells.

    Args:
        max_mixed_share: Of the cells of a text column that are not numbers; up to it, they count as errors.
    """
    present = values.is_not_null()
    odd = present & values.cast(pl.Float64, strict=False).is_null()
    count = int(odd.sum())
    if count > max_mixed_share * int(present.sum()):
        return []
    row = find_first_row(odd)
    detail = (
        f"mostly numbers, but {count} not, such as {values[row][:40]!r}, "
        "so the column was read as text; correct them or leave them empty to get numbers"
    )
    return [TableWarning(code="mixed_types", column=values.name, row=row, detail=detail)]
