"""Derivatives of formulas."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given

from kan_engine.expressions.differentiation import differentiate
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.nodes import (
    ONE,
    ZERO,
    Expression,
    Variable,
    add,
    apply_function,
    call,
    mul,
    power,
    variables,
)
from kan_engine.expressions.printing.infix import to_text
from tests.support.engine.trees import ELEMENTARY, plain_trees

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

X = Variable("x")
STEP = 1e-4  # of differences of fourth order: their error is about 1e-13 of the function
PLACES = {"acosh": (1.3, 3.0), "atanh": (-0.8, 0.8), "asin": (-0.8, 0.8), "acos": (-0.8, 0.8)}
TREES = plain_trees(["x", "y"])


def slope(tree: Expression, name: str = "x") -> Expression:
    return differentiate(tree, lambda leaf: ONE if leaf == Variable(name) else ZERO)


def difference(tree: Expression, places: np.ndarray) -> np.ndarray:
    """The derivative by a central difference of fourth order."""
    near = [evaluate(tree, {"x": places + shift * STEP}) for shift in (-2, -1, 1, 2)]
    return np.asarray((near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * STEP))


@pytest.mark.parametrize("name", list(LIBRARY))
def test_the_derivative_of_every_function_of_the_library_is_that_of_a_difference(name: str) -> None:
    places = np.random.default_rng(0).uniform(*PLACES.get(name, (0.3, 1.4)), 20)
    tree = apply_function(name, X)
    # Differences lose the digits of STEP: 1e-16 / 1e-4.
    np.testing.assert_allclose(evaluate(slope(tree), {"x": places}), difference(tree, places), 1e-9, 1e-10)


@pytest.mark.parametrize("name", ELEMENTARY)
def test_a_function_of_what_is_constant_has_no_derivative(name: str) -> None:
    assert slope(call(name, Variable("y"))) == ZERO


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (X**3, "3*x**2"),
        (power(2, X), "2**x*log(2)"),
        (X**X, "x*x**(x - 1) + x**x*log(x)"),
        (1 / X, "-1/x**2"),
        (call("sin", 2 * X), "2*cos(2*x)"),
        (X * call("exp", X), "exp(x) + exp(x)*x"),
        (Variable("y") * X, "y"),
    ],
)
def test_a_derivative_is_written_as_short_as_the_rules_give_it(tree: Expression, text: str) -> None:
    assert to_text(slope(tree)) == text


def at_some(tree: Expression) -> np.ndarray:
    """Values at points inside of the domain of most functions."""
    random = np.random.default_rng(0)
    points = {name: random.uniform(0.2, 0.8, 15) for name in ("x", "y")}
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(evaluate(tree, points), dtype=float), 15)


def assert_equal(rule: Callable[[], Expression], tree: Expression, *terms: Expression) -> None:
    """Both are the same function where both are finite and no intermediate result is huge.

    Where ``terms`` cancel, they leave the rounding errors of what they are.
    """
    left, right = at_some(slope(tree)), at_some(rule())
    cancelled = sum((np.abs(at_some(term)) for term in terms), np.zeros(15))
    size = np.abs(left) + np.abs(right) + cancelled
    seen = np.isfinite(size) & (size < 1e8)
    assume(seen.any())
    allowed = (1e-6 + 1e-9 * cancelled + 1e-6 * np.abs(right))[seen]
    assert np.all(np.abs(left - right)[seen] <= allowed)


@given(TREES, TREES)
def test_the_product_rule_holds(u: Expression, v: Expression) -> None:
    terms = mul(slope(u), v), mul(u, slope(v))
    assert_equal(lambda: add(*terms), mul(u, v), *terms)


@given(TREES, TREES)
def test_the_quotient_rule_holds(u: Expression, v: Expression) -> None:
    assume(bool(np.all(np.abs(at_some(v)) > 1e-2)) and v != ZERO)
    terms = mul(slope(u), v) / v**2, -mul(u, slope(v)) / v**2
    assert_equal(lambda: add(*terms), u / v, *terms)


@given(TREES)
def test_the_power_rule_holds(u: Expression) -> None:
    assume(bool(np.all(at_some(u) > 1e-2)))
    assert_equal(lambda: 2.5 * power(u, 1.5) * slope(u), power(u, 2.5))


@given(TREES)
def test_the_chain_rule_holds(u: Expression) -> None:
    assert_equal(lambda: call("cos", u) * slope(u), call("sin", u))


@given(TREES)
def test_a_derivative_brings_in_no_variables(u: Expression) -> None:
    assert set(variables(slope(u))) <= set(variables(u))


@given(TREES)
def test_derivatives_in_two_variables_can_be_exchanged(u: Expression) -> None:
    assert_equal(lambda: slope(slope(u), "y"), slope(u, "y"))
