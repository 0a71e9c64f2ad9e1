"""Plan of a distillation: the order, the grids and the number of training points of a network.

The module does not import torch: the service estimates costs with it before the problem is solved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kan_engine.cost import Workload
from kan_engine.differential.problem import DifferentialProblem
from kan_engine.differential.thresholds import DEFAULT_DISTILLATION, DistillationThresholds


@dataclass(frozen=True)
class DistillationPlan:
    """Shape of a network and settings of its training.

    Attributes:
        width: Nodes per layer.
        order: Order of the splines.
        grids: Grid sizes, from coarse to fine.
        places: Training points along every axis.
        method: Optimisation method.
        thresholds: Of the training.
    """

    width: tuple[int, ...]
    order: int
    grids: tuple[int, ...]
    places: int
    method: Literal["levenberg_marquardt", "lbfgs"] = "levenberg_marquardt"
    thresholds: DistillationThresholds = DEFAULT_DISTILLATION

    @staticmethod
    def from_problem(
        problem: DifferentialProblem,
        hidden_nodes: Sequence[int],
        *,
        grid: int | None = None,
        order: int | None = None,
        is_second_order: bool = False,
        thresholds: DistillationThresholds = DEFAULT_DISTILLATION,
        points_per_axis: tuple[int, int, int] = (400, 48, 16),
        min_points_per_interval: int = 2,
        max_first_order_grids: int = 2,
        default_order: int = 7,
    ) -> DistillationPlan:
        """Complete a plan from the hidden layers.

        Args:
            problem: The problem whose solution is distilled.
            hidden_nodes: Nodes of the hidden layers.
            grid: Size of the only grid; None for several grids.
            order: Order of the splines; None chooses a high one.
            is_second_order: Whether to use a second-order method even if it is costly.
            thresholds: Points, grids and orders to choose from, and of the training.
            points_per_axis: Training points along every axis.
            min_points_per_interval: Of a grid.
            max_first_order_grids: Finer grids do not improve the result of first-order methods.
            default_order: Least default order of the splines.
        """
        axes = len(problem.independent)
        places = max(points_per_axis[axes - 1], min_points_per_interval * (grid or 0))
        usual = max(default_order, problem.highest_derivative + thresholds.spare_orders)
        sizes = tuple(size for size in thresholds.grid_sizes if min_points_per_interval * size <= places)
        shape = DistillationPlan(
            width=(axes, *hidden_nodes, len(problem.unknowns)),
            order=order or min(thresholds.max_order, usual),
            grids=(grid,) if grid else sizes,
            places=places,
            thresholds=thresholds,
        )
        if is_second_order:
            return shape
        cheap = tuple(size for size in shape.grids if shape.workload(size).method() == shape.method)
        if cheap:
            return replace(shape, grids=cheap)
        return replace(shape, grids=shape.grids[:max_first_order_grids], method="lbfgs")

    @property
    def rows(self) -> int:
        """Total number of training points."""
        return int(self.places ** self.width[0])

    @property
    def max_steps(self) -> int:
        """Default number of steps on one grid."""
        is_second_order = self.method == "levenberg_marquardt"
        limits = self.thresholds
        return limits.max_second_order_steps if is_second_order else limits.max_lbfgs_steps

    def workload(self, grid: int) -> Workload:
        """Cost of training on a grid."""
        return Workload(width=self.width, terms=grid + self.order + 1, rows=self.rows)
