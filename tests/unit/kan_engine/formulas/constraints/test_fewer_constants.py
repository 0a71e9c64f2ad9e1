"""Fewer constants: those that matter least become 0 or 1."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Parameter, Variable, call
from kan_engine.expressions.measured_constants import count_constants
from kan_engine.formulas.constraints.fewer_constants import reduce_constants
from kan_engine.formulas.core.constant_fitting import ParametricForm, compute_rmse, refit_constants

X = Variable("x")
ROWS = np.linspace(0.5, 3, 60)
DATA = LabelledRows.from_columns({"x": ROWS}, 2.5 * np.exp(-0.7 * ROWS) + 0.01)
FORM = refit_constants(
    ParametricForm(
        Parameter(0) * call("exp", Parameter(1) * X + Parameter(2)) + Parameter(3),
        np.array([1.0, -1.0, 0.1, 0.1]),
    ),
    DATA,
    iterations=50,
)


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_a_form_keeps_as_many_constants_as_it_may_and_its_columns(most: int) -> None:
    found = reduce_constants(FORM, DATA, most, steps=20)
    assert found is not None
    assert count_constants(found.numeric_tree) <= most
    assert compute_rmse(found, DATA) < np.inf


def test_redundant_constants_go_first() -> None:
    found = reduce_constants(FORM, DATA, 3, steps=50)
    assert found is not None
    assert compute_rmse(found, DATA) < 1e-9
