"""Solutions of differential equations and their violations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import comb

import numpy as np
from jaxtyping import Float

from kan_engine.differential.assembly import SolverState
from kan_engine.differential.characteristics import missing_conditions
from kan_engine.differential.jets import Jet
from kan_engine.differential.problem import DifferentialProblem, Residual
from kan_engine.differential.thresholds import DEFAULT_SOLVER, SolverThresholds
from kan_engine.errors import NoSolution
from kan_engine.expressions.differentiation import differentiate
from kan_engine.expressions.evaluation import evaluate, value_and_jacobian
from kan_engine.expressions.nodes import ONE, ZERO, Expression, Variable
from kan_engine.splines.tensor_product import TensorSpline

Array = np.ndarray
JetValues = Callable[[Jet, Mapping[str, Array]], Array]  # at points, by the names of the variables


@dataclass(frozen=True)
class Violation:
    """Violation of an equation or a condition.

    Attributes:
        largest: Largest absolute residual at the check points.
        rms: Root mean square of the residual.
        scale: Size of the terms that cancel.
    """

    largest: float
    rms: float
    scale: float

    @property
    def relative(self) -> float:
        """The largest residual, relative to the terms that cancel."""
        return self.largest / self.scale if self.scale else self.largest


@dataclass(frozen=True)
class Estimate:
    """A coefficient estimated from measurements; its error is infinite if they do not determine it."""

    name: str
    value: float
    standard_error: float


@dataclass(frozen=True)
class Solution:
    """The unknown functions of a problem.

    Attributes:
        problem: The problem, with its axes in the client's order.
        spline: The functions, on grids along the same axes.
        coefficients: Values of the estimated coefficients.
        error: Estimated largest error, relative to the size of each unknown.
        estimates: The coefficients with their standard errors.
        thresholds: Of the check of equations and conditions.
    """

    problem: DifferentialProblem
    spline: TensorSpline
    coefficients: Float[Array, " coefficients"]
    error: float
    estimates: tuple[Estimate, ...] = ()
    thresholds: SolverThresholds = DEFAULT_SOLVER

    @staticmethod
    def from_state(
        problem: DifferentialProblem,
        state: SolverState,
        order: Sequence[int],
        error: float,
        thresholds: SolverThresholds,
    ) -> Solution:
        """Create from the state of a solver that uses the axes in another order."""
        back = [int(axis) for axis in np.argsort(order)]
        permuted_state = state.permute_axes(back)
        return Solution(
            problem.permute_axes(back),
            permuted_state.spline,
            permuted_state.coefficients,
            error,
            thresholds=thresholds,
        )

    @property
    def intervals(self) -> tuple[int, ...]:
        """Grid intervals along every axis."""
        return tuple(axis.size for axis in self.spline.axes)

    def sample_points(self, count: int, seed: int) -> dict[str, Float[Array, " rows"]]:
        """Random points of the box, by variable."""
        random = np.random.default_rng(seed)
        return {
            name: random.uniform(*ends, count)
            for name, ends in zip(self.problem.independent, self.problem.domain, strict=True)
        }

    def values(self, points: Mapping[str, Float[Array, " rows"]]) -> Float[Array, "unknowns rows"]:
        """The unknowns at points of the box."""
        return self._evaluate_derivative(points)

    def jet_values(self, jet: Jet, points: Mapping[str, Float[Array, " rows"]]) -> Float[Array, " rows"]:
        """Values of an unknown or one of its derivatives at points of the box."""
        values: Array = self._evaluate_derivative(points, jet.orders)[jet.unknown]
        return values

    def _evaluate_derivative(
        self, points: Mapping[str, Float[Array, " rows"]], orders: Sequence[int] | None = None
    ) -> Float[Array, "unknowns rows"]:
        return self.spline.evaluate_points(np.stack(list(points.values()), 1), orders)

    @cached_property
    def violations(self) -> tuple[list[Violation], list[Violation]]:
        """Violations of every equation and of every condition."""
        return self.jet_violations(self.jet_values)

    def law_violations(self, laws: Sequence[Expression]) -> tuple[list[Violation], list[Violation]]:
        """The violations with these formulas in place of the unknowns."""
        derivatives: dict[tuple[int, tuple[int, ...]], Expression] = {}

        def jet_values(jet: Jet, points: Mapping[str, Float[Array, " rows"]]) -> Float[Array, " rows"]:
            key = jet.unknown, jet.orders
            if key not in derivatives:
                derivatives[key] = partial_derivative(laws[jet.unknown], self.problem.independent, jet.orders)
            values = evaluate(derivatives[key], points)
            return values if np.isfinite(values).all() else self._extrapolate(derivatives[key], points)

        return self.jet_violations(jet_values)

    def _extrapolate(
        self,
        tree: Expression,
        points: Mapping[str, Float[Array, " rows"]],
        *,
        continuation_step_size: float = 0.02,
        continuation_steps: int = 10,
    ) -> Float[Array, " rows"]:
        """Values of a formula at removable singularities: sin(x)/x is 1 at 0.

        Extrapolates the polynomial through its values at equal steps away from each point. At a pole the
        result is an arbitrary number, which violates the equations.

        Args:
            continuation_step_size, continuation_steps: Towards the centre of the box, as a share of the
                distance, from a point at which a formula has no value; their number.
        """
        ends = zip(self.problem.independent, self.problem.domain, strict=True)
        # Steps from each point towards the centre of the box, so that all lie inside
        way = {name: continuation_step_size * (sum(end) / 2 - points[name]) for name, end in ends}
        total = np.zeros(len(next(iter(way.values()))))
        for step in range(1, continuation_steps + 1):
            at = {name: points[name] + step * along for name, along in way.items()}
            # Binomial weights: the polynomial through the values at the steps, continued to step 0
            total -= (-1) ** step * comb(continuation_steps, step) * evaluate(tree, at)
        return total

    def jet_violations(self, jet: JetValues) -> tuple[list[Violation], list[Violation]]:
        """The violations with this function for the values of jets."""
        points = self.check_points
        return (
            [self._violation(residual, points, jet) for residual in self.problem.equations],
            [self._violation(residual, points, jet) for residual in self.problem.conditions],
        )

    @cached_property
    def check_points(self) -> dict[str, Float[Array, " rows"]]:
        """The points at which equations are checked."""
        return self.sample_points(self.thresholds.check_points, seed=0)

    @cached_property
    def _unknown_sizes(self) -> Float[Array, " unknowns"]:
        return self.spline.magnitudes()

    def _violation(
        self,
        residual: Residual,
        points: Mapping[str, Float[Array, " rows"]],
        jet: JetValues,
    ) -> Violation:
        names = self.problem.independent
        leaves = []
        for leaf in residual.leaves:
            if isinstance(leaf, Jet):
                at = {
                    name: points[name] if place is None else np.full(len(points[name]), place)
                    for name, place in zip(names, leaf.at, strict=True)
                }
                leaves.append(jet(leaf, at))
            else:
                leaves.append(np.asarray(self.coefficients[self.problem.coefficients.index(leaf)]))
        values, slopes = value_and_jacobian(residual.tree, points, leaves)
        # The scale uses the size of the unknowns inside the box, since they may vanish on the boundary.
        inside = [
            jet(replace(leaf, at=(None,) * len(names)), points) if isinstance(leaf, Jet) else value
            for leaf, value in zip(residual.leaves, leaves, strict=True)
        ]
        # Mean square of every term: slope of the residual in a leaf, times the size of the leaf
        parts = [
            _mean_square(slopes[..., n]) * max(_mean_square(size), self._least_size(leaf) ** 2)
            for n, (leaf, size) in enumerate(zip(residual.leaves, inside, strict=True))
        ]
        scale = float(np.sqrt(np.sum(parts)))
        finite = np.isfinite(values)
        if not finite.any():
            return Violation(np.inf, np.inf, 1.0)
        # Up to 1 % of undefined points are ignored; more of them are a violation
        residuals = values[finite] if finite.mean() > 0.99 else np.array([np.inf])
        return Violation(float(np.abs(residuals).max()), float(np.sqrt(np.mean(residuals**2))), scale)

    def _least_size(self, leaf: Jet | str, *, min_derivative_share: float = 1e-3) -> float:
        """The least size of a leaf; smaller derivatives are rounding, as u_xx of u = x*y.

        Args:
            min_derivative_share: Least size of a derivative, relative to the unknown over the half widths;
                smaller ones are rounding.
        """
        if isinstance(leaf, str) or not any(leaf.orders):
            return 0.0
        halves = [(high - low) / 2 for low, high in self.problem.domain]
        return min_derivative_share * float(
            self._unknown_sizes[leaf.unknown] / np.prod(np.power(halves, leaf.orders))
        )


def largest_violation(violations: tuple[Sequence[Violation], Sequence[Violation]]) -> float:
    """The largest relative violation of any equation or condition."""
    return max(violation.relative for violation in chain(*violations))


def _mean_square(values: Float[Array, " ..."]) -> float:
    """Mean square of the finite values: one infinite slope must not make all violations small."""
    with np.errstate(over="ignore"):
        squares = np.square(values)
    finite = squares[np.isfinite(squares)]
    return float(finite.mean()) if finite.size else 0.0


def partial_derivative(tree: Expression, names: Sequence[str], orders: Sequence[int]) -> Expression:
    """The partial derivative of a formula, with these orders by name."""
    for name, order in zip(names, orders, strict=True):
        for _ in range(order):
            tree = differentiate(tree, lambda leaf, name=name: ONE if leaf == Variable(name) else ZERO)  # type: ignore[misc]
    return tree


def check_inflow(solution: Solution) -> None:
    """Check that every end of an axis at which characteristics enter has its conditions.

    Raises:
        NoSolution: One has too few, which only the solution shows where speeds depend on it.
    """
    for axis in range(len(solution.problem.independent)):
        ends = missing_conditions(solution.problem, axis, solution.jet_values)
        if ends is not None:
            raise NoSolution(
                f"the solution is not determined: characteristics enter the domain at {ends}; add conditions "
                "there, or make the domain smaller"
            )


def check_outflow(
    solution: Solution, leaving: Mapping[int, tuple[int, float]], *, contradiction: float = 1e-2
) -> None:
    """Check that the solution, which the other conditions determine, satisfies those that it does not need.

    Args:
        contradiction: Least relative violation of a condition at an end that all characteristics leave, which
            contradicts the others; rounded values violate it less.

    Raises:
        NoSolution: It violates one.
    """
    tolerance = max(contradiction, solution.error)
    for number, (axis, end) in leaving.items():
        violation = solution.violations[1][number]
        if violation.relative > tolerance:
            raise NoSolution(
                f"condition {number + 1} contradicts the others, by up to {violation.largest:.3g}: all "
                f"characteristics leave the domain at {solution.problem.independent[axis]} = {end:g}, where "
                "no condition is needed; remove it"
            )
