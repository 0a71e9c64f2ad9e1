"""Equal factors of products as powers, so that the size of a formula is that of its printed form."""

from __future__ import annotations

from fractions import Fraction

from kan_engine.expressions.evaluation import Expression, Mul, Number, Pow, children, mul, power, rebuild


def merge_factors(tree: Expression) -> Expression:
    """Merge equal factors, such as a·a² to a³; exponents that are measured stay."""
    parts = children(tree)
    if not parts:
        return tree
    tree = rebuild(tree, [merge_factors(part) for part in parts])
    if not isinstance(tree, Mul):
        return tree
    exponents = dict[Expression, Fraction]()
    for factor in tree.factors:
        base, exponent = _split_power(factor)
        exponents[base] = exponents.get(base, Fraction(0)) + exponent
    if len(exponents) == len(tree.factors):
        return tree
    return mul(*(power(base, exponent) for base, exponent in exponents.items()))


def _split_power(factor: Expression) -> tuple[Expression, Fraction]:
    match factor:
        case Pow(base, Number(Fraction() as exponent)):
            return base, exponent
    return factor, Fraction(1)
