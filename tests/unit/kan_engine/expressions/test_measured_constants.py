"""Which numbers of a formula count as measured."""

from fractions import Fraction

import pytest

from kan_engine.expressions.evaluation import PI, Expression, Number, Variable, call, power
from kan_engine.expressions.measured_constants import count_constants

X = Variable("x")


@pytest.mark.parametrize(
    ("tree", "count"),
    [
        (2 * X**2 + 1, 0),  # small integers and exponents are the form
        (Number(0.37) * X, 1),
        (Fraction(1, 4) * X, 1),  # 0.25, rounded by the search
        (12 * X + Number(0.5), 2),
        (power(X, Fraction(3, 2)), 0),
        (power(X, 0.37), 1),
        (Fraction(4, 3) * PI * X**3, 0),  # recognised
        (power(5, Fraction(1, 2)) * X, 0),
        (call("exp", Number(-0.8) * X) * 3.1 - 0.25, 3),
        (power(Fraction(5, 2), X), 1),
    ],
)
def test_measured_constants_are_counted_and_the_form_is_not(tree: Expression, count: int) -> None:
    assert count_constants(tree) == count
