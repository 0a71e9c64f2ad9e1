"""Gauge: how a hidden node may be scaled and shifted without any effect on what the network can represent.

The activations that leave the node take such a change back, so that the loss hardly depends on it. But the
grid of the node does not move along: left alone, training spends most of its steps on stretching nodes to
the ends of their grids and beyond, where rows meet more intervals and the loss falls a little.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.network.layer import KANLayer
from kan_engine.training.gauss_newton import Edges, backward, flat, forward, gathered
from kan_engine.training.losses import Loss, gradient_and_root
from kan_engine.training.rows import Rows

SOME_ROWS = 500  # evenly spaced, tell where a node lies


@torch.no_grad()
def gauge_rows(network: KAN, rows: Rows, loss: Loss, edges: Edges) -> Float[Tensor, "directions P"]:
    """What a step does to the mean and to the spread of every hidden node, in the order of ``flat``.

    Each row is scaled by the slope of the outputs in its node: the square of row times step is what the
    change would cost if no other activation took it back. Nodes beside a fixed function have no gauge.
    """
    some = rows[:: -(-len(rows) // SOME_ROWS)]
    share = some.weights / some.weights.sum()
    passages, outputs = forward(network, some.x)
    _, root = gradient_and_root(loss, outputs, some.targets)
    deltas = backward(network, passages, root)
    found = [rows.x.new_zeros(0, len(flat(network, edges)))]
    for number, (layer, after) in enumerate(zip(network.stack, network.stack[1:], strict=False)):
        features = passages[number].features
        h = torch.einsum("nit,ito->no", features, layer.effective_weight().detach())
        h = h - share @ h
        spread = (share @ h.square()).sqrt().clamp_min(1e-300)
        slope = (share @ deltas[number].square().sum(1)).sqrt()
        for moved in torch.ones_like(h), h / spread:
            effect = torch.einsum("nit,no->ito", features, share[:, None] * moved * slope)
            nodes = _free_nodes(layer, after).nonzero()[:, 0].tolist()
            found += [_row(network, number, effect, node, edges) for node in nodes]
    return torch.cat(found)


def _free_nodes(layer: KANLayer, after: KANLayer) -> Bool[Tensor, " out_dim"]:
    """Sums between splines only: a fixed function on either side knows where they lie."""
    is_open = (layer.mask == layer.trainable_mask()).all(0) & layer.mask.any(0)
    is_open[layer.out_dim - layer.products :] = False
    return is_open & (after.mask == after.trainable_mask()).all(1)


def _row(
    network: KAN, number: int, effect: Float[Tensor, "in_dim terms out_dim"], node: int, edges: Edges
) -> Float[Tensor, "1 P"]:
    """The effect of one layer's weights on one of its nodes; all other weights have none."""
    effects = [torch.zeros_like(layer.weight) for layer in network.all_layers]
    effects[number][:, :, node] = effect[:, :, node]
    return gathered(effects, edges)[None]
