"""Networks of a solved equation: the solution itself as a network, or a network of a requested shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from kan_engine import (
    KAN,
    DistilledNetwork,
    Solution,
    TargetScaler,
    build_spline_network,
    distill,
)
from service.documents.equations import plan_network
from service.schemas.equations import SolveRequest
from service.schemas.model_document import HistoryPoint
from worker.execution.attempt import Attempt
from worker.execution.outcome import JobProgress
from worker.pipelines.thresholds import EquationJobThresholds

if TYPE_CHECKING:
    from kan_engine.differential.solution import Violation


@dataclass(frozen=True)
class ServedNetwork:
    """A network of the unknown functions, and its record.

    Attributes:
        equations: Violation of each equation.
        conditions: Violation of each condition.
        error: Estimate of the largest error, relative to the size of each unknown.
        history: Error of the solution, or of the network, for each grid.
    """

    network: KAN
    outputs: TargetScaler
    equations: Sequence[Violation]
    conditions: Sequence[Violation]
    error: float
    optimizer: str
    history: Sequence[HistoryPoint]
    warnings: list[str]


def convert_solution(
    solution: Solution, history: Sequence[HistoryPoint], *, min_product_precision: float = 1e-13
) -> ServedNetwork:
    """Convert the solution to a network.

    Args:
        min_product_precision: Smallest relative error up to which products may be left out of the network.
    """
    equations, conditions = solution.violations
    # The identity as target scaler: the spline has the values of the unknowns already
    count = len(solution.problem.unknowns)
    return ServedNetwork(
        network=build_spline_network(solution.spline, max(min_product_precision, solution.error / 10)),
        outputs=TargetScaler("identity", np.zeros(count), np.ones(count)),
        equations=equations,
        conditions=conditions,
        error=solution.error,
        optimizer="gauss_newton",
        history=history,
        warnings=_solution_warnings(solution),
    )


def train_on_solution(
    request: SolveRequest,
    layer_sizes: list[int],
    solution: Solution,
    attempt: Attempt,
    thresholds: EquationJobThresholds,
    *,
    training_start: float = 0.5,
    training_end: float = 0.95,
) -> ServedNetwork:
    """Train a network with the inner layers ``layer_sizes`` on the solution.

    Args:
        training_start: Progress at the start of the training.
        training_end: Progress at its end.
    """
    shape = plan_network(request, solution.problem, layer_sizes, thresholds=thresholds.equations.distillation)
    title = f"training a network of shape {list(shape.width)}"
    attempt.report(JobProgress("train", training_start, title))
    history = list[HistoryPoint]()
    # A network for every grid, each finer than the one before and nearer to the solution
    for student in distill(solution, shape, steps=request.steps, should_stop=attempt.should_stop):
        best, grid = student, student.network.stack[0].grid_size
        history.append(HistoryPoint(step=len(history) + 1, grid=grid, error=student.distance))
        fraction = training_start + (training_end - training_start) * len(history) / len(shape.grids)
        message = f"{title}: on {grid} intervals, error {student.distance:.1e}"
        attempt.report(JobProgress("train", fraction, message, student.distance))
    equations, conditions = best.violations
    return ServedNetwork(
        network=best.network,
        outputs=best.outputs,
        equations=equations,
        conditions=conditions,
        # Triangle inequality: distance to the solution, and from there to the truth
        error=best.distance + solution.error,
        optimizer=shape.method,
        history=history,
        warnings=[*_solution_warnings(solution), *_network_warnings(best)],
    )


def largest_violation(violations: tuple[Sequence[Violation], Sequence[Violation]]) -> float:
    """Return the largest relative violation of any equation or condition."""
    return max(violation.relative for violation in chain(*violations))


def _solution_warnings(solution: Solution, *, max_violation: float = 1e-3) -> list[str]:
    """Warn of equations that the solution violates.

    Args:
        max_violation: Relative violation of an equation above which a warning says that it is not solved.
    """
    violation = largest_violation(solution.violations)
    if violation < max_violation:
        return []
    return [
        f"equations or conditions are violated by {violation:.1e} relative to their terms: they contradict "
        "each other, or the solution is not smooth; see residuals"
    ]


def _network_warnings(
    student: DistilledNetwork, *, min_reported_violation: float = 1e-4, max_violation_ratio: float = 10.0
) -> list[str]:
    """Warn of violations that the network adds.

    Args:
        min_reported_violation: A warning about a network needs a violation above this.
        max_violation_ratio: Such a warning also needs a violation above this multiple of the solution's.
    """
    # The solution violates the equations as well: only what the network adds needs a warning
    mine, its = largest_violation(student.violations), largest_violation(student.solution.violations)
    if mine < max(min_reported_violation, max_violation_ratio * its):
        return []
    width = list(student.network.config.width)
    return [
        f"this network of shape {width} violates equations or conditions by {mine:.1e} relative to their "
        f"terms, the solution by {its:.1e}: use more nodes, layers or intervals, or omit hidden to convert "
        "the solution itself to a network"
    ]
