"""Training by full-batch L-BFGS, grid by grid."""

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor

from kan_engine.cost import sparsity_rows
from kan_engine.network.grid_updates import refine_, update_grid_
from kan_engine.network.kan import KAN
from kan_engine.network.row_blocks import row_blocks
from kan_engine.numerics.lbfgs import LBFGS
from kan_engine.training.config import TrainingConfig
from kan_engine.training.losses import loss_per_row
from kan_engine.training.penalty import frozen_terms
from kan_engine.training.regularization import regularization
from kan_engine.training.rows import TrainingRows


class FullBatchLBFGS:
    """L-BFGS on every grid of the schedule, in float64.

    Args:
        sizes: Grid sizes of the schedule; empty keeps the present grid without moving it.
        steps: Maximum number of steps per grid.
    """

    is_judged = True
    is_settling = True

    def __init__(
        self, network: KAN, rows: TrainingRows, config: TrainingConfig, *, sizes: tuple[int, ...], steps: int
    ) -> None:
        self._network, self._rows, self._config = network, rows, config
        self._sizes, self._steps = sizes, steps
        self._place, self._taken = -1, 0
        self._minimiser = self._create_minimiser()

    @property
    def grid_size(self) -> int:
        """Grid size of the last step."""
        return self._network.stack[0].grid_size

    def advance_(self) -> float | None:
        """Take the next step, on this grid or a later one; return the objective, or None at the end."""
        if self._place < 0:
            if self._sizes:
                update_grid_(self._network, self._rows.x, thresholds=self._config.thresholds.grids)
            self._begin_grid_()
        while self._place < max(1, len(self._sizes)):
            objective = self._minimiser.advance_() if self._taken < self._steps else None
            if objective is not None:
                self._taken += 1
                return objective
            self._begin_grid_()
        return None

    def _begin_grid_(self) -> None:
        self._place, self._taken = self._place + 1, 0
        if self._place < len(self._sizes) and self._sizes[self._place] != self.grid_size:
            refine_(self._network, self._sizes[self._place])
        self._minimiser = self._create_minimiser()

    def _create_minimiser(self) -> LBFGS:
        weights = [layer.weight for layer in self._network.all_layers]
        frozen = [
            frozen_terms(layer, self._config.train_base, self._config.train_splines).expand_as(layer.weight)
            for layer in self._network.all_layers
        ]
        return LBFGS(weights, self._objective, frozen=frozen)

    def _objective(self) -> Iterator[Float[Tensor, ""]]:
        """Terms of the objective: loss of each block of rows, weight penalty, sparsity penalty."""
        network, rows, config = self._network, self._rows, self._config
        total = rows.weights.sum()
        for block in row_blocks(network, len(rows)):
            part = rows[block]
            yield loss_per_row(config.loss, network(part.x), part.targets) @ part.weights / total
        if config.penalty.is_active:
            yield config.penalty.value(network)
        if config.lamb:
            edges = sum(layer.mask.numel() for layer in network.all_layers)
            sample = rows.x[:: -(-len(rows) // sparsity_rows(edges))]
            yield config.lamb * regularization(network, sample, config)
