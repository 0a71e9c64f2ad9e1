"""Covariance of fitted constants."""

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows, weigh_by_errors
from kan_engine.expressions.evaluation import Parameter, Variable, mul
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    correlate,
    estimate_covariance,
    refit_constants,
)

X = Variable("x")
COLUMNS = {"x": np.linspace(0.0, 2.0, 40)}
NOISE = np.random.default_rng(0).normal(0, 0.1, 40)
LINE = ParametricForm(mul(Parameter(0), X) + Parameter(1), np.array([2.0, 1.0]))
DESIGN = np.stack([COLUMNS["x"], np.ones(40)], axis=1)
RANDOM_TARGET = 2 * COLUMNS["x"] + 1 + NOISE
ROWS = LabelledRows.from_columns(COLUMNS, RANDOM_TARGET)


def test_the_covariance_of_a_line_is_that_of_linear_regression() -> None:
    fitted = refit_constants(LINE, ROWS, iterations=20)
    residual = DESIGN @ fitted.values - RANDOM_TARGET
    expected = np.linalg.inv(DESIGN.T @ DESIGN) * (residual @ residual) / 38
    np.testing.assert_allclose(estimate_covariance(fitted, ROWS), expected, rtol=1e-9, atol=1e-15)


def test_known_errors_of_rows_replace_the_residual_variance() -> None:
    sigma = np.linspace(0.1, 0.5, 40)
    expected = np.linalg.inv((DESIGN / sigma[:, None]).T @ (DESIGN / sigma[:, None]))
    weights, unit_error = weigh_by_errors(sigma, np.arange(40))
    rows = LabelledRows.from_columns(COLUMNS, RANDOM_TARGET, weights, unit_error)
    found = estimate_covariance(LINE, rows)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


def test_redundant_constants_are_very_uncertain_and_anticorrelated() -> None:
    twice = ParametricForm(mul(Parameter(0), Parameter(1), X), np.array([1.0, 2.0]))
    covariance = estimate_covariance(twice, ROWS)
    assert np.diag(covariance).min() > 1e6
    assert correlate(covariance)[0, 1] < -0.999


def test_as_many_constants_as_rows_leave_no_degrees_of_freedom() -> None:
    assert np.isinf(np.diag(estimate_covariance(LINE, ROWS[:2]))).all()
