"""Convert trees to SymPy and back. SymPy receives objects built from the nodes, never text to parse."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy

from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.nodes import (
    ONE,
    PI,
    Add,
    Call,
    Constant,
    Expression,
    Mul,
    Number,
    Parameter,
    Pow,
    Variable,
    add,
    call,
    mul,
    number,
    power,
)

_CLASSES: dict[str, Any] = {
    f.name: getattr(sympy, f.sympy or f.name) for f in LIBRARY.values() if f.elementary
}
_NAMES = {function: name for name, function in _CLASSES.items()}


def to_sympy(tree: Expression, symbols: Mapping[str, sympy.Symbol] | None = None) -> sympy.Expr:
    """Return the tree as a SymPy expression.

    Args:
        tree: The formula.
        symbols: Symbols of the columns; by default real symbols of the same names.
    """
    match tree:
        case Number(Fraction() as exact):
            result = sympy.Rational(exact.numerator, exact.denominator)
        case Number(measured):
            result = sympy.Float(measured)
        case Constant():
            result = sympy.pi
        case Parameter(index):
            result = sympy.Symbol(f"c{index}", real=True)
        case Variable(name):
            result = sympy.Symbol(name, real=True) if symbols is None else symbols[name]
        case Add(terms):
            result = sympy.Add(*(to_sympy(term, symbols) for term in terms))
        case Mul(factors):
            result = sympy.Mul(*(to_sympy(factor, symbols) for factor in factors))
        case Pow(base, exponent):
            result = sympy.Pow(to_sympy(base, symbols), to_sympy(exponent, symbols))
        case Call(function, argument):
            result = _CLASSES[function](to_sympy(argument, symbols))
        case _:
            raise TypeError(f"not a node of a formula: {tree!r}")
    return result


def from_sympy(expression: sympy.Expr, names: Mapping[str, str] | None = None) -> Expression:
    """Return the tree of a SymPy expression.

    Args:
        expression: Real numbers, π, e, symbols, sums, products, powers and the library's functions.
        names: Columns by the names of their symbols; by default the names of the symbols.

    Raises:
        ValueError: The expression contains anything else.
    """
    if expression.is_Symbol:
        return Variable(expression.name if names is None else names[expression.name])
    if expression.is_Rational and expression.is_finite:
        return number(Fraction(int(expression.p), int(expression.q)))
    if expression.is_Float:
        return number(float(expression))
    if expression == sympy.pi:
        return PI
    if expression == sympy.E:
        return call("exp", ONE)
    parts = [from_sympy(part, names) for part in expression.args]
    return _build_node(expression, parts)


def _build_node(expression: sympy.Expr, parts: list[Expression]) -> Expression:
    if expression.is_Add:
        return add(*parts)
    if expression.is_Mul:
        return mul(*parts)
    if expression.is_Pow:
        return power(parts[0], parts[1])
    if expression.func in _NAMES and len(parts) == 1:
        return call(_NAMES[expression.func], parts[0])
    raise ValueError(f"a formula of the library cannot contain {expression.func}")
