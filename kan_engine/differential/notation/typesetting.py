"""Equations in LaTeX, as they are printed: ``y'' + 4 y = 0``, ``u_{t} = 0.1 u_{xx}``, ``u(0, t) = 0``."""

from __future__ import annotations

import math

from kan_engine.differential.jets import Jet, SymbolTable
from kan_engine.differential.parser import parse_sides
from kan_engine.errors import InvalidEquation
from kan_engine.expressions.nodes import Expression, Parameter, Variable, substitute
from kan_engine.expressions.printing.latex import symbols, write_latex

_MOST_PRIMES = 3


def typeset_equation(text: str, words: SymbolTable) -> str:
    """Write an equation in LaTeX, with its sides as they are typed; derivatives are carried out.

    Raises:
        InvalidEquation: The text is not in the language of equations; ``place`` is the character.
    """
    try:
        lhs, rhs = parse_sides(text, words)
    except RecursionError:
        raise InvalidEquation("this is nested too deeply", 0) from None
    names = symbols({name: name for name in (*words.independent, *words.unknowns, *words.coefficients)})
    leaves: dict[Expression, Expression] = {}
    for index, leaf in enumerate(words.leaves):
        name = leaf if isinstance(leaf, str) else f"jet {index}"  # no name of a problem has a space
        if isinstance(leaf, Jet):
            names[name] = _typeset_jet(leaf, words, names)
        leaves[Parameter(index)] = Variable(name)
    sides = [lhs] if rhs is None else [lhs, rhs]
    return " = ".join(write_latex(substitute(side, leaves), names) for side in sides)


def _typeset_jet(jet: Jet, words: SymbolTable, names: dict[str, str]) -> str:
    name = names[words.unknowns[jet.unknown]]
    if len(jet.orders) == 1:
        order = jet.orders[0]
        primes = order * r"\prime" if "_" in name else order * "'"
        upper = primes if order <= _MOST_PRIMES else f"({order})"
        name = f"{name}^{{{upper}}}" if upper.startswith(("\\", "(")) else f"{name}{upper}"
    elif slopes := "".join(
        names[axis] * order for axis, order in zip(words.independent, jet.orders, strict=True)
    ):
        name = f"{name[:-1]},{slopes}}}" if "_{" in name else f"{name}_{{{slopes}}}"
    if all(place is None for place in jet.at):
        return f"{{{name}}}" if any(jet.orders) else name
    places = (
        names[axis] if place is None else _typeset_number(place)
        for axis, place in zip(words.independent, jet.at, strict=True)
    )
    return rf"{name}\left({','.join(places)}\right)"


def _typeset_number(value: float) -> str:
    """Write a number to six digits, and a multiple of π as one."""
    turns = value / math.pi
    if value and abs(turns - round(turns)) < 1e-12 * abs(turns):
        count = round(turns)
        return {1: r"\pi", -1: r"-\pi"}.get(count, rf"{count}\pi")
    mantissa, _, exponent = f"{value:.6g}".partition("e")
    return rf"{mantissa}\cdot10^{{{int(exponent)}}}" if exponent else mantissa
