"""Cost model of a training: peak memory in bytes and time in seconds, estimated without a network.

The module does not import torch, so that a service can reject trainings that are too large. The engine also
takes two decisions from here: how many rows one block has, and which method ``optimizer: "auto"`` selects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Literal

Method = Literal["levenberg_marquardt", "adam", "lbfgs"]

MiB = 2**20
FEATURE_BYTES = 4 * MiB  # basis values of one block of rows; a block of this size stays in the cache
JACOBIAN_BYTES = 32 * MiB  # Jacobian of one block of rows
BATCH_ROWS = 256  # rows of one Adam step
MAX_SPARSITY_ROWS, MIN_SPARSITY_ROWS = 20_000, 1_000  # rows on which L-BFGS evaluates the sparsity penalty
SPARSITY_BYTES = 32 * MiB  # activations at these rows
MAX_SECOND_ORDER_WORK = 4e10  # multiply-adds of one second-order step above which first order is cheaper

DOUBLE_BYTES, SINGLE_BYTES = 8, 4  # bytes per number
OVERHEAD_BYTES = 32 * MiB  # small objects, and freed memory that the process keeps (keep_freed_memory)
EXTRA_COLUMNS = 8  # per row, in addition to the inputs: targets, weights and shares, losses, row order
HIDDEN_COPIES = 3  # copies of a hidden layer's nodes at all rows while grids are moved
FEATURE_COPIES = 6  # copies of a block of basis values: nonzero values, indices, slopes, gradients
JACOBIAN_COPIES = 2  # copies of a block of the Jacobian
SECOND_ORDER_MATRICES = 7  # P × P, per step: normal, damped and penalised matrix, their factors
ADAM_VECTORS, LBFGS_VECTORS = 12, 46  # P-vectors: weights, gradients, moments; stored steps and changes

# Seconds on one core of an AMD EPYC of 2023, measured by the section ``cost`` of the benchmarks.
BATCH_SECONDS = 6e-4  # per batch and layer, independent of their size
EPOCH_SECONDS = 1e-3  # per epoch, in addition to its batches
EPOCH_WEIGHT_SECONDS = 1e-8  # per weight in memory and epoch: copies, weighting and penalty
BATCH_FEATURE_SECONDS = 2e-9  # per basis value in a batch, with its gradient
FEATURE_SECONDS = 4.5e-9  # per basis value in a block
GRADIENT_SECONDS = 9e-9  # per basis value in a block, with its gradient
JACOBIAN_SECONDS = 3e-8  # per basis value in a block, with its rows of the Jacobian
WEIGHT_SECONDS = 1e-10  # per weight and row, with the gradient
SPARSITY_SECONDS = 2e-9  # per weight and row for the sparsity penalty
SQUARE_SECONDS = 3e-11  # per multiply-add of the normal matrix
FACTOR_SECONDS = 5e-11  # per P³, for all factors and inverses of a step

GRID_SIZES = (3, 5, 10, 20)  # grid sizes that a network of given shape is trained on, coarse to fine


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
    """

    width: tuple[int, ...]
    terms: int
    rows: int
    validation_rows: int = 0
    is_sparse: bool = False
    groups: int = 1
    batch_rows: int = BATCH_ROWS

    @property
    def edges(self) -> int:
        """Number of activations."""
        if len(self.width) == 2:
            return self.width[0] * self.width[1]
        first, last = self.width[0] * self.width[1], self.width[-2] * self.width[-1]
        return first + last + sum(a * b // self.groups for a, b in pairwise(self.width[1:-1]))

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

    def method(self) -> Method:
        """Method that ``optimizer: "auto"`` selects."""
        return select_method(self.rows, self.width[-1], self.parameters, is_sparse=self.is_sparse)

    def memory_bytes(self, method: Method) -> int:
        """Peak memory of the training in bytes, including the scaled rows."""
        scaled = (self.rows + self.validation_rows) * (self.width[0] + self.width[-1] + EXTRA_COLUMNS)
        is_followed = method != "adam" or self.is_sparse  # otherwise nodes are normalised and grids fixed
        grids = is_followed * HIDDEN_COPIES * self.rows * max(self.width[1:-1], default=0)
        rows = min(self.rows, max(1, FEATURE_BYTES // (DOUBLE_BYTES * self.features)))
        block = FEATURE_COPIES * rows * self.features
        return OVERHEAD_BYTES + DOUBLE_BYTES * (scaled + grids + block) + self._method_bytes(method)

    def _method_bytes(self, method: Method) -> int:
        if method == "levenberg_marquardt":
            roots = self.width[-1] * self.parameters  # of one row
            rows = min(self.rows, max(1, JACOBIAN_BYTES // (DOUBLE_BYTES * roots)))
            block = rows * (JACOBIAN_COPIES * roots + FEATURE_COPIES * self.features)
            return DOUBLE_BYTES * (SECOND_ORDER_MATRICES * self.parameters**2 + block)
        sparse = self._sparsity_rows(method) * (self.edges + self.features)
        if method == "lbfgs":
            return DOUBLE_BYTES * (LBFGS_VECTORS * self.parameters + FEATURE_COPIES * sparse)
        batch = FEATURE_COPIES * (min(self.rows, self.batch_rows) * self.features + sparse)
        rows = (self.rows + self.validation_rows) * (self.width[0] + EXTRA_COLUMNS)  # a final fit uses all
        return SINGLE_BYTES * (rows + batch + ADAM_VECTORS * self.weights_in_memory)

    def _sparsity_rows(self, method: Method) -> int:
        """Rows at which the sparsity penalty holds all activations in memory at once."""
        if not self.is_sparse:
            return 0
        return min(self.rows, self.batch_rows if method == "adam" else sparsity_rows(self.edges))

    def seconds(self, method: Method) -> float:
        """Time of one pass over the training rows, or of one second-order step, plus validation."""
        judged = self.validation_rows * FEATURE_SECONDS * self.features
        if method == "levenberg_marquardt":
            square = self.rows * self.width[-1] * SQUARE_SECONDS * self.parameters**2
            factor = FACTOR_SECONDS * self.parameters**3
            return judged + self.rows * JACOBIAN_SECONDS * self.features + square + factor
        weights = self.rows * WEIGHT_SECONDS * self.parameters
        if self.is_sparse:
            rows = self.rows if method == "adam" else self._sparsity_rows(method)
            weights += rows * SPARSITY_SECONDS * self.parameters
        if method == "lbfgs":
            return judged + weights + self.rows * GRADIENT_SECONDS * self.features
        batches = ceil(self.rows / self.batch_rows) * (len(self.width) - 1)
        features = self.rows * BATCH_FEATURE_SECONDS * self.features
        epoch = EPOCH_SECONDS + EPOCH_WEIGHT_SECONDS * self.weights_in_memory
        return judged + weights + features + epoch + BATCH_SECONDS * batches


def select_method(rows: int, outputs: int, parameters: int, *, is_sparse: bool) -> Method:
    """Select Levenberg-Marquardt while one of its steps is cheap, otherwise Adam.

    With a sparsity penalty the method is always Adam: the entropy is not a sum of squares.
    """
    is_costly = second_order_work(rows, outputs, parameters) > MAX_SECOND_ORDER_WORK
    return "adam" if is_sparse or is_costly else "levenberg_marquardt"


def second_order_work(rows: int, outputs: int, parameters: int) -> float:
    """Multiply-adds of one second-order step: the P × P normal matrix and its factorisation."""
    return float(rows) * outputs * parameters**2 + parameters**3 / 3


def affordable_grids(width: Sequence[int], order: int, rows: int) -> tuple[int, ...]:
    """Grid sizes, coarse to fine, for which there are more rows than weights; at least the coarsest."""
    edges = sum(a * b for a, b in pairwise(width))
    return tuple(grid for grid in GRID_SIZES if edges * (grid + order + 1) < rows) or GRID_SIZES[:1]


def sparsity_rows(edges: int) -> int:
    """Maximum number of rows, evenly spaced, on which L-BFGS evaluates the sparsity penalty."""
    return min(MAX_SPARSITY_ROWS, max(MIN_SPARSITY_ROWS, SPARSITY_BYTES // (DOUBLE_BYTES * max(1, edges))))
