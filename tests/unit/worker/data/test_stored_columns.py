"""Columns of a stored table are read in blocks, as if they were read one by one."""

from dataclasses import replace

import numpy as np
import pytest

from service.storage.stored_table import read_rows
from tests.support.tables import table_of

COLUMNS = {
    "a": [1.0, None, 3.0],
    "b": [1, 2, 3],
    "c": ["x", "y", None],
    "d": [True, False, True],
}


@pytest.mark.parametrize("rows", [3, 1_000_000, 2_000_000])  # all columns in a block, two, one
def test_columns_are_the_same_in_blocks_of_any_size(rows: int) -> None:
    table = replace(table_of(**COLUMNS), rows=rows)
    found = dict(zip("dacb", table.read_columns(list("dacb")), strict=True))
    for name in COLUMNS:
        np.testing.assert_array_equal(found[name], table.column(name))
    assert np.isnan(found["a"][1])
    assert found["c"][2] is None


@pytest.mark.parametrize("rows", [3, 1_000_000, 2_000_000])
def test_chosen_rows_have_all_columns_in_order(rows: int) -> None:
    frame = read_rows(replace(table_of(**COLUMNS), rows=rows), [2, 0])
    assert frame.columns == list(COLUMNS)
    assert frame["b"].to_list() == [3, 1]
    assert frame["c"].to_list() == [None, "x"]
