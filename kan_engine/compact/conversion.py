"""Convert curves to a KAN with direct edges and one hidden layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.compact.curve_basis import CurveBasis, NodeBasis
from kan_engine.compact.curves import Curves
from kan_engine.network.kan import KAN, KANConfig, resize_grid_
from kan_engine.network.layer import KANLayer


@torch.no_grad()
def build_network(curves: Curves, bases: Sequence[CurveBasis], node_basis: NodeBasis, width: int) -> KAN:
    """Return the network of these curves.

    The constants of the outputs are added to a live edge each: the splines of an input sum to 1.

    Args:
        curves: Every output needs one.
        bases: Of the sources.
        node_basis: Of the curves of hidden nodes.
        width: Number of encoded columns.
    """
    outputs, nodes = len(curves.constants), list(curves.nodes)
    order = node_basis.order
    grids = [len(basis.knots) - 1 - 2 * order for basis in bases if basis.knots is not None]
    size = max(grids, default=1)
    is_direct = any(edge.layer == "direct" for edge in curves.edges)
    widths = (width, len(nodes), outputs) if nodes else (width, outputs)
    network = KAN(KANConfig(width=widths, grid_size=size, order=order, direct=bool(nodes) and is_direct))
    direct = network.direct if nodes else network.stack[0]
    inner_layer = network.stack[0] if nodes else None
    # No edge is live until a curve is written into it
    for layer in (direct, inner_layer):
        if layer is not None:
            layer.mask[:] = False
            _set_knots_(layer, bases)
    # A curve has mean 0 but its splines do not: the difference is a constant of the end of its edge
    constants = curves.constants.copy()
    shifts = dict.fromkeys(nodes, 0.0)
    for edge in curves.edges:
        curve = curves.by_edge[edge].coefficients
        if edge.layer == "direct":
            assert direct is not None  # noqa: S101 - there is a direct edge
            constants[edge.end] += _write_curve_(direct, bases[edge.start], curve, edge.end)
        elif edge.layer == "inner":
            assert inner_layer is not None  # noqa: S101 - there is a node
            shifts[edge.end] += _write_curve_(inner_layer, bases[edge.start], curve, nodes.index(edge.end))
    # A node collects the constants of its incoming edges; any one of these can hold their sum
    if inner_layer is not None:
        for place, node in enumerate(nodes):
            _add_constant_(inner_layer, shifts[node], place)
        _write_outer_(network.stack[1], curves, node_basis, nodes)
    for output, constant in enumerate(constants.tolist()):
        output_layer = (
            direct if direct is not None and bool(direct.mask[:, output].any()) else network.stack[-1]
        )
        _add_constant_(output_layer, constant, output)
    return network


def _set_knots_(layer: KANLayer, bases: Sequence[CurveBasis]) -> None:
    for basis in bases:
        if basis.knots is not None:
            layer.knots[basis.source.columns[0]] = torch.from_numpy(basis.knots)


def _write_curve_(layer: KANLayer, basis: CurveBasis, curve: Float[np.ndarray, " terms"], end: int) -> float:
    """Write a curve into a layer; return the constant that is missing."""
    coefficients, constant = basis.coefficients(curve)
    columns = list(basis.source.columns)
    layer.mask[columns, end] = True
    if basis.knots is not None:
        layer.weight[columns[0], :-1, end] = torch.from_numpy(coefficients)
        return constant
    assert basis.levels is not None  # noqa: S101 - a category has levels
    # A level is a line, 0 at the lower value of its column and the curve's value at the upper one
    for column, value, (low, high) in zip(columns, coefficients, basis.levels, strict=True):
        points = layer.knots[column, 1:-1].unfold(0, layer.order, 1).mean(-1)  # Greville: the line itself
        layer.weight[column, :-1, end] = value * (points - low) / (high - low)
    return constant


def _write_outer_(layer: KANLayer, curves: Curves, node_basis: NodeBasis, nodes: list[int]) -> None:
    resize_grid_(layer, len(node_basis.knots) - 1 - 2 * node_basis.order)
    layer.knots[:] = torch.from_numpy(node_basis.knots)
    layer.mask[:] = False
    for edge in curves.edges:
        if edge.layer == "outer":
            place = nodes.index(edge.start)
            layer.mask[place, edge.end] = True
            coefficients = node_basis.matrix @ curves.by_edge[edge].coefficients
            layer.weight[place, :-1, edge.end] = torch.from_numpy(coefficients)


def _add_constant_(layer: KANLayer, constant: float, end: int) -> None:
    start = int(torch.nonzero(layer.mask[:, end])[0, 0])
    layer.weight[start, :-1, end] += constant
