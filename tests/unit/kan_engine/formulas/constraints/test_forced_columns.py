"""Formulas get the columns that they must use."""

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import Number, Variable, evaluate, variables
from kan_engine.formulas.constraints.forced_columns import add_missing_columns

RNG = np.random.default_rng(0)
COLUMNS = {"a": RNG.uniform(1, 2, 50), "p": RNG.normal(size=50), "q": np.zeros(50)}
TARGET = 3 * COLUMNS["a"] + 0.5 * COLUMNS["p"] + 1
ROWS = LabelledRows.from_columns(COLUMNS, TARGET)
LIMITS = FormulaConstraints(must_use=(frozenset({"p", "q"}),))


def test_a_missing_column_is_added_with_its_slope() -> None:
    tree = add_missing_columns(Number(2.5) * Variable("a") + Number(0.7), LIMITS, ROWS)
    assert set(variables(tree)) == {"a", "p"}
    np.testing.assert_allclose(evaluate(tree, COLUMNS), TARGET, atol=1e-6)


def test_a_formula_that_uses_the_column_stays() -> None:
    tree = Variable("a") * Variable("p")
    assert add_missing_columns(tree, LIMITS, ROWS) is tree
