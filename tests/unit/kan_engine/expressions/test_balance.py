"""Whether the units of a formula add up, and which units its constants then carry."""

from fractions import Fraction

import pytest

from kan_engine.expressions.balance import Balance, balance_units
from kan_engine.expressions.evaluation import Expression, Number, Variable, call, parametrize_floats, power
from kan_engine.units.monomial import ONE, Monomial

METRE, SECOND = Monomial.create({"m": 1}), Monomial.create({"s": 1})
UNITS = {"x": METRE, "y": METRE, "t": SECOND, "unknown": None}
X, Y, T, OPEN = (Variable(name) for name in UNITS)
HALF = Number(Fraction(1, 2))


@pytest.mark.parametrize(
    ("tree", "target"),
    [
        (X + Y, METRE),
        (X * Y / T, METRE**2 / SECOND),
        (power(X, HALF), METRE ** Fraction(1, 2)),
        (call("sin", X / Y) * T, SECOND),
        (call("abs", X), METRE),
        (call("exp", 0.5 * X), ONE),
        (X + 2.5 * T, METRE),
        (power(X / Y, T * 3.5), ONE),
        (OPEN + T, SECOND),
        (X + OPEN * T, METRE),
    ],
)
def test_it_adds_up(tree: Expression, target: Monomial) -> None:
    assert balance_units(tree, UNITS, target) is not None


@pytest.mark.parametrize(
    ("tree", "target"),
    [
        (X + T, METRE),
        (X * T, METRE),
        (call("sin", X), ONE),
        (X + Number(Fraction(1)), METRE),
        (power(X, T * 3.5), METRE),
        (call("abs", X), SECOND),
        (X + T * OPEN, SECOND),
        (OPEN * X + OPEN * T, None),
        (call("log", X) + 2.5, ONE),
    ],
)
def test_it_does_not_add_up(tree: Expression, target: Monomial | None) -> None:
    assert balance_units(tree, UNITS, target) is None


def test_constants_have_the_unit_that_makes_the_formula_add_up() -> None:
    tree = 2.5 * call("exp", 0.3 * T) + 1.7 * power(X, HALF)
    found = balance_units(tree, UNITS, METRE)
    assert found is not None
    _, values = parametrize_floats(tree)
    known = dict(zip(values, map(str, found.measured), strict=True))
    assert known == {2.5: "m", 0.3: "1/s", 1.7: "m^(1/2)"}


def test_the_constant_of_a_column_without_a_known_unit_stays_open() -> None:
    assert balance_units(2.5 * OPEN, UNITS, METRE) == Balance((None,))
    assert balance_units(2.5 * OPEN + X * OPEN, UNITS, METRE) == Balance((METRE,))


def test_exact_numbers_carry_a_unit_only_where_they_may() -> None:
    tree = X + Number(Fraction(1))
    assert balance_units(tree, UNITS, METRE, are_exact_free=True) == Balance(exact=((Fraction(1), METRE),))


def test_a_logarithm_adds_up_beside_a_measured_constant() -> None:
    tree = 1.5 * call("log", X) + 2.5
    assert balance_units(tree, UNITS, ONE, has_scaled_logs=True) is not None
    assert balance_units(1.5 * call("log", X), UNITS, ONE, has_scaled_logs=True) is None
    assert balance_units(X * call("log", Y) + 2.5, UNITS, METRE, has_scaled_logs=True) is None


def test_a_free_scale_is_the_first_of_the_exact_numbers() -> None:
    found = balance_units(X * T, UNITS, METRE, are_exact_free=True, has_free_scale=True)
    assert found == Balance(exact=((Fraction(1), ONE / SECOND),))
