"""The measured constants of a formula, also those that the search has rounded to short numbers."""

from __future__ import annotations

from fractions import Fraction

from kan_engine.expressions.evaluation import (
    Add,
    Constant,
    Expression,
    Mul,
    Number,
    Pow,
    children,
    is_constant,
)

MAX_STRUCTURAL_INTEGER = 4
"""Largest integer that counts as part of the form: laws contain 2 and 4, and 5 or 12 are mostly measured."""


def count_constants(tree: Expression) -> int:
    """Number of measured constants in a formula.

    Floats are measured. So are fractions such as 1/4 and larger integers, which are floats that were rounded.
    Small integers, rational exponents, and multiples and roots of recognised numbers belong to the form.
    """
    if isinstance(tree, Number):
        return int(_is_measured(tree))
    if isinstance(tree, Pow):
        exponent = tree.exponent
        if is_constant(tree.base) and isinstance(exponent, Number) and _is_exact(tree.base):
            return int(isinstance(exponent.value, float))  # √5
        return count_constants(tree.base) + (
            int(isinstance(exponent.value, float))
            if isinstance(exponent, Number)
            else count_constants(exponent)
        )
    parts = children(tree)
    if isinstance(tree, Add | Mul) and any(map(_is_recognised, parts)):
        parts = tuple(part for part in parts if not (isinstance(part, Number) and _is_exact(part)))
    return sum(map(count_constants, parts))


def _is_measured(number: Number) -> bool:
    value = number.value
    return isinstance(value, float) or value.denominator > 1 or abs(value) > MAX_STRUCTURAL_INTEGER


def _is_exact(tree: Expression) -> bool:
    return isinstance(tree, Number) and isinstance(tree.value, Fraction)


def _is_recognised(tree: Expression) -> bool:
    """Whether a part is π, or a root or power of exact numbers."""
    return isinstance(tree, Constant) or (isinstance(tree, Pow) and is_constant(tree))
