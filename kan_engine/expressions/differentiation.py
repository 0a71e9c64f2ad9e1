"""Symbolic differentiation of formulas."""

from collections.abc import Callable

from kan_engine.expressions.nodes import (
    HALF,
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
            return ZERO if slopes[0] == ZERO else mul(_FUNCTION_DERIVATIVES[function](argument), slopes[0])
    raise TypeError(f"not a node of a formula: {tree!r}")


def _sqrt(u: Expression) -> Expression:
    return power(u, HALF)


_FUNCTION_DERIVATIVES: dict[str, Callable[[Expression], Expression]] = {
    "exp": lambda u: call("exp", u),
    "log": lambda u: 1 / u,
    "abs": lambda u: call("sign", u),
    "sign": lambda _: ZERO,
    "sin": lambda u: call("cos", u),
    "cos": lambda u: -call("sin", u),
    "tan": lambda u: 1 + call("tan", u) ** 2,
    "sinh": lambda u: call("cosh", u),
    "cosh": lambda u: call("sinh", u),
    "tanh": lambda u: 1 - call("tanh", u) ** 2,
    "asin": lambda u: 1 / _sqrt(1 - u**2),
    "acos": lambda u: -1 / _sqrt(1 - u**2),
    "atan": lambda u: 1 / (1 + u**2),
    "asinh": lambda u: 1 / _sqrt(u**2 + 1),
    "acosh": lambda u: 1 / _sqrt(u**2 - 1),
    "atanh": lambda u: 1 / (1 - u**2),
}
