"""Rescaling symmetry: scaling or shifting a hidden node hardly changes what the network can represent.

The activations that leave the node compensate such a change, so the loss hardly depends on it. The grid of
the node, however, does not move with it. Without a penalty, training spends most of its steps on stretching
nodes to the ends of their grids and beyond: the rows then cover more intervals, and the loss decreases
slightly.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.network.layer import KANLayer
from kan_engine.training.gauss_newton import (
    EdgeMasks,
    backward_pass,
    flatten_edges,
    flatten_weights,
    forward_pass,
)
from kan_engine.training.losses import Loss, gradient_and_root
from kan_engine.training.rows import TrainingRows


@torch.no_grad()
def symmetry_directions(
    network: KAN, rows: TrainingRows, loss: str | Loss, edges: EdgeMasks, *, max_sample_rows: int = 500
) -> Float[Tensor, "directions P"]:
    """Derivatives of mean and spread of every hidden node, in the order of ``flatten_weights``.

    Each row is scaled by the derivative of the outputs with respect to its node. The square of row · step is
    the increase of the loss if no other activation compensates the change. Nodes next to a symbolic edge and
    multiplication nodes have no such symmetry and no row. Mean and spread are computed on at most
    ``max_sample_rows`` evenly spaced rows.
    """
    sample = rows[:: -(-len(rows) // max_sample_rows)]
    share = sample.weights / sample.weights.sum()
    # Effect of every node on the root of the loss, from one backward pass
    passages, outputs = forward_pass(network, sample)
    _, root = gradient_and_root(loss, outputs, sample.targets)
    deltas = backward_pass(network, passages, root)
    length = len(flatten_weights(network, edges))
    directions = [rows.x.new_zeros(0, length)]
    for number, (layer, after) in enumerate(zip(network.stack, network.stack[1:], strict=False)):
        features = passages[number].features
        h = torch.einsum("nit,ito->no", features, layer.effective_weight().detach())
        # Weighted mean and spread of every node over the sampled rows
        h = h - share @ h
        spread = (share @ h.square()).sqrt().clamp_min(1e-300)
        slope = (share @ deltas[number].square().sum(1)).sqrt()
        # A constant shifts the mean of the node; a multiple of its deviation changes its spread
        for change in torch.ones_like(h), h / spread:
            effect = torch.einsum("nit,no->ito", features, share[:, None] * change * slope)
            nodes = _free_nodes(layer, after).nonzero()[:, 0].tolist()
            directions += [_direction(network, number, effect, node, edges, length) for node in nodes]
    return torch.cat(directions)


def _free_nodes(layer: KANLayer, after: KANLayer) -> Bool[Tensor, " out_dim"]:
    """Sum nodes whose incoming and outgoing edges are all splines; symbolic edges fix the scale of a node."""
    is_open = ~layer.symbolic_mask().any(0) & layer.mask.any(0)
    is_open[layer.out_dim - layer.products :] = False
    return is_open & ~after.symbolic_mask().any(1)


def _direction(
    network: KAN,
    number: int,
    effect: Float[Tensor, "in_dim terms out_dim"],
    node: int,
    edges: EdgeMasks,
    length: int,
) -> Float[Tensor, "1 P"]:
    """Row of one node: the effect of the weights of the layer before it, and 0 for all other weights."""
    effects = [torch.zeros_like(layer.weight) for layer in network.all_layers]
    effects[number][:, :, node] = effect[:, :, node]
    return flatten_edges(effects, edges, length)[None]
