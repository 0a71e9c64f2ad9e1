"""Codes for missing values, such as -999: proposed to the client, and applied only on request.

A proposed code is the smallest or the largest value of a column, apart from all others. It does not change
the table, since it may be a true value. The client declares codes with ``missing`` in the upload.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from service.documents.column_report import ValueCount
from service.errors import Invalid
from service.ingest.table_warnings import TableWarning, Warnings
from service.strict_json import pointer

if TYPE_CHECKING:
    import polars as pl

MissingCodes = Mapping[str, Sequence[float | str]]

ALL_COLUMNS = "*"  # in place of a column name
NINES = (99, 999, 9999, 99999, 999999)
KNOWN_CODES = {
    *(float(sign * nines) for nines in NINES for sign in (1, -1)),
    *(-1.0, -9.0, -100.0, -200.0, -500.0, -888.0, -8888.0, -1000.0, -7777.0, -32767.0, -32768.0),
    *(-1e30, -1e20, 1e20, 1e30),
}


def mask_codes(column: pl.Series, missing: MissingCodes) -> pl.Series:
    """The column with null in place of the codes that the client declared."""
    import polars as pl  # noqa: PLC0415  # the API starts without it

    codes = {*missing.get(ALL_COLUMNS, ()), *missing.get(column.name, ())}
    if column.dtype.is_numeric():
        numbers = [float(code) for code in codes if not isinstance(code, str)]
        mask = column.cast(pl.Float64).is_in(numbers) if numbers else None
    elif column.dtype == pl.String:
        mask = column.is_in([str(code) for code in codes]) if codes else None
    else:
        mask = None
    return column if mask is None else column.set(mask.fill_null(value=False), None)


def refuse_unknown_columns(missing: MissingCodes, columns: Sequence[str]) -> None:
    """Refuse ``missing`` with unknown columns.

    Raises:
        Invalid: The table does not have a column that ``missing`` names.
    """
    for name in missing:
        if name != ALL_COLUMNS and name not in columns:
            names = ", ".join(map(repr, columns[:10])) + (", …" if len(columns) > 10 else "")
            detail = f"missing names a column {name!r}, which the table does not have; it has {names}"
            place = {"pointer": pointer(["missing", name]), "column": name}
            raise Invalid.make_at("invalid_missing", detail, place)


def propose_codes(columns: Sequence[pl.Series]) -> dict[str, list[ValueCount]]:
    """By column, the codes, most frequent first.

    A code must be far from the other values in one column; in further columns being apart is enough.
    """
    sides = {column.name: _find_extreme_codes(column) for column in columns if column.dtype.is_numeric()}
    sure = {end.value for ends in sides.values() for end in ends if end.is_far}
    codes = {name: [end for end in ends if end.is_far or end.value in sure] for name, ends in sides.items()}
    return {
        name: [ValueCount(end.shown, end.count) for end in sorted(ends, key=lambda e: -e.count)]
        for name, ends in codes.items()
        if ends
    }


class _ExtremeCode:
    """A code at an end of a column's range, and its distance from the other values.

    It is apart if the gap to the nearest value exceeds all gaps of the half of the values at that end. It is
    far if the gap also exceeds the distance from that nearest value to the median.

    Args:
        min_single_code: Least absolute value of a code for missing values that occurs only once.
    """

    def __init__(
        self, column: pl.Series, remainder: pl.Series, value: float, *, min_single_code: int = 999
    ) -> None:
        self.value = value
        self.shown = int(value) if column.dtype.is_integer() or value.is_integer() else value
        self.count = len(column) - len(remainder)
        distinct = remainder.unique().sort()
        distinct = distinct if value < distinct[0] else distinct.reverse()
        gap = abs(distinct[0] - value)
        near_values = distinct[: len(distinct) // 2 + 1]
        typical = abs(float(remainder.median() or 0.0) - distinct[0])  # type: ignore[arg-type]
        is_frequent = self.count > 1 or abs(value) >= min_single_code
        self.is_apart = is_frequent and gap > float(near_values.diff().abs().max() or 0.0)  # type: ignore[arg-type]
        self.is_far = self.is_apart and gap > typical


def _find_extreme_codes(column: pl.Series, *, min_other_values: int = 5) -> list[_ExtremeCode]:
    """The codes at both ends that are apart; after removing one, the next value may be another.

    Args:
        min_other_values: Distinct values beside a code for missing values: fewer show no range.
    """
    values, codes = column.drop_nulls().cast(float), list[_ExtremeCode]()
    while values.n_unique() > min_other_values:
        low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]
        ends = [
            _ExtremeCode(values, values.filter(values != end), end)
            for end in (low, high)
            if end in KNOWN_CODES
        ]
        apart = [end for end in ends if end.is_apart]
        if not apart:
            break
        codes += apart
        values = values.filter(~values.is_in([end.value for end in apart]))
    return codes


def warn_declared_codes(before: pl.Series, after: pl.Series) -> Warnings:
    """Warn about the values that became null as declared codes."""
    count = after.null_count() - before.null_count()
    if not count:
        return []
    row = int((before.is_not_null() & after.is_null()).arg_max() or 0)
    detail = f"{count} values were read as missing, as requested, such as {before[row]!r}"
    return [TableWarning(code="declared_missing", column=before.name, row=row, detail=detail)]


def warn_proposed_codes(
    proposals: Mapping[str, Sequence[ValueCount]], columns: Sequence[pl.Series]
) -> Warnings:
    """Warn about each proposed code, with its remedy."""
    often = Counter(code.value for codes in proposals.values() for code in codes)
    by_name = {column.name: column for column in columns}
    warnings = []
    for name, codes in proposals.items():
        for code in codes:
            value, count = code.value, code.count
            where = ALL_COLUMNS if often[value] > 1 else name
            detail = (
                f"{value} is in {count} rows and is far from the other values: if it means missing, "
                f'upload the table with missing = {{"{where}": [{value}]}}; otherwise it counts as a number'
            )
            row = int((by_name[name] == value).fill_null(value=False).arg_max() or 0)
            warnings.append(
                TableWarning(
                    code="possible_missing", column=name, value=value, count=count, row=row, detail=detail
                )
            )
    return warnings
