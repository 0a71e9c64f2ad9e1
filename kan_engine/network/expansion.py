"""Larger networks with the same function: more hidden nodes, more layers, the weights of another network."""

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
    wider = _make_like(network, replace(config, width=tuple(width), products=tuple(counts)))
    # New sums follow the old ones, new products come last
    sums = config.width[layer] - config.product_counts[layer - 1]
    start = config.width[layer] if multiply else sums
    places = [node if node < start else node + nodes for node in range(config.width[layer])]
    fresh = list(range(start, start + nodes))
    for number, (old, new) in enumerate(zip(network.all_layers, wider.all_layers, strict=True)):
        rows = places if number == layer else list(range(old.in_dim))
        columns = places if number == layer - 1 else list(range(old.out_dim))
        new.knots[rows] = old.knots
        new.mask[torch.tensor(rows)[:, None], torch.tensor(columns)] = old.mask
        new.weight[torch.tensor(rows)[:, None], :, torch.tensor(columns)] = old.weight.permute(0, 2, 1)
        new.symbolic = {(rows[i], columns[j]): edge for (i, j), edge in old.symbolic.items()}
    below, above = wider.stack[layer - 1], wider.stack[layer]
    _enter_by_lines_(below, fresh, generator)
    # A factor 1 is a spline whose coefficients are all 1; a product that has no factor stays 0
    products = slice(above.out_dim - above.products, None)
    above.mask[fresh, products] = network.stack[layer].mask[:, products].any(0)
    above.weight[fresh, :-1, products] = 1.0
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
    deeper = _make_like(
        network, replace(config, width=(*config.width, outputs), products=(*config.product_counts, 0))
    )
    for old, new in zip(network.stack, deeper.stack, strict=False):
        new.load_state_dict(old.state_dict())
        new.symbolic = dict(old.symbolic)
    if network.direct is not None and deeper.direct is not None:
        deeper.direct.load_state_dict(network.direct.state_dict())
        deeper.direct.symbolic = dict(network.direct.symbolic)
    last = deeper.stack[-1]
    if x is not None:
        fit_grid_to_inputs_(last, network.stack[-1](network.preacts(x)[len(network.stack) - 1]), thresholds)
    # The Greville points of a grid are the coefficients of the identity
    last.weight[:, :-1] = greville_points(last)[:, :, None] * torch.eye(outputs).to(last.weight)[:, None]
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


def _make_like(network: Network, config: KANConfig) -> Network:
    """A network of another shape whose activations are 0, with grid sizes, dtype and device of this one."""
    made = type(network)(config)
    sizes = [layer.grid_size for layer in network.all_layers]
    if len(sizes) < len(made.all_layers):
        sizes.insert(len(network.stack), sizes[len(network.stack) - 1])
    for layer, size in zip(made.all_layers, sizes, strict=True):
        resize_grid_(layer, size)
    return made.to(network.stack[0].weight)
