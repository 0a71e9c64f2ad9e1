"""The constants of a form by a few cheap steps, and its leave-one-out errors."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Parameter, Variable, call
from kan_engine.formulas.core.coarse_fit import (
    compute_fresh_losses,
    fit_constants,
    measure_mean_square,
    orthonormalize,
)
from kan_engine.formulas.core.program import Program

ROWS = 25
rng = np.random.default_rng(0)
COLUMNS = {"a": rng.uniform(0.5, 3, ROWS), "b": rng.uniform(-1, 1, ROWS)}
WEIGHTS = rng.uniform(0.2, 2, ROWS)
A, B = Variable("a"), Variable("b")
LINEAR = Parameter(0) + Parameter(1) * call("log", A) + Parameter(2) * A * B
DESIGN = np.stack([np.ones(ROWS), np.log(COLUMNS["a"]), COLUMNS["a"] * COLUMNS["b"]], 1)
NOISY = LabelledRows.from_columns(COLUMNS, DESIGN @ [2.0, -1.0, 0.5] + rng.normal(0, 0.3, ROWS), WEIGHTS)


def solve_least_squares(rows: np.ndarray) -> np.ndarray:
    root = np.sqrt(WEIGHTS[rows])
    solution: np.ndarray = np.linalg.lstsq(DESIGN[rows] * root[:, None], NOISY.y[rows] * root)[0]
    return solution


def test_constants_of_a_linear_form_are_those_of_weighted_least_squares() -> None:
    fitted = fit_constants(Program(LINEAR, COLUMNS, 3), np.zeros(3), NOISY, steps=6)
    assert fitted is not None
    np.testing.assert_allclose(fitted.values, solve_least_squares(np.arange(ROWS)), rtol=1e-6)


def test_constants_inside_of_a_function_are_found() -> None:
    form = Parameter(0) * call("exp", Parameter(1) * A)
    target = LabelledRows.from_columns(COLUMNS, 2 * np.exp(-0.7 * COLUMNS["a"]))
    fitted = fit_constants(Program(form, COLUMNS, 2), np.array([1.0, -0.1]), target, steps=30)
    assert fitted is not None
    np.testing.assert_allclose(fitted.values, [2, -0.7], rtol=1e-6)
    np.testing.assert_allclose(fitted.predicted, target.y, rtol=1e-6)


def test_a_form_that_is_undefined_at_the_start_is_not_fitted() -> None:
    form = call("log", Parameter(0) + B)
    assert fit_constants(Program(form, COLUMNS, 1), np.zeros(1), NOISY, steps=3) is None


def test_a_fit_far_from_the_required_error_is_given_up_early() -> None:
    form = Parameter(0) * call("exp", Parameter(1) * A)
    target, start = LabelledRows.from_columns(COLUMNS, 2 * np.exp(-0.7 * COLUMNS["a"])), np.array([1.0, 1.0])
    whole, short = (
        fit_constants(Program(form, COLUMNS, 2), start, target, steps=30, hopeless=error)
        for error in (float("inf"), 1e-12)
    )
    assert whole is not None
    assert short is not None
    assert short.mean_square > 10 * whole.mean_square


def test_a_redundant_constant_does_no_harm() -> None:
    form = Parameter(0) * Parameter(1) * A + Parameter(2)
    target = LabelledRows.from_columns(COLUMNS, 6 * COLUMNS["a"] + 1)
    fitted = fit_constants(Program(form, COLUMNS, 3), np.ones(3), target, steps=20)
    assert fitted is not None
    np.testing.assert_allclose(fitted.predicted, target.y, rtol=1e-6)


def test_leave_one_out_losses_of_a_linear_form_are_those_of_refits_without_the_row() -> None:
    program = Program(LINEAR, COLUMNS, 3)
    fitted = fit_constants(program, np.zeros(3), NOISY, steps=10)
    assert fitted is not None
    expected = np.empty(ROWS)
    for row in range(ROWS):
        constants = solve_least_squares(np.delete(np.arange(ROWS), row))
        expected[row] = NOISY.relative_weights[row] * (DESIGN[row] @ constants - NOISY.y[row]) ** 2
    np.testing.assert_allclose(compute_fresh_losses(program, fitted, NOISY), expected, rtol=1e-4)


def test_weights_of_any_scale_give_the_same_fit() -> None:
    heavy = NOISY.reweigh(np.full(ROWS, 1000.0))
    first, second = (
        fit_constants(Program(LINEAR, COLUMNS, 3), np.zeros(3), r, steps=6) for r in (NOISY, heavy)
    )
    assert first is not None
    assert second is not None
    assert second.mean_square == pytest.approx(first.mean_square)


def test_the_error_of_values_that_are_not_finite_is_infinite() -> None:
    assert measure_mean_square(np.full(ROWS, np.nan), NOISY) == float("inf")


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf], ids=["zero", "undefined", "infinite"])
def test_an_orthonormal_basis_leaves_out_columns_without_a_direction(bad: float) -> None:
    basis = orthonormalize(np.hstack([DESIGN, np.full((ROWS, 1), bad), DESIGN[:, :1]]))
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(basis @ (basis.T @ DESIGN), DESIGN, atol=1e-10)
