"""What a training costs, before there is a network: bytes in use at once, and seconds.

Plain numbers, without torch: a service refuses with them what it cannot do. The engine takes from here how
many rows it computes with at a time, and which method ``optimizer: "auto"`` stands for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Literal

Method = Literal["levenberg_marquardt", "adam", "lbfgs"]

MiB = 2**20
FEATURE_BYTES = 4 * MiB  # of basis values at a time: they stay in the cache, whatever the number of rows
JACOBIAN_BYTES = 32 * MiB  # at a time
BATCH_ROWS = 256  # of one step of Adam
MOST_SPARSE_ROWS, LEAST_SPARSE_ROWS = 20_000, 1_000  # that tell L-BFGS how sparse a network is
SPARSE_BYTES = 32 * MiB  # of activations at these rows
SECOND_ORDER_WORK = 4e10  # multiply-adds of one second-order step above which first order is cheaper

DOUBLE, SINGLE = 8, 4
KEPT_BYTES = 32 * MiB  # what is small, and freed memory that the process keeps (keep_freed_memory)
COLUMNS = 8  # per row beside the inputs: targets, weights and shares, losses, the order of the rows
HIDDEN_COPIES = 3  # of the nodes of a hidden layer at all rows, while grids are moved
FEATURE_COPIES = 6  # of a block of basis values: those that do not vanish, their places, slopes, gradients
JACOBIAN_COPIES = 2  # of a block
MATRICES = 7  # of P² numbers in a second-order step: the normal matrix, damped, weighed, their factors
ADAM_VECTORS, LBFGS_VECTORS = 12, 46  # of P numbers: weights, gradients, moments; steps and changes kept

# Seconds on one core of an AMD EPYC of 2023, as the section ``cost`` of the benchmarks measures them.
BATCH_SECONDS = 6e-4  # of a batch and a layer, however small both are
EPOCH_SECONDS = 1e-3  # of an epoch of batches beside them
EPOCH_WEIGHT_SECONDS = 1e-8  # of a weight in memory in it: it is copied, weighed and priced
BATCH_FEATURE_SECONDS = 2e-9  # of a basis value in a batch, with its gradient
FEATURE_SECONDS = 4.5e-9  # of a basis value in a block
GRADIENT_SECONDS = 9e-9  # of the same with its gradient
JACOBIAN_SECONDS = 3e-8  # of the same with its rows of the Jacobian
WEIGHT_SECONDS = 1e-10  # of a weight at a row, with its gradient
SPARSE_SECONDS = 2e-9  # of the same where sparsity has a price
SQUARE_SECONDS = 3e-11  # of a multiply-add of the normal matrix
FACTOR_SECONDS = 5e-11  # of P³, for all factors and inverses of a step

GRIDS = (3, 5, 10, 20)  # that a given shape goes through


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A network, and the rows that it is trained on.

    Args:
        width: Nodes per layer, [n_0, …, n_L].
        terms: Weights of one activation, G + k + 1 on the finest grid.
        rows: Rows to fit.
        validation_rows: Rows to choose by.
        is_sparse: Whether sparsity has a price (λ > 0).
        groups: Networks side by side, without edges between their hidden nodes.
        batch_rows: Of one step of Adam.
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
        """Activations, all of them."""
        if len(self.width) == 2:
            return self.width[0] * self.width[1]
        first, last = self.width[0] * self.width[1], self.width[-2] * self.width[-1]
        return first + last + sum(a * b // self.groups for a, b in pairwise(self.width[1:-1]))

    @property
    def parameters(self) -> int:
        """Weights P of all activations."""
        return self.edges * self.terms

    @property
    def held(self) -> int:
        """Weights in memory, those between groups counted, which are 0."""
        return sum(a * b for a, b in pairwise(self.width)) * self.terms

    @property
    def features(self) -> int:
        """Basis values per row, of all layers."""
        return sum(self.width[:-1]) * self.terms

    def method(self) -> Method:
        """What ``optimizer: "auto"`` stands for."""
        return automatic(self.rows, self.width[-1], self.parameters, is_sparse=self.is_sparse)

    def memory_bytes(self, method: Method) -> int:
        """Most bytes in use at once while the network is trained, its scaled rows included."""
        scaled = (self.rows + self.validation_rows) * (self.width[0] + self.width[-1] + COLUMNS)
        is_followed = method != "adam" or self.is_sparse  # else hidden nodes are normalised, and grids stay
        grids = is_followed * HIDDEN_COPIES * self.rows * max(self.width[1:-1], default=0)
        rows = min(self.rows, max(1, FEATURE_BYTES // (DOUBLE * self.features)))
        block = FEATURE_COPIES * rows * self.features
        return KEPT_BYTES + DOUBLE * (scaled + grids + block) + self._of_method(method)

    def _of_method(self, method: Method) -> int:
        if method == "levenberg_marquardt":
            roots = self.width[-1] * self.parameters  # of one row
            rows = min(self.rows, max(1, JACOBIAN_BYTES // (DOUBLE * roots)))
            block = rows * (JACOBIAN_COPIES * roots + FEATURE_COPIES * self.features)
            return DOUBLE * (MATRICES * self.parameters**2 + block)
        sparse = self._sparse_rows(method) * (self.edges + self.features)
        if method == "lbfgs":
            return DOUBLE * (LBFGS_VECTORS * self.parameters + FEATURE_COPIES * sparse)
        batch = FEATURE_COPIES * (min(self.rows, self.batch_rows) * self.features + sparse)
        rows = (self.rows + self.validation_rows) * (self.width[0] + COLUMNS)  # all of them in the end
        return SINGLE * (rows + batch + ADAM_VECTORS * self.held)

    def _sparse_rows(self, method: Method) -> int:
        """Rows at which all activations are held at once, for the price of sparsity."""
        if not self.is_sparse:
            return 0
        return min(self.rows, self.batch_rows if method == "adam" else sparse_rows(self.edges))

    def seconds(self, method: Method) -> float:
        """Time of one pass over the rows, and of judging by the others; of second order, of one step."""
        judged = self.validation_rows * FEATURE_SECONDS * self.features
        if method == "levenberg_marquardt":
            square = self.rows * self.width[-1] * SQUARE_SECONDS * self.parameters**2
            factor = FACTOR_SECONDS * self.parameters**3
            return judged + self.rows * JACOBIAN_SECONDS * self.features + square + factor
        weights = self.rows * WEIGHT_SECONDS * self.parameters
        if self.is_sparse:
            rows = self.rows if method == "adam" else self._sparse_rows(method)
            weights += rows * SPARSE_SECONDS * self.parameters
        if method == "lbfgs":
            return judged + weights + self.rows * GRADIENT_SECONDS * self.features
        batches = ceil(self.rows / self.batch_rows) * (len(self.width) - 1)
        features = self.rows * BATCH_FEATURE_SECONDS * self.features
        epoch = EPOCH_SECONDS + EPOCH_WEIGHT_SECONDS * self.held
        return judged + weights + features + epoch + BATCH_SECONDS * batches


def automatic(rows: int, outputs: int, parameters: int, *, is_sparse: bool) -> Method:
    """The method for so many parameters: of second order while a step of it is cheap.

    Entropy is no sum of squares: where sparsity has a price, the method is of first order.
    """
    is_costly = second_order_work(rows, outputs, parameters) > SECOND_ORDER_WORK
    return "adam" if is_sparse or is_costly else "levenberg_marquardt"


def second_order_work(rows: int, outputs: int, parameters: int) -> float:
    """Multiply-adds of one step: the normal matrix of P columns, and its factor."""
    return float(rows) * outputs * parameters**2 + parameters**3 / 3


def affordable_grids(width: Sequence[int], order: int, rows: int) -> tuple[int, ...]:
    """Grids from coarse to fine while the rows outnumber the weights."""
    edges = sum(a * b for a, b in pairwise(width))
    return tuple(grid for grid in GRIDS if edges * (grid + order + 1) < rows) or GRIDS[:1]


def sparse_rows(edges: int) -> int:
    """How many rows tell L-BFGS how sparse a network is; of more, so many are taken, evenly spaced."""
    return min(MOST_SPARSE_ROWS, max(LEAST_SPARSE_ROWS, SPARSE_BYTES // (DOUBLE * max(1, edges))))
