"""How far the climb of ``tuning`` may get, before there is a network: plain numbers, without torch.

Networks that more rows and more time allow are larger; a service asks here for the largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from math import log2

from kan_engine.cost import Workload

CLIMBING = 0.12  # of a job's time, for the climb; the last training, and that on all rows, may take as much
FINISHING = 1e-6  # seconds per value of the table, to measure and to show what was found
HIDDEN = (32, 16)
GRID, COARSEST = 8, 4
UPDATES = 3000  # steps of a training
LEAST_EPOCHS, MOST_EPOCHS = 4, 200
BATCHES = 24  # of an epoch, if batches may be so small
SMALLEST_BATCH, LARGEST_BATCH = 32, 256
MANY_ROWS, LARGE_BATCH = 100_000, 1024  # beyond so many rows a batch may be so large
TRIED_GROUPS, MOST_GROUPS = 2, 8
FOLDS, CROSSED_ROWS = 8, 2000  # of fewer rows each judges networks that have not seen it: one part is chance
CROSSED_TIME = 1.7  # times the seconds of a climb, for one by folds: what comes after it takes less
MOST_NODES = 512  # of all hidden layers
DENSE_WEIGHTS = 400_000  # of a layer, most of them between groups: more would cost more than they bring
FIXED_HIDDEN, FIXED_STEPS = 10, 60


@dataclass(frozen=True, kw_only=True)
class Climb:
    """What bounds a climb.

    Args:
        inputs: Nodes of the first layer.
        outputs: Nodes of the last one.
        rows: Rows to fit.
        order: Of the splines.
        grid: The grid that was asked for.
        steps: The epochs that were asked for.
        restarts: How many networks stand side by side, if that was asked for.
        is_sparse: Whether sparsity has a price.
        seconds: Estimated seconds that it may take; the last training may take as many again.
    """

    inputs: int
    outputs: int
    rows: int
    order: int = 3
    grid: int | None = None
    steps: int | None = None
    restarts: int | None = None
    is_sparse: bool = False
    seconds: float = 60.0

    @property
    def groups(self) -> int:
        """Most networks side by side."""
        if self.is_sparse:
            return 1  # it is the edges of one network that are to be few
        return MOST_GROUPS if self.restarts is None else self.restarts

    @property
    def is_crossed(self) -> bool:
        """Whether the climb is judged by folds of all training rows."""
        return self.rows <= CROSSED_ROWS and not self.is_sparse

    @property
    def climb_seconds(self) -> float:
        """Estimated seconds that all steps of the climb may take together."""
        return self.seconds * (CROSSED_TIME if self.is_crossed else 1)

    @property
    def fixed(self) -> Workload:
        """The network of one small shape."""
        return self._workload((FIXED_HIDDEN,), 1)

    @property
    def is_fixed_tried(self) -> bool:
        """Whether second order is cheap for it, and may be taken."""
        wanted = FIXED_STEPS * self.fixed.seconds("levenberg_marquardt")
        return not self.is_sparse and wanted <= self.seconds / 10

    @property
    def first(self) -> Workload:
        """The first network of the climb."""
        groups = FOLDS * TRIED_GROUPS if self.is_crossed else min(TRIED_GROUPS, self.groups)
        return self._workload(HIDDEN, groups)

    @property
    def epochs(self) -> int:
        """As many as the rows and the time call for."""
        if self.steps is not None:
            return self.steps
        wanted = round(min(max(UPDATES * self.first.batch_rows / self.rows, LEAST_EPOCHS), MOST_EPOCHS))
        affordable = int(self.seconds / 2 / max(self.first.seconds("adam"), 1e-9))
        return max(1, min(wanted, affordable))

    def largest(self) -> Iterator[Workload]:
        """Of every depth and grid, the widest networks and the most side by side that there is time for."""
        grids = [GRID, COARSEST] if self.grid is None else [self.grid]
        for hidden in (HIDDEN, HIDDEN[:1]):
            for grid in grids:
                for doubled in count():
                    inner = tuple(nodes << doubled for nodes in hidden)
                    most = max(self.groups, self.first.groups)
                    sizes = (self._workload(inner, groups, grid) for groups in range(most, 0, -1))
                    found = next((size for size in sizes if self._is_allowed(size)), None)
                    if found is None:
                        break
                    yield found

    def _is_allowed(self, work: Workload) -> bool:
        is_lean_enough = is_lean(work.width, work.terms, is_passing=self.is_crossed)
        return is_lean_enough and work.seconds("adam") * self.epochs <= self.seconds

    def _workload(self, hidden: tuple[int, ...], groups: int, grid: int | None = None) -> Workload:
        return Workload(
            width=(self.inputs, *(nodes * groups for nodes in hidden), self.outputs),
            terms=(grid or self.grid or GRID) + self.order + 1,
            rows=self.rows,
            is_sparse=self.is_sparse,
            groups=groups,
            batch_rows=batch_rows(self.rows),
        )


def climbing_time(max_seconds: float, values: int) -> float:
    """Estimated seconds for a climb.

    Args:
        max_seconds: That the whole job may take.
        values: Rows of the table times their inputs.
    """
    return CLIMBING * max(max_seconds - FINISHING * values, max_seconds / 2)


def is_lean(width: tuple[int, ...], terms: int, *, is_passing: bool = False) -> bool:
    """Whether there are not too many hidden nodes, nor weights between them, those between groups counted.

    Args:
        width: Nodes per layer.
        terms: Weights per edge.
        is_passing: Whether the network does not outlive the climb: then it may be a little larger.
    """
    hidden, larger = width[1:-1], 2 if is_passing else 1
    few_weights = all(a * b * terms <= larger**2 * DENSE_WEIGHTS for a, b in pairwise(hidden))
    return sum(hidden) <= larger * MOST_NODES and few_weights


def batch_rows(rows: int) -> int:
    """A power of 2."""
    largest = LARGE_BATCH if rows > MANY_ROWS else LARGEST_BATCH
    return int(2 ** round(log2(min(max(rows / BATCHES, SMALLEST_BATCH), largest))))
