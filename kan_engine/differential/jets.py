"""Jets: unknown functions and their derivatives as what the parameters of a formula stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kan_engine.errors import InvalidEquation
from kan_engine.expressions.differentiation import derivative
from kan_engine.expressions.nodes import (
    ONE,
    ZERO,
    Expression,
    Parameter,
    Variable,
    children,
    number,
    rebuild,
    substitute,
    walk,
)

HIGHEST_ORDER = 4  # of a derivative in one variable


@dataclass(frozen=True)
class Jet:
    """An unknown function or one of its derivatives.

    Attributes:
        unknown: Its place among the unknowns.
        orders: Order of the derivative in every independent variable.
        at: For every independent variable where it is taken, None for the point itself.
    """

    unknown: int
    orders: tuple[int, ...]
    at: tuple[float | None, ...]


@dataclass
class Words:
    """The names that an equation may use, and the jets that have occurred.

    Args:
        independent: Names of the independent variables.
        unknowns: Names of the unknown functions.
        coefficients: Names of numbers that are to be estimated.
    """

    independent: tuple[str, ...]
    unknowns: tuple[str, ...]
    coefficients: tuple[str, ...] = ()
    leaves: list[Jet | str] = field(default_factory=list)
    _numbers: dict[Jet | str, int] = field(default_factory=dict, repr=False)

    def leaf(self, leaf: Jet | str) -> Parameter:
        """The parameter that stands for a jet, or for a coefficient by its name."""
        place = self._numbers.setdefault(leaf, len(self.leaves))
        if place == len(self.leaves):
            self.leaves.append(leaf)
        return Parameter(place)


def total_derivative(tree: Expression, name: str, words: Words, place: int) -> Expression:
    """The derivative in an independent variable, of which the unknowns are functions."""
    axis = words.independent.index(name)

    def of_leaf(leaf: Expression) -> Expression:
        if isinstance(leaf, Parameter):
            jet = words.leaves[leaf.index]
            if isinstance(jet, str):
                return ZERO
            if jet.at[axis] is not None:
                told = words.unknowns[jet.unknown]
                raise InvalidEquation(
                    f"{told} is taken at {name} = {jet.at[axis]:g} here and does not depend on {name}; write "
                    f"Subs(Derivative({told}(…), {name}), {name}, {jet.at[axis]:g})",
                    place,
                )
            orders = tuple(order + (number == axis) for number, order in enumerate(jet.orders))
            if orders[axis] > HIGHEST_ORDER:
                raise InvalidEquation(
                    f"derivatives go to order {HIGHEST_ORDER}; introduce an unknown for a lower one",
                    place,
                )
            return words.leaf(replace(jet, orders=orders))
        return ONE if leaf == Variable(name) else ZERO

    return derivative(tree, of_leaf)


def at_place(tree: Expression, name: str, place: float, words: Words) -> Expression:
    """The formula where an independent variable has a value."""
    axis = words.independent.index(name)
    if isinstance(tree, Parameter):
        jet = words.leaves[tree.index]
        if isinstance(jet, str) or jet.at[axis] is not None:
            return tree
        return words.leaf(
            replace(jet, at=tuple(place if number == axis else at for number, at in enumerate(jet.at)))
        )
    if tree == Variable(name):
        return number(place)
    parts = children(tree)
    return rebuild(tree, [at_place(part, name, place, words) for part in parts]) if parts else tree


def compact(tree: Expression, leaves: Sequence[Jet | str]) -> tuple[Expression, tuple[Jet | str, ...]]:
    """The formula with parameters for the leaves that occur in it alone, and these."""
    used = sorted({node.index for node in walk(tree) if isinstance(node, Parameter)})
    places: dict[Expression, Expression] = {Parameter(old): Parameter(new) for new, old in enumerate(used)}
    return substitute(tree, places), tuple(leaves[index] for index in used)
