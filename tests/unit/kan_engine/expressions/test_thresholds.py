"""Thresholds that a caller passes are the ones that decide."""

from dataclasses import replace

import numpy as np

from kan_engine.expressions.evaluation import Variable
from kan_engine.expressions.nice_constants import nice_constants, recognise_constant
from kan_engine.expressions.nodes import Number
from kan_engine.expressions.printing.infix import to_text
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.expressions.thresholds import (
    DEFAULT_NICE_CONSTANTS,
    DEFAULT_SIMPLIFICATION,
    NiceConstantThresholds,
)

X, Y = Variable("x"), Variable("y")
U = np.linspace(0.5, 3.0, 120)


def test_a_constant_beyond_the_denominators_of_the_thresholds_is_not_recognised() -> None:
    value = 5 / 11
    small = NiceConstantThresholds(max_small_denominator=10, max_denominator=10)
    assert to_text(recognise_constant(value, thresholds=DEFAULT_NICE_CONSTANTS)) == "5/11"
    assert recognise_constant(value, small) == Number(value)
    assert nice_constants(value, 1e-9, small) == []


def test_without_trials_a_formula_is_only_canonicalized() -> None:
    columns = {"x": U, "y": U[::-1]}
    tree = X**2 + 2 * X * Y + Y**2
    none = replace(DEFAULT_SIMPLIFICATION, max_trials=0, max_sympy_nodes=0)
    assert to_text(simplify(tree, columns)) == "(x + y)**2"
    assert to_text(simplify(tree, columns, thresholds=none)) == "x**2 + 2*x*y + y**2"
    assert DEFAULT_SIMPLIFICATION.constants is DEFAULT_NICE_CONSTANTS
