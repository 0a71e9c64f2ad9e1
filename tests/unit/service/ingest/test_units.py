"""Units of a table: those given, and those in the names of columns."""

import pytest

from service.documents.column_report import ColumnReport
from service.ingest.units import complete_units


def describe(name: str, kind: str = "number") -> ColumnReport:
    return ColumnReport(name=name, type=kind, missing=0, distinct=9)


def test_a_unit_in_the_name_of_a_column_is_taken_with_a_note() -> None:
    units, warnings = complete_units([describe("length (m)"), describe("period")], {"period": "s"})
    assert units == {"period": "s", "length (m)": "m"}
    (note,) = warnings
    assert (note.code, note.column) == ("header_unit", "length (m)")
    assert '"length (m)": "…"' in note.detail


@pytest.mark.parametrize("given", ["cm", ""])
def test_a_given_unit_overrides_the_name(given: str) -> None:
    assert complete_units([describe("length (m)")], {"length (m)": given}) == ({"length (m)": given}, [])


def test_a_unit_in_the_cells_overrides_the_name_and_gives_way_to_a_given_one() -> None:
    columns = [describe("length (m)")]
    assert complete_units(columns, {}, {"length (m)": "cm"}) == ({"length (m)": "cm"}, [])
    assert complete_units(columns, {"length (m)": "mm"}, {"length (m)": "cm"})[0] == {"length (m)": "mm"}


def test_only_columns_of_numbers_have_units_in_their_names() -> None:
    assert complete_units([describe("group (A)", "category")], {}) == ({}, [])


@pytest.mark.parametrize("text", ["people", "9**9**9**9", "m//s"])
def test_an_unknown_unit_is_kept_with_a_warning(text: str) -> None:
    units, warnings = complete_units([describe("crowd")], {"crowd": text})
    assert units == {"crowd": text}
    assert [(warning.code, warning.column) for warning in warnings] == [("unknown_unit", "crowd")]
