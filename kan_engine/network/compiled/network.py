"""A network compiled for evaluation with NumPy: read-only tables, without dead nodes and edges."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.expressions.formulas_of_x import find_function
from kan_engine.network.compiled.basis_layer import BasisLayer, compile_basis_layer
from kan_engine.network.compiled.piecewise_layer import (
    PiecewiseLayer,
    compile_piecewise_layer,
    to_readonly_array,
)
from kan_engine.network.kan import KAN
from kan_engine.network.layer import KANLayer, SymbolicEdge
from kan_engine.splines.basis import uniform_spacing

NO_SOURCE_NODE = -1  # source of a multiplication node without incoming edges, which is 0


@dataclass(frozen=True, eq=False)
class CompiledNetwork:
    """The function of a network in float64; created by ``compile_network``.

    It is immutable and keeps no state between calls, so it is thread-safe.

    Args:
        in_dim: Number of inputs.
        layers: The composed layers.
        direct: The direct edges from the inputs to the outputs, if any.
        block: Rows per block, so that memory does not grow with the number of rows.
    """

    in_dim: int
    layers: tuple[CompiledLayer, ...]
    direct: CompiledLayer | None
    block: int

    def __call__(self, x: Float[np.ndarray, "rows inputs"]) -> Float[np.ndarray, "rows outputs"]:
        """Outputs of the network, equal up to rounding; NaN in rows with a non-finite value."""
        x = np.asarray(x, dtype=np.float64)
        if x.shape[1] != self.in_dim:
            raise ValueError(f"the network takes rows of {self.in_dim} inputs, got {x.shape[1]}")
        with np.errstate(all="ignore"):  # NaN and infinity pass through
            if len(x) <= self.block:
                return self._outputs(x)
            y = np.empty((len(x), self.layers[-1].node_count))
            for start in range(0, len(x), self.block):
                block = slice(start, start + self.block)
                y[block] = self._outputs(x[block])
            return y

    def _outputs(self, x: Float[np.ndarray, "rows inputs"]) -> Float[np.ndarray, "rows outputs"]:
        h = x
        for layer in self.layers:
            h = layer(h)
        if self.direct is not None:
            h += self.direct(x)
        # The lookup of pieces hides undefined inputs, so their rows are set to NaN
        finite = np.isfinite(x)
        if not finite.all():
            h[~finite.all(1)] = np.nan
        return h


@dataclass(frozen=True, eq=False)
class CompiledLayer:
    """Splines and fixed functions on the edges into live nodes.

    Every factor of a multiplication node has a column of its own until all are multiplied.

    Args:
        out_dim: Number of columns before multiplication.
        inputs: Indices of the incoming nodes with splines; None for all.
        splines: The sums of the splines; None if there are none.
        fixed: Incoming node, column and function of every symbolic edge.
        factors: Number of columns that each multiplication node multiplies; these columns are the last.
    """

    out_dim: int
    inputs: Int[np.ndarray, " live"] | None
    splines: PiecewiseLayer | BasisLayer | None
    fixed: tuple[tuple[int, int, SymbolicEdge], ...]
    factors: tuple[int, ...] = ()

    @property
    def node_count(self) -> int:
        """Number of columns after multiplication."""
        return self.out_dim - sum(self.factors) + len(self.factors)

    def __call__(self, h: Float[np.ndarray, "rows inputs"]) -> Float[np.ndarray, "rows outputs"]:
        """Sums or products of the incoming activations of every node."""
        if self.splines is None:
            y = np.zeros((len(h), self.out_dim))
        else:
            y = self.splines(h if self.inputs is None else h.take(self.inputs, axis=1))
        for i, j, edge in self.fixed:
            y[:, j] += edge.c * find_function(edge.function).value(edge.a * h[:, i] + edge.b) + edge.d
        if not self.factors:
            return y
        # First column of every product; factors are the last columns
        starts = self.out_dim - np.cumsum(self.factors[::-1])[::-1]
        products = [y[:, start : start + n].prod(1) for start, n in zip(starts, self.factors, strict=True)]
        return np.column_stack([y[:, : starts[0]], *products])


def compile_network(network: KAN, *, block_numbers: int = 2**17) -> CompiledNetwork:
    """Compile all nodes on which an output depends; later changes of the network do not affect the result.

    Nodes without a live path to an output are omitted, so that undefined values there have no effect.

    Args:
        network: The network to compile.
        block_numbers: Numbers that a layer processes per block: 1 MB, which stays in the cache.
    """
    nodes = _live_nodes(network)
    layers = tuple(
        _compile_layer(layer, *ends) for layer, ends in zip(network.stack, pairwise(nodes), strict=True)
    )
    direct = None if network.direct is None else _compile_layer(network.direct, nodes[0], nodes[-1])
    all_layers = layers if direct is None else (*layers, direct)
    # The layer with most numbers per row limits the block
    widest = max(1 if layer.splines is None else layer.splines.row_size for layer in all_layers)
    return CompiledNetwork(network.config.width[0], layers, direct, max(1, block_numbers // widest))


def _live_nodes(network: KAN) -> list[Int[Tensor, " live"]]:
    """Nodes of every layer on which an output depends; all inputs, so that they keep their indices."""
    nodes = [torch.arange(network.config.width[-1])]
    # From the outputs backwards: a node is live if an edge leads from it to a live node
    for layer in reversed(network.stack[1:]):
        nodes.insert(0, torch.nonzero(layer.mask.cpu()[:, nodes[0]].any(1))[:, 0])
    return [torch.arange(network.config.width[0]), *nodes]


def _compile_layer(
    layer: KANLayer, incoming: Int[Tensor, " incoming"], outgoing: Int[Tensor, " outgoing"]
) -> CompiledLayer:
    knots, weight = (tensor.detach().double().cpu() for tensor in (layer.knots, layer.weight))
    columns, factors = _columns(layer, incoming.tolist(), outgoing.tolist())
    nodes = torch.tensor([node for node, _ in columns], dtype=torch.long)
    # Splines from every input to every column; the column of a factor takes a single one
    spline_mask = layer.trainable_mask().cpu()[incoming][:, nodes]
    for place, (_, source) in enumerate(columns):
        if source is not None:
            spline_mask[:, place] &= incoming == source
    # Inputs without splines are left out, and the weights of all other edges are 0
    inputs = torch.nonzero(spline_mask.any(1))[:, 0]
    weight = (weight[incoming][:, :, nodes] * spline_mask.unsqueeze(1))[inputs]
    places = {int(node): place for place, node in enumerate(incoming)}
    ends = {column: place for place, column in enumerate(columns)}
    symbolic_edges = (
        (i, ends.get((j, None), ends.get((j, i))), edge)
        for (i, j), edge in sorted(layer.symbolic.items())
        if layer.mask[i, j]
    )
    return CompiledLayer(
        out_dim=len(columns),
        inputs=None if len(inputs) == len(incoming) else to_readonly_array(inputs),
        splines=_compile_splines(layer, knots[incoming[inputs]], weight) if len(inputs) else None,
        fixed=tuple((places[i], end, edge) for i, end, edge in symbolic_edges if end is not None),
        factors=factors,
    )


def _columns(
    layer: KANLayer, incoming: list[int], outgoing: list[int]
) -> tuple[list[tuple[int, int | None]], tuple[int, ...]]:
    """Node of every column, with the source node if the column is a factor; number of factors per product."""
    sums = layer.out_dim - layer.products
    columns: list[tuple[int, int | None]] = [(node, None) for node in outgoing if node < sums]
    factors = []
    for node in outgoing:
        if node >= sums:
            entering: list[int] = [i for i in incoming if layer.mask[i, node]] or [NO_SOURCE_NODE]
            columns += [(node, i) for i in entering]
            factors.append(len(entering))
    return columns, tuple(factors)


def _compile_splines(
    layer: KANLayer, knots: Float[Tensor, "in_dim knots"], weight: Float[Tensor, "in_dim terms out_dim"]
) -> PiecewiseLayer | BasisLayer:
    """Compile the splines to the faster of two equivalent forms.

    The estimates in nanoseconds per row and input were measured on one core for k = 2, 3, 5, G = 5, 20 and
    1 to 64 outputs. ``PiecewiseLayer`` looks up the polynomials of all edges that leave an input, which takes
    10 + 0.4·(k+1)·out. ``BasisLayer`` needs uniform grids; basis functions and matrix product take
    5 + 2.7·(k+1) + (G+k+1)·(0.3 + 0.035·out). For cubic splines on five intervals both are equal at seven
    outputs.
    """
    order, base = layer.order, layer.base
    spacing = uniform_spacing(knots, order)
    terms, out_dim = weight.shape[1:]
    by_pieces = 10 + 0.4 * (order + 1) * out_dim
    by_basis = 5 + 2.7 * (order + 1) + terms * (0.3 + 0.035 * out_dim)
    if spacing is not None and by_basis < by_pieces:
        return compile_basis_layer(knots, weight, order, spacing, base)
    return compile_piecewise_layer(knots, weight, order, spacing, base)
