"""Training rows: inputs, targets and weights, and the loss of a network on them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from kan_engine.cost import KEPT_FEATURE_BYTES
from kan_engine.network.kan import KAN
from kan_engine.network.row_blocks import row_blocks
from kan_engine.training.losses import Loss, loss_per_row


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """Inputs, targets and weights of a set of rows.

    Attributes:
        folds: Fold of every row, from 0 on; -1 for rows that all networks learn from. Of several parallel
            networks, network g is not trained on fold g modulo the number of folds. Only Adam uses the folds.
        features: Features of the first layer of a network at ``x``, if they are kept.
        on_losses: Called with the loss of every row each time a network is evaluated on these rows.
    """

    x: Float[Tensor, "batch in_dim"]
    targets: Float[Tensor, "batch _"]
    weights: Float[Tensor, " batch"]
    folds: Int[Tensor, " batch"] | None = None
    features: Float[Tensor, "batch in_dim terms"] | None = None
    on_losses: Callable[[Tensor], None] | None = None

    @staticmethod
    def create(
        x: Float[Tensor, "batch in_dim"],
        targets: Float[Tensor, "batch _"],
        weights: Float[Tensor, " batch"] | None = None,
    ) -> "TrainingRows":
        """Create rows; the weights are 1 by default."""
        return TrainingRows(x=x, targets=targets, weights=x.new_ones(len(x)) if weights is None else weights)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, places: Shaped[Tensor, " _"] | slice) -> "TrainingRows":
        return TrainingRows(
            x=self.x[places],
            targets=self.targets[places],
            weights=self.weights[places],
            folds=None if self.folds is None else self.folds[places],
            features=None if self.features is None else self.features[places],
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> "TrainingRows":
        """The same rows on a device and in a floating-point type; tensors that fit already are shared."""
        numbers = {name: getattr(self, name).to(device, dtype) for name in ("x", "targets", "weights")}
        folds = None if self.folds is None else self.folds.to(device)
        return TrainingRows(**numbers, folds=folds, on_losses=self.on_losses)

    @torch.no_grad()
    def keep_features(self, network: KAN) -> "TrainingRows":
        """The same rows with the features of the first layer, unless these take too much memory.

        All evaluations on the same grid of the inputs share these features.
        """
        first_layer = network.stack[0]
        if self.x.element_size() * len(self) * first_layer.weight[..., 0].numel() > KEPT_FEATURE_BYTES:
            return self
        blocks = [first_layer.features(self.x[block]) for block in row_blocks(network, len(self))]
        return replace(self, features=torch.cat(blocks))

    @torch.no_grad()
    def loss(self, network: KAN, kind: str | Loss) -> float:
        """Weighted mean loss."""
        losses = self.losses(network, kind)
        if self.on_losses:
            self.on_losses(losses)
        return float(losses @ self.weights / self.weights.sum())

    @torch.no_grad()
    def losses(self, network: KAN, kind: str | Loss) -> Float[Tensor, " batch"]:
        """Loss of every row, computed in blocks of rows to bound the memory."""
        parts = (self[block] for block in row_blocks(network, len(self)))
        return torch.cat([loss_per_row(kind, network(part.x, part.features), part.targets) for part in parts])
