"""Characteristics of first-order equations: at which ends of an axis the solution needs conditions.

A system A_t·u_t + A_x·u_x + … = b, whose initial values are given at one end of the axis t, carries them
along characteristics with the speeds λ, the eigenvalues of A_t⁻¹·A_x. At an end of the axis x, every speed
that points into the domain needs a condition; an end that all characteristics leave, or run along, needs none
(Courant and Hilbert, Methods of Mathematical Physics II, chapter V).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np
from jaxtyping import Float, Inexact

from kan_engine.differential.jets import Jet
from kan_engine.differential.problem import DifferentialProblem
from kan_engine.differential.thresholds import DEFAULT_LIMITS, EquationLimits
from kan_engine.expressions.evaluation import value_and_jacobian

Array = np.ndarray
JetValues = Callable[[Jet, Mapping[str, Array]], Array]
SINGULAR = 1e-12  # least singular value over the largest, at which a matrix is singular up to rounding


def time_axis(problem: DifferentialProblem, limits: EquationLimits) -> int | None:
    """The axis along which derivatives are of first order, with a condition per unknown at one end.

    If several axes are such, one whose conditions are at its lower end, where time usually starts, and are
    not on a characteristic.
    """
    candidates = [
        (axis, ends[side])
        for side in (0, 1)
        for axis, ends in enumerate(problem.domain)
        if problem.order(axis) == 1
        and [c.fixed[axis] for c in problem.conditions if axis in c.fixed]
        == [(ends[side],)] * len(problem.unknowns)
    ]
    for axis, start in candidates:
        points = _side_points(problem, axis, start, limits.max_side_points)
        if not _is_singular(_symbol(problem, axis, points, _initial_values(problem, axis, start))):
            return axis
    return candidates[0][0] if candidates else None


def count_incoming(
    problem: DifferentialProblem,
    axis: int,
    jet_values: JetValues | None = None,
    limits: EquationLimits = DEFAULT_LIMITS,
) -> tuple[int, int] | None:
    """Number of conditions that the lower and the upper end of an axis need.

    Args:
        problem: The problem.
        axis: An axis along which all derivatives are of first order.
        jet_values: Values of jets at points, on which speeds may depend; by default the initial values.
        limits: The number of points at which speeds are computed.

    Returns:
        None if the equations have no characteristics, or if their speeds depend on unknowns without values.
    """
    time = time_axis(problem, limits)
    if time is None or time == axis or problem.order(axis) != 1:
        return None
    if len(problem.equations) != len(problem.unknowns):
        return None
    start = next(c.fixed[time][0] for c in problem.conditions if time in c.fixed)
    counts = []
    for end, inwards in zip(problem.domain[axis], (1.0, -1.0), strict=True):
        points = _side_points(problem, axis, end, limits.max_side_points)
        values = jet_values or _initial_values(problem, time, start)
        speeds = _speeds(*(_symbol(problem, along, points, values) for along in (time, axis)))
        if speeds is None:
            return None
        # A speed is dx/dt, so its sign turns where the conditions are at the end of time
        direction = inwards if start == problem.domain[time][0] else -inwards
        min_speed = limits.min_speed * max(float(np.abs(speeds).max()), np.finfo(float).tiny)
        # Complex speeds: the system is not hyperbolic and has no characteristics
        if np.abs(speeds.imag).max() > min_speed:
            return None
        counts.append(int((direction * speeds.real > min_speed).sum(1).max()))
    return counts[0], counts[1]


def outflow_conditions(
    problem: DifferentialProblem,
    jet_values: JetValues | None = None,
    limits: EquationLimits = DEFAULT_LIMITS,
) -> dict[int, tuple[int, float]]:
    """Conditions at ends that all characteristics leave: the other conditions determine the solution there.

    Args:
        problem, jet_values, limits: As for ``count_incoming``.

    Returns:
        Axis and end by the number of the condition.
    """
    result = {}
    for axis, ends in enumerate(problem.domain):
        incoming = count_incoming(problem, axis, jet_values, limits)
        for end, count in zip(ends, incoming or (1, 1), strict=True):
            for number, condition in enumerate(problem.conditions):
                if count == 0 and dict(condition.fixed) == {axis: (end,)}:
                    result[number] = axis, end
    return result


def count_conditions(problem: DifferentialProblem, axis: int, leaving: Collection[int]) -> int:
    """Number of conditions on an axis, except those at ends that all characteristics leave."""
    return sum(
        axis in condition.fixed and number not in leaving
        for number, condition in enumerate(problem.conditions)
    )


def missing_conditions(
    problem: DifferentialProblem, axis: int, jet_values: JetValues | None = None
) -> str | None:
    """The ends of an axis at which characteristics enter, if they need more conditions than there are."""
    incoming = count_incoming(problem, axis, jet_values)
    condition_count = count_conditions(problem, axis, outflow_conditions(problem, jet_values))
    if incoming is None or sum(incoming) <= condition_count:
        return None
    name = problem.independent[axis]
    ends = zip(problem.domain[axis], incoming, strict=True)
    return " and ".join(f"{name} = {end:g}" for end, count in ends if count)


def _initial_values(problem: DifferentialProblem, time: int, start: float) -> JetValues:
    """Values of the unknowns at the start, for points of any time; NaN where no condition states them."""

    def values(jet: Jet, points: Mapping[str, Float[Array, " rows"]]) -> Float[Array, " rows"]:
        rows = len(points[problem.independent[time]])
        at_start = {**points, problem.independent[time]: np.full(rows, start)}
        for condition in problem.conditions:
            is_value = [(leaf.unknown, leaf.orders) for leaf in condition.jets] == [(jet.unknown, jet.orders)]
            if time in condition.fixed and is_value and len(condition.leaves) == 1:
                # A condition that is linear in the value.
                residual, slopes = value_and_jacobian(condition.tree, at_start, [np.zeros(rows)])
                with np.errstate(all="ignore"):  # not finite where the condition is not linear after all
                    return -residual / slopes[:, 0]
        return np.full(rows, np.nan)

    return values


def _speeds(
    along_time: Float[Array, "points equations unknowns"],
    along_axis: Float[Array, "points equations unknowns"],
) -> Inexact[Array, "points speeds"] | None:
    """Eigenvalues of A_t⁻¹·A_x at all points; None if a matrix is not finite, or the first one singular."""
    if not (np.isfinite(along_time).all() and np.isfinite(along_axis).all()):
        return None
    if _is_singular(along_time):
        return None
    return np.linalg.eigvals(np.linalg.solve(along_time, along_axis))


def _is_singular(matrices: Float[Array, "points equations unknowns"]) -> bool:
    """Whether a matrix is singular up to rounding; false if their values are not known."""
    if not np.isfinite(matrices).all() or matrices.shape[1] != matrices.shape[2]:
        return False
    # Ratio of the smallest to the largest singular value at each point
    singular = np.linalg.svd(matrices, compute_uv=False)
    return bool((singular[:, -1] <= SINGULAR * singular[:, 0]).any())


def _side_points(
    problem: DifferentialProblem, axis: int, end: float, max_points: int
) -> dict[str, Float[Array, " points"]]:
    """Points of a side of the box, by variable."""
    per_axis = int(max_points ** (1 / max(1, len(problem.domain) - 1)))
    places = [
        np.array([end]) if number == axis else np.linspace(*ends, per_axis)
        for number, ends in enumerate(problem.domain)
    ]
    grids = np.meshgrid(*places, indexing="ij")
    return {name: grid.ravel() for name, grid in zip(problem.independent, grids, strict=True)}


def _symbol(
    problem: DifferentialProblem,
    axis: int,
    points: Mapping[str, Float[Array, " rows"]],
    jet_values: JetValues,
) -> Float[Array, "rows equations unknowns"]:
    """Coefficients of the first derivatives along an axis; not finite where they depend on unknown values."""
    rows = len(next(iter(points.values())))
    matrix = np.zeros((rows, len(problem.equations), len(problem.unknowns)))
    for number, equation in enumerate(problem.equations):
        values = [
            jet_values(leaf, points) if isinstance(leaf, Jet) else np.full(rows, np.nan)
            for leaf in equation.leaves
        ]
        # Slope of each equation in the first derivatives along the axis, at all points
        with np.errstate(all="ignore"):
            _, slopes = value_and_jacobian(equation.tree, points, values)
        for leaf, slope in zip(equation.leaves, np.moveaxis(slopes, -1, 0), strict=True):
            if isinstance(leaf, Jet) and leaf.orders[axis]:
                matrix[:, number, leaf.unknown] += slope
    return matrix
