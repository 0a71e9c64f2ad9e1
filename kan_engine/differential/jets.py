"""Jets: unknown functions and their derivatives, which the parameters of a formula represent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from kan_engine.differential.thresholds import DEFAULT_LIMITS, EquationLimits
from kan_engine.errors import InvalidEquation
from kan_engine.expressions.differentiation import differentiate
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


@dataclass(frozen=True)
class Jet:
    """An unknown function or one of its derivatives.

    Attributes:
        unknown: Index of the function among the unknowns.
        orders: Order of the derivative in every independent variable.
        at: Value of every independent variable at which it is evaluated; None for the current point.
    """

    unknown: int
    orders: tuple[int, ...]
    at: tuple[float | None, ...]


@dataclass
class SymbolTable:
    """The names that an equation may use, and the jets and coefficients that have occurred.

    Args:
        independent: Names of the independent variables.
        unknowns: Names of the unknown functions.
        coefficients: Names of numbers to be estimated.
        limits: What an equation may contain.
        leaves: Jets and coefficients in the order of their parameters.
    """

    independent: tuple[str, ...]
    unknowns: tuple[str, ...]
    coefficients: tuple[str, ...] = ()
    limits: EquationLimits = DEFAULT_LIMITS
    leaves: list[Jet | str] = field(default_factory=list)
    _numbers: dict[Jet | str, int] = field(default_factory=dict, repr=False)

    def find_derivative(self, name: str) -> tuple[int, tuple[int, ...]] | None:
        """Number of the unknown, and orders of the derivative, that a name such as ``u`` or ``u_xt`` means.

        None if it is another name, or if its subscripts can be read in several ways.
        """
        if name in self.unknowns:
            return self.unknowns.index(name), (0,) * len(self.independent)
        if name in self.independent or name in self.coefficients:
            return None
        readings = {
            (number, orders)
            for number, unknown in enumerate(self.unknowns)
            if name.startswith(f"{unknown}_")
            for orders in self._read_subscripts(name[len(unknown) + 1 :])
        }
        return readings.pop() if len(readings) == 1 else None

    def _read_subscripts(self, text: str) -> set[tuple[int, ...]]:
        """All orders of derivatives for which the text is a sequence of independent variables."""
        names = self.independent
        readings = [set[tuple[int, ...]]() for _ in range(len(text) + 1)]  # of the text up to each place
        readings[0].add((0,) * len(names))
        for place in range(len(text)):
            for axis, name in enumerate(names):
                if text.startswith(name, place):
                    readings[place + len(name)] |= {
                        (*orders[:axis], orders[axis] + 1, *orders[axis + 1 :]) for orders in readings[place]
                    }
        return readings[-1] if text else set()

    def leaf_parameter(self, leaf: Jet | str) -> Parameter:
        """The parameter that represents a jet, or a coefficient by its name; new leaves are added."""
        place = self._numbers.setdefault(leaf, len(self.leaves))
        if place == len(self.leaves):
            self.leaves.append(leaf)
        return Parameter(place)


def total_derivative(tree: Expression, name: str, words: SymbolTable, place: int) -> Expression:
    """The total derivative in an independent variable; the unknowns are functions of it.

    Raises:
        InvalidEquation: An unknown is evaluated at a fixed value of the variable, or the order is too high.
    """
    axis = words.independent.index(name)

    def leaf_derivative(leaf: Expression) -> Expression:
        if isinstance(leaf, Parameter):
            jet = words.leaves[leaf.index]
            if isinstance(jet, str):
                return ZERO
            if jet.at[axis] is not None:
                label = words.unknowns[jet.unknown]
                raise InvalidEquation(
                    f"{label} is evaluated at {name} = {jet.at[axis]:g} and does not depend on {name}; write "
                    f"Subs(Derivative({label}(…), {name}), {name}, {jet.at[axis]:g})",
                    place,
                )
            orders = tuple(order + (number == axis) for number, order in enumerate(jet.orders))
            max_order = words.limits.max_derivative_order
            if orders[axis] > max_order:
                raise InvalidEquation(
                    f"derivatives have at most order {max_order}; add an unknown for a lower one", place
                )
            return words.leaf_parameter(replace(jet, orders=orders))
        return ONE if leaf == Variable(name) else ZERO

    return differentiate(tree, leaf_derivative)


def fix_variable(tree: Expression, name: str, place: float, words: SymbolTable) -> Expression:
    """Set an independent variable to a value, also inside jets."""
    axis = words.independent.index(name)
    if isinstance(tree, Parameter):
        jet = words.leaves[tree.index]
        if isinstance(jet, str) or jet.at[axis] is not None:
            return tree
        return words.leaf_parameter(
            replace(jet, at=tuple(place if number == axis else at for number, at in enumerate(jet.at)))
        )
    if tree == Variable(name):
        return number(place)
    parts = children(tree)
    return rebuild(tree, [fix_variable(part, name, place, words) for part in parts]) if parts else tree


def compact(tree: Expression, leaves: Sequence[Jet | str]) -> tuple[Expression, tuple[Jet | str, ...]]:
    """Renumber the parameters so that only leaves that occur in the formula remain; returns both."""
    indices = sorted({node.index for node in walk(tree) if isinstance(node, Parameter)})
    places: dict[Expression, Expression] = {Parameter(old): Parameter(new) for new, old in enumerate(indices)}
    return substitute(tree, places), tuple(leaves[index] for index in indices)
