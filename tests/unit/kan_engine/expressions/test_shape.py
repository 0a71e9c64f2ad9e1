"""Monotone and bounded formulas over a box."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import Expression, Number, Variable, apply_function, call, power
from kan_engine.expressions.shape import holds_shape

X, Y = Variable("x"), Variable("y")
BOX = (("x", 0.5, 2.0), ("y", -1.0, 1.0))
FREE = (-float("inf"), float("inf"))


@pytest.mark.parametrize(
    ("tree", "rises", "falls"),
    [
        (X**2 + Y, True, False),
        (1 / X, False, True),
        (Number(3.0), True, True),
        (X * Y, False, False),  # y has both signs
        (call("sin", X), False, False),
        (apply_function("sqrt", X - 0.5), True, False),  # infinitely steep at an end
        (1 / (X - 1), False, False),  # a pole inside
    ],
)
def test_the_direction_of_a_formula_is_known(tree: Expression, rises: bool, falls: bool) -> None:
    found = [holds_shape(tree, (("x", sign),), FREE, BOX, 256) for sign in (1, -1)]
    assert found == [rises, falls]


@given(a=st.floats(-5, 5), b=st.floats(-5, 5), c=st.floats(-5, 5))
def test_a_plane_stays_within_bounds_if_its_corners_do(a: float, b: float, c: float) -> None:
    tree = Number(a) * X + Number(b) * Y + Number(c)
    corners = [a * x + b * y + c for x in (0.5, 2.0) for y in (-1.0, 1.0)]
    low, high = min(corners), max(corners)
    assert holds_shape(tree, (), (low, high), BOX, 64)
    assert not holds_shape(tree, (), (low + 0.1, high + 1), BOX, 64)


def test_constraints_ask_for_the_shape_in_the_box_alone() -> None:
    limits = FormulaConstraints(monotone=(("x", 1),), bounds=(0.0, 4.0), box=BOX)
    assert limits.allow(power(X, 2))
    assert not limits.allow(power(X, 3))
    assert FormulaConstraints.from_dict(limits.to_dict()).monotone == limits.monotone
