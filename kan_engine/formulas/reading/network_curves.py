"""The live curves of a small network at fixed rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from numpy import ndarray

from kan_engine.network.kan import KAN
from kan_engine.network.layer import KANLayer

CurveByInput = Mapping[int, Float[ndarray, " rows"]]


@dataclass(frozen=True, eq=False)
class NodeCurves:
    """The curves of a hidden node that adds.

    Attributes:
        entering: By column.
        values: Of the node.
        leaving: The curve to the output.
    """

    entering: CurveByInput
    values: Float[ndarray, " rows"]
    leaving: Float[ndarray, " rows"]


@dataclass(frozen=True, eq=False)
class NetworkCurves:
    """The curves of a network with one output, in the scale of the network.

    Attributes:
        direct: The curves from columns to the output.
        nodes: The hidden nodes.
        variance: Of the output.
    """

    direct: CurveByInput
    nodes: tuple[NodeCurves, ...]
    variance: float

    @staticmethod
    @torch.no_grad()
    def compute(network: KAN, z: Float[ndarray, "rows columns"]) -> NetworkCurves:
        """Compute all curves of a network with at most one hidden layer at scaled rows."""
        x = torch.from_numpy(z)
        variance, first = float(network(x)[:, 0].var(correction=0)), network.stack[0]
        if len(network.stack) == 1:
            return NetworkCurves(_compute_curves(first, x, 0), (), variance)
        hidden = first(x)
        nodes = tuple(
            NodeCurves(_compute_curves(first, x, node), hidden[:, node].numpy(), leaving)
            for node, leaving in _compute_curves(network.stack[1], hidden, 0).items()
        )
        direct = {} if network.direct is None else _compute_curves(network.direct, x, 0)
        return NetworkCurves(direct, nodes, variance)


def _compute_curves(layer: KANLayer, x: torch.Tensor, node: int) -> dict[int, Float[ndarray, " rows"]]:
    """The live curves into a node, by input."""
    inputs = torch.nonzero(layer.mask[:, node])[:, 0].tolist()
    values = layer.postacts(x)[:, :, node].numpy()
    return {place: values[:, place] for place in inputs}
