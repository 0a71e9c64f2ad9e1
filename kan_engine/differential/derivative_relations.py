"""Relations between derivatives that logarithms of sums of exponentials and error functions satisfy.

If v has two rates, v″ = κ·v′ + λ·v, then u = log(v)/s satisfies u″ = -s·u′² + κ·u′ + λ/s.

If u = A + B·erf(v), where only v = (x - b)/√(2τ) depends on x, then τ·u_xx + (x - b)·u_x = 0. In equations
of diffusion and transport with constant coefficients, b and τ are linear in the other variables:
τ = 2D·(t - t₀), b = x₀ + c·t (Carslaw and Jaeger, Conduction of Heat in Solids, 1959, section 2.4). The
relation is then linear in all of its constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from kan_engine.differential.solution import Solution
from kan_engine.differential.thresholds import SolutionLawThresholds
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.nodes import HALF, Expression, Variable, add, call, mul, number, power

Array = np.ndarray


def find_log_rate(
    solution: Solution, unknown: int, axis: int, thresholds: SolutionLawThresholds
) -> float | None:
    """Fit the s of u″ = -s·u′² + κ·u′ + λ/s along an axis; None without such a relation."""
    points = np.stack(list(solution.sample_points(thresholds.sample_rows, seed=0).values()), 1)
    along = np.eye(points.shape[1], dtype=int)[axis]
    slope, bend = (
        solution.spline.evaluate_points(points, (order * along).tolist())[unknown] for order in (1, 2)
    )
    # Least squares for u″ in u′², u′ and 1; a lower rank leaves the constants undetermined
    columns = np.stack([slope**2, slope, np.ones(len(slope))], 1)
    units = _root_mean_square(columns)
    constants, _, rank, _ = np.linalg.lstsq(columns / units, bend, rcond=thresholds.relation_tolerance)
    tolerance = thresholds.relation_tolerance * float(_root_mean_square(bend))
    error = float(_root_mean_square(columns @ (constants / units) - bend))
    is_logarithm = rank == len(units) and error < tolerance < abs(constants[0])
    return -float(constants[0] / units[0]) if is_logarithm else None


@dataclass(frozen=True)
class ErrorFunction:
    """erf(v), its values at points, and the levels A and B there.

    Attributes:
        tree: erf(v).
        offset, factor: A and B.
        is_accurate: Whether constants A and B reproduce the unknown.
    """

    tree: Expression
    offset: float
    factor: float
    is_accurate: bool


def find_error_function(
    solution: Solution, unknown: int, axis: int, thresholds: SolutionLawThresholds, *, bell_fits: int = 3
) -> ErrorFunction | None:
    """Find erf(v) for an unknown whose derivative along an axis is a bell; None if it is none.

    The solution near a step at the start is inaccurate, so the half of the points decides that satisfies the
    relation best.

    Args:
        bell_fits: Of the relation of an error function, each to the better half of the points by the one
            before.
    """
    problem = solution.problem
    points = solution.sample_points(thresholds.sample_rows, seed=0)
    relation = _Relation.evaluate(solution, unknown, axis, points)
    rows = is_used = None
    # Alternate between fit and selection: rows near an initial step are inaccurate, negligible terms are
    # noise
    for _ in range(bell_fits):
        constants = relation.fit(rows, is_used)
        rows = relation.select_rows(constants)
        is_used = relation.select_terms(constants, thresholds.negligible_bell_share)
    constants = relation.fit(rows, is_used)
    if rows is None or not relation.error(constants, rows) < thresholds.bell_tolerance:
        return None
    other_variables = [Variable(name) for name in problem.independent if name != problem.independent[axis]]
    variance, center = (
        add(
            *(
                mul(number(float(c)), term)
                for c, term in zip(part, (number(1), *other_variables), strict=True)
                if c
            )
        )
        for part in (2 * constants[: len(other_variables) + 1], constants[len(other_variables) + 1 :])
    )
    with np.errstate(all="ignore"):
        if not np.all(evaluate(variance, points) > 0):
            return None
        tree = call("erf", (Variable(problem.independent[axis]) - center) * power(variance, -HALF))
        values, bells = solution.values(points)[unknown], evaluate(tree, points)
    # Levels A and B by linear regression on erf(v)
    columns = np.stack([np.ones(len(bells)), bells], 1)[rows]
    levels = np.linalg.lstsq(columns, values[rows], rcond=None)[0]
    distance = _root_mean_square(columns @ levels - values[rows])
    is_accurate = distance < thresholds.bell_tolerance * _root_mean_square(values)
    offset, factor = map(float, levels)
    if abs(offset) < thresholds.negligible_bell_share * abs(factor):
        offset = 0.0
    return ErrorFunction(tree, offset, factor, bool(is_accurate))


def measure_levels(
    solution: Solution, unknown: int, axis: int, tree: Expression
) -> tuple[Float[Array, "*points"], Float[Array, "*points"]] | None:
    """Measure A and B as functions of the other variables, at the interpolation points of all axes.

    Returns:
        A and B, constant along the axis; None if erf(v) is not finite or does not change everywhere.
    """
    places = [spline_axis.interpolation_points() for spline_axis in solution.spline.axes]
    values = solution.spline.evaluate_grid(places)[unknown]
    grids = np.meshgrid(*places, indexing="ij")
    with np.errstate(all="ignore"):
        bells = evaluate(tree, dict(zip(solution.problem.independent, grids, strict=True)))
    # Linear regression on erf(v) along the axis, at every point of the other variables
    deviations = bells - bells.mean(axis, keepdims=True)
    spread = np.square(deviations).sum(axis, keepdims=True)
    if not np.isfinite(spread).all() or not spread.min() > 0:
        return None
    factor = (deviations * values).sum(axis, keepdims=True) / spread
    offset = values.mean(axis, keepdims=True) - factor * bells.mean(axis, keepdims=True)
    return np.broadcast_to(offset, values.shape), np.broadcast_to(factor, values.shape)


@dataclass(frozen=True)
class _Relation:
    """x·u_x = -τ·u_xx + b·u_x at points, in the constants of τ and b."""

    columns: Float[Array, "points constants"]
    target: Float[Array, " points"]

    @staticmethod
    def evaluate(
        solution: Solution, unknown: int, axis: int, points: dict[str, Float[Array, " points"]]
    ) -> _Relation:
        rows = np.stack(list(points.values()), 1)
        along = np.eye(rows.shape[1], dtype=int)[axis]
        slope, bend = (
            solution.spline.evaluate_points(rows, (order * along).tolist())[unknown] for order in (1, 2)
        )
        # Both τ and b are linear in the other variables
        linear_terms = np.column_stack([np.ones(len(rows)), np.delete(rows, axis, axis=1)])
        columns = np.concatenate([-bend[:, None] * linear_terms, slope[:, None] * linear_terms], 1)
        return _Relation(columns, rows[:, axis] * slope)

    def fit(
        self, rows: Bool[Array, " points"] | None, is_used: Bool[Array, " constants"] | None
    ) -> Float[Array, " constants"]:
        """The constants by least squares; those that are not used are 0."""
        row_mask = np.ones(len(self.target), bool) if rows is None else rows
        term_mask = np.ones(self.columns.shape[1], bool) if is_used is None else is_used
        matrix, constants = self.columns[row_mask][:, term_mask], np.zeros(len(term_mask))
        # Columns of unit size, so that the rank does not depend on the units of the variables
        units = _root_mean_square(matrix)
        constants[term_mask] = np.linalg.lstsq(matrix / units, self.target[row_mask], rcond=None)[0] / units
        return constants

    def select_rows(self, constants: Float[Array, " constants"]) -> Bool[Array, " points"]:
        """The half of the points with the smallest residual relative to the terms."""
        # Residual relative to the sum of the absolute terms
        sizes = np.abs(self.target) + np.abs(self.columns) @ np.abs(constants) + np.finfo(float).tiny
        ratios = np.abs(self.columns @ constants - self.target) / sizes
        is_small: Array = ratios <= np.median(ratios)
        return is_small

    def select_terms(self, constants: Float[Array, " constants"], share: float) -> Bool[Array, " constants"]:
        """The constants whose terms are not negligible."""
        is_used: Array = _root_mean_square(self.columns * constants) > share * _root_mean_square(self.target)
        return is_used

    def error(self, constants: Float[Array, " constants"], rows: Bool[Array, " points"]) -> float:
        """The residual relative to the target; at least 1 without a target."""
        residual = self.columns[rows] @ constants - self.target[rows]
        return float(_root_mean_square(residual) / _root_mean_square(self.target[rows]))


def _root_mean_square(values: Float[Array, "rows ..."]) -> Array:
    """Along the first axis; never 0, so that it can divide."""
    result: Array = np.sqrt(np.mean(np.square(values), axis=0)) + np.finfo(float).tiny
    return result
