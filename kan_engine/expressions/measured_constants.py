"""The measured constants of a formula, also those that the search has rounded to short numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from kan_engine.expressions.nodes import (
    Add,
    Call,
    Constant,
    Expression,
    Mul,
    Number,
    Parameter,
    Pow,
    children,
    is_constant,
    power,
    rebuild,
)

MAX_STRUCTURAL_INTEGER = 4
"""Largest integer that counts as part of the form: laws contain 2 and 4, and 5 or 12 are mostly measured."""


SMALLEST = float(np.finfo(float).tiny)  # normal number


def make_measured(value: float) -> Number:
    """A number that counts as a measured constant, also where it happens to be an integer."""
    value = float(value)
    if value.is_integer():
        # The neighbouring float differs by less than any measurement, and no builder makes an integer of it
        value = float(np.nextafter(value, np.inf)) if value else SMALLEST
    return Number(value)


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
    # In 2·π and √5/3 the exact numbers belong to the recognised constant
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


@dataclass(frozen=True)
class ReleasedNumbers:
    """A formula with a parameter for every number that may have been measured.

    Attributes:
        tree: The formula.
        values: Of the parameters.
        exact: The number in the formula, where the parameter is no float there but an exact number.
    """

    tree: Expression
    values: tuple[float, ...]
    exact: Mapping[int, Number]


def release_numbers(tree: Expression) -> ReleasedNumbers:
    """Replace floats, and exact numbers that may be rounded ones, by parameters, in the order of the tree.

    The search rounds 3.002 to 3 as well as 5.01 to 5. What stays is 1 and -1, rational exponents, and the
    multiples and roots of recognised numbers, such as 2 in 2·π.
    """
    values, exact = list[float](), dict[int, Number]()

    def release(node: Expression, *, is_form: bool = False) -> Expression:
        if isinstance(node, Number):
            if _is_exact(node) and (is_form or node.value in (0, 1, -1)):
                return node
            if _is_exact(node):
                exact[len(values)] = node
            values.append(float(node.value))
            return Parameter(len(values) - 1)
        if isinstance(node, Pow):
            # Rational exponents and the radicands of roots are part of the form
            is_root = is_constant(node.base) and _is_exact(node.base) and isinstance(node.exponent, Number)
            base = release(node.base, is_form=is_root)
            return power(base, release(node.exponent, is_form=isinstance(node.exponent, Number)))
        parts = children(node)
        is_multiple = isinstance(node, Add | Mul) and any(map(_is_recognised, parts))
        return rebuild(node, [release(part, is_form=is_multiple) for part in parts]) if parts else node

    free = release(tree)
    return ReleasedNumbers(free, tuple(values), exact)


def bind_unfolded(tree: Expression, values: Sequence[float]) -> tuple[Expression, list[int | None]]:
    """Replace parameters by measured numbers, and combine none with a number beside it.

    Returns:
        The tree, and for each of its measured numbers in turn the index of its parameter, None for a float.
    """
    places: list[int | None] = []

    def fill(node: Expression) -> Expression:
        # Nodes are built directly: the builders would fold a number into its neighbour
        match node:
            case Parameter(index):
                places.append(index)
                return Number(float(values[index]))
            case Number(float()):
                places.append(None)
            case Add(terms):
                return Add(tuple(map(fill, terms)))
            case Mul(factors):
                return Mul(tuple(map(fill, factors)))
            case Pow(base, exponent):
                return Pow(fill(base), fill(exponent))
            case Call(function, argument):
                return Call(function, fill(argument))
        return node

    return fill(tree), places
