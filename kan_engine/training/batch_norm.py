"""Hidden nodes kept at mean 0 and deviation 1 while a network is trained by minibatches.

As in batch normalisation (Ioffe and Szegedy, arXiv:1502.03167), but without a scale and a shift of their
own: the activations that follow have both. Nodes then stay on their grids, whatever the weights before
them do. What was trained is a plain network all the same, since both numbers of a node can be put into
the splines that enter it: they scale, and they hold constants.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.network.kan import KAN

MEMORY = 0.95  # share of the running statistics that a batch leaves, once there have been enough of them
TINY = 1e-5  # added to every variance, so that a constant node can be divided by it


class NodeScales:
    """Running mean and variance of every hidden node."""

    def __init__(self, network: KAN) -> None:
        hidden = [layer.weight.new_zeros(layer.out_dim) for layer in network.stack[:-1]]
        self.means, self.variances = hidden, [torch.ones_like(mean) for mean in hidden]
        self._batches = 0

    def normalised(self, number: int, h: Float[Tensor, "batch nodes"]) -> Float[Tensor, "batch nodes"]:
        """The outputs of layer ``number`` of this batch on their own scale, which the running one learns.

        The first batches count alike, so that a short training is not left with the scales of its start. A
        single row has no scale: it is taken on the running one.
        """
        self._batches += number == 0 and len(h) > 1
        share = max(1 - MEMORY, 1 / max(1, self._batches))
        return torch.nn.functional.batch_norm(
            h, self.means[number], self.variances[number], None, None, len(h) > 1, share, TINY
        )

    @torch.no_grad()
    def fold_(self, network: KAN) -> None:
        """Put the running scales into the splines, in place."""
        for layer, mean, variance in zip(network.stack, self.means, self.variances, strict=False):
            deviation = (variance + TINY).sqrt()
            layer.weight.div_(deviation)
            entering = layer.mask.sum(0).clamp_min(1)
            layer.weight[:, :-1].sub_((mean / deviation / entering) * layer.mask.unsqueeze(1))
