"""Networks of a solved equation: the solution itself as a network, or a network of a requested shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature
from kan_engine.data.scaling import TargetScaler
from kan_engine.differential.networks.distillation import DistilledNetwork, distill
from kan_engine.differential.networks.distillation_plan import DistillationPlan
from kan_engine.differential.networks.low_rank_network import box_standardizer, build_spline_network
from kan_engine.differential.solution import Solution, Violation, largest_violation
from kan_engine.inference.predictor import Predictor
from kan_engine.network.kan import KAN


@dataclass(frozen=True)
class GridError:
    """The error on one grid: the largest violation of a solution, or the distance of a network from it."""

    grid: int
    error: float


@dataclass(frozen=True)
class SolutionNetwork:
    """A network of the unknown functions.

    Attributes:
        solution: The solution that it is or approximates.
        network: The network, from scaled variables to scaled unknowns.
        outputs: Scale of the unknowns.
        violations: Of every equation and of every condition.
        error: Estimate of the largest error, relative to the size of each unknown.
        optimizer: Method that found it.
        history: Error of the solution, or of the network, on each grid.
        warnings: For the client.
    """

    solution: Solution
    network: KAN
    outputs: TargetScaler
    violations: tuple[Sequence[Violation], Sequence[Violation]]
    error: float
    optimizer: str
    history: Sequence[GridError]
    warnings: list[str]

    def make_predictor(self, target: str) -> Predictor:
        """The network as a model of the independent variables; it has no intervals."""
        return Predictor(
            encoding=encode_domain(self.solution),
            inputs=box_standardizer(self.solution.spline.axes),
            network=self.network,
            outputs=self.outputs,
            classes=None,
            target=target,
            residuals=np.zeros(0),
        )


def encode_domain(solution: Solution) -> Encoding:
    """The independent variables as they are, within the domain."""
    return Encoding.from_features(
        [
            Feature(name=name, type="number", min=low, max=high, fill=(low + high) / 2)
            for name, (low, high) in zip(solution.problem.independent, solution.problem.domain, strict=True)
        ]
    )


def convert_solution(
    solution: Solution, history: Sequence[GridError], *, min_product_precision: float = 1e-13
) -> SolutionNetwork:
    """Convert the solution to a network.

    Args:
        solution: The solution.
        history: Its error on each grid.
        min_product_precision: Smallest relative error up to which products may be left out of the network.
    """
    # The identity as target scaler: the spline has the values of the unknowns already
    count = len(solution.problem.unknowns)
    return SolutionNetwork(
        solution=solution,
        network=build_spline_network(solution.spline, max(min_product_precision, solution.error / 10)),
        outputs=TargetScaler("identity", np.zeros(count), np.ones(count)),
        violations=solution.violations,
        error=solution.error,
        optimizer="gauss_newton",
        history=history,
        warnings=_solution_warnings(solution),
    )


def train_on_solution(
    solution: Solution,
    shape: DistillationPlan,
    *,
    steps: int | None,
    should_stop: Callable[[], bool],
    report: Callable[[Sequence[GridError]], None],
) -> SolutionNetwork:
    """Train a network on the solution.

    Args:
        solution: The solution.
        shape: Of the network, and settings of its training.
        steps: Most steps on one grid; None for the default.
        should_stop: Once true, the current network is the last.
        report: Takes the errors on the grids so far.
    """
    history = list[GridError]()
    # A network for every grid, each finer than the one before and nearer to the solution
    for student in distill(solution, shape, steps=steps, should_stop=should_stop):
        best = student
        history.append(GridError(student.network.stack[0].grid_size, student.distance))
        report(history)
    return SolutionNetwork(
        solution=solution,
        network=best.network,
        outputs=best.outputs,
        violations=best.violations,
        # Triangle inequality: distance to the solution, and from there to the truth
        error=best.distance + solution.error,
        optimizer=shape.method,
        history=history,
        warnings=[*_solution_warnings(solution), *_network_warnings(best)],
    )


def _solution_warnings(solution: Solution, *, max_violation: float = 1e-3) -> list[str]:
    """Warn of equations that the solution violates.

    Args:
        solution: The solution.
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
        student: The network.
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
