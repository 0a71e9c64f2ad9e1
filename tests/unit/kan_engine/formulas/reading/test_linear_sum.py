"""Functions of sums keep their values and lose their redundant constants."""

import numpy as np
import pytest

from kan_engine.expressions.evaluation import Variable, count_nodes, evaluate, parametrize_floats
from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.univariate_fit import Suggestion

COLUMNS = {"x": np.linspace(0.2, 0.7, 9), "y": np.linspace(0.3, 0.1, 9) ** 2}
SUM = LinearSum({Variable("x"): 0.7, Variable("y"): -0.4}, 0.05)
U = 0.7 * COLUMNS["x"] - 0.4 * COLUMNS["y"] + 0.05


def fit_of(function: str, a: float = 1.2, b: float = 0.1, c: float = -3.0, d: float = 0.5) -> Suggestion:
    return Suggestion(function, a, b, c, d, r2=1.0, error=0.0)


@pytest.mark.parametrize("function", LIBRARY)
@pytest.mark.parametrize("a", [1.2, -1.2])
def test_a_function_of_a_sum_has_the_values_of_the_fit(function: str, a: float) -> None:
    fit = fit_of(function, a=a, b=0.1 if a > 0 else 0.9)
    expected = fit.c * LIBRARY[function].value(fit.a * U + fit.b) + fit.d
    assert evaluate(SUM.apply(fit).tree, COLUMNS) == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("function", "nodes"),
    [("x^2", 12), ("log", 11), ("abs", 11), ("exp", 12)],  # d + c·f(x + a·y + b); d + c·exp(a·x + b·y)
)
def test_no_constant_of_a_function_is_redundant(function: str, nodes: int) -> None:
    assert count_nodes(SUM.apply(fit_of(function)).tree) == nodes


def test_a_line_of_a_sum_stays_a_sum() -> None:
    line = SUM.apply(fit_of("x"))
    assert set(line.terms) == {Variable("x"), Variable("y")}
    assert evaluate(line.tree, COLUMNS) == pytest.approx(-3 * (1.2 * U + 0.1) + 0.5)


def test_equal_terms_are_added() -> None:
    total = SUM + LinearSum({Variable("x"): 0.3}, 1.0)
    assert total.terms == {Variable("x"): pytest.approx(1.0), Variable("y"): -0.4}
    assert total.constant == pytest.approx(1.05)


def test_an_exact_factor_of_one_and_a_constant_of_zero_are_left_out() -> None:
    assert LinearSum({Variable("x"): 1, Variable("y"): 0.0}).tree == Variable("x")


def test_an_exact_factor_stays_exact_in_a_sum() -> None:
    total = LinearSum.from_tree((LinearSum({Variable("x"): 1}) + LinearSum({Variable("y"): 2.5})).tree)
    assert parametrize_floats(total.tree)[1] == [2.5]


def test_a_measured_factor_stays_one_whatever_its_value() -> None:
    assert parametrize_floats(LinearSum({Variable("x"): 1.0}).tree)[1] == pytest.approx([1.0])


def test_the_terms_of_a_formula_make_a_sum_of_the_same_values() -> None:
    total = SUM.apply(fit_of("sin")) + SUM.apply(fit_of("x^2"))
    again = LinearSum.from_tree(total.tree)
    assert set(again.terms) == set(total.terms)
    assert evaluate(again.tree, COLUMNS) == pytest.approx(evaluate(total.tree, COLUMNS))


def test_an_overflow_is_not_finite() -> None:
    assert not LinearSum({Variable("x"): 1.0}, 1e6).apply(fit_of("exp")).is_finite
