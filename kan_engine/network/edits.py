"""Changes of edges, nodes and their order; each returns a new network, and the given one stays as it is.

The names are pykan's where it has the operation. Edges are named by the number of their layer in
``all_layers``, the node that they leave and the node that they enter; hidden nodes by their layer, 1 for the
first hidden one.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.errors import InvalidConfig
from kan_engine.network.kan import KAN, Network, copy_network
from kan_engine.network.layer import KANLayer, SymbolicEdge, symbolic_value
from kan_engine.network.pruning import edge_scores, select_nodes
from kan_engine.splines.knots import fit_coef, grid_range

Mode = Literal["s", "n", "sn", "ns", "0"]
Perturbation = Literal["non-intrusive", "minimal", "all"]


def remove_edge(network: Network, layer: int, i: int, j: int) -> Network:
    """Return the network without an edge: 0 in a sum, a factor of 1 in a product."""
    changed = copy_network(network)
    changed.all_layers[layer].mask[i, j] = False
    return changed


def remove_node(
    network: Network, layer: int, node: int, side: Literal["all", "in", "out"] = "all"
) -> Network:
    """Return the network without the edges of a node: all of them, or those that enter or leave it."""
    changed = copy_network(network)
    if side != "out" and layer > 0:
        changed.stack[layer - 1].mask[:, node] = False
    if side != "in" and layer < len(changed.stack):
        changed.stack[layer].mask[node] = False
    return changed


def set_function(network: Network, layer: int, i: int, j: int, edge: SymbolicEdge) -> Network:
    """Return the network with a function in place of an activation."""
    changed = copy_network(network)
    changed.all_layers[layer].symbolic[i, j] = edge
    changed.all_layers[layer].mask[i, j] = True
    return changed


def set_mode(network: Network, layer: int, i: int, j: int, mode: Mode) -> Network:
    """Return the network with an edge that is its function (s), spline (n), the sum of both (sn), or 0.

    Raises:
        InvalidConfig: The edge has no function to keep.
    """
    changed = copy_network(network)
    place, part = (i, j), changed.all_layers[layer]
    if "s" in mode:
        if place not in part.symbolic:
            raise InvalidConfig(f"edge ({layer}, {i}, {j}) has no function; fix one on it first")
        part.symbolic[place] = replace(part.symbolic[place], with_spline="n" in mode)
    elif mode == "n":
        part.symbolic.pop(place, None)
    part.mask[place] = mode != "0"
    return changed


@torch.no_grad()
def unfix_symbolic(network: Network, layer: int, i: int, j: int) -> Network:
    """Return the network with a spline in place of a function, fitted to it over the grid of the edge.

    It is added to a spline that is beside the function.
    """
    changed = copy_network(network)
    _unfix_(changed.all_layers[layer], i, j)
    return changed


@torch.no_grad()
def unfix_symbolic_all(network: Network) -> Network:
    """Return the network with splines in place of all functions."""
    changed = copy_network(network)
    for layer in changed.all_layers:
        for i, j in list(layer.symbolic):
            _unfix_(layer, i, j)
    return changed


def _unfix_(layer: KANLayer, i: int, j: int, *, points_per_interval: int = 8) -> None:
    edge = layer.symbolic.pop((i, j))
    low, high = grid_range(layer.knots, layer.order)
    share = torch.linspace(0, 1, points_per_interval * layer.grid_size + 1).to(layer.knots)
    x = torch.lerp(low, high, share[:, None])  # (points, in_dim)
    # The spline alone takes over the function: a base function beside it would only add to its error
    values = symbolic_value(edge, x[:, i])[:, None]
    if not edge.with_spline:
        layer.weight[i, :, j] = 0.0
    layer.weight[i, :-1, j] += fit_coef(layer.features(x)[:, i, :-1], values)[:, 0]


def keep_module(network: Network, start_layer: int, chain: str) -> Network:
    """Return the network with some nodes as a module: no edge joins them and the other nodes of their layers.

    Args:
        network: The network.
        start_layer: Layer of the first nodes; 0 are the inputs.
        chain: The nodes, as in pykan: ``[0]->[0,1]->[0,1]->[2]`` names those that edges leave and enter, in
            turn for each layer. Negative numbers count from the end.

    Raises:
        InvalidConfig: The chain is not written so, or names nodes that do not exist.
    """
    changed = copy_network(network)
    try:
        groups = [[int(node) for node in group.strip("[] ").split(",")] for group in chain.split("->")]
        pairs = list(zip(groups[::2], groups[1::2], strict=True))
        for layer, (sources, targets) in zip(changed.stack[start_layer:], pairs, strict=False):
            inside, entered = torch.zeros(layer.in_dim).bool(), torch.zeros(layer.out_dim).bool()
            inside[sources], entered[targets] = True, True
            # An edge stays if both of its ends belong to the module, or neither
            layer.mask &= (inside[:, None] == entered[None, :]).to(layer.mask.device)
    except (ValueError, IndexError) as error:
        raise InvalidConfig(f"{chain!r} is no chain of nodes such as '[0]->[0,1]': {error}") from error
    return changed


def swap(network: Network, layer: int, first: int, second: int) -> Network:
    """Return the same function with two hidden nodes of a layer in each other's place.

    Raises:
        InvalidConfig: One adds and the other multiplies, or they belong to different groups.
    """
    kinds = _list_kinds(network, layer)
    if kinds[first] != kinds[second]:
        raise InvalidConfig("only nodes of one kind and group can change places: sums with sums")
    nodes = [torch.arange(size) for size in network.config.width]
    nodes[layer][[first, second]] = nodes[layer][[second, first]]
    return select_nodes(network, nodes)


def _list_kinds(network: KAN, layer: int) -> list[tuple[bool, int]]:
    """Whether each node of a layer multiplies, and its group."""
    below = network.stack[layer - 1]
    sums, size = below.out_dim - below.products, below.out_dim // network.config.groups
    return [(node >= sums, node // size) for node in range(below.out_dim)]


def cut_after(network: Network, layer: int, nodes: Sequence[int]) -> Network:
    """Return the network up to some nodes of a layer, which become its outputs; 0 are the inputs."""
    whole = [torch.arange(size) for size in network.config.width[:layer]]
    return select_nodes(network, [*whole, torch.tensor(nodes)])


def measure_connection_cost(scores: Sequence[Float[Tensor, "_ _"]]) -> float:
    """Sum over all edges of their score times the distance of their ends, if each layer spreads over [0, 1].

    Liu, Gan and Tegmark, "Seeing is believing: brain-inspired modular training for mechanistic
    interpretability" (arXiv:2305.08746), section 2.
    """
    cost = 0.0
    for score in scores:
        sources, targets = ((torch.arange(size) + 0.5) / size for size in score.shape)
        cost += float(((sources[:, None] - targets[None, :]).abs() * score.cpu()).sum())
    return cost


def auto_swap(network: Network, x: Float[Tensor, "rows in_dim"]) -> Network:
    """Return the same function with hidden nodes in an order in which strong edges are short.

    Each node in turn takes the place in its layer, in exchange for the node there, that lowers the cost of
    all connections most.

    Args:
        network: The network.
        x: Rows for the scores of its edges.
    """
    scores = edge_scores(network, x)[: len(network.stack)]
    for number in range(1, len(network.stack)):
        kinds = _list_kinds(network, number)
        for node, kind in enumerate(kinds):
            # Of equal costs that of the present place comes first
            costs = [
                (measure_connection_cost(_swap_scores(scores, number, node, other)), other != node, other)
                for other in range(len(kinds))
                if kinds[other] == kind
            ]
            best = min(costs)[2]
            network, scores = swap(network, number, node, best), _swap_scores(scores, number, node, best)
    return network


def _swap_scores(
    scores: Sequence[Float[Tensor, "_ _"]], number: int, first: int, second: int
) -> list[Float[Tensor, "_ _"]]:
    order = list(range(scores[number].shape[0]))
    order[first], order[second] = second, first
    before, after = scores[number - 1][:, order], scores[number][order]
    return [*scores[: number - 1], before, after, *scores[number + 1 :]]


@torch.no_grad()
def perturb(
    network: Network,
    magnitude: float = 1.0,
    mode: Perturbation = "non-intrusive",
    *,
    generator: torch.Generator,
) -> Network:
    """Return the network with edges that training can change.

    Args:
        network: The network.
        magnitude: Largest change of a coefficient.
        mode: ``non-intrusive`` brings pruned edges back as 0, or as the factor 1, which keeps the function;
            ``minimal`` changes the coefficients of live splines at random; ``all`` does both.
        generator: Source of the random numbers.
    """
    changed = copy_network(network)
    for layer in changed.all_layers:
        if mode != "minimal":
            _revive_(layer)
        if mode != "non-intrusive":
            noise = torch.empty(layer.weight.shape, dtype=torch.float64)
            noise.uniform_(-magnitude, magnitude, generator=generator)
            noise[:, -1] = 0.0  # the base function keeps its weight
            layer.weight.add_(noise.to(layer.weight) * layer.trainable_mask().unsqueeze(1))
    return changed


def _revive_(layer: KANLayer) -> None:
    """Bring the pruned edges of a layer back without an effect: as 0 in sums, as 1 in products."""
    within = torch.ones(layer.in_dim // layer.groups, layer.out_dim // layer.groups, dtype=torch.bool)
    possible = torch.block_diag(*[within] * layer.groups).to(layer.mask)  # type: ignore[no-untyped-call]
    revived = possible & ~layer.mask
    sums = layer.out_dim - layer.products
    # A product without factors is 0, and a factor 1 would make it 1
    revived[:, sums:] &= layer.mask[:, sums:].any(0)
    layer.weight.data = layer.weight.data * ~revived.unsqueeze(1)
    layer.weight.data[:, :-1, sums:] += revived[:, None, sums:]
    layer.mask = layer.mask | revived
    for place in [place for place in layer.symbolic if revived[place]]:
        del layer.symbolic[place]
