"""Equal formulas print alike, however they were written and whatever the last digits of their constants."""

from collections.abc import Callable, Sequence
from math import log, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_engine.expressions.nodes import (
    HALF,
    Expression,
    Number,
    Variable,
    call,
    children,
    mul,
    number,
    power,
    rebuild,
)
from kan_engine.expressions.simplification.ordering import write_rounded
from kan_engine.expressions.simplification.simplify import simplify

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

x, y, z = (Variable(name) for name in "xyz")
RNG = np.random.default_rng(0)
COLUMNS = {name: RNG.uniform(0.5, 2, 60) for name in "xyz"}
LAST_BITS = 4  # of a float, by which processors differ


def exp(u: Expression) -> Expression:
    return call("exp", u)


def sin(u: Expression) -> Expression:
    return call("sin", u)


def sqrt(u: Expression) -> Expression:
    return power(u, HALF)


def tanh(u: Expression) -> Expression:
    return call("tanh", u)


Constants = tuple[float, float, float]
WRITINGS: dict[str, Callable[[float, float, float], Sequence[Expression]]] = {
    "logistic": lambda a, b, c: [
        a / (number(b) * exp(-c * x) + 1),
        a * exp(c * x) / (exp(c * x) + b),
        1 / (number(1 / a) + number(b / a) * exp(-c * x)),
        a - a * b / (exp(c * x) + b),
        a / 2 + a / 2 * tanh(c / 2 * x - log(b) / 2),
        a / (1 + exp(log(b) - c * x)),
    ],
    "saturation": lambda a, b, _: [
        a * x / (x + b),
        a - a * b / (x + b),
        a / (1 + b / x),
        1 / (number(b / a) / x + 1 / a),
        a / b * x / (1 + x / b),
    ],
    "resonance": lambda a, b, _: [
        a / (x**2 + b),
        a / b / (1 + x**2 / b),
        1 / (x**2 / a + b / a),
    ],
    "distances": lambda a, b, _: [
        a * x * y / (x + b * y),
        a / (b / x + 1 / y),
        a * x / (x / y + b),
    ],
    "relativity": lambda a, *_: [
        a * x / sqrt(9 - y**2),
        a / 3 * x / sqrt(1 - y**2 / 9),
        a * x * power(9 - y * y, -HALF),
    ],
    "radiation": lambda a, _, c: [
        a * x**3 / (exp(c * x) - 1),
        a * x**3 * exp(-c * x) / (1 - exp(-c * x)),
    ],
    "parabola": lambda a, b, c: [
        a * x**2 + b * x + c,
        a * (x + b / (2 * a)) ** 2 + (c - b * b / (4 * a)),
        a * (x * (x + b / a) + c / a),
    ],
    "root": lambda a, b, _: [
        sqrt(a * x + b),
        a**0.5 * sqrt(x + b / a),
        b**0.5 * sqrt(1 + a / b * x),
    ],
    "decay": lambda a, _, c: [a * exp(-c * x), exp(log(a) - c * x), a / exp(c * x)],
    "phase": lambda a, b, c: [
        a * sin(c * x + b / 10),
        a * call("cos", c * x + (b / 10 - pi / 2)),
        -a * sin(c * x + (b / 10 + pi)),
    ],
    "quotient": lambda a, b, _: [
        (x + a * y) / (z + b * y),
        (x / a + y) / (z / a + b / a * y),
        (x / y + a) / (z / y + b),
    ],
}
NICE = st.sampled_from([1 / 3, 0.5, 1.0, 2.0, 3.0, 9.0])
MEASURED = st.integers(1001, 8999).map(lambda digits: digits / 1000)


def shifted(tree: Expression, bits: Sequence[int]) -> Expression:
    """The tree with its floats moved by some of the last bits, in turn."""
    turns = iter(bits * 50)

    def shift(node: Expression) -> Expression:
        if isinstance(node, Number):
            value = float(node.value)
            return Number(value * (1 + next(turns) * 2.0**-53)) if isinstance(node.value, float) else node
        parts = children(node)
        return rebuild(node, [shift(part) for part in parts]) if parts else node

    return shift(tree)


@pytest.mark.parametrize("name", WRITINGS)
@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    constants=st.tuples(NICE, NICE, NICE) | st.tuples(MEASURED, MEASURED, MEASURED),
    bits=st.lists(st.integers(-LAST_BITS, LAST_BITS), min_size=7, max_size=7),
)
def test_a_formula_has_one_printed_form(name: str, constants: Constants, bits: list[int]) -> None:
    texts = {
        write_rounded(simplify(shifted(writing, bits), COLUMNS)): write_rounded(writing)
        for writing in WRITINGS[name](*constants)
    }
    assert len(texts) == 1, texts


@pytest.mark.parametrize("name", WRITINGS)
@settings(max_examples=3, deadline=None, derandomize=True)
@given(constants=st.tuples(MEASURED, MEASURED, MEASURED))
def test_a_printed_form_stays_as_it_is(name: str, constants: Constants) -> None:
    once = simplify(WRITINGS[name](*constants)[-1], COLUMNS)
    assert write_rounded(simplify(once, COLUMNS)) == write_rounded(once)


@settings(max_examples=20, deadline=None)
@given(bits=st.lists(st.integers(-LAST_BITS, LAST_BITS), min_size=5, max_size=5))
def test_the_order_of_terms_does_not_hang_on_the_last_digits(bits: list[int]) -> None:
    tree = mul(Number(1.0), sin(x)) + mul(Number(0.7), call("cos", x)) + mul(Number(1.3), exp(-x))
    assert write_rounded(simplify(shifted(tree, bits), COLUMNS)) == write_rounded(simplify(tree, COLUMNS))
