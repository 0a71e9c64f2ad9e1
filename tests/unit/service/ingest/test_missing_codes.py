"""Numbers that may mean missing: proposed, and taken as missing only when the client says so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.errors import Invalid
from service.ingest import IngestedTable, read_columns
from service.settings import Settings
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of

RNG = np.random.default_rng(0)
USUAL = RNG.normal(20, 5, 60).round(1).tolist()
WIDE = RNG.integers(550, 2800, 60).tolist()


def read(columns: dict[str, list[Any]], **options: Any) -> IngestedTable:
    return read_columns(columns, Settings(data_dir=Path()), **options)


def proposed(values: list[Any]) -> list[tuple[float, int]]:
    return [(code.value, code.count) for code in read({"x": values}).columns[0].possible_missing]


@pytest.mark.parametrize("code", [-999, -9999, 999, 9999, -200, -99, -32768])
def test_a_code_that_stands_apart_is_proposed(code: int) -> None:
    assert proposed([*USUAL, code, code]) == [(code, 2)]


def test_a_single_large_code_is_proposed_but_a_single_small_one_may_be_an_outlier() -> None:
    assert proposed([*USUAL, -999]) == [(-999, 1)]
    assert proposed([*USUAL, -99]) == []


def test_codes_at_both_ends_and_behind_each_other_are_proposed() -> None:
    assert proposed([*USUAL, -999, -999, -9999, 9999, 9999, 9999]) == [(9999, 3), (-999, 2), (-9999, 1)]


@pytest.mark.parametrize(
    "values",
    [
        USUAL,
        [*USUAL, 100.0, 100.0],  # far away, and no code
        [float(n) for n in range(900, 1100)],  # 999 in the midst
        [*range(0, 1000, 37), 999, 999],  # at the end, and no further than others
        [-1, -1, 0, 0, 1, 1, 2, 3, 4, 5, 6],
        [1.5, 2.5, -999.0],  # too few to say
    ],
)
def test_other_values_are_not_suspected(values: list[Any]) -> None:
    assert proposed(values) == []


def test_a_code_that_is_sure_in_one_column_is_seen_in_another_where_it_is_less_far() -> None:
    assert proposed([*WIDE, -200, -200]) == []
    both = read({"x": [*WIDE, -200, -200], "y": [*USUAL, -200, -200]})
    assert [len(column.possible_missing) for column in both.columns] == [1, 1]
    (first, _) = [warning for warning in both.warnings if warning.code == "possible_missing"]
    assert (first.column, first.value, first.count, first.row) == ("x", -200, 2, 60)
    assert 'missing = {"*": [-200]}' in first.detail


def test_what_is_proposed_is_not_changed() -> None:
    assert read({"x": [*USUAL, -999, -999]}).columns[0].missing == 0


@pytest.mark.parametrize("missing", [{"x": [-999]}, {"*": [-999.0, "?"]}])
def test_what_a_client_says_is_missing_is_missing(missing: dict[str, list[Any]]) -> None:
    table = read({"x": [*USUAL, -999, -999], "c": ["a", "?"] * 31}, missing=missing)
    assert (table.columns[0].missing, table.columns[0].possible_missing) == (2, [])
    assert table.columns[1].missing == (31 if "*" in missing else 0)
    assert ("declared_missing", "x") in {(w.code, w.column) for w in table.warnings}


def test_a_column_that_there_is_not_has_no_missing_values() -> None:
    with pytest.raises(Invalid) as refused:
        read({"x": USUAL}, missing={"z": [-999]})
    assert (refused.value.code, refused.value.errors[0].place["column"]) == ("invalid_missing", "z")


def test_a_model_that_learns_from_a_code_says_so() -> None:
    x = [*USUAL, -999.0, -999.0]
    data = prepare_data(table_of(x=x, y=[2 * value for value in x]), request_for())
    (warning,) = data.warnings
    assert warning.startswith("-999 stands apart from the other values of 'x' (2 rows)")
    assert '{"x": [-999]}' in warning
