"""Importance of inputs and hidden nodes: for the outputs, or for another node."""

from collections import Counter

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.network.edits import cut_after
from kan_engine.network.kan import KAN
from kan_engine.network.pruning import edge_scores


@torch.no_grad()
def node_scores(network: KAN, x: Float[Tensor, "rows in_dim"]) -> list[Float[Tensor, " _"]]:
    """Importance of the nodes of every layer for the outputs: sums of the scores of edges that leave them."""
    scores = edge_scores(network, x)
    nodes = [score.sum(1) for score in scores[: len(network.stack)]]
    if network.direct is not None:
        nodes[0] = nodes[0] + scores[-1].sum(1)
    return [*nodes, x.new_ones(network.config.width[-1])]


def feature_score(network: KAN, x: Float[Tensor, "rows in_dim"]) -> Float[Tensor, " in_dim"]:
    """Importance of the inputs for the outputs."""
    return node_scores(network, x)[0]


def attribute(
    network: KAN, x: Float[Tensor, "rows in_dim"], layer: int, node: int
) -> Float[Tensor, " in_dim"]:
    """Importance of the inputs for a node; its shares sum to 1, unless the node is constant."""
    return feature_score(cut_after(network, layer, [node]), x)


def feature_interaction(
    network: KAN,
    x: Float[Tensor, "rows in_dim"],
    layer: int,
    *,
    neuron_th: float = 1e-2,
    feature_th: float = 1e-2,
) -> dict[tuple[int, ...], int]:
    """The sets of inputs that act together in a node of a layer, and the number of nodes of each.

    Args:
        network: The network.
        x: Rows for the scores.
        layer: Number of the layer of nodes.
        neuron_th: Smallest score of an input of a node that is counted.
        feature_th: Smallest share of the largest score of an input, with which it belongs to the set.
    """
    sets = Counter[tuple[int, ...]]()
    for node in range(network.config.width[layer]):
        scores = attribute(network, x, layer, node)
        if float(scores.max()) > neuron_th:
            sets[tuple((scores > feature_th * scores.max()).nonzero()[:, 0].tolist())] += 1
    return dict(sets)
