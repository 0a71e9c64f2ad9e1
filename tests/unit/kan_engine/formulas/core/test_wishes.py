"""Formulas get the columns that they must use; constants that matter least become 0 or 1."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import Expression, Number, Parameter, Variable, call, variables
from kan_engine.expressions.measured_constants import count_constants
from kan_engine.formulas.core.constant_fitting import ParametricForm, compute_rmse, refit_constants
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.formulas.core.wishes import drop_constants, satisfy_wishes

RNG = np.random.default_rng(0)
COLUMNS = {"a": RNG.uniform(1, 2, 50), "p": RNG.normal(size=50), "q": np.zeros(50)}
ROWS = LabelledRows.from_columns(COLUMNS, 3 * COLUMNS["a"] + 0.5 * COLUMNS["p"] + 1)
A, P = Variable("a"), Variable("p")
LINE = Number(2.5) * A + Number(0.7)

X = Variable("x")
POINTS = np.linspace(0.5, 3, 60)
DATA = LabelledRows.from_columns({"x": POINTS}, 2.5 * np.exp(-0.7 * POINTS) + 0.01)
FORM = refit_constants(
    ParametricForm(
        Parameter(0) * call("exp", Parameter(1) * X + Parameter(2)) + Parameter(3),
        np.array([1.0, -1.0, 0.1, 0.1]),
    ),
    DATA,
    iterations=50,
)


def rmse(tree: Expression, rows: LabelledRows) -> float:
    """With fitted constants."""
    return compute_rmse(refit_constants(to_form(tree), rows, iterations=50), rows)


def test_a_missing_column_that_varies_is_added() -> None:
    limits = FormulaConstraints(must_use=(frozenset({"p", "q"}),))
    variants = list(satisfy_wishes(LINE, ROWS, limits))
    assert all(set(variables(tree)) == {"a", "p"} for tree in variants)
    assert min(rmse(tree, ROWS) for tree in variants) < 1e-6


def test_a_formula_that_grants_the_wishes_has_no_variants() -> None:
    limits = FormulaConstraints(must_use=(frozenset({"p", "q"}),), max_constants=0)
    assert list(satisfy_wishes(A * P, ROWS, limits)) == []


def test_a_formula_gets_a_missing_column_with_as_many_constants_as_it_may_have() -> None:
    limits = FormulaConstraints(must_use=(frozenset({"p"}),), max_constants=2)
    variants = list(satisfy_wishes(LINE, ROWS, limits))
    assert variants
    assert all(limits.allow(tree) for tree in variants)


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_a_form_keeps_as_many_constants_as_it_may_and_its_columns(most: int) -> None:
    found = drop_constants(FORM, DATA, most)
    assert found is not None
    assert count_constants(found.numeric_tree) <= most
    assert set(variables(found.tree)) == {"x"}
    assert compute_rmse(found, DATA) < np.inf


def test_redundant_constants_go_first() -> None:
    found = drop_constants(FORM, DATA, 3)
    assert found is not None
    assert rmse(found.numeric_tree, DATA) < 1e-9


def test_few_rows_suffice_to_drop_constants() -> None:
    assert drop_constants(FORM, DATA[:3], 1) is not None
