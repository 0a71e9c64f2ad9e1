"""A fitted formula of a search, with its leave-one-out errors."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Variable, add, call, mul
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.core.losses import orthonormalize
from kan_engine.formulas.strategies.growth.entry import measure_formula

ROWS = 25
rng = np.random.default_rng(0)
COLUMNS = {"a": rng.uniform(0.5, 3, ROWS), "b": rng.uniform(-1, 1, ROWS)}
WEIGHTS = rng.uniform(0.2, 2, ROWS)
A, B = Variable("a"), Variable("b")
DESIGN = np.stack([np.ones(ROWS), np.log(COLUMNS["a"]), COLUMNS["a"] * COLUMNS["b"]], 1)
NOISY = LabelledRows.from_columns(COLUMNS, DESIGN @ [2.0, -1.0, 0.5] + rng.normal(0, 0.3, ROWS), WEIGHTS)


def solve_least_squares(rows: np.ndarray) -> np.ndarray:
    root = np.sqrt(WEIGHTS[rows])
    solution: np.ndarray = np.linalg.lstsq(DESIGN[rows] * root[:, None], NOISY.y[rows] * root)[0]
    return solution


def test_leave_one_out_losses_of_a_linear_form_are_those_of_refits_without_the_row() -> None:
    first, second, third = map(make_measured, solve_least_squares(np.arange(ROWS)).tolist())
    entry = measure_formula(add(first, mul(second, call("log", A)), mul(third, A, B)), NOISY)
    expected = np.empty(ROWS)
    for row in range(ROWS):
        constants = solve_least_squares(np.delete(np.arange(ROWS), row))
        expected[row] = NOISY.relative_weights[row] * (DESIGN[row] @ constants - NOISY.y[row]) ** 2
    np.testing.assert_allclose(entry.losses, expected, rtol=1e-4)
    assert entry.error == pytest.approx(expected.mean(), rel=1e-4)


def test_a_formula_is_measured_with_its_own_constants() -> None:
    entry = measure_formula(mul(make_measured(1.3), A), NOISY)
    np.testing.assert_allclose(entry.predicted, 1.3 * COLUMNS["a"])
    squares = (entry.predicted - NOISY.y) ** 2
    assert entry.mean_square == pytest.approx(np.average(squares, weights=WEIGHTS))


def test_the_error_of_values_that_are_not_finite_is_infinite() -> None:
    assert measure_formula(call("log", B), NOISY).mean_square == float("inf")


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf], ids=["zero", "undefined", "infinite"])
def test_an_orthonormal_basis_leaves_out_columns_without_a_direction(bad: float) -> None:
    basis = orthonormalize(np.hstack([DESIGN, np.full((ROWS, 1), bad), DESIGN[:, :1]]))
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(basis @ (basis.T @ DESIGN), DESIGN, atol=1e-10)
