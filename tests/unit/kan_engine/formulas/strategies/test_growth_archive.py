"""The best formulas of every size."""

from dataclasses import replace

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Variable
from kan_engine.formulas.core.check_rows import CheckRows
from kan_engine.formulas.strategies.growth.archive import Archive
from kan_engine.formulas.strategies.growth.entry import Entry
from kan_engine.formulas.strategies.growth.thresholds import DEFAULT_FRONT

rng = np.random.default_rng(0)
TREE = Variable("x")


def entry(size: int, error: float, predicted: np.ndarray | None = None) -> Entry:
    """A formula with other values than all others unless given."""
    values = rng.normal(0, 10, 5) if predicted is None else predicted
    return Entry(TREE, size, error, error, values, np.full(5, error))


def archive(*entries: Entry) -> Archive:
    made = Archive(DEFAULT_FRONT)
    for each in entries:
        made.insert(each)
    return made


@pytest.mark.parametrize("unit", [1.0, 1e-20])  # of the target, squared
def test_an_archive_keeps_a_few_formulas_per_size_the_best_first(unit: float) -> None:
    errors = [unit * error for error in (1.05, 1.01, 1.04, 1.0, 1.02)]
    found = archive(*(entry(5, error) for error in errors)).by_size[5]
    assert [each.error for each in found] == sorted(errors)[: DEFAULT_FRONT.entries_per_size]


def test_a_formula_far_behind_a_shorter_one_is_not_kept() -> None:
    made = archive(entry(5, 1.0))
    assert not made.insert(entry(7, 1.01 * DEFAULT_FRONT.slack))
    assert made.insert(entry(7, 0.99 * DEFAULT_FRONT.slack))


def test_a_formula_with_the_values_of_a_shorter_one_is_not_kept() -> None:
    known = entry(5, 1.0)
    made = archive(known)
    assert not made.insert(entry(7, 0.999, known.predicted + 1e-3))
    assert made.insert(entry(5 + DEFAULT_FRONT.same_values_sizes + 1, 0.999, known.predicted + 1e-3))


def test_of_formulas_of_one_size_with_the_same_values_a_better_one_is_kept() -> None:
    known = entry(5, 1.0)
    made = archive(known)
    assert not made.insert(entry(5, 1.0, known.predicted))
    assert made.insert(entry(5, 0.999, known.predicted))


def test_the_errors_of_the_front_fall_strictly() -> None:
    made = archive(
        *(entry(size, error) for size, error in [(1, 1.0), (3, 0.8), (4, 0.8), (5, 0.85), (6, 0.5)])
    )
    assert [(each.size, each.error) for each in made.front] == [(1, 1.0), (3, 0.8), (6, 0.5)]


def test_the_front_of_an_empty_archive_is_empty() -> None:
    made = archive()
    assert made.front == []
    assert made.best_error(60) == made.limit(60) == float("inf")


def test_one_formula_per_size_can_be_kept() -> None:
    made = Archive(replace(DEFAULT_FRONT, entries_per_size=1))
    assert [made.insert(entry(5, error)) for error in (1.0, 1.01, 0.9)] == [True, False, True]
    assert [each.error for each in made.by_size[5]] == [0.9]


def check_rows(x: np.ndarray, target: np.ndarray, overshoot: float = 1.0) -> CheckRows:
    return CheckRows(LabelledRows.from_columns({"x": x}, target), 2000, overshoot, np.random.default_rng(0))


X = np.arange(50) / 49  # the pole of 1/(x - 0.5) lies between two rows


def test_check_rows_accept_a_formula_in_the_range_of_the_target() -> None:
    assert check_rows(X, 2 * X + 1).accept(2 * TREE + 1)


def test_check_rows_refuse_a_pole_between_the_rows() -> None:
    with_pole = 1 / (TREE - 0.5)
    target = 1 / (X - 0.5)
    assert not check_rows(X, target).accept(with_pole)
    assert not check_rows(X[::2], target[::2]).accept(with_pole)


def test_check_rows_refuse_a_formula_that_is_undefined_between_the_rows() -> None:
    x = np.repeat([0.0, 1.0, 4.0], 20)
    root = (TREE**2 - 2.25 * TREE + 0.5) ** 0.5  # of a negative number from 0.25 to 2
    assert not check_rows(x, np.where(x == 0, 0.7, x)).accept(root)


def test_check_rows_of_a_binary_column_have_its_two_values() -> None:
    x = (np.arange(50) % 2).astype(float)
    assert check_rows(x, 1 / (x - 0.5)).accept(1 / (TREE - 0.5))


def test_check_rows_accept_the_constant_of_a_constant_target_to_rounding_error() -> None:
    target = np.full(50, 0.1)
    assert check_rows(X, target).accept(0 * TREE + float(np.nextafter(0.1, 1)))
    assert not check_rows(X, target).accept(0 * TREE + 0.2)


def test_check_rows_refuse_a_formula_that_is_undefined_at_a_further_row() -> None:
    ends = {"x": np.array([-0.5, 1.0])}
    table = LabelledRows.from_columns({"x": X + 0.1}, X)
    rows = CheckRows(table, 2000, 1.0, np.random.default_rng(0), ends)
    assert check_rows(X + 0.1, X).accept(TREE**0.5)
    assert not rows.accept(TREE**0.5)
    assert rows.accept(TREE)
