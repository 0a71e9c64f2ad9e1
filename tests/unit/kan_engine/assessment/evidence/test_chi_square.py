"""χ² of residuals against known errors."""

import numpy as np
import pytest

from kan_engine.assessment.evidence.chi_square import ChiSquare, compute_chi_square
from kan_engine.data.labelled_rows import LabelledRows, weigh_by_errors
from kan_engine.expressions.evaluation import Number, Variable

RNG = np.random.default_rng(0)
SIGMA = RNG.uniform(0.1, 2, 500)
X = RNG.uniform(1, 2, 500)
WEIGHTS, UNIT_ERROR = weigh_by_errors(SIGMA, np.arange(500))


def test_it_is_the_sum_of_squared_residuals_over_squared_errors() -> None:
    target = X + SIGMA * RNG.normal(size=500)
    found = compute_chi_square(
        Variable("x") + Number(1e-9), LabelledRows.from_columns({"x": X}, target, WEIGHTS, UNIT_ERROR)
    )
    assert found is not None
    assert found.value == pytest.approx(np.sum(((X - target) / SIGMA) ** 2), rel=1e-6)
    assert found.degrees == 499


def test_it_is_unknown_without_errors_and_without_degrees_of_freedom() -> None:
    assert compute_chi_square(Variable("x"), LabelledRows.from_columns({"x": X}, X)) is None
    one = LabelledRows.from_columns({"x": X[:1]}, X[:1], WEIGHTS[:1], UNIT_ERROR)
    assert compute_chi_square(Variable("x") + Number(0.5), one) is None


@pytest.mark.parametrize("size", [0.0, 0.25, 1.0])
def test_its_power_is_the_share_of_signals_that_it_notices(size: float) -> None:
    level, draws = 0.05, 2000
    values = ((RNG.normal(size=(draws, 100)) + np.sqrt(size)) ** 2).sum(1)
    seen = np.mean([ChiSquare(value, 100).p_value <= level for value in values])
    assert ChiSquare(100.0, 100).compute_power(size, level) == pytest.approx(seen, abs=0.03)
