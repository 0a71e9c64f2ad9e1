"""Rows of a table: selections of rows and columns keep what belongs together."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.data.labelled_rows import LabelledRows, weigh_by_errors

ROWS = LabelledRows(
    x=np.arange(200.0).reshape(100, 2),
    y=np.arange(100.0) % 3,
    weights=np.linspace(1, 2, 100),
    names=("a", "b"),
)


def test_selected_rows_keep_their_targets_and_weights() -> None:
    some = ROWS[np.array([3, 7])]
    assert (some.x[:, 0].tolist(), some.y.tolist()) == ([6.0, 14.0], [0.0, 1.0])
    assert some.weights.tolist() == ROWS.weights[[3, 7]].tolist()
    assert np.shares_memory(ROWS[10:20].x, ROWS.x)


def test_rows_of_columns_have_them_as_contiguous_views_and_count_equally() -> None:
    rows = LabelledRows.from_columns({"a": np.arange(5.0), "b": np.ones(5)}, np.arange(5.0))
    assert rows.names == ("a", "b")
    assert all(column.flags.c_contiguous for column in rows.columns.values())
    assert rows.columns["b"].base is rows.x
    assert rows.unequal_weights is None
    assert rows.unit_error is None


def test_columns_are_made_once_and_not_copied() -> None:
    assert ROWS.columns is ROWS.columns
    assert np.shares_memory(ROWS.columns["b"], ROWS.x)


@pytest.mark.parametrize("weights", [np.ones(100), np.full(100, 3.0), ROWS.weights])
def test_the_spread_of_the_target_follows_the_weights(weights: np.ndarray) -> None:
    rows = replace(ROWS, weights=weights)
    mean = np.average(ROWS.y, weights=weights)
    assert rows.spread == pytest.approx(np.average((ROWS.y - mean) ** 2, weights=weights) ** 0.5)
    assert rows.with_target(np.full(100, 7.0)).spread == 1.0


def test_parts_that_are_joined_again_are_the_whole() -> None:
    rows = replace(ROWS, unit_error=0.5)
    whole = rows[:30].append(rows[30:])
    assert (whole.names, whole.unit_error) == (rows.names, 0.5)
    for name in ("x", "y", "weights"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(rows, name))


def test_factors_multiply_the_weights_and_leave_the_rest() -> None:
    again = ROWS.reweigh(ROWS.y + 1)
    np.testing.assert_array_equal(again.weights, ROWS.weights * (ROWS.y + 1))
    assert again.relative_weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(again.roots**2, again.weights)
    assert again.x is ROWS.x


def test_selected_columns_keep_their_names() -> None:
    only = ROWS.select_columns([1])
    assert list(only.columns) == ["b"]
    np.testing.assert_array_equal(only.columns["b"], ROWS.columns["b"])


def test_a_sample_is_drawn_at_random_and_stays_in_order() -> None:
    sample = ROWS.sample(20, seed=1)
    assert len(sample) == 20
    assert (np.diff(sample.x[:, 0]) > 0).all()
    assert len(set(np.diff(sample.x[:, 0]))) > 1  # not every n-th row
    assert ROWS.sample(100, seed=1) is ROWS


def test_the_target_of_a_classification_is_the_place_of_the_class() -> None:
    assert ROWS.classes[:4].tolist() == [0, 1, 2, 0]


@given(
    sigma=st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=20).map(np.array), unit=st.floats(1e-100, 1e100)
)
def test_weights_from_errors_count_rows_and_give_the_errors_back(sigma: np.ndarray, unit: float) -> None:
    weights, unit_error = weigh_by_errors(unit * sigma, np.arange(len(sigma)))
    rows = LabelledRows(np.zeros((len(sigma), 0)), sigma, weights, (), unit_error)
    assert weights.mean() == pytest.approx(1.0)
    assert rows.sigma == pytest.approx(unit * sigma)
