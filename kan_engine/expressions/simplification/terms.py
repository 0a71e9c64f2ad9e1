"""Decompose sums and products: coefficients, signs, flat lists of terms or factors."""

from collections.abc import Iterable
from fractions import Fraction

from kan_engine.expressions.evaluation import evaluate
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

ORDER_DIGITS = 10  # Of measured numbers in a comparison of formulas; rounding errors are several digits below


def split_coefficient(term: Expression) -> tuple[Fraction | float, Expression, Expression]:
    """Return the number, the other constant factors, and the varying factors: 3·π·x → (3, π, x)."""
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


def is_short(value: Fraction | float, *, max_number_characters: int = 4) -> bool:
    """Whether a number has few characters, as a decimal or a fraction: 2.4, 0.25, 15, 1/6.

    Args:
        max_number_characters: Of each number left after a number is factored out: 2.4, 0.25, 15.0.
    """
    decimal = f"{float(value):.{ORDER_DIGITS}g}"
    return min(len(decimal), len(str(value))) <= max_number_characters


def contains_float(tree: Expression) -> bool:
    """Whether a tree contains a measured (float) number."""
    if isinstance(tree, Number):
        return isinstance(tree.value, float)
    return any(contains_float(part) for part in children(tree))


def is_even(exponent: Expression) -> bool:
    """Whether an exponent is an even number."""
    return isinstance(exponent, Number) and exponent.value % 2 == 0


def is_negative(exponent: Expression) -> bool:
    """Whether an exponent is a negative number."""
    return isinstance(exponent, Number) and exponent.value < 0


def magnitude(value: Fraction | float) -> Fraction | float:
    """Return the absolute value of a coefficient."""
    return -value if value < 0 else value


def negate(tree: Expression) -> Expression:
    """Return the negated tree; a sum is negated term by term."""
    if isinstance(tree, Add):
        return add(*(mul(MINUS_ONE, term) for term in tree.terms))
    return mul(MINUS_ONE, tree)


def is_all_negative(tree: Expression) -> bool:
    """Whether all terms that are not constant have negative coefficients."""
    return all(split_coefficient(term)[0] < 0 for term in flat_parts([tree], Add) if not is_constant(term))


def starts_negative(tree: Expression) -> bool:
    """Whether the first term that is not constant has a negative coefficient, or else the constant is."""
    varying = [term for term in flat_parts([tree], Add) if not is_constant(term)]
    return split_coefficient(varying[0])[0] < 0 if varying else bool(evaluate(tree, {}) < 0)


def flat_parts(parts: Iterable[Expression], kind: type[Add] | type[Mul]) -> list[Expression]:
    """Return the terms or factors of all parts in one flat list."""
    return [inner for part in parts for inner in (children(part) if isinstance(part, kind) else (part,))]
