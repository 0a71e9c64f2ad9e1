"""Plan of a distillation: the order, the grids and the number of training points of a network.

The module does not import torch: the service estimates costs with it before the problem is solved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kan_engine.cost import Workload
from kan_engine.differential.problem import DifferentialProblem

POINTS_PER_AXIS = {1: 400, 2: 48, 3: 16}  # points along every axis, by the number of axes
MIN_POINTS_PER_INTERVAL = 2
GRID_SIZES = (3, 6, 12, 24, 48)  # each refines the one before exactly
MAX_FIRST_ORDER_GRIDS = 2  # finer grids do not improve the result of first-order methods
# Of the splines: default, above the highest derivative, and maximum
DEFAULT_ORDER, SPARE_ORDERS, MAX_ORDER = 7, 3, 10


@dataclass(frozen=True)
class DistillationPlan:
    """Shape of a network and settings of its training.

    Attributes:
        width: Nodes per layer.
        order: Order of the splines.
        grids: Grid sizes, from coarse to fine.
        places: Training points along every axis.
        method: Optimisation method.
    """

    width: tuple[int, ...]
    order: int
    grids: tuple[int, ...]
    places: int
    method: Literal["levenberg_marquardt", "lbfgs"] = "levenberg_marquardt"

    @staticmethod
    def from_problem(
        problem: DifferentialProblem,
        hidden: Sequence[int],
        *,
        grid: int | None = None,
        order: int | None = None,
        is_second_order: bool = False,
    ) -> DistillationPlan:
        """Complete a plan from the hidden layers.

        Args:
            problem: The problem whose solution is distilled.
            hidden: Nodes of the hidden layers.
            grid: Size of the only grid; None for several grids.
            order: Order of the splines; None chooses a high one.
            is_second_order: Whether to use a second-order method even if it is costly.
        """
        axes = len(problem.independent)
        places = max(POINTS_PER_AXIS[axes], MIN_POINTS_PER_INTERVAL * (grid or 0))
        shape = DistillationPlan(
            width=(axes, *hidden, len(problem.unknowns)),
            order=order or min(MAX_ORDER, max(DEFAULT_ORDER, problem.highest_derivative + SPARE_ORDERS)),
            grids=(grid,)
            if grid
            else tuple(size for size in GRID_SIZES if MIN_POINTS_PER_INTERVAL * size <= places),
            places=places,
        )
        if is_second_order:
            return shape
        cheap = tuple(size for size in shape.grids if shape.workload(size).method() == shape.method)
        if cheap:
            return replace(shape, grids=cheap)
        return replace(shape, grids=shape.grids[:MAX_FIRST_ORDER_GRIDS], method="lbfgs")

    @property
    def rows(self) -> int:
        """Total number of training points."""
        return int(self.places ** self.width[0])

    def workload(self, grid: int) -> Workload:
        """Cost of training on a grid."""
        return Workload(width=self.width, terms=grid + self.order + 1, rows=self.rows)
