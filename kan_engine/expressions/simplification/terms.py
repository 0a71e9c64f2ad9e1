"""Sums and products taken apart: coefficients, signs, flat lists of parts."""

from collections.abc import Iterable
from fractions import Fraction

from kan_engine.expressions.nodes import (
    MINUS_ONE,
    Add,
    Expression,
    Mul,
    Number,
    add,
    children,
    is_constant,
    mul,
)


def split_coefficient(term: Expression) -> tuple[Fraction | float, Expression, Expression]:
    """Number, other constant factors, and what varies: 3·π·x → (3, π, x)."""
    factors = term.factors if isinstance(term, Mul) else (term,)
    coefficient: Fraction | float = Fraction(1)
    symbolic, varying = [], []
    for factor in factors:
        if isinstance(factor, Number):
            coefficient = coefficient * factor.value
        elif is_constant(factor):
            symbolic.append(factor)
        else:
            varying.append(factor)
    return coefficient, mul(*symbolic), mul(*varying)


def holds_float(tree: Expression) -> bool:
    """Whether a measured number occurs."""
    if isinstance(tree, Number):
        return isinstance(tree.value, float)
    return any(holds_float(part) for part in children(tree))


def is_even(exponent: Expression) -> bool:
    """Whether this is an even number."""
    return isinstance(exponent, Number) and exponent.value % 2 == 0


def negated(tree: Expression) -> Expression:
    """Minus the tree, with the sign in the terms of a sum."""
    if isinstance(tree, Add):
        return add(*(mul(MINUS_ONE, term) for term in tree.terms))
    return mul(MINUS_ONE, tree)


def is_all_negative(tree: Expression) -> bool:
    """Whether all terms but the constant ones are negative by their coefficients."""
    return all(split_coefficient(term)[0] < 0 for term in flat_parts([tree], Add) if not is_constant(term))


def starts_negative(tree: Expression) -> bool:
    """Whether the first term that is not constant is negative by its coefficient."""
    return next(split_coefficient(term)[0] < 0 for term in flat_parts([tree], Add) if not is_constant(term))


def flat_parts(parts: Iterable[Expression], kind: type[Add] | type[Mul]) -> list[Expression]:
    """Terms or factors of the parts side by side."""
    return [inner for part in parts for inner in (children(part) if isinstance(part, kind) else (part,))]
