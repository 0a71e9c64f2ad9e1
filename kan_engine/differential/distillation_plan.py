"""A network of a given shape for a solution: its order, its grids, and at how many points it learns.

Light: what it costs is told before the problem is solved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from kan_engine.cost import Workload
from kan_engine.differential.problem import Problem

PLACES = {1: 400, 2: 48, 3: 16}  # points along every axis, by the number of axes
PER_INTERVAL = 2  # of these at least
GRIDS = (3, 6, 12, 24, 48)  # each refines the one before exactly
FIRST_ORDER_GRIDS = 2  # methods of first order make nothing of finer ones
ORDER, SPARE, HIGHEST = 7, 3, 10  # of the splines: usually, above that of derivatives, and at most


@dataclass(frozen=True)
class WantedShape:
    """What a network is like, and what it learns from.

    Attributes:
        width: Nodes per layer.
        order: Of the splines.
        grids: From coarse to fine.
        places: Points along every axis.
        method: That trains it.
    """

    width: tuple[int, ...]
    order: int
    grids: tuple[int, ...]
    places: int
    method: Literal["levenberg_marquardt", "lbfgs"] = "levenberg_marquardt"

    @staticmethod
    def of(
        problem: Problem,
        hidden: Sequence[int],
        *,
        grid: int | None = None,
        order: int | None = None,
        is_second_order: bool = False,
    ) -> WantedShape:
        """The rest of a shape.

        Args:
            problem: What the network is to solve.
            hidden: Nodes of the hidden layers.
            grid: The only grid; None for several.
            order: Of the splines; None for a high one.
            is_second_order: Whether the method is of second order, even where that is costly.
        """
        axes = len(problem.independent)
        places = max(PLACES[axes], PER_INTERVAL * (grid or 0))
        shape = WantedShape(
            width=(axes, *hidden, len(problem.unknowns)),
            order=order or min(HIGHEST, max(ORDER, problem.highest_derivative + SPARE)),
            grids=(grid,) if grid else tuple(size for size in GRIDS if PER_INTERVAL * size <= places),
            places=places,
        )
        if is_second_order:
            return shape
        cheap = tuple(size for size in shape.grids if shape.workload(size).method() == shape.method)
        if cheap:
            return replace(shape, grids=cheap)
        return replace(shape, grids=shape.grids[:FIRST_ORDER_GRIDS], method="lbfgs")

    @property
    def rows(self) -> int:
        """Points in all."""
        return int(self.places ** self.width[0])

    def workload(self, grid: int) -> Workload:
        """What training on a grid costs."""
        return Workload(width=self.width, terms=grid + self.order + 1, rows=self.rows)
