"""Dates and times as people write them."""

import io
from pathlib import Path
from typing import Any

import pytest

from service.errors import Invalid
from service.ingest import IngestedTable, read_columns, read_upload
from service.ingest.corrections import Corrections
from service.ingest.table_warnings import TableWarning
from service.settings import Settings

SETTINGS = Settings(data_dir=Path())


def read(*cells: str, **rules: Any) -> IngestedTable:
    rows = "\n".join(f"{cell};{number}" for number, cell in enumerate(cells))
    return read_upload(io.BytesIO(f"t;y\n{rows}\n".encode()), "t.csv", SETTINGS, **rules)


def codes(table: IngestedTable) -> list[str]:
    return [warning.code for warning in table.warnings]


def first(table: IngestedTable) -> str:
    return str(table.frame["t"][0].isoformat())


def note(table: IngestedTable) -> TableWarning:
    return next(warning for warning in table.warnings if warning.code == "date_form")


@pytest.mark.parametrize(
    ("cells", "form", "expected"),
    [
        (("31.12.2026", "01.02.2026"), "%d.%m.%Y", "2026-12-31T00:00:00"),
        (("1.2.2026", "3.4.2026"), "%d.%m.%Y", "2026-02-01T00:00:00"),
        (("31/12/2026", "01/02/2026"), "%d/%m/%Y", "2026-12-31T00:00:00"),
        (("12/31/2026", "01/02/2026"), "%m/%d/%Y", "2026-12-31T00:00:00"),
        (("31-12-2026", "01-02-2026"), "%d-%m-%Y", "2026-12-31T00:00:00"),
        (("31.12.2026 18:30", "01.02.2026 07:05"), "%d.%m.%Y %H:%M", "2026-12-31T18:30:00"),
        (("12/31/2026 18:30:15", "1/2/2026 7:05:00"), "%m/%d/%Y %H:%M:%S", "2026-12-31T18:30:15"),
        (("2026.12.31", "2026.2.1"), "%Y.%m.%d", "2026-12-31T00:00:00"),
        (("31 Dec 2026", "1 May 2026"), "%d %b %Y", "2026-12-31T00:00:00"),
        (("31-DEC-2026", "01-feb-2026"), "%d-%b-%Y", "2026-12-31T00:00:00"),
        (("Dec 31, 2026", "May 1, 2026"), "%b %d, %Y", "2026-12-31T00:00:00"),
        (("31 December 2026", "1 May 2026"), "%d %B %Y", "2026-12-31T00:00:00"),
        (("December 31, 2026", "May 1, 2026"), "%B %d, %Y", "2026-12-31T00:00:00"),
        (("18.00.00", "07.30.00"), "%H.%M.%S", "1970-01-01T18:00:00"),
        (("18:00", "7:30"), "%H:%M", "1970-01-01T18:00:00"),
    ],
)
def test_a_form_is_recognised_and_kept(cells: tuple[str, ...], form: str, expected: str) -> None:
    table = read(*cells, "")
    assert (table.columns[0].type, table.columns[0].form) == ("datetime", form)
    assert (first(table), note(table).form) == (expected, form)


@pytest.mark.parametrize(
    "cell", ["31 Dez 2026", "Dec 32, 2026", "2026.13.01", "Type 12 2026", "12 apples 2026"]
)
def test_what_only_looks_like_a_date_stays_text(cell: str) -> None:
    assert read("31 Dec 2026", cell).columns[0].type == "category"
    assert read(cell, cell).columns[0].form is None


DOUBTFUL = ("01/02/2026", "03/04/2026", "12/05/2026", "")


def test_day_and_month_that_could_be_the_other_way_round_are_exchanged_on_request() -> None:
    table = read(*DOUBTFUL)
    assert (note(table).form, first(table)[:10]) == ("%d/%m/%Y", "2026-02-01")
    assert "ambiguous_dates" in codes(table)
    swapped = read(*DOUBTFUL, corrections=Corrections(swapped_dates=("t",)))
    assert [str(day)[:10] for day in swapped.frame["t"]] == ["2026-01-02", "2026-03-04", "2026-12-05", "None"]
    assert swapped.columns[0].form == "%m/%d/%Y"
    assert "ambiguous_dates" not in codes(swapped)
    assert "swapped_dates" in codes(swapped)


@pytest.mark.parametrize(
    "cells", [("1.2.2026", "3.4.2026"), ("01/02/2026", "13/02/2026"), ("1 Feb 2026",) * 2]
)
def test_an_order_that_follows_from_the_dates_or_from_custom_is_not_doubtful(cells: tuple[str, ...]) -> None:
    assert "ambiguous_dates" not in codes(read(*cells))


@pytest.mark.parametrize(
    ("cells", "name", "fault"),
    [
        (DOUBTFUL, "z", "does not have"),
        (DOUBTFUL, "y", "holds no dates"),
        (("13/02/2026", "01/02/2026"), "t", "a day is over 12"),
    ],
)
def test_day_and_month_are_exchanged_only_where_both_could_be(
    cells: tuple[str, ...], name: str, fault: str
) -> None:
    with pytest.raises(Invalid, match=fault) as refused:
        read(*cells, corrections=Corrections(swapped_dates=(name,)))
    assert refused.value.code == "invalid_dates"


def test_what_comes_first_is_decided_over_the_whole_column_and_said() -> None:
    assert "the first number goes up to 13" in note(read("01/02/2026", "13/02/2026")).detail
    assert "the second number goes up to 13" in note(read("01/02/2026", "02/13/2026")).detail


def test_of_two_possible_orders_that_is_taken_in_which_rows_follow_each_other() -> None:
    by_month = read("01/10/2026", "01/11/2026", "01/12/2026", "02/01/2026", "02/02/2026")
    assert note(by_month).form == "%m/%d/%Y"
    by_day = read("10/01/2026", "11/01/2026", "12/01/2026", "01/02/2026", "02/02/2026")
    assert note(by_day).form == "%d/%m/%Y"
    assert "both numbers could be months" in note(by_day).detail


@pytest.mark.parametrize(
    "cells", [("31.02.2026",), ("13/13/2026",), ("18.61.00",), ("1.2.3", "1.2.4"), ("31.12.26",)]
)
def test_what_is_no_date_stays_text(cells: tuple[str, ...]) -> None:
    assert read(*cells).columns[0].type == "category"


def test_texts_in_json_are_read_alike() -> None:
    table = read_columns({"t": ["31.12.2026", None, "01.02.2026"]}, SETTINGS)
    assert (table.columns[0].type, table.columns[0].form) == ("datetime", "%d.%m.%Y")
