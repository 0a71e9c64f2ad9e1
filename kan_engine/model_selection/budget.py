"""The budget of the hill climb in ``moves``: time, network sizes and rows, computed without torch.

More rows and more time allow larger networks; ``ClimbLimits.largest_workloads`` lists the largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from math import log2

from kan_engine.cost import Workload

CLIMBING = 0.12  # of a job's time; the final training and the one on all rows may each take as much
FINISHING = 1e-6  # per value of the table: to evaluate and report the selected network
HIDDEN = (32, 16)
GRID, COARSEST = 8, 4
UPDATES = 3000  # of the weights in one training
LEAST_EPOCHS, MOST_EPOCHS = 4, 200
BATCHES = 24  # unless the limits of the batch size require otherwise
SMALLEST_BATCH, LARGEST_BATCH = 32, 256
MANY_ROWS, LARGE_BATCH = 100_000, 1024  # tables of more rows have a larger maximum batch size
TRIED_GROUPS, MOST_GROUPS = 2, 8
FOLDS, CROSSED_ROWS = 8, 2000  # up to so many rows the loss on one validation part is too noisy
CROSSED_TIME = 1.7  # relative to the time of a climb without folds; the trainings after it take less time
MOST_NODES = 512  # of all hidden layers together
DENSE_WEIGHTS = 400_000  # most weights are between groups; a larger layer costs more than it improves
FIXED_HIDDEN, FIXED_STEPS = 10, 60


@dataclass(frozen=True, kw_only=True)
class Climb:
    """The limits of a hill climb.

    Args:
        inputs: Nodes of the first layer.
        outputs: Nodes of the last layer.
        rows: Rows to fit.
        order: Order of the splines.
        grid: Requested grid size; None for an automatic choice.
        steps: Requested epochs; None for an automatic choice.
        restarts: Requested number of parallel networks; None for an automatic choice.
        is_sparse: Whether the objective has a sparsity penalty.
        seconds: Estimated time that the climb may take; the final training may take as long again.
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
        """Largest number of parallel networks."""
        if self.is_sparse:
            return 1  # the penalty is to reduce the edges of a single network
        return MOST_GROUPS if self.restarts is None else self.restarts

    @property
    def is_crossed(self) -> bool:
        """Whether the climb compares trials by cross-validation on all training rows."""
        return self.rows <= CROSSED_ROWS and not self.is_sparse

    @property
    def climb_seconds(self) -> float:
        """Estimated seconds that all steps of the climb together may take."""
        return self.seconds * (CROSSED_TIME if self.is_crossed else 1)

    @property
    def fixed(self) -> Workload:
        """Workload of the network of a fixed, small shape."""
        return self._workload((FIXED_HIDDEN,), 1)

    @property
    def is_fixed_tried(self) -> bool:
        """Whether the fixed shape is trained by a second-order method, because that is cheap."""
        wanted = FIXED_STEPS * self.fixed.seconds("levenberg_marquardt")
        return not self.is_sparse and wanted <= self.seconds / 10

    @property
    def first(self) -> Workload:
        """Workload of the first network of the climb."""
        groups = FOLDS * TRIED_GROUPS if self.is_crossed else min(TRIED_GROUPS, self.groups)
        return self._workload(HIDDEN, groups)

    @property
    def epochs(self) -> int:
        """The requested epochs, or the number that suits the rows and fits into half of the time."""
        if self.steps is not None:
            return self.steps
        wanted = round(min(max(UPDATES * self.first.batch_rows / self.rows, LEAST_EPOCHS), MOST_EPOCHS))
        affordable = int(self.seconds / 2 / max(self.first.seconds("adam"), 1e-9))
        return max(1, min(wanted, affordable))

    def largest(self) -> Iterator[Workload]:
        """Yield, for every depth, grid and width, the most parallel networks that the budget allows."""
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
    """Return the estimated seconds that a climb may take.

    Args:
        max_seconds: Time limit of the job.
        values: Rows of the table times inputs.
    """
    return CLIMBING * max(max_seconds - FINISHING * values, max_seconds / 2)


def is_lean(width: tuple[int, ...], terms: int, *, is_passing: bool = False) -> bool:
    """Whether a network has few enough hidden nodes, and weights between hidden layers.

    The weights between groups count, too.

    Args:
        width: Nodes per layer.
        terms: Weights per edge.
        is_passing: Whether the network is discarded after the climb: it may then have twice as many nodes and
            four times as many weights.
    """
    hidden, larger = width[1:-1], 2 if is_passing else 1
    few_weights = all(a * b * terms <= larger**2 * DENSE_WEIGHTS for a, b in pairwise(hidden))
    return sum(hidden) <= larger * MOST_NODES and few_weights


def batch_rows(rows: int) -> int:
    """Return the batch size for so many rows, a power of 2."""
    largest = LARGE_BATCH if rows > MANY_ROWS else LARGEST_BATCH
    return int(2 ** round(log2(min(max(rows / BATCHES, SMALLEST_BATCH), largest))))
