"""Where two formulas differ most: a condition on one column, if there is one."""

import numpy as np
import pytest

from kan_engine.assessment.rival_difference import find_difference
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Variable, add, call, mul, power

X, Z = Variable("x"), Variable("z")
GENERATOR = np.random.default_rng(0)
ROWS = LabelledRows.from_columns(
    dict(zip("xz", GENERATOR.uniform(0, 1, (2, 500)), strict=True)), np.zeros(500)
)


def test_they_differ_most_beyond_an_end_of_a_column() -> None:
    found = find_difference(add(X, Z), add(X, Z, power(X, 6)), ROWS)
    assert found is not None
    assert (found.column, found.below) == ("x", None)
    assert found.above == pytest.approx(0.8, abs=0.05)
    assert found.there is not None
    assert found.there > 3 * found.mean > 0


def test_the_low_end_is_told_as_such() -> None:
    found = find_difference(Z, add(Z, power(add(1, mul(-1, X)), 6)), ROWS)
    assert found is not None
    assert (found.column, found.above) == ("x", None)
    assert found.below == pytest.approx(0.2, abs=0.05)


def test_a_difference_that_is_the_same_everywhere_has_no_place() -> None:
    found = find_difference(add(X, Z), add(X, Z, 0.5), ROWS)
    assert found is not None
    assert (found.mean, found.column) == (0.5, None)


def test_a_formula_that_is_undefined_has_no_difference() -> None:
    assert find_difference(X, call("log", add(X, -0.5)), ROWS) is None


def test_names_of_columns_are_changed_where_they_are_told() -> None:
    found = find_difference(X, add(X, power(X, 9)), ROWS)
    assert found is not None
    assert found.rename({"x": "T"}).column == "T"
