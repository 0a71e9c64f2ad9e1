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
    """The curves of a hidden node.

    Attributes:
        entering: By column.
        values: Of the node.
        leaving: The curve to the output.
        place: Of the node in its layer.
        is_product: Whether the node multiplies the curves that enter it; else it adds them.
    """

    entering: CurveByInput
    values: Float[ndarray, " rows"]
    leaving: Float[ndarray, " rows"]
    place: int = 0
    is_product: bool = False


@dataclass(frozen=True, eq=False)
class NetworkCurves:
    """The curves to one output of a network.

    Attributes:
        direct: The curves from columns to the output.
        nodes: The hidden nodes.
    """

    direct: CurveByInput
    nodes: tuple[NodeCurves, ...]

    @staticmethod
    @torch.no_grad()
    def compute(
        network: KAN, x: Float[torch.Tensor, "rows columns"], output: int = 0, scale: float = 1.0
    ) -> NetworkCurves:
        """Compute all curves of a network with at most one hidden layer.

        Args:
            network: The network.
            x: Scaled rows.
            output: Of the network.
            scale: Factor of the curves to the output.
        """
        input_layer = network.stack[0]
        if len(network.stack) == 1:
            return NetworkCurves(_compute_curves(input_layer, x, output, scale), ())
        node_values = input_layer(x)
        nodes = tuple(
            NodeCurves(
                _compute_curves(input_layer, x, node),
                node_values[:, node].numpy(),
                leaving,
                node,
                node >= input_layer.out_dim - input_layer.products,
            )
            for node, leaving in _compute_curves(network.stack[1], node_values, output, scale).items()
        )
        direct = {} if network.direct is None else _compute_curves(network.direct, x, output, scale)
        return NetworkCurves(direct, nodes)


def _compute_curves(
    layer: KANLayer, x: Float[torch.Tensor, "rows columns"], node: int, scale: float = 1.0
) -> dict[int, Float[ndarray, " rows"]]:
    """The live curves into a node, by input."""
    # Live edges alone: the others contribute nothing
    inputs = torch.nonzero(layer.mask[:, node])[:, 0].tolist()
    values = layer.postacts(x)[:, :, node].numpy()
    return {place: values[:, place] * scale for place in inputs}
