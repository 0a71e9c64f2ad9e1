"""Rows that repeat earlier rows: reported to the client, and dropped only on request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from service.ingest.table_warnings import TableWarning, Warnings

Lines = np.ndarray[Any, Any] | None


def warn_repeated_rows(table: pl.DataFrame) -> Warnings:
    """Warn about repeated rows, found by hashes: even for a large table these take little memory."""
    # Equal rows have equal hashes; a rare collision only adds a row to the count of the warning
    hashes = table.hash_rows()
    is_repeated = ~hashes.is_first_distinct()
    count = int(is_repeated.sum())
    if not count or table.width == 1:
        return []
    rows = "1 row repeats" if count == 1 else f"{count} rows repeat"
    detail = (
        f"{rows} an earlier row; test rows that also occur in training inflate the scores, so unless they "
        'are separate measurements, upload the table with repeated_rows = "drop"'
    )
    row = int(is_repeated.arg_max() or 0)
    return [TableWarning(code="repeated_rows", row=row, count=count, detail=detail)]


def drop_repeated_rows(
    table: pl.DataFrame, lines: Lines, warnings: Warnings
) -> tuple[pl.DataFrame, Lines, Warnings]:
    """Keep the first of equal rows, compared by value, since hashes of different rows may be equal.

    Args:
        table: The table.
        lines: The line of each row, if the source is lines of text.
        warnings: So far; their rows are numbered anew.

    Returns:
        What is left of the table, the lines of its rows, and the warnings with one about the dropped rows.
    """
    is_first = table.select(pl.struct(pl.all()).is_first_distinct()).to_series()
    count = len(is_first) - int(is_first.sum())
    if not count:
        return table, lines, warnings
    # New row numbers: the count of kept rows up to each row, less one
    places = is_first.cum_sum().cast(pl.Int64) - 1
    notes = [w if w.row is None else replace(w, row=max(0, places[w.row])) for w in warnings]
    rows = "1 row that repeats" if count == 1 else f"{count} rows that repeat"
    detail = f"{rows} an earlier row: dropped, as requested"
    note = TableWarning(code="dropped_rows", count=count, detail=detail)
    return table.filter(is_first), None if lines is None else lines[is_first.to_numpy()], [*notes, note]
