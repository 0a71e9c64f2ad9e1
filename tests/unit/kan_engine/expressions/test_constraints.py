"""What formulas may contain."""

import pytest

from kan_engine.expressions.constraints import PRINTABLE_FUNCTIONS, FormulaConstraints, list_functions
from kan_engine.expressions.evaluation import Variable, apply_function, power
from kan_engine.expressions.library import LIBRARY

X = Variable("x")


@pytest.mark.parametrize("name", PRINTABLE_FUNCTIONS)
def test_every_visible_function_is_told_from_a_formula(name: str) -> None:
    tree = 2 * apply_function(name, X + 1) + X
    assert list_functions(tree) == {name}
    assert not FormulaConstraints(forbidden=frozenset({name})).allow(tree)
    assert FormulaConstraints(forbidden=frozenset(PRINTABLE_FUNCTIONS) - {name}).allow(tree)


def test_functions_that_are_spelled_out_are_told_by_their_parts() -> None:
    assert {name for name in LIBRARY if name not in PRINTABLE_FUNCTIONS} > {"gaussian", "sigmoid"}
    assert list_functions(apply_function("gaussian", X)) == {"exp", "x^2"}


def test_a_power_that_is_no_function_of_the_library_is_none() -> None:
    assert list_functions(power(X, 7)) == set()


def test_complexity_is_limited() -> None:
    assert FormulaConstraints(max_complexity=3).allow(X + 1)
    assert not FormulaConstraints(max_complexity=2).allow(X + 1)


def test_a_logarithm_in_an_exponent_may_become_a_power() -> None:
    limits, tree = FormulaConstraints(forbidden=frozenset({"log"})), apply_function("log", X)
    assert limits.allow_part(tree, is_exponent=True)
    assert not limits.allow_part(tree, is_exponent=False)
