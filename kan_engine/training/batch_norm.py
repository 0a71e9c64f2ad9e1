"""Batch normalisation of hidden nodes: mean 0 and standard deviation 1 during minibatch training.

This is batch normalisation (Ioffe and Szegedy, arXiv:1502.03167) without trained scale and shift: the
activations that follow contain both. Normalised nodes stay on their grids, whatever the weights before them
are. The result is still a plain network: the splines that enter a node can absorb its scale and its shift.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.training.thresholds import TrainingThresholds


class NodeScales:
    """Running mean and variance of every hidden node."""

    def __init__(self, network: KAN, thresholds: TrainingThresholds) -> None:
        zeros = [layer.weight.new_zeros(layer.out_dim) for layer in network.stack[:-1]]
        self.means, self.variances = zeros, [torch.ones_like(mean) for mean in zeros]
        self._batches, self._thresholds = 0, thresholds

    def normalise(self, number: int, h: Float[Tensor, "batch nodes"]) -> Float[Tensor, "batch nodes"]:
        """Normalise the outputs of layer ``number`` by the batch statistics; update the running statistics.

        The first batches have equal weight in the running statistics, so that these are accurate after a
        short training. A single row has no variance: it is normalised by the running statistics.
        """
        self._batches += number == 0 and len(h) > 1
        # Plain mean over the first batches, exponential mean afterwards
        share = max(1 - self._thresholds.running_decay, 1 / max(1, self._batches))
        mean, variance, offset = self.means[number], self.variances[number], self._thresholds.variance_offset
        return torch.nn.functional.batch_norm(h, mean, variance, None, None, len(h) > 1, share, offset)

    @torch.no_grad()
    def fold_(self, network: KAN) -> None:
        """Fold the running statistics into the splines of the network, in place."""
        for layer, mean, variance in zip(network.stack, self.means, self.variances, strict=False):
            deviation = (variance + self._thresholds.variance_offset).sqrt()
            layer.weight.div_(deviation)
            # Adding a constant to all coefficients shifts a spline, since the basis sums to 1. The incoming
            # edges of a node share its shift.
            entering = layer.mask.sum(0).clamp_min(1)
            layer.weight[:, :-1].sub_((mean / deviation / entering) * layer.mask.unsqueeze(1))
