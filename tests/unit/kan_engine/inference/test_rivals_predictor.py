"""The mean of rivals: each counts as much as it is probable, and disagreement widens the intervals."""

from dataclasses import replace

import numpy as np
import pytest

from kan_engine import FormulaPredictor
from kan_engine.expressions.evaluation import Variable, mul
from kan_engine.inference.rivals_predictor import RivalsPredictor
from tests.support.factories import make_predictor

X1, X2 = Variable("x1"), Variable("x2")
ROWS = {"x1": np.array([0.0, 1.0, 3.0]), "x2": np.array([1.0, 1.0, 1.0])}


def find_average(*probabilities: float | None, errors: float = 0.5) -> RivalsPredictor | None:
    predictor = replace(make_predictor(), formula_residuals=np.full(50, errors))
    rivals = list(zip([mul(2, X1), mul(X1, X1)], probabilities, strict=False))
    formula = FormulaPredictor.from_predictor(predictor, [tree for tree, _ in rivals[:1]])
    return RivalsPredictor.average(formula, rivals)


def average(*probabilities: float, errors: float = 0.5) -> RivalsPredictor:
    found = find_average(*probabilities, errors=errors)
    assert found is not None
    return found


def test_a_prediction_is_the_mean_by_probability_without_the_share_of_none() -> None:
    np.testing.assert_allclose(
        average(0.6, 0.2).predict(ROWS), [0, (0.75 * 2 + 0.25 * 1), (0.75 * 6 + 0.25 * 9)]
    )


def test_intervals_are_wider_where_rivals_differ() -> None:
    low, high = average(0.5, 0.5).intervals(ROWS, 0.9).T
    widths = high - low
    assert widths[0] == pytest.approx(1.0)  # there both are 0
    assert widths[1] < widths[2]
    assert widths[2] == pytest.approx(np.sqrt(1 + 1.5**2 / 0.25))  # 6 and 9, a variance of 1.5² on 0.5²


def test_without_rivals_it_is_the_formula() -> None:
    alone = average(0.3)
    np.testing.assert_allclose(alone.predict(ROWS), 2 * ROWS["x1"])
    np.testing.assert_allclose(np.ptp(alone.intervals(ROWS, 0.9), axis=1), 1.0)


def test_exact_rivals_differ_by_their_own_distance() -> None:
    widths = np.ptp(average(0.5, 0.5, errors=0.0).intervals(ROWS, 0.9), axis=1)
    np.testing.assert_allclose(widths, [0, 1, 3])


def test_formulas_that_were_not_compared_have_no_mean() -> None:
    assert find_average(None) is None
    assert find_average(0.5, None) is None
