"""The budget of the hill climb in ``moves``: time, network sizes and rows, computed without torch.

More rows and more time allow larger networks; ``ClimbLimits.largest_workloads`` lists the largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, pairwise
from math import log2

from kan_engine.cost import Workload
from kan_engine.model_selection.thresholds import DEFAULT_SELECTION, SelectionThresholds


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
        thresholds: Decision numbers.
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
    thresholds: SelectionThresholds = DEFAULT_SELECTION

    @property
    def groups(self) -> int:
        """Largest number of parallel networks."""
        if self.is_sparse:
            return 1  # the penalty is to reduce the edges of a single network
        return self.thresholds.max_groups if self.restarts is None else self.restarts

    @property
    def is_cross_validated(self) -> bool:
        """Whether the climb compares trials by cross-validation on all training rows."""
        return self.rows <= self.thresholds.max_cross_validation_rows and not self.is_sparse

    @property
    def climb_fold_count(self) -> int:
        """Folds that the steps of a cross-validated climb are compared on."""
        max_folds = self.thresholds.fold_count
        fold_count = -(-self.thresholds.min_climb_rows * (max_folds - 1) // max(1, self.rows))
        return min(max(2, fold_count), max_folds)

    @property
    def climb_seconds(self) -> float:
        """Estimated seconds that all steps of the climb together may take."""
        factor = self.thresholds.cross_validation_time_factor if self.is_cross_validated else 1
        return self.seconds * factor

    @property
    def small_workload(self) -> Workload:
        """Workload of the network of a fixed, small shape."""
        return self._build_workload((self.thresholds.fixed_hidden,), 1)

    @property
    def is_second_order_tried(self) -> bool:
        """Whether the fixed shape is trained by a second-order method, because that is cheap."""
        seconds = self.thresholds.fixed_steps * self.small_workload.seconds("levenberg_marquardt")
        return not self.is_sparse and seconds <= self.seconds / 10

    @property
    def first_workload(self) -> Workload:
        """Workload of the first network of the climb."""
        limits = self.thresholds
        groups = (
            self.climb_fold_count * limits.initial_groups
            if self.is_cross_validated
            else min(limits.initial_groups, self.groups)
        )
        return self._build_workload(limits.initial_hidden, groups)

    @property
    def epochs(self) -> int:
        """The requested epochs, or the number that suits the rows and fits into half of the time."""
        if self.steps is not None:
            return self.steps
        limits = self.thresholds
        epochs = limits.training_updates * self.first_workload.batch_rows / self.rows
        bounded_epochs = round(min(max(epochs, limits.min_epochs), limits.max_epochs))
        affordable = int(self.seconds / 2 / max(self.first_workload.seconds("adam"), 1e-9))
        return max(1, min(bounded_epochs, affordable))

    def largest_workloads(self) -> Iterator[Workload]:
        """Yield, for every depth, grid and width, the most parallel networks that the budget allows."""
        limits = self.thresholds
        grids = [limits.initial_grid, limits.min_grid] if self.grid is None else [self.grid]
        for base_width in (limits.initial_hidden, limits.initial_hidden[:1]):
            for grid in grids:
                for doublings in count():
                    inner = tuple(nodes << doublings for nodes in base_width)
                    max_groups = max(self.groups, self.first_workload.groups)
                    sizes = (self._build_workload(inner, groups, grid) for groups in range(max_groups, 0, -1))
                    workload = next((size for size in sizes if self._is_affordable(size)), None)
                    if workload is None:
                        break
                    yield workload

    def _is_affordable(self, work: Workload) -> bool:
        is_lean_enough = is_size_allowed(
            work.width, work.terms, is_passing=self.is_cross_validated, thresholds=self.thresholds
        )
        return is_lean_enough and work.seconds("adam") * self.epochs <= self.seconds

    def _build_workload(self, inner_width: tuple[int, ...], groups: int, grid: int | None = None) -> Workload:
        return Workload(
            width=(self.inputs, *(nodes * groups for nodes in inner_width), self.outputs),
            terms=(grid or self.grid or self.thresholds.initial_grid) + self.order + 1,
            rows=self.rows,
            is_sparse=self.is_sparse,
            groups=groups,
            batch_rows=choose_batch_rows(self.rows, self.thresholds),
            cost=self.thresholds.cost,
        )


def allot_climb_seconds(
    max_seconds: float,
    values: int,
    thresholds: SelectionThresholds = DEFAULT_SELECTION,
    *,
    finishing_seconds_per_value: float = 1e-6,
) -> float:
    """Return the estimated seconds that a climb may take.

    Args:
        max_seconds: Time limit of the job.
        values: Rows of the table times inputs.
        thresholds: Decision numbers.
        finishing_seconds_per_value: Of the table: to evaluate and report the selected network.
    """
    finishing = finishing_seconds_per_value * values
    return thresholds.climb_time_share * max(max_seconds - finishing, max_seconds / 2)


def is_size_allowed(
    width: tuple[int, ...],
    terms: int,
    *,
    is_passing: bool = False,
    thresholds: SelectionThresholds,
) -> bool:
    """Whether a network has few enough hidden nodes, and weights between hidden layers.

    The weights between groups count, too.

    Args:
        width: Nodes per layer.
        terms: Weights per edge.
        is_passing: Whether the network is discarded after the climb: it may then have twice as many nodes and
            four times as many weights.
        thresholds: Decision numbers.
    """
    inner_width, larger = width[1:-1], 2 if is_passing else 1
    max_weights = larger**2 * thresholds.max_layer_weights
    few_weights = all(a * b * terms <= max_weights for a, b in pairwise(inner_width))
    return sum(inner_width) <= larger * thresholds.max_hidden_nodes and few_weights


def choose_batch_rows(rows: int, thresholds: SelectionThresholds) -> int:
    """Return the batch size for so many rows, a power of 2."""
    is_large = rows > thresholds.large_table_rows
    largest = thresholds.large_table_batch_rows if is_large else thresholds.max_batch_rows
    batch_rows = max(rows / thresholds.batches_per_epoch, thresholds.min_batch_rows)
    return int(2 ** round(log2(min(batch_rows, largest))))
