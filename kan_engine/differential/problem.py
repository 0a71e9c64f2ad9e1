"""Problems of differential equations: residuals that must vanish inside a box and on its boundary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kan_engine.differential.jets import Jet
from kan_engine.expressions.differentiation import differentiate
from kan_engine.expressions.nodes import ONE, ZERO, Expression, Parameter, walk


@dataclass(frozen=True)
class Residual:
    """A formula that must vanish at points of a box.

    Attributes:
        tree: The formula; its parameters represent ``leaves``.
        leaves: Jets, and names of coefficients.
        fixed: Values of fixed axes: one, or two for a periodic condition.
    """

    tree: Expression
    leaves: tuple[Jet | str, ...]
    fixed: Mapping[int, tuple[float, ...]]

    @property
    def jets(self) -> tuple[Jet, ...]:
        """The leaves that are jets."""
        return tuple(leaf for leaf in self.leaves if isinstance(leaf, Jet))


@dataclass(frozen=True)
class DifferentialProblem:
    """Equations for unknown functions on a box, with conditions.

    Attributes:
        independent: Names of the independent variables.
        unknowns: Names of the unknown functions.
        domain: Lowest and highest value of every independent variable.
        equations: Residuals that vanish inside the box.
        conditions: Residuals that vanish on parts of the boundary, or at points.
        coefficients: Names of numbers to be estimated.
    """

    independent: tuple[str, ...]
    unknowns: tuple[str, ...]
    domain: tuple[tuple[float, float], ...]
    equations: tuple[Residual, ...]
    conditions: tuple[Residual, ...]
    coefficients: tuple[str, ...] = ()

    def order(self, axis: int, unknown: int | None = None) -> int:
        """The highest order of a derivative along an axis in the equations, of one unknown or of any."""
        jets = (jet for equation in self.equations for jet in equation.jets)
        return max((jet.orders[axis] for jet in jets if unknown in (None, jet.unknown)), default=0)

    @property
    def highest_derivative(self) -> int:
        """The highest total order of a derivative in equations and conditions."""
        residuals = (*self.equations, *self.conditions)
        return max(sum(jet.orders) for residual in residuals for jet in residual.jets)

    def permute_axes(self, order: Sequence[int]) -> DifferentialProblem:
        """The problem with its axes in another order."""
        where = {old: new for new, old in enumerate(order)}

        def permute_residual(residual: Residual) -> Residual:
            leaves = tuple(
                Jet(leaf.unknown, tuple(leaf.orders[a] for a in order), tuple(leaf.at[a] for a in order))
                if isinstance(leaf, Jet)
                else leaf
                for leaf in residual.leaves
            )
            return replace(residual, leaves=leaves, fixed={where[a]: v for a, v in residual.fixed.items()})

        return replace(
            self,
            independent=tuple(self.independent[a] for a in order),
            domain=tuple(self.domain[a] for a in order),
            equations=tuple(map(permute_residual, self.equations)),
            conditions=tuple(map(permute_residual, self.conditions)),
        )


def is_initial(problem: DifferentialProblem, axis: int) -> bool:
    """Whether all conditions on an axis are at its start, and there are enough of them."""
    low = problem.domain[axis][0]
    places = [c.fixed[axis] for c in problem.conditions if axis in c.fixed]
    count = max(problem.order(axis, unknown) for unknown in range(len(problem.unknowns)))
    return 0 < count <= len(places) and all(place == (low,) for place in places)


def has_constrained_unknown(problem: DifferentialProblem) -> bool:
    """Whether an unknown of several variables has no derivative along the first axis.

    The pressure of an incompressible flow is one: in a short window the equations hardly determine it, and
    its errors grow with every finer grid. On the whole domain they determine it well.
    """
    unknowns = range(len(problem.unknowns))
    return len(problem.independent) > 1 and any(problem.order(0, unknown) == 0 for unknown in unknowns)


def is_linear(problem: DifferentialProblem) -> bool:
    """Whether all unknowns and coefficients occur linearly everywhere."""
    return all(
        not any(isinstance(node, Parameter) for node in walk(_leaf_derivative(residual.tree, number)))
        for residual in (*problem.equations, *problem.conditions)
        for number, _ in enumerate(residual.leaves)
    )


def _leaf_derivative(tree: Expression, number: int) -> Expression:
    return differentiate(tree, lambda leaf: ONE if leaf == Parameter(number) else ZERO)
