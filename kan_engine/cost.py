"""What a training will cost, before there is a network: multiply-adds, and bytes in use at once.

Plain numbers, without torch: a service refuses with them what it cannot do. The same limits decide in the
engine which method trains, and how many rows are computed with at a time.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Method = Literal["levenberg_marquardt", "adam", "lbfgs"]

MiB = 2**20
FEATURE_BYTES = 4 * MiB  # of basis values at a time: they stay in the cache
JACOBIAN_BYTES = 32 * MiB  # at a time
SECOND_ORDER_WORK = 4e10  # multiply-adds of one second-order step above which first order is cheaper

DOUBLE, SINGLE = 8, 4
MATRICES = 6  # of P² numbers in a second-order step: the normal matrix, its damped copy, its factor, …
JACOBIANS = 3.5  # blocks of it: the rows, their parts per layer, the features behind them
COLUMNS = 6  # per row beside the inputs: the target in its two forms, the weight, its share, losses, order
HIDDEN_COPIES = 3  # of the nodes of one hidden layer at all rows, while grids move
LBFGS_VECTORS = 46  # of P numbers: steps and gradient changes that are kept, and those at hand


@dataclass(frozen=True, kw_only=True)
class Training:
    """A network and the rows that it is trained on.

    Args:
        width: Nodes per layer, [n_0, …, n_L].
        terms: Weights of one activation, G + k + 1 on the finest grid.
        rows: Rows to fit.
        validation_rows: Rows to choose by.
    """

    width: tuple[int, ...]
    terms: int
    rows: int
    validation_rows: int = 0

    @property
    def parameters(self) -> int:
        """Weights P of all activations."""
        return sum(a * b for a, b in pairwise(self.width)) * self.terms

    @property
    def features(self) -> int:
        """Basis values per row, of all layers."""
        return sum(self.width[:-1]) * self.terms

    def method(self, *, is_sparse: bool = False) -> Method:
        """What ``optimizer: "auto"`` trains with; ``is_sparse`` if sparsity has a price."""
        work = second_order_work(self.rows, self.width[-1], self.parameters)
        return "adam" if is_sparse or work > SECOND_ORDER_WORK else "levenberg_marquardt"

    def work(self, method: Method) -> float:
        """Multiply-adds of one second-order step, or of one pass over the rows."""
        if method == "levenberg_marquardt":
            return second_order_work(self.rows, self.width[-1], self.parameters)
        edges = self.parameters  # forward, and backward in weights and inputs
        return self.rows * (3.0 * edges + FEATURE_WORK * self.features)

    def memory(self, method: Method) -> float:
        """Bytes in use at once while the network is trained, its scaled rows included."""
        inputs, hidden = self.width[0], max(self.width[1:-1], default=0)
        scaled = DOUBLE * (self.rows + self.validation_rows) * (inputs + COLUMNS)
        block = JACOBIANS * min(FEATURE_BYTES, DOUBLE * self.rows * self.features)
        number = SINGLE if method == "adam" else DOUBLE
        grids = HIDDEN_COPIES * number * self.rows * hidden
        return scaled + block + grids + self._of_method(method)

    def _of_method(self, method: Method) -> float:
        if method == "levenberg_marquardt":
            roots = self.width[-1]
            jacobian = DOUBLE * self.rows * roots * self.parameters
            return MATRICES * DOUBLE * self.parameters**2 + JACOBIANS * min(JACOBIAN_BYTES, jacobian)
        if method == "lbfgs":
            return DOUBLE * LBFGS_VECTORS * self.parameters
        return SINGLE * self.rows * (self.width[0] + 2) + 10 * SINGLE * self.parameters


def second_order_work(rows: int, outputs: int, parameters: int) -> float:
    """Multiply-adds of one step: the normal matrix of P columns, and its factor."""
    return float(rows) * outputs * parameters**2 + parameters**3 / 3
