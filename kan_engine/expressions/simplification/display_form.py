"""Convert formulas to the form for display: the root of a product instead of a product of roots.

Simplification keeps roots separate, √x·√y, so that they can cancel; √(x·y) is easier to read.
"""

from fractions import Fraction

from kan_engine.expressions.nice_constants import write_fraction
from kan_engine.expressions.nodes import (
    HALF,
    MINUS_ONE,
    ONE,
    Expression,
    Mul,
    Number,
    Pow,
    children,
    mul,
    number,
    power,
    rebuild,
)
from kan_engine.expressions.printing.infix import is_whole
from kan_engine.expressions.simplification.ordering import factor_order
from kan_engine.expressions.simplification.terms import split_coefficient


def to_display_form(tree: Expression) -> Expression:
    """Combine factors with equal non-integer exponents: √x·√y/√z → √(x·y/z) and √2/(2·√π) → 1/√(2·π).

    Fractions are written as decimals where that is shorter, but not beside π, e and roots: π·x/10.
    """
    if isinstance(tree, Pow) and isinstance(tree.exponent, Number):
        return tree if isinstance(tree.base, Number) else Pow(to_display_form(tree.base), tree.exponent)
    is_exact = isinstance(tree, Mul) and split_coefficient(tree)[1] != ONE
    parts = [
        part if is_exact and isinstance(part, Number) else to_display_form(part) for part in children(tree)
    ]
    node = rebuild(tree, parts) if parts else tree
    match node:
        case Mul(factors):
            return _gather_roots(factors)
        case Number(Fraction() as value):
            return write_fraction(value)
    return node


def _gather_roots(factors: tuple[Expression, ...]) -> Expression:
    groups: dict[Expression, list[tuple[Expression, int]]] = {}
    parts: list[Expression] = []
    for factor in _move_root_to_denominator(factors):
        match factor:
            case Pow(base, Number(value)) if not is_whole(factor.exponent):
                sign = 1 if value > 0 else -1
                groups.setdefault(number(sign * value), []).append((base, sign))
            case _:
                parts.append(factor)
    parts += [_build_root(bases, exponent) for exponent, bases in groups.items()]
    return mul(*sorted(parts, key=factor_order))


def _build_root(bases: list[tuple[Expression, int]], exponent: Expression) -> Expression:
    """Return (Π base^±1)^exponent, as 1/(…)^exponent if all signs are negative."""
    sign = max(sign for _, sign in bases)
    inner = sorted((base if s == sign else power(base, MINUS_ONE) for base, s in bases), key=factor_order)
    return Pow(mul(*inner), mul(sign, exponent))


def _move_root_to_denominator(factors: tuple[Expression, ...]) -> tuple[Expression, ...]:
    """Rewrite a/(b·n)·√n as a/(b·√n) for an integer n."""
    match factors:
        case (Number(Fraction() as coefficient), *cofactors):
            for root in cofactors:
                match root:
                    case Pow(Number(Fraction() as n), exponent) if (
                        exponent == HALF and n.denominator == 1 and coefficient.denominator % n.numerator == 0
                    ):
                        remainder = [factor for factor in cofactors if factor != root]
                        return (
                            Number(coefficient * n),
                            power(root.base, Number(Fraction(-1, 2))),
                            *remainder,
                        )
    return factors
