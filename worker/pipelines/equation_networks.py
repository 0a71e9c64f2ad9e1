"""Networks of a solved equation: the solution itself as a network, or a network of a requested shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from kan_engine import KAN, Follower, Solution, TargetScaler, WantedShape, follow, network_of
from service.schemas.equations import SolveRequest
from worker.execution.attempt import Attempt
from worker.execution.outcome import Progress

if TYPE_CHECKING:
    from kan_engine.differential.solution import Violation

PRECISION = 1e-13  # smallest relative error up to which products may be left out
TRAINED_FROM, TRAINED_BY = 0.5, 0.95  # progress of the job at the start and the end of the training
UNSOLVED = 1e-3  # relative violation of an equation above which a warning says that it is not solved
COARSE, FAR = (
    1e-4,
    10.0,
)  # a warning needs a violation by the network above both: this, and times the solution's


@dataclass(frozen=True)
class Served:
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
    history: list[dict[str, Any]]
    warnings: list[str]


def as_found(solution: Solution, history: list[dict[str, Any]]) -> Served:
    """Convert the solution to a network."""
    equations, conditions = solution.violations()
    count = len(solution.problem.unknowns)
    return Served(
        network=network_of(solution.spline, max(PRECISION, solution.error / 10)),
        outputs=TargetScaler("identity", np.zeros(count), np.ones(count)),
        equations=equations,
        conditions=conditions,
        error=solution.error,
        optimizer="gauss_newton",
        history=history,
        warnings=_of_solution(solution),
    )


def trained(request: SolveRequest, hidden: list[int], solution: Solution, attempt: Attempt) -> Served:
    """Train a network with the inner layers ``hidden`` on the solution."""
    shape = WantedShape.of(solution.problem, **request.shape(hidden))
    told = f"training a network of shape {list(shape.width)}"
    attempt.report(Progress("train", TRAINED_FROM, told))
    history = list[dict[str, Any]]()
    for found in follow(solution, shape, steps=request.steps, should_stop=attempt.should_stop):
        best, grid = found, found.network.stack[0].grid_size
        history.append({"step": len(history) + 1, "grid": grid, "error": found.distance})
        done = TRAINED_FROM + (TRAINED_BY - TRAINED_FROM) * len(history) / len(shape.grids)
        message = f"{told}: on {grid} intervals, error {found.distance:.1e}"
        attempt.report(Progress("train", done, message, found.distance))
    equations, conditions = best.violations
    return Served(
        network=best.network,
        outputs=best.outputs,
        equations=equations,
        conditions=conditions,
        error=best.distance + solution.error,
        optimizer=shape.method,
        history=history,
        warnings=[*_of_solution(solution), *_of_shape(best)],
    )


def worst(violations: tuple[Sequence[Violation], Sequence[Violation]]) -> float:
    """Return the largest relative violation of any equation or condition."""
    return max(each.relative for each in chain(*violations))


def _of_solution(solution: Solution) -> list[str]:
    violation = worst(solution.violations())
    if violation < UNSOLVED:
        return []
    return [
        f"equations or conditions are violated by {violation:.1e} relative to their terms: they contradict "
        "each other, or the solution is not smooth; see residuals"
    ]


def _of_shape(found: Follower) -> list[str]:
    mine, its = worst(found.violations), worst(found.solution.violations())
    if mine < max(COARSE, FAR * its):
        return []
    width = list(found.network.config.width)
    return [
        f"this network of shape {width} violates equations or conditions by {mine:.1e} relative to their "
        f"terms, the solution by {its:.1e}: use more nodes, layers or intervals, or omit hidden to convert "
        "the solution itself to a network"
    ]
