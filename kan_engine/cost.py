"""Optimizers and their cost: peak memory in bytes and time in seconds, estimated without a network.

The module does not import torch, so that a service can reject trainings that are too large. The engine also
takes two decisions from here: how many rows one block has, and which of ``OPTIMIZERS`` the name ``auto``
selects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

MiB = 2**20
DOUBLE_BYTES, SINGLE_BYTES = 8, 4  # bytes per number
# Block sizes of all evaluations, which do not depend on a training
FEATURE_BYTES = 4 * MiB  # basis values of one block of rows; a block of this size stays in the cache
JACOBIAN_BYTES = 32 * MiB  # Jacobian of one block of rows
# At all rows: input features, and forward passes, which a second-order step computes once
KEPT_FEATURE_BYTES = 64 * MiB


@dataclass(frozen=True, kw_only=True)
class CostModel:
    """The numbers of the cost model.

    Times are of one core of an AMD EPYC of 2023, measured by the section ``cost`` of the benchmarks.

    Attributes:
        batch_rows: Rows of one Adam step.
        max_sparsity_rows, min_sparsity_rows: On which L-BFGS evaluates the sparsity penalty.
        sparsity_bytes: Activations at these rows.
        max_second_order_work: Multiply-adds of one second-order step above which first order is cheaper.
        grid_sizes: That a network of given shape is trained on, coarse to fine.

        overhead_bytes: Small objects, and freed memory that the process keeps (``keep_freed_memory``).
        extra_columns: Per row, in addition to the inputs: targets, weights and shares, losses, row order.
        hidden_copies: Of a hidden layer's nodes at all rows while grids are moved.
        feature_copies: Of a block of basis values: nonzero values, indices, slopes, gradients.
        jacobian_copies: Of a block of the Jacobian.
        second_order_matrices: P × P, per step: normal, damped and penalised matrix, their factors.
        adam_vectors, lbfgs_vectors: P-vectors: weights, gradients, moments; stored steps and changes.

        batch_seconds: Per batch and layer, independent of their size.
        epoch_seconds: Per epoch, in addition to its batches.
        epoch_weight_seconds: Per weight in memory and epoch: copies, weighting and penalty.
        batch_feature_seconds: Per basis value in a batch, with its gradient.
        feature_seconds: Per basis value in a block.
        gradient_seconds: Per basis value in a block, with its gradient.
        jacobian_seconds: Per basis value in a block, with its rows of the Jacobian.
        weight_seconds: Per weight and row, with the gradient.
        sparsity_seconds: Per weight and row for the sparsity penalty.
        square_seconds: Per multiply-add of the normal matrix.
        factor_seconds: Per P³, for all factors and inverses of a step.
    """

    batch_rows: int = 256
    max_sparsity_rows: int = 20_000
    min_sparsity_rows: int = 1_000
    sparsity_bytes: int = 32 * MiB
    max_second_order_work: float = 4e10
    grid_sizes: tuple[int, ...] = (3, 5, 10, 20)

    overhead_bytes: int = 32 * MiB
    extra_columns: int = 8
    hidden_copies: int = 3
    feature_copies: int = 6
    jacobian_copies: int = 2
    second_order_matrices: int = 7
    adam_vectors: int = 12
    lbfgs_vectors: int = 46

    batch_seconds: float = 6e-4
    epoch_seconds: float = 1e-3
    epoch_weight_seconds: float = 1e-8
    batch_feature_seconds: float = 2e-9
    feature_seconds: float = 4.5e-9
    gradient_seconds: float = 9e-9
    jacobian_seconds: float = 3e-8
    weight_seconds: float = 1e-10
    sparsity_seconds: float = 2e-9
    square_seconds: float = 3e-11
    factor_seconds: float = 5e-11


DEFAULT_COST = CostModel()


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Size of a training: the network and its rows.

    Args:
        width: Nodes per layer, [n_0, …, n_L].
        terms: Weights of one activation, G + k + 1 on the finest grid.
        rows: Training rows.
        validation_rows: Validation rows.
        is_sparse: Whether there is a sparsity penalty (λ > 0).
        groups: Number of parallel networks, without edges between their hidden nodes.
        batch_rows: Rows of one Adam step.
        cost: Numbers of the cost model.
    """

    width: tuple[int, ...]
    terms: int
    rows: int
    validation_rows: int = 0
    is_sparse: bool = False
    groups: int = 1
    batch_rows: int = DEFAULT_COST.batch_rows
    cost: CostModel = DEFAULT_COST

    @property
    def edges(self) -> int:
        """Number of activations."""
        if len(self.width) == 2:
            return self.width[0] * self.width[1]
        input_edges, output_edges = self.width[0] * self.width[1], self.width[-2] * self.width[-1]
        return input_edges + output_edges + sum(a * b // self.groups for a, b in pairwise(self.width[1:-1]))

    @property
    def parameters(self) -> int:
        """Number P of weights of all activations."""
        return self.edges * self.terms

    @property
    def weights_in_memory(self) -> int:
        """Number of weights in memory, including those between groups, which are 0."""
        return sum(a * b for a, b in pairwise(self.width)) * self.terms

    @property
    def features(self) -> int:
        """Basis values per row, summed over all layers."""
        return sum(self.width[:-1]) * self.terms

    @property
    def validation_seconds(self) -> float:
        """Time of one pass over the validation rows."""
        return self.validation_rows * self.cost.feature_seconds * self.features

    def method(self) -> str:
        """Optimizer that ``auto`` selects."""
        return select_method(
            self.rows, self.width[-1], self.parameters, is_sparse=self.is_sparse, cost=self.cost
        )

    def memory_bytes(self, method: str) -> int:
        """Peak memory of the training in bytes, including the scaled rows."""
        cost, optimizer = self.cost, OPTIMIZERS[method]
        row_numbers = (self.rows + self.validation_rows) * (
            self.width[0] + self.width[-1] + cost.extra_columns
        )
        # Batches normalise nodes and keep grids, unless there is a penalty
        is_followed = not optimizer.in_batches or self.is_sparse
        grids = is_followed * cost.hidden_copies * self.rows * max(self.width[1:-1], default=0)
        rows = min(self.rows, max(1, FEATURE_BYTES // (DOUBLE_BYTES * self.features)))
        block = cost.feature_copies * rows * self.features
        numbers = row_numbers + grids + block
        return cost.overhead_bytes + DOUBLE_BYTES * numbers + optimizer.memory_bytes(self)

    def seconds(self, method: str) -> float:
        """Time of one pass over the training rows, or of one second-order step, plus validation."""
        return OPTIMIZERS[method].seconds(self)


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """An optimizer as the rest of the product knows it; ``training.loop`` creates it by its name.

    Attributes:
        memory_bytes: Peak memory of a training, beyond rows and features.
        seconds: Time of one pass over the training rows, or of one step, plus validation.
        is_second_order: Whether steps need a sum of squares, which the sparsity penalty is not. Then networks
            start from lines, and several starts are compared by their first steps.
        in_batches: Whether a step is an epoch of batches, in single precision, if desired on a GPU; the loss
            says little about the final one while the learning rate is high.
    """

    memory_bytes: Callable[[Workload], int]
    seconds: Callable[[Workload], float]
    is_second_order: bool = False
    in_batches: bool = False


def _second_order_bytes(work: Workload) -> int:
    cost, roots = work.cost, work.width[-1] * work.parameters  # of one row
    rows = min(work.rows, max(1, JACOBIAN_BYTES // (DOUBLE_BYTES * roots)))
    block = rows * (cost.jacobian_copies * roots + cost.feature_copies * work.features)
    kept_bytes = min(KEPT_FEATURE_BYTES, DOUBLE_BYTES * work.rows * (work.features + work.edges))
    return 2 * kept_bytes + DOUBLE_BYTES * (cost.second_order_matrices * work.parameters**2 + block)


def _second_order_seconds(work: Workload) -> float:
    cost = work.cost
    square = work.rows * work.width[-1] * cost.square_seconds * work.parameters**2
    factor = cost.factor_seconds * work.parameters**3
    return work.validation_seconds + work.rows * cost.jacobian_seconds * work.features + square + factor


def _lbfgs_bytes(work: Workload) -> int:
    cost = work.cost
    sparse = _sparsity_numbers(work, sparsity_rows(work.edges, cost))
    return DOUBLE_BYTES * (cost.lbfgs_vectors * work.parameters + cost.feature_copies * sparse)


def _lbfgs_seconds(work: Workload) -> float:
    weights = _weight_seconds(work, min(work.rows, sparsity_rows(work.edges, work.cost)))
    return work.validation_seconds + weights + work.rows * work.cost.gradient_seconds * work.features


def _adam_bytes(work: Workload) -> int:
    cost = work.cost
    sparse = _sparsity_numbers(work, work.batch_rows)
    batch = cost.feature_copies * (min(work.rows, work.batch_rows) * work.features + sparse)
    rows = work.rows + work.validation_rows  # a final fit uses all
    row_numbers = rows * (work.width[0] + cost.extra_columns)
    return SINGLE_BYTES * (row_numbers + batch + cost.adam_vectors * work.weights_in_memory)


def _adam_seconds(work: Workload) -> float:
    cost = work.cost
    batches = ceil(work.rows / work.batch_rows) * (len(work.width) - 1)
    features = work.rows * cost.batch_feature_seconds * work.features
    epoch = cost.epoch_seconds + cost.epoch_weight_seconds * work.weights_in_memory
    weights = _weight_seconds(work, work.rows)
    return work.validation_seconds + weights + features + epoch + cost.batch_seconds * batches


def _sparsity_numbers(work: Workload, rows: int) -> int:
    """Numbers that the sparsity penalty holds in memory at once, of at most ``rows`` rows."""
    return work.is_sparse * min(work.rows, rows) * (work.edges + work.features)


def _weight_seconds(work: Workload, rows: int) -> float:
    """Time for the gradient at all rows and for the sparsity penalty at some of them."""
    weights = work.rows * work.cost.weight_seconds * work.parameters
    return weights + work.is_sparse * rows * work.cost.sparsity_seconds * work.parameters


OPTIMIZERS: dict[str, Optimizer] = {
    "levenberg_marquardt": Optimizer(
        memory_bytes=_second_order_bytes, seconds=_second_order_seconds, is_second_order=True
    ),
    "adam": Optimizer(memory_bytes=_adam_bytes, seconds=_adam_seconds, in_batches=True),
    "lbfgs": Optimizer(memory_bytes=_lbfgs_bytes, seconds=_lbfgs_seconds),
}
"""Every optimizer by its name in configurations and requests, where ``auto`` selects one of them."""


def sparse_optimizers() -> list[str]:
    """Those that can minimise the sparsity penalty."""
    return [name for name, optimizer in OPTIMIZERS.items() if not optimizer.is_second_order]


def trains_in_batches(optimizer: str) -> bool:
    """Whether this is the name of one that does; ``auto`` is not."""
    return optimizer != "auto" and OPTIMIZERS[optimizer].in_batches


def select_method(
    rows: int, outputs: int, parameters: int, *, is_sparse: bool, cost: CostModel = DEFAULT_COST
) -> str:
    """Select Levenberg-Marquardt while one of its steps is cheap, otherwise Adam.

    With a sparsity penalty the method is always Adam: the entropy is not a sum of squares.
    """
    is_costly = second_order_work(rows, outputs, parameters) > cost.max_second_order_work
    return "adam" if is_sparse or is_costly else "levenberg_marquardt"


def second_order_work(rows: int, outputs: int, parameters: int) -> float:
    """Multiply-adds of one second-order step: the P × P normal matrix and its factorisation."""
    return float(rows) * outputs * parameters**2 + parameters**3 / 3


def affordable_grids(
    width: Sequence[int], order: int, rows: int, cost: CostModel = DEFAULT_COST
) -> tuple[int, ...]:
    """Grid sizes, coarse to fine, for which there are more rows than weights; at least the coarsest."""
    edges, sizes = sum(a * b for a, b in pairwise(width)), cost.grid_sizes
    return tuple(grid for grid in sizes if edges * (grid + order + 1) < rows) or sizes[:1]


def sparsity_rows(edges: int, cost: CostModel = DEFAULT_COST) -> int:
    """Maximum number of rows, evenly spaced, on which L-BFGS evaluates the sparsity penalty."""
    affordable = cost.sparsity_bytes // (DOUBLE_BYTES * max(1, edges))
    return min(cost.max_sparsity_rows, max(cost.min_sparsity_rows, affordable))
