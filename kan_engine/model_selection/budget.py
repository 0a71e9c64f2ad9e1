"""The budget of the hill climb in ``moves``: time, network sizes and rows, computed without torch.

More rows and more time allow larger networks; ``ClimbLimits.largest_workloads`` lists the largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from math import log2

from kan_engine.cost import Workload

# Of a job's time; the final training and the one on all rows may each take as much
CLIMB_TIME_FRACTION = 0.12
FINISHING_SECONDS_PER_VALUE = 1e-6  # per value of the table: to evaluate and report the selected network
INITIAL_HIDDEN = (32, 16)
INITIAL_GRID, MIN_GRID = 8, 4
TRAINING_UPDATES = 3000  # of the weights in one training
MIN_EPOCHS, MAX_EPOCHS = 4, 200
BATCHES_PER_EPOCH = 24  # unless the limits of the batch size require otherwise
MIN_BATCH_ROWS, MAX_BATCH_ROWS = 32, 256
# Tables of more rows have a larger maximum batch size
LARGE_TABLE_ROWS, LARGE_TABLE_BATCH_ROWS = 100_000, 1024
INITIAL_GROUPS, MAX_GROUPS = 2, 8
FOLDS, MAX_CROSS_VALIDATION_ROWS = 8, 2000  # up to so many rows the loss on one validation part is too noisy
# Relative to the time of a climb without folds; the trainings after it take less time
CROSS_VALIDATION_TIME_FACTOR = 1.7
MAX_HIDDEN_NODES = 512  # of all hidden layers together
MAX_LAYER_WEIGHTS = 400_000  # most weights are between groups; a larger layer costs more than it improves
FIXED_HIDDEN, FIXED_STEPS = 10, 60


@dataclass(frozen=True, kw_only=True)
class ClimbLimits:
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
        return MAX_GROUPS if self.restarts is None else self.restarts

    @property
    def is_cross_validated(self) -> bool:
        """Whether the climb compares trials by cross-validation on all training rows."""
        return self.rows <= MAX_CROSS_VALIDATION_ROWS and not self.is_sparse

    @property
    def climb_seconds(self) -> float:
        """Estimated seconds that all steps of the climb together may take."""
        return self.seconds * (CROSS_VALIDATION_TIME_FACTOR if self.is_cross_validated else 1)

    @property
    def small_workload(self) -> Workload:
        """Workload of the network of a fixed, small shape."""
        return self._build_workload((FIXED_HIDDEN,), 1)

    @property
    def is_second_order_tried(self) -> bool:
        """Whether the fixed shape is trained by a second-order method, because that is cheap."""
        wanted = FIXED_STEPS * self.small_workload.seconds("levenberg_marquardt")
        return not self.is_sparse and wanted <= self.seconds / 10

    @property
    def first_workload(self) -> Workload:
        """Workload of the first network of the climb."""
        groups = FOLDS * INITIAL_GROUPS if self.is_cross_validated else min(INITIAL_GROUPS, self.groups)
        return self._build_workload(INITIAL_HIDDEN, groups)

    @property
    def epochs(self) -> int:
        """The requested epochs, or the number that suits the rows and fits into half of the time."""
        if self.steps is not None:
            return self.steps
        wanted = round(
            min(max(TRAINING_UPDATES * self.first_workload.batch_rows / self.rows, MIN_EPOCHS), MAX_EPOCHS)
        )
        affordable = int(self.seconds / 2 / max(self.first_workload.seconds("adam"), 1e-9))
        return max(1, min(wanted, affordable))

    def largest_workloads(self) -> Iterator[Workload]:
        """Yield, for every depth, grid and width, the most parallel networks that the budget allows."""
        grids = [INITIAL_GRID, MIN_GRID] if self.grid is None else [self.grid]
        for hidden in (INITIAL_HIDDEN, INITIAL_HIDDEN[:1]):
            for grid in grids:
                for doubled in count():
                    inner = tuple(nodes << doubled for nodes in hidden)
                    most = max(self.groups, self.first_workload.groups)
                    sizes = (self._build_workload(inner, groups, grid) for groups in range(most, 0, -1))
                    found = next((size for size in sizes if self._is_affordable(size)), None)
                    if found is None:
                        break
                    yield found

    def _is_affordable(self, work: Workload) -> bool:
        is_lean_enough = is_size_allowed(work.width, work.terms, is_passing=self.is_cross_validated)
        return is_lean_enough and work.seconds("adam") * self.epochs <= self.seconds

    def _build_workload(self, hidden: tuple[int, ...], groups: int, grid: int | None = None) -> Workload:
        return Workload(
            width=(self.inputs, *(nodes * groups for nodes in hidden), self.outputs),
            terms=(grid or self.grid or INITIAL_GRID) + self.order + 1,
            rows=self.rows,
            is_sparse=self.is_sparse,
            groups=groups,
            batch_rows=choose_batch_rows(self.rows),
        )


def allot_climb_seconds(max_seconds: float, values: int) -> float:
    """Return the estimated seconds that a climb may take.

    Args:
        max_seconds: Time limit of the job.
        values: Rows of the table times inputs.
    """
    return CLIMB_TIME_FRACTION * max(max_seconds - FINISHING_SECONDS_PER_VALUE * values, max_seconds / 2)


def is_size_allowed(width: tuple[int, ...], terms: int, *, is_passing: bool = False) -> bool:
    """Whether a network has few enough hidden nodes, and weights between hidden layers.

    The weights between groups count, too.

    Args:
        width: Nodes per layer.
        terms: Weights per edge.
        is_passing: Whether the network is discarded after the climb: it may then have twice as many nodes and
            four times as many weights.
    """
    hidden, larger = width[1:-1], 2 if is_passing else 1
    few_weights = all(a * b * terms <= larger**2 * MAX_LAYER_WEIGHTS for a, b in pairwise(hidden))
    return sum(hidden) <= larger * MAX_HIDDEN_NODES and few_weights


def choose_batch_rows(rows: int) -> int:
    """Return the batch size for so many rows, a power of 2."""
    largest = LARGE_TABLE_BATCH_ROWS if rows > LARGE_TABLE_ROWS else MAX_BATCH_ROWS
    return int(2 ** round(log2(min(max(rows / BATCHES_PER_EPOCH, MIN_BATCH_ROWS), largest))))
