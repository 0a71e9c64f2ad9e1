"""Larger networks with the same function: more hidden nodes, more layers, the weights of another network."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.errors import InvalidConfig
from kan_engine.network.grid_updates import fit_grid_to_inputs_, refine
from kan_engine.network.kan import KAN, KANConfig, Network, copy_network, greville_points, resize_grid_
from kan_engine.network.layer import KANLayer
from kan_engine.splines.thresholds import DEFAULT_GRIDS, GridThresholds


@torch.no_grad()
def expand_width(
    network: Network, layer: int, nodes: int = 1, *, multiply: bool = False, generator: torch.Generator
) -> Network:
    """Return the same function with more hidden nodes in a layer.

    Random lines enter the new nodes, so that training can use them; what leaves them is 0, or the factor 1 of
    a product.

    Args:
        network: The network.
        layer: Number of the layer of nodes; 1 is the first hidden one.
        nodes: Number of new nodes.
        multiply: Whether they multiply what enters them, instead of adding it.
        generator: Source of the random numbers.

    Raises:
        InvalidConfig: There is no such hidden layer, or the network consists of parallel ones.
    """
    config = network.config
    if not 0 < layer < len(config.width) - 1 or config.groups > 1:
        raise InvalidConfig(f"layer {layer} of {config} is no hidden layer of a single group")
    width, counts = list(config.width), list(config.product_counts)
    width[layer] += nodes
    counts[layer - 1] += nodes * multiply
    # New sums follow the old ones, new products come last
    start = config.width[layer] - (0 if multiply else config.product_counts[layer - 1])
    places = [list(range(size)) for size in config.width]
    places[layer] = [node if node < start else node + nodes for node in places[layer]]
    wider = embed(network, replace(config, width=tuple(width), products=tuple(counts)), places)
    fresh = list(range(start, start + nodes))
    below, above = wider.stack[layer - 1], wider.stack[layer]
    _enter_by_lines_(below, fresh, generator)
    # A factor 1 is a spline whose coefficients are all 1; a product that has no factor stays 0
    sums = above.out_dim - above.products
    above.mask[fresh] = torch.cat([torch.ones(sums).bool().to(above.mask), above.mask[:, sums:].any(0)])
    above.weight[fresh, :-1, sums:] = 1.0
    return wider


def _enter_by_lines_(layer: KANLayer, nodes: list[int], generator: torch.Generator) -> None:
    points = greville_points(layer).double().cpu()  # the coefficients of the identity
    slopes = torch.empty(len(points), len(nodes), dtype=torch.float64).uniform_(-1, 1, generator=generator)
    lines = points[:, :, None] * slopes[:, None] * len(points) ** -0.5
    layer.weight[:, :-1, nodes] = lines.to(layer.weight)
    layer.mask[:, nodes] = True


@torch.no_grad()
def expand_depth(
    network: Network,
    x: Float[Tensor, "rows in_dim"] | None = None,
    *,
    thresholds: GridThresholds = DEFAULT_GRIDS,
) -> Network:
    """Return the same function with one more layer, whose activations are the identity and else 0.

    Args:
        network: The network.
        x: Rows to whose outputs the new grids are fitted; without them grids are [-1, 1], beyond which the
            identity goes on.
        thresholds: Position of the grids.

    Raises:
        InvalidConfig: Splines of order 0 cannot be the identity.
    """
    config = network.config
    if not config.order:
        raise InvalidConfig("steps (order 0) cannot be the identity; splines of order 1 and more can")
    outputs = config.width[-1]
    deeper_config = replace(config, width=(*config.width, outputs), products=(*config.product_counts, 0))
    deeper = embed(network, deeper_config, [list(range(size)) for size in config.width])
    last = deeper.stack[-1]
    if x is not None:
        fit_grid_to_inputs_(last, network.stack[-1](network.preacts(x)[len(network.stack) - 1]), thresholds)
    # The Greville points of a grid are the coefficients of the identity
    last.weight[:, :-1] = greville_points(last)[:, :, None] * torch.eye(outputs).to(last.weight)[:, None]
    last.mask[:] = True
    return deeper


def initialize_from_another_model(network: Network, other: Network) -> Network:
    """Return the functions of another network of the same shape on grids of this network's size.

    Raises:
        InvalidConfig: The shapes differ in more than the grid.
    """
    size = network.stack[0].grid_size
    if replace(network.config, grid_size=1) != replace(other.config, grid_size=1):
        raise InvalidConfig(f"{network.config} and {other.config} differ in more than the grid")
    return refine(other, size)


def initialize_grid_from_another_model(
    network: Network, other: KAN, x: Float[Tensor, "rows in_dim"], thresholds: GridThresholds = DEFAULT_GRIDS
) -> Network:
    """Return this network with grids where the nodes of another network lie, and its functions as far as they
    can be on them.

    Args:
        network: Whose functions stay.
        other: A network of the same width.
        x: Rows at which the nodes of the other network are computed.
        thresholds: Position of the grids.
    """
    changed = copy_network(network)
    for layer, h in zip(changed.all_layers, other.preacts(x), strict=True):
        fit_grid_to_inputs_(layer, h, thresholds)
    return changed


@torch.no_grad()
def embed(network: Network, config: KANConfig, places: Sequence[Sequence[int]]) -> Network:
    """Return a larger network that contains this one; its other edges are pruned, and 0.

    Args:
        network: The network.
        config: Shape of the larger one, which may have more nodes and more layers.
        places: Of every layer of the network, the places of its nodes in the larger one.
    """
    larger = type(network)(config).to(network.stack[0].weight)
    sizes = [layer.grid_size for layer in network.stack]
    sizes += sizes[-1:] * (len(larger.stack) - len(sizes))
    pairs = [*zip(network.stack, larger.stack, places, places[1:], strict=False)]
    if network.direct is not None and larger.direct is not None:
        sizes.append(network.direct.grid_size)
        pairs.append((network.direct, larger.direct, places[0], places[-1]))
    for layer, size in zip(larger.all_layers, sizes, strict=True):
        resize_grid_(layer, size)
        layer.mask[:] = False
    for old, new, rows, columns in pairs:
        block = torch.tensor(rows)[:, None], torch.tensor(columns)
        new.knots[list(rows)], new.mask[block] = old.knots, old.mask
        new.weight.permute(0, 2, 1)[block] = old.weight.permute(0, 2, 1)
        new.symbolic = {(rows[i], columns[j]): edge for (i, j), edge in old.symbolic.items()}
    return larger
