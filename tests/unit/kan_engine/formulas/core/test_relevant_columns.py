"""The columns of a wide table that matter most."""

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.formulas.core.relevant_columns import select_relevant_columns


def table_of(rows: int, columns: int, seed: int = 0) -> dict[str, np.ndarray]:
    values = np.random.default_rng(seed).normal(size=(columns, rows))
    return {f"c{place}": column for place, column in enumerate(values)}


def test_few_columns_of_a_wide_table_are_found() -> None:
    columns = table_of(60, 300)
    target = 3 * columns["c17"] - 2 * columns["c250"] + 0.2 * np.random.default_rng(1).normal(size=60)
    assert {"c17", "c250"} <= set(select_relevant_columns(LabelledRows.from_columns(columns, target), 10))


def test_a_column_that_matters_by_its_distance_from_the_middle_is_kept() -> None:
    columns = table_of(200, 60)
    kept = select_relevant_columns(LabelledRows.from_columns(columns, columns["c5"] ** 2), 10)
    assert "c5" in kept
    assert kept == [name for name in columns if name in kept]


def test_one_wrong_target_changes_no_choice() -> None:
    columns = table_of(100, 60)
    target = columns["c3"].copy()
    target[7] = 1e6
    assert "c3" in select_relevant_columns(LabelledRows.from_columns(columns, target), 2)
