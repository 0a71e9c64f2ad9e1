"""Symbolic differentiation of formulas."""

from collections.abc import Callable

from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.nodes import (
    ZERO,
    Add,
    Call,
    Expression,
    Mul,
    Pow,
    add,
    call,
    children,
    mul,
    power,
)

LeafDerivative = Callable[[Expression], Expression]


def differentiate(tree: Expression, of_leaf: LeafDerivative) -> Expression:
    """Return the derivative of a formula by the sum, product, power and chain rules.

    Args:
        tree: The formula.
        of_leaf: Returns the derivative of a variable, a parameter or a number: 1 for the variable of
            differentiation.
    """
    if not children(tree):
        return of_leaf(tree)
    slopes = [differentiate(part, of_leaf) for part in children(tree)]
    match tree:
        case Add():
            return add(*slopes)
        case Mul(factors):
            return add(
                *(
                    mul(slope, *factors[:place], *factors[place + 1 :])
                    for place, slope in enumerate(slopes)
                    if slope != ZERO
                )
            )
        case Pow(base, exponent):
            along_base, along_exponent = slopes
            result: Expression = ZERO
            if along_base != ZERO:
                result = mul(exponent, power(base, add(exponent, -1)), along_base)
            if along_exponent != ZERO:
                result = add(result, mul(tree, call("log", base), along_exponent))
            return result
        case Call(function, argument):
            rule = LIBRARY[function].derived
            if rule is None:
                raise TypeError(f"the library has no derivative of {function}")
            return ZERO if slopes[0] == ZERO else mul(rule(argument, call), slopes[0])
    raise TypeError(f"not a node of a formula: {tree!r}")
