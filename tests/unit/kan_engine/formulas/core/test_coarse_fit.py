"""The constants of a form by a few cheap steps."""

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Parameter, Variable, call
from kan_engine.formulas.core.constant_fitting import ParametricForm, Residuals, refit_coarsely

ROWS = 25
rng = np.random.default_rng(0)
COLUMNS = {"a": rng.uniform(0.5, 3, ROWS), "b": rng.uniform(-1, 1, ROWS)}
A, B = Variable("a"), Variable("b")
LINEAR = Parameter(0) + Parameter(1) * call("log", A) + Parameter(2) * A * B
EXPONENTIAL = Parameter(0) * call("exp", Parameter(1) * A)
DESIGN = np.stack([np.ones(ROWS), np.log(COLUMNS["a"]), COLUMNS["a"] * COLUMNS["b"]], 1)
NOISY = LabelledRows.from_columns(
    COLUMNS, DESIGN @ [2.0, -1.0, 0.5] + rng.normal(0, 0.3, ROWS), rng.uniform(0.2, 2, ROWS)
)
DECAY = LabelledRows.from_columns(COLUMNS, 2 * np.exp(-0.7 * COLUMNS["a"]))


def fit(
    form: Expression, start: list[float], rows: LabelledRows, steps: int, hopeless: float = float("inf")
) -> tuple[np.ndarray, float]:
    """The constants, and their mean squared error."""
    residuals = Residuals(ParametricForm(form, np.array(start)), rows)
    values = refit_coarsely(residuals, np.array(start), steps, hopeless)
    return values, residuals.measure(values)


def test_constants_of_a_linear_form_are_those_of_weighted_least_squares() -> None:
    values, _ = fit(LINEAR, [0.0] * 3, NOISY, steps=6)
    expected = np.linalg.lstsq(DESIGN * NOISY.roots[:, None], NOISY.y * NOISY.roots)[0]
    np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_constants_inside_of_a_function_are_found() -> None:
    np.testing.assert_allclose(fit(EXPONENTIAL, [1.0, -0.1], DECAY, steps=30)[0], [2, -0.7], rtol=1e-6)


@pytest.mark.parametrize("start", [0.0, np.inf])
def test_a_form_that_is_undefined_at_the_start_stays(start: float) -> None:
    values, error = fit(call("log", Parameter(0) + B), [start], NOISY, steps=3)
    assert values == [start]
    assert error == float("inf")


def test_a_fit_far_from_the_required_error_is_given_up_early() -> None:
    whole, short = (fit(EXPONENTIAL, [1.0, 1.0], DECAY, 30, error)[1] for error in (float("inf"), 1e-12))
    assert short > 10 * whole


def test_a_redundant_constant_does_no_harm() -> None:
    target = LabelledRows.from_columns(COLUMNS, 6 * COLUMNS["a"] + 1)
    _, error = fit(Parameter(0) * Parameter(1) * A + Parameter(2), [1.0] * 3, target, steps=20)
    assert error < 1e-12


def test_weights_of_any_scale_give_the_same_fit() -> None:
    heavy = NOISY.reweigh(np.full(ROWS, 1000.0))
    first, second = (fit(LINEAR, [0.0] * 3, rows, steps=6)[1] for rows in (NOISY, heavy))
    assert second == pytest.approx(first)
