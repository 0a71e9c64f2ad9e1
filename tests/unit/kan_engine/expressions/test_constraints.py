"""What formulas may contain."""

from dataclasses import replace
from fractions import Fraction

import pytest

from kan_engine.errors import InvalidConfig
from kan_engine.expressions.constraints import PRINTABLE_FUNCTIONS, FormulaConstraints, list_functions
from kan_engine.expressions.evaluation import Expression, Variable, apply_function, power
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.unit_system import UnitSystem

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


A, B = Variable("a"), Variable("b")


@pytest.mark.parametrize(
    ("functions", "allowed", "refused"),
    [
        (["polynomial"], [A**3 + 2 * A * B, A / 2], [A / B, apply_function("exp", A), power(A, 0.5)]),
        (["rational"], [A / B, 1 / (1 + A**2)], [apply_function("sqrt", A), apply_function("log", A)]),
        (["exp", "log"], [apply_function("exp", A / B), power(A, 0.37)], [apply_function("tanh", A)]),
        (["trigonometric"], [apply_function("sin", A / B)], [power(A, 1.5), power(2, A)]),
        (["sqrt"], [apply_function("1/x^1.5", A)], [power(A, 0.37), apply_function("abs", A)]),
        (["power"], [power(A, 0.37)], [apply_function("exp", A)]),
        (["polynomial", "exp"], [A**2 * apply_function("exp", A)], [apply_function("exp", A) / B]),
    ],
)
def test_a_closed_list_allows_arithmetic_and_its_functions(
    functions: list[str], allowed: list[Expression], refused: list[Expression]
) -> None:
    limits = FormulaConstraints.create(functions=functions)
    assert [limits.allow(tree) for tree in allowed] == [True] * len(allowed)
    assert [limits.allow(tree) for tree in refused] == [False] * len(refused)


def test_a_closed_list_names_known_functions() -> None:
    with pytest.raises(InvalidConfig, match="unknown function 'erf'"):
        FormulaConstraints.create(functions=["exp", "erf"])


def test_a_formula_must_use_one_variable_of_every_wanted_column() -> None:
    limits = FormulaConstraints.create(must_use=["a", "kind"])
    limits = limits.resolve_columns({"a": ["a"], "kind": ["kind is p", "kind is q"]})
    assert limits.allow(A + Variable("kind is q"))
    assert not limits.allow(A + B)
    assert not limits.allow(Variable("kind is p"))
    assert limits.resolve_columns({"a": ["a"], "kind": ["kind is p", "kind is q"]}) == limits


def test_the_number_of_measured_constants_is_limited() -> None:
    limits = FormulaConstraints.create(max_constants=1)
    assert limits.allow(0.37 * A**2)
    assert not limits.allow(0.37 * A**2 + Fraction(1, 4))


def test_constraints_are_restored_from_json() -> None:
    limits = FormulaConstraints.create(
        functions=["polynomial"], must_use=["a"], max_constants=3, max_complexity=9
    )
    assert FormulaConstraints.from_dict(limits.to_dict()) == limits
    assert FormulaConstraints.from_dict({"forbidden": ["exp"], "max_complexity": None}).forbidden == {"exp"}


def test_units_leave_no_formula_out_unless_they_are_enforced() -> None:
    units = UnitSystem({"x": "m"}, "s")
    assert not FormulaConstraints(units=units).is_binding
    assert FormulaConstraints(units=replace(units, mode="enforce")).is_binding
    assert FormulaConstraints(units=units, max_complexity=3).is_binding
