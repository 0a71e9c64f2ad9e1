"""Scores of edges and nodes, and pruning by these scores (eq. 2.17 and 2.21 of the KAN paper)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kan_engine.cost import FEATURE_BYTES
from kan_engine.network.header import EdgePlace
from kan_engine.network.kan import KAN, Network, copy_network
from kan_engine.network.layer import KANLayer, SymbolicEdge


@torch.no_grad()
def edge_scores(network: KAN, x: Float[Tensor, "batch in_dim"]) -> list[Float[Tensor, "_ _"]]:
    """Importance of each edge for the outputs: one [in, out] per layer of ``all_layers``.

    The score is the edge's standard deviation, as a share of the sum over its node, times the score of the
    node. It is propagated backwards from the outputs (KAN 2.0, arXiv:2408.10205, section 4), so that a node
    that varies but is not used scores 0. A constant activation scores 0: another edge can take its value.
    """
    spreads = [
        activation_deviations(layer, h) for layer, h in zip(network.stack, network.preacts(x), strict=False)
    ]
    direct = None if network.direct is None else activation_deviations(network.direct, x)
    node = x.new_ones(network.config.width[-1])
    scores: list[Tensor] = []
    # Direct edges enter the outputs beside those of the last layer, so both share one total
    into_output = spreads[-1] if direct is None else torch.cat([spreads[-1], direct])
    total = into_output.sum(0).clamp_min(1e-300)
    # From the outputs backwards: every node divides its score among its incoming edges
    for depth, spread in enumerate(reversed(spreads)):
        entering = total if depth == 0 else spread.sum(0).clamp_min(1e-300)
        score = spread / entering * node
        scores.insert(0, score)
        node = score.sum(1)
    return scores if direct is None else [*scores, direct / total]


def activation_deviations(
    layer: KANLayer, h: Float[Tensor, "batch in_dim"]
) -> Float[Tensor, "in_dim out_dim"]:
    """Standard deviation that every activation contributes to its node.

    The rows are processed in blocks, since a wide layer has too many activations for memory.
    """
    size = max(1, FEATURE_BYTES // (8 * layer.in_dim * max(layer.out_dim, layer.weight.shape[1])))
    blocks = [h[start : start + size] for start in range(0, len(h), size)]
    total = layer.weight.new_zeros(layer.in_dim, layer.out_dim)
    # Two passes over the rows: a sum of squares minus the squared mean would lose digits
    mean = sum((layer.postacts(block).sum(0) for block in blocks), total) / len(h)
    squares = sum(
        (_node_changes(layer, layer.postacts(block), mean).square().sum(0) for block in blocks), total
    )
    return (squares / len(h)).sqrt()


def _node_changes(
    layer: KANLayer, postacts: Float[Tensor, "batch in_dim out_dim"], mean: Float[Tensor, "in_dim out_dim"]
) -> Float[Tensor, "batch in_dim out_dim"]:
    """Change of each node relative to the node with one activation replaced by its mean, per activation."""
    change = postacts - mean
    return change * layer.cofactors(postacts) if layer.products else change


def live_inputs(network: KAN) -> Bool[Tensor, " in_dim"]:
    """Inputs with a path of live edges to an output."""
    live = torch.ones(network.config.width[-1], dtype=torch.bool)
    for layer in reversed(network.stack):
        live = (layer.mask & live).any(1)
    return live if network.direct is None else live | network.direct.mask.any(1)


def outgoing_score(scores: Float[Tensor, "in_dim out_dim"]) -> Float[Tensor, " in_dim"]:
    """Largest score of the edges that leave each node (eq. 2.21)."""
    return scores.amax(1)


def incoming_score(scores: Float[Tensor, "in_dim out_dim"]) -> Float[Tensor, " out_dim"]:
    """Largest score of the edges that enter each node (eq. 2.21)."""
    return scores.amax(0)


@torch.no_grad()
def prune(network: Network, x: Float[Tensor, "batch in_dim"], *, threshold: float = 1e-2) -> Network:
    """The network without edges of low score and without nodes that lack incoming or outgoing edges.

    An edge is pruned if its score is below ``threshold`` times the highest score of its layer. A hidden node
    remains if both its incoming and its outgoing score reach the threshold (eq. 2.21). Pruned edges are
    masked, and removed nodes are deleted from the tensors. Parallel networks keep all nodes in the tensors.
    """
    result = copy_network(network)
    scores = [score / score.amax().clamp_min(1e-300) for score in edge_scores(network, x)]
    for layer, score in zip(result.all_layers, scores, strict=True):
        layer.mask &= score >= threshold
    for below, above, s_in, s_out in zip(result.stack, result.stack[1:], scores, scores[1:], strict=False):
        alive = (incoming_score(s_in) >= threshold) & (outgoing_score(s_out) >= threshold)
        below.mask &= alive
        above.mask &= alive[:, None]
    drop_dead_edges_(result)
    return result if network.config.groups > 1 else remove_dead_nodes(result)


@torch.no_grad()
def drop_dead_edges_(network: KAN) -> None:
    """Mask edges into nodes without outgoing edges, and edges out of nodes without incoming edges.

    A node without incoming edges still contributes a constant, the values of its activations at 0. This
    constant is added to a live spline of the same output, or multiplies a live factor of the same product, so
    the function does not change. An output without such a spline loses the constant; a product without such a
    factor keeps the edge.
    """
    layers = network.stack
    # A removed edge can leave the next node dead, so the pass is repeated once per layer
    for _ in layers:
        for below, above in pairwise(layers):
            below.mask &= above.mask.any(1)
            for node in torch.nonzero(~below.mask.any(0) & above.mask.any(1))[:, 0].tolist():
                _fold_node_(above, node)


def _fold_node_(layer: KANLayer, node: int) -> None:
    """Mask the edges of an input that is always 0, whose constants pass to other splines of its targets.

    The basis sums to 1, so a constant is the same number in all coefficients of a spline.
    """
    constants = layer.postacts(layer.weight.new_zeros(1, layer.in_dim))[0, node].tolist()
    for j in torch.nonzero(layer.mask[node])[:, 0].tolist():
        layer.mask[node, j] = False
        splines = torch.nonzero((layer.mask & ~layer.symbolic_mask())[:, j])[:, 0].tolist()
        if j < layer.out_dim - layer.products:
            if splines:
                layer.weight[splines[0], :-1, j] += constants[j]
        elif splines:
            layer.weight[splines[0], :, j] *= constants[j]
        else:
            layer.mask[node, j] = True


@torch.no_grad()
def remove_dead_nodes(network: Network) -> Network:
    """The same function without the hidden nodes that have neither incoming nor outgoing edges.

    Every layer keeps at least one node.
    """
    nodes = [torch.arange(network.config.width[0])]
    for below, above in pairwise(network.stack):
        alive = torch.nonzero(below.mask.any(0) | above.mask.any(1))[:, 0]
        nodes.append(alive if len(alive) else torch.zeros(1, dtype=torch.long))
    return select_nodes(network, [*nodes, torch.arange(network.config.width[-1])])


@torch.no_grad()
def select_nodes(network: Network, nodes: Sequence[Int[Tensor, " _"]]) -> Network:
    """The network of some nodes, in their order; the edges between them stay as they are.

    Args:
        network: The network.
        nodes: Of every layer, sums before products. Those of the first layers alone make a network whose
            outputs are the last of them, without direct edges.
    """
    header, depth = network.to_header(), len(nodes) - 1
    layers, is_whole = network.stack[:depth], depth == len(network.stack)
    direct = network.direct if is_whole else None
    width = tuple(len(part) for part in nodes)
    products = tuple(
        int((part >= layer.out_dim - layer.products).sum())
        for layer, part in zip(layers, nodes[1:], strict=True)
    )
    # New index of every remaining node, for symbolic edges
    places = [{int(old): new for new, old in enumerate(part)} for part in nodes]
    selected = (
        type(network)
        .from_header(
            replace(
                header,
                width=width,
                products=products,
                # Groups may differ in size if nodes are missing; the masks still separate them
                groups=header.groups if width == header.width else 1,
                direct=direct is not None,
                grid_sizes=header.grid_sizes if is_whole else header.grid_sizes[:depth],
                symbolic=_relocate_edges(header.symbolic, places, is_whole=is_whole),
            )
        )
        .to(network.stack[0].weight)
    )
    for old, new, nodes_in, nodes_out in zip(layers, selected.stack, nodes, nodes[1:], strict=False):
        new.knots.copy_(old.knots[nodes_in])
        new.mask.copy_(old.mask[nodes_in][:, nodes_out])
        new.weight.copy_(old.weight[nodes_in][:, :, nodes_out])
    if direct is not None and selected.direct is not None:
        selected.direct.load_state_dict(direct.state_dict())
    return selected


def _relocate_edges(
    symbolic: Mapping[EdgePlace, SymbolicEdge], places: list[dict[int, int]], *, is_whole: bool
) -> dict[EdgePlace, SymbolicEdge]:
    """The fixed activations at the new indices of their nodes, without those whose nodes were removed."""
    edges = {}
    for (number, i, j), edge in symbolic.items():
        if number >= len(places) - 1:
            if is_whole:  # a direct edge: inputs and outputs keep their indices
                edges[number, i, j] = edge
        elif i in places[number] and j in places[number + 1]:
            edges[number, places[number][i], places[number + 1][j]] = edge
    return edges
