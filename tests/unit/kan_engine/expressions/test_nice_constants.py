from fractions import Fraction
from math import e, pi, sqrt

import numpy as np
import pytest

from kan_engine.expressions.evaluation import PI, Number, evaluate, is_constant, number
from kan_engine.expressions.nice_constants import nice_constants, recognise_constant
from kan_engine.expressions.printing.infix import to_text
from kan_engine.expressions.thresholds import DEFAULT_NICE_CONSTANTS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3.0000000001, "3"),
        (1 / 3 + 1e-10, "1/3"),
        (0.30000000001, "0.3"),
        (-2.4999999999, "-2.5"),
        (0.75, "3/4"),
        (9.8100000001, "9.81"),
        (1 / 48, "1/48"),
        (1 / 2.8, "5/14"),
        (1.44, "1.44"),
        (pi, "pi"),
        (-3 * pi / 2, "-3*pi/2"),
        (1 / (4 * pi), "1/(4*pi)"),
        (pi**2 / 6, "pi**2/6"),
        (sqrt(2), "sqrt(2)"),
        (-1 / sqrt(3), "-sqrt(3)/3"),
        (1 / sqrt(2 * pi), "1/(sqrt(2)*sqrt(pi))"),
        (2 * e, "2*exp(1)"),
        (1.23e-7, "1.23e-07"),
    ],
)
def test_the_cheapest_constant_is_what_a_person_would_write(value, expected):
    assert to_text(nice_constants(value, 1e-9 * abs(value))[0]) == expected


def test_zero_is_the_cheapest_of_all():
    assert nice_constants(1e-10, 1e-9)[0] == number(0)


def test_the_cheapest_comes_first():
    texts = [to_text(tree) for tree in nice_constants(3.1416, 0.05)]
    assert texts.index("pi") < texts.index("22/7")


def test_an_ugly_number_has_no_nice_one_near():
    assert nice_constants(1.2345678912345, 1e-9) == []


def test_infinity_is_not_nice():
    assert nice_constants(float("inf"), 1.0) == []


def test_huge_numbers_are_decimals():
    assert nice_constants(1e300, 0.0) == [number(1e300)]


@pytest.mark.parametrize("value", np.random.default_rng(0).normal(size=20))
def test_every_constant_lies_within_the_tolerance(value):
    constants = nice_constants(value, 1e-3)
    assert all(is_constant(tree) for tree in constants)
    np.testing.assert_allclose([evaluate(tree, {}) for tree in constants], value, atol=1e-3, rtol=0)


def test_a_float_is_recognised_only_to_rounding():
    assert recognise_constant(pi, thresholds=DEFAULT_NICE_CONSTANTS) == PI
    assert recognise_constant(pi + 1e-12, thresholds=DEFAULT_NICE_CONSTANTS) == Number(pi + 1e-12)
    assert recognise_constant(0.1 + 0.2, thresholds=DEFAULT_NICE_CONSTANTS) == Number(0.3)
    assert recognise_constant(2 / 3, thresholds=DEFAULT_NICE_CONSTANTS) == Number(Fraction(2, 3))


@pytest.mark.parametrize("value", np.random.default_rng(1).normal(size=200))
def test_arbitrary_floats_are_not_mistaken_for_nice_ones(value):
    assert recognise_constant(value, thresholds=DEFAULT_NICE_CONSTANTS) == Number(float(value))
