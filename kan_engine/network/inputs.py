"""Changes to the inputs of a network: fewer of them, more of them, or other scales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.data.scaling import Standardizer
from kan_engine.network.expansion import embed
from kan_engine.network.kan import KAN, Network, copy_network
from kan_engine.network.layer import KANLayer
from kan_engine.network.pruning import drop_dead_edges_
from kan_engine.splines.knots import extend_knots, fit_coef, uniform_grid


def remove_inputs(network: Network, inputs: list[int]) -> Network:
    """Return a copy of the network without the edges from these inputs."""
    result = copy_network(network)
    for layer in (result.stack[0], result.direct):
        if layer is not None:
            layer.mask[inputs] = False
    drop_dead_edges_(result)
    return result


@torch.no_grad()
def add_unused_inputs(network: KAN, places: Sequence[int], count: int) -> KAN:
    """Return the network with additional inputs that have no live edges.

    Args:
        network: The network.
        places: Index of each of its inputs among all inputs.
        count: Number of all inputs.
    """
    width = (count, *network.config.width[1:])
    others = [list(range(size)) for size in width[1:]]
    return embed(network, replace(network.config, width=width), [places, *others])


@torch.no_grad()
def rescale_inputs(
    network: KAN,
    before: Standardizer,
    after: Standardizer,
    encoded_rows: Float[np.ndarray, "rows columns"],
    *,
    ridge: float = 1e-9,
) -> KAN:
    """Convert a network to another standardization of its inputs.

    Least squares on the given rows fit the activations on the edges from the inputs.

    Args:
        network: The network.
        before: Standardizer of its inputs.
        after: Standardizer of the inputs of the result.
        encoded_rows: Encoded input rows, before standardization.
        ridge: Of the least squares.
    """
    result = copy_network(network)
    old, new = (torch.from_numpy(scale.forward(encoded_rows)) for scale in (before, after))
    for layer in (result.stack[0], result.direct):
        if layer is not None:
            _refit_layer_(layer, old, new, ridge)
    return result


def _refit_layer_(
    layer: KANLayer,
    old: Float[torch.Tensor, "rows in_dim"],
    new: Float[torch.Tensor, "rows in_dim"],
    ridge: float,
) -> None:
    values = layer.postacts(old)
    ends = torch.ones(layer.in_dim, dtype=values.dtype)
    layer.knots = extend_knots(uniform_grid(-ends, ends, layer.grid_size), layer.order)
    # The splines alone take over the values, without the base function
    basis = layer.features(new)[:, :, :-1]
    layer.weight.zero_()
    for i in range(layer.in_dim):
        layer.weight[i, :-1] = fit_coef(basis[:, i], values[:, i], ridge=ridge)
