"""The conventional order of the terms of a sum and the factors of a product."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from kan_engine.expressions.nodes import (
    Add,
    Expression,
    Mul,
    Number,
    Pow,
    Variable,
    children,
    is_constant,
    rebuild,
    variables,
)
from kan_engine.expressions.printing.infix import is_whole, to_text
from kan_engine.expressions.simplification.terms import ORDER_DIGITS, split_coefficient


@lru_cache(maxsize=10_000)
def term_order(term: Expression) -> tuple[Any, ...]:
    """Return a sort key: constants last, else by variables, higher degrees first: x**2 + x + x*y + y + 1.

    Terms that differ by their coefficients alone follow those; other terms are sorted without them.
    """
    names, degree = _natural_key(sorted(variables(term))), round(-_degree(term), ORDER_DIGITS)
    return is_constant(term), names, degree, write_rounded(split_coefficient(term)[2]), write_rounded(term)


@lru_cache(maxsize=10_000)
def factor_order(factor: Expression) -> tuple[Any, ...]:
    """Return a sort key: numbers, constants, variables, sums, roots, functions.

    Example: 3*pi*x*(y + 1)*sqrt(z)*exp(t).
    """
    return _rank(factor), _natural_key(sorted(variables(factor))), write_rounded(factor)


def write_rounded(tree: Expression) -> str:
    """Return the formula as text with measured numbers rounded: no order depends on their last digits."""
    return to_text(_round_numbers(tree))


def _round_numbers(tree: Expression) -> Expression:
    if isinstance(tree, Number):
        return Number(float(f"{tree.value:.{ORDER_DIGITS}g}")) if isinstance(tree.value, float) else tree
    parts = children(tree)
    return rebuild(tree, [_round_numbers(part) for part in parts]) if parts else tree


def _rank(factor: Expression) -> int:
    base = factor.base if isinstance(factor, Pow) and is_whole(factor.exponent) else factor
    if is_constant(factor):
        return 0 if isinstance(factor, Number) else 1
    return {Variable: 2, Add: 3, Pow: 4}.get(type(base), 5)


def _natural_key(names: Iterable[str]) -> tuple[Any, ...]:
    """Return a sort key with x2 before x10."""
    return tuple(
        tuple(
            (not part.isdigit(), int(part) if part.isdigit() else part)
            for part in re.findall(r"\d+|\D+", name)
        )
        for name in names
    )


def _degree(tree: Expression) -> float:
    """Return the degree as a polynomial; factors and terms that are not polynomials count 0."""
    match tree:
        case Variable():
            return 1
        case Pow(base, Number(exponent)):
            return _degree(base) * float(exponent)
        case Mul(factors):
            return sum(map(_degree, factors))
        case Add(terms):
            return max(map(_degree, terms))
    return 0
