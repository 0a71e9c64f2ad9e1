"""All constants of a form at once."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows, weigh_by_errors
from kan_engine.expressions.evaluation import Parameter, Variable, apply_function, mul, number
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    compute_rmse,
    fix_parameter,
    refit_constants,
)

X1 = Variable("x1")
EXPONENTIAL = mul(Parameter(0), apply_function("exp", mul(Parameter(1), X1)))
U = np.linspace(0.0, 2.0, 50)


def rows(target: np.ndarray) -> LabelledRows:
    return LabelledRows.from_columns({"x1": U}, target)


def test_refitted_constants_are_those_of_the_data() -> None:
    form = refit_constants(
        ParametricForm(EXPONENTIAL, np.array([1.0, 0.1])), rows(3 * np.exp(-1.2 * U)), iterations=50
    )
    np.testing.assert_allclose(form.values, [3.0, -1.2], rtol=1e-9)


def test_redundant_constants_do_no_harm() -> None:
    twice = mul(Parameter(0), Parameter(1), X1)
    form = refit_constants(ParametricForm(twice, np.array([1.0, 1.0])), rows(6 * U), iterations=50)
    assert form.values[0] * form.values[1] == pytest.approx(6)


def test_a_step_into_a_place_without_numbers_is_refused() -> None:
    root = apply_function("sqrt", Parameter(0) + X1)  # a number only above p0 = 0
    form = refit_constants(ParametricForm(root, np.array([5.0])), rows(np.sqrt(U + 0.01)), iterations=100)
    assert form.values[0] == pytest.approx(0.01, rel=1e-6)


@pytest.mark.parametrize("start", [[], [float("nan"), 1.0]])
def test_a_form_that_cannot_be_refitted_stays(start: list[float]) -> None:
    form = ParametricForm(EXPONENTIAL if start else X1, np.array(start))
    np.testing.assert_array_equal(refit_constants(form, rows(U), iterations=5).values, start)


def test_the_error_is_the_root_of_the_mean_square() -> None:
    assert compute_rmse(ParametricForm(X1, np.array([])), rows(U + 0.5)) == pytest.approx(0.5)


def test_a_form_that_is_no_number_somewhere_is_infinitely_wrong() -> None:
    # log(0)
    assert compute_rmse(ParametricForm(apply_function("log", X1), np.array([])), rows(U)) == float("inf")


def test_a_parameter_that_becomes_a_number_is_none_any_more() -> None:
    form = fix_parameter(ParametricForm(EXPONENTIAL + Parameter(2), np.array([2.0, -0.5, 7.0])), 1, number(3))
    assert to_text(form.tree) == "c0*exp(3*x1) + c1"
    np.testing.assert_array_equal(form.values, [2.0, 7.0])


SLOPE = ParametricForm(Parameter(0) * Variable("x"), np.array([1.0]))
POINTS = np.linspace(1, 2, 8)
SIGMA = np.array([0.1, 1.0] * 4)


def weighed(target: np.ndarray) -> LabelledRows:
    weights, unit_error = weigh_by_errors(SIGMA, np.arange(len(SIGMA)))
    return LabelledRows.from_columns({"x": POINTS}, target, weights, unit_error)


def test_constants_are_those_of_weighted_least_squares() -> None:
    target = 3 * POINTS + SIGMA * np.array([1, -1, 2, 0, -1, 1, 0, 2])
    best = np.sum(POINTS * target / SIGMA**2) / np.sum(POINTS**2 / SIGMA**2)
    assert refit_constants(SLOPE, weighed(target), iterations=50).values == pytest.approx([best])


@pytest.mark.parametrize("factor", [1.0, 7.0])
def test_equal_weights_of_any_size_change_nothing(factor: float) -> None:
    target = 3 * POINTS + SIGMA
    equal = LabelledRows.from_columns({"x": POINTS}, target, np.full(8, factor))
    plain = LabelledRows.from_columns({"x": POINTS}, target)
    assert refit_constants(SLOPE, equal, iterations=50).values == pytest.approx(
        refit_constants(SLOPE, plain, iterations=50).values, rel=1e-12
    )
    assert compute_rmse(SLOPE, equal) == pytest.approx(compute_rmse(SLOPE, plain), rel=1e-12)


def test_bounds_hold_and_the_other_constants_are_the_best_ones_there() -> None:
    line = ParametricForm(Parameter(0) + mul(Parameter(1), X1), np.array([0.5, 0.0]))
    fitted = refit_constants(line, rows(1 + 2 * U), iterations=50, bounds=[(-np.inf, 0.5), (-9.0, np.inf)])
    assert fitted.values == pytest.approx([0.5, 2 + 0.5 * U.sum() / (U @ U)], rel=1e-6)


def test_a_start_beyond_a_bound_begins_at_it() -> None:
    form = ParametricForm(mul(Parameter(0), X1), np.array([9.0]))
    fitted = refit_constants(form, rows(12 * U), iterations=50, bounds=[(0.0, 5.0)])
    assert fitted.values == pytest.approx([5.0])
    assert fitted.values[0] <= 5.0


def test_a_held_constant_stays_while_the_others_are_fitted() -> None:
    form = ParametricForm(EXPONENTIAL, np.array([1.0, -1.2]))
    fitted = refit_constants(form, rows(3 * np.exp(-1.2 * U)), iterations=50, held=[1])
    assert fitted.values[1] == -1.2
    assert fitted.values[0] == pytest.approx(3.0)


def test_fewer_rows_than_constants_are_fitted_exactly() -> None:
    form = ParametricForm(Parameter(0) + mul(Parameter(1), X1) + Parameter(2), np.zeros(3))
    few = LabelledRows.from_columns({"x1": U[:2]}, U[:2] + 1)
    assert compute_rmse(refit_constants(form, few, iterations=50), few) < 1e-9
