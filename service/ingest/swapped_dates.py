"""Dates whose day and month are exchanged on request, where the order was guessed wrong."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import polars as pl

from service.errors import Invalid, format_names
from service.ingest.date_formats import MONTHS
from service.ingest.table_warnings import TableWarning, Warnings
from service.strict_json import pointer

FIELD = "swap_day_and_month"


def swap_days_and_months(
    table: pl.DataFrame, warnings: Warnings, names: Sequence[str]
) -> tuple[pl.DataFrame, Warnings]:
    """Exchange day and month in columns of dates.

    Returns:
        The table, and the warnings: without those about a doubtful order, with the exchanged formats.

    Raises:
        Invalid: There is no such column, it holds no dates, or a day of it is no month.
    """
    for name in names:
        _refuse_unless_swappable(table, name)
        day = pl.col(name)
        parts = (day.dt.year(), day.dt.day(), day.dt.month(), day.dt.hour(), day.dt.minute(), day.dt.second())
        date = pl.datetime(*parts, day.dt.microsecond())
        table = table.with_columns(pl.when(day.is_not_null()).then(date).alias(name))
    return table, [*_correct_warnings(warnings, names), *(_make_note(name) for name in names)]


def _refuse_unless_swappable(table: pl.DataFrame, name: str) -> None:
    if name not in table.columns:
        names = format_names(table.columns)
        fault = f"{FIELD} names a column {name!r}, which the table does not have; it has {names}"
    elif table[name].dtype != pl.Datetime:
        fault = f"{FIELD} names the column {name!r}, which holds no dates"
    elif (table[name].dt.day() > MONTHS).any():
        fault = f"day and month of column {name!r} cannot be exchanged: a day is over {MONTHS}"
    else:
        return
    raise Invalid.make_at("invalid_dates", fault, {"pointer": pointer([FIELD]), "column": name})


def _correct_warnings(warnings: Warnings, names: Collection[str]) -> Warnings:
    notes = [note for note in warnings if note.code != "ambiguous_dates" or note.column not in names]
    return [
        replace(note, form=_swap_form(note.form)) if note.form and note.column in names else note
        for note in notes
    ]


def _swap_form(form: str) -> str:
    return form.replace("%d", "%D").replace("%m", "%d").replace("%D", "%m")


def _make_note(name: str) -> TableWarning:
    return TableWarning(
        code="swapped_dates", column=name, detail="day and month were exchanged, as requested"
    )
