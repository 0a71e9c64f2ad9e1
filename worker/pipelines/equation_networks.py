"""What a solved equation is served by: the solution as a network, or one of a shape that was asked for."""

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

PRECISION = 1e-13  # relative, up to which products are kept at least
TRAINED_FROM, TRAINED_BY = 0.5, 0.95  # share of the job
UNSOLVED = 1e-3  # relative violation of an equation, beyond which the model is no solution
COARSE, FAR = 1e-4, 10.0  # violation by a network that is worth a word, and times that of the solution


@dataclass(frozen=True)
class Served:
    """A network, and what is told of it.

    Attributes:
        equations: How far each is violated.
        conditions: The same.
        error: Estimate of the largest, relative to the size of each unknown.
        history: Error of the solution, or of the network, grid by grid.
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
    """The solution as a network."""
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
    """A network with these inner layers, trained on the solution."""
    shape = WantedShape.of(solution.problem, **request.shape(hidden))
    told = f"training a network of shape {list(shape.width)}"
    attempt.report(Progress("train", TRAINED_FROM, told))
    history = list[dict[str, Any]]()
    for found in follow(solution, shape, steps=request.steps, should_stop=attempt.should_stop):
        best, grid = found, found.network.stack[0].grid_size
        history.append({"step": len(history) + 1, "grid": grid, "error": found.distance})
        done = TRAINED_FROM + (TRAINED_BY - TRAINED_FROM) * len(history) / len(shape.grids)
        message = f"{told}: on {grid} intervals {found.distance:.1e} from the solution"
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
    """The largest of all."""
    return max(each.relative for each in chain(*violations))


def _of_solution(solution: Solution) -> list[str]:
    violation = worst(solution.violations())
    if violation < UNSOLVED:
        return []
    return [
        f"equations or conditions are violated by {violation:.1e} of their terms: they contradict each "
        "other, or the solution is not smooth; see residuals"
    ]


def _of_shape(found: Follower) -> list[str]:
    mine, its = worst(found.violations), worst(found.solution.violations())
    if mine < max(COARSE, FAR * its):
        return []
    width = list(found.network.config.width)
    return [
        f"this network of shape {width} violates equations or conditions by {mine:.1e} of their terms, the "
        f"solution that it follows by {its:.1e}: give it more nodes, layers or intervals, or leave hidden "
        "out, which makes a network of the solution itself"
    ]
