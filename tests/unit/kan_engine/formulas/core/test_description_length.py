"""Bits: fewer for less error, for shorter trees, and for constants that need fewer digits."""

from fractions import Fraction

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows, weigh_by_errors
from kan_engine.expressions.evaluation import Number, Parameter, Variable, mul, power
from kan_engine.formulas.core.constant_fitting import ParametricForm
from kan_engine.formulas.core.description_length import description_length, residual_and_constant_bits

X = Variable("x")
RNG = np.random.default_rng(0)
COLUMN = RNG.uniform(1, 2, 200)
ROWS = LabelledRows.from_columns({"x": COLUMN}, 3 * COLUMN + RNG.normal(0, 0.1, 200))


def line(*values: float) -> ParametricForm:
    return ParametricForm(Parameter(0) * X, np.array(values))


def test_a_closer_form_is_described_in_fewer_bits() -> None:
    assert description_length(line(3.0), ROWS) < description_length(line(3.2), ROWS)


def test_a_needless_term_costs_bits() -> None:
    longer = ParametricForm(Parameter(0) * X + Parameter(1), np.array([3.0, 1e-4]))
    assert description_length(line(3.0), ROWS) < description_length(longer, ROWS)


def test_a_fraction_of_large_numbers_costs_what_a_measured_constant_does() -> None:
    measured = description_length(line(3.0), ROWS)
    assert description_length(ParametricForm(3 * X, np.array([])), ROWS) < measured
    root = power(Number(Fraction(110)), Fraction(1, 2))
    for disguised in (mul(Fraction(122055, 40684), X), mul(Fraction(2, 7), root, X)):  # 3.00003, 2.99659
        assert description_length(ParametricForm(disguised, np.array([])), ROWS) > measured


def test_a_constant_costs_the_digits_that_the_data_give_it() -> None:
    assert (
        residual_and_constant_bits(line(3.0), ROWS[:20])[1] < residual_and_constant_bits(line(3.0), ROWS)[1]
    )


def test_the_unit_of_the_target_changes_nothing_for_its_constants() -> None:
    larger = residual_and_constant_bits(line(300.0), ROWS.with_target(100 * ROWS.y))[1]
    np.testing.assert_allclose(larger, residual_and_constant_bits(line(3.0), ROWS)[1])


def test_what_is_no_number_takes_infinitely_many_bits() -> None:
    root = ParametricForm((Parameter(0) * X) ** 0.5, np.array([-1.0]))
    assert description_length(root, ROWS) == float("inf")


def test_known_errors_price_residuals_as_a_gaussian_code_does() -> None:
    x, sigma = np.linspace(1, 2, 10), np.full(10, 0.1)
    weights, unit_error = weigh_by_errors(sigma, np.arange(10))
    form = ParametricForm(Variable("x"), np.array([]))
    near, far = (
        description_length(form, LabelledRows.from_columns({"x": x}, x + shift * sigma, weights, unit_error))
        for shift in (0, 2)
    )
    assert far - near == pytest.approx(10 * 2**2 / 2 * np.log2(np.e))
