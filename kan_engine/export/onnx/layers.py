"""Compiled layers as ONNX nodes, with the same tables and the same order of operations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from onnx import TensorProto, helper

from kan_engine.export.onnx.functions import write_function, write_numpy
from kan_engine.export.onnx.graph import Graph
from kan_engine.network.compiled.basis_layer import BasisLayer
from kan_engine.network.compiled.network import CompiledLayer, CompiledNetwork
from kan_engine.network.compiled.piecewise_layer import IrregularPieces, PiecewiseLayer, UniformPieces
from kan_engine.network.layer import SymbolicEdge


def write_network(g: Graph, network: CompiledNetwork, x: str) -> str:
    """Write the outputs [rows, out] of the network; NaN in rows with a value that is not finite."""
    h = x
    for layer in network.layers:
        h = _write_layer(g, layer, h)
    if network.direct is not None:
        h = g.add("Add", h, _write_layer(g, network.direct, x))
    zero_or_nan = g.add("ReduceSum", g.add("Sub", x, x), g.integers(1))  # 0, and NaN if a value is not finite
    return g.add("Add", h, zero_or_nan)


def _write_layer(g: Graph, layer: CompiledLayer, h: str) -> str:
    if layer.splines is None:
        y = g.fill_like(h, 0.0, layer.out_dim)
    else:
        read = h if layer.inputs is None else g.select_columns(h, layer.inputs.tolist())
        y = _write_splines(g, layer.splines, read)
    if layer.fixed:
        y = _add_symbolic_edges(g, layer, h, y)
    return _append_products(g, layer, y) if layer.factors else y


def _write_splines(g: Graph, splines: PiecewiseLayer | BasisLayer, x: str) -> str:
    return (
        _write_pieces(g, splines, x) if isinstance(splines, PiecewiseLayer) else _write_basis(g, splines, x)
    )


def _add_symbolic_edges(g: Graph, layer: CompiledLayer, h: str, y: str) -> str:
    """Add c · f(a·h + b) + d of every symbolic edge to its column of y."""
    columns = [[g.select_columns(y, [place])] for place in range(layer.out_dim)]
    for i, j, edge in layer.fixed:
        columns[j].append(_write_edge(g, edge, g.select_columns(h, [i])))
    return g.concatenate(*(g.sum(*column) for column in columns))


def _write_edge(g: Graph, edge: SymbolicEdge, h: str) -> str:
    inner = g.shift(g.scale(h, edge.a), edge.b)
    return g.shift(g.scale(write_function(g, edge.function, inner), edge.c), edge.d)


def _append_products(g: Graph, layer: CompiledLayer, y: str) -> str:
    """The sum nodes, followed by the products of the last columns."""
    start = layer.out_dim - sum(layer.factors)
    parts = [_slice_columns(g, y, 0, start)] if start else []
    for count in layer.factors:
        parts.append(_product(g, y, range(start, start + count)))
        start += count
    return g.concatenate(*parts)


def _slice_columns(g: Graph, y: str, start: int, end: int) -> str:
    return g.add("Slice", y, g.integers(start), g.integers(end), g.integers(1))


def _product(g: Graph, y: str, places: Sequence[int]) -> str:
    product = g.select_columns(y, [places[0]])
    for place in places[1:]:
        product = g.add("Mul", product, g.select_columns(y, [place]))
    return product


def _write_pieces(g: Graph, layer: PiecewiseLayer, x: str) -> str:
    """Multiply powers and coefficients for every row; see ``PieceLayer``."""
    find = layer.find
    rows, u = (
        _locate_uniform(g, find, x) if isinstance(find, UniformPieces) else _locate_irregular(g, find, x)
    )
    inputs, powers = len(layer.low), layer.powers
    outputs = layer.table.shape[1] // powers
    # The coefficients of the pieces of all inputs form one matrix per row
    entries = g.add("Gather", g.constant(layer.table), rows, axis=0)
    coefficients = g.add("Reshape", entries, g.integers(0, inputs * powers, outputs))
    sides = g.add("Reshape", _powers(g, u, powers), g.integers(0, 1, inputs * powers))
    y = g.add("Squeeze", g.add("MatMul", sides, coefficients), g.integers(1))
    if layer.base is None:
        return y
    inside = g.clip(x, layer.low.T, layer.high.T)
    base = write_numpy(g, layer.function.value, inside)
    return g.add("Add", y, g.add("MatMul", base, g.constant(layer.base)))


def _locate_uniform(g: Graph, find: UniformPieces, x: str) -> tuple[str, str]:
    """Row of the table, and position in the piece, for every input."""
    u = g.add("Mul", g.shift(x, -find.low.T), g.constant(find.density.T))
    # Pieces -1 and G are the lines outside the grid
    piece = g.clip(g.add("Floor", u), -1.0, find.size)
    return g.cast_to_index(g.shift(piece, find.intervals.T)), g.add("Sub", u, piece)


def _locate_irregular(g: Graph, find: IrregularPieces, x: str) -> tuple[str, str]:
    """The same for irregular grids, by counting the grid points that are not above an input."""
    grids = np.stack(find.grids)
    is_reached = g.add("GreaterOrEqual", g.add("Unsqueeze", x, g.integers(2)), g.constant(grids))
    count = g.add("ReduceSum", g.add("Cast", is_reached, to=TensorProto.INT64), g.integers(2), keepdims=0)
    # The pieces of one input follow those of the previous input
    offsets = np.arange(len(grids)) * (grids.shape[1] + 1)
    rows = g.add("Add", count, g.constant(offsets, np.int64))
    origin, density = (
        g.add("Gather", g.constant(table), rows, axis=0) for table in (find.origins, find.densities)
    )
    return rows, g.add("Mul", g.add("Sub", x, origin), density)


def _powers(g: Graph, u: str, count: int) -> str:
    """1, u, u², … [rows, inputs, count]; from the square on, u is clipped to [-1, 1]."""
    deep = g.add("Unsqueeze", u, g.integers(2))
    unit = helper.make_tensor("", TensorProto.DOUBLE, [1], [1.0])
    powers = [g.add("ConstantOfShape", g.add("Shape", deep), value=unit), deep]
    if count > 2:
        near = g.clip(deep, -1.0, 1.0)
        powers.append(g.add("Mul", near, near))
        while len(powers) < count:
            powers.append(g.add("Mul", powers[-1], near))
    return g.add("Concat", *powers, axis=2)


def _write_basis(g: Graph, layer: BasisLayer, x: str) -> str:
    """Evaluate basis functions of uniform grids and multiply once for all edges; see ``BasisLayer``."""
    inputs, size = len(layer.low), len(layer.weight)
    terms, count = size // inputs, len(layer.polynomials)
    # Beyond the grid, splines and base function continue along their tangents
    inside = g.clip(x, layer.low, layer.high)
    beyond = g.add("Sub", x, inside)
    u = g.add("Mul", g.shift(inside, -layer.low), g.constant(layer.density))
    max_interval = terms - count - 1.0
    interval = g.add("Min", g.add("Floor", u), g.constant(max_interval))
    u = g.add("Unsqueeze", g.add("Sub", u, interval), g.integers(2))
    steps = g.add("Unsqueeze", g.add("Mul", beyond, g.constant(layer.density)), g.integers(2))
    slopes = g.add("Mul", _horner(g, layer.slopes, u), steps)
    local = g.add("Add", _horner(g, layer.polynomials, u), slopes)
    value, slope = (write_numpy(g, f, inside) for f in (layer.function.value, layer.function.slope))
    base = g.add("Add", value, g.add("Mul", slope, beyond))
    start = g.cast_to_index(g.clip(interval, 0.0, max_interval))
    # The k + 1 functions that are not 0 in the interval, at their places among all terms
    places = g.add("Add", g.add("Unsqueeze", start, g.integers(2)), g.constant(np.arange(count), np.int64))
    shape = g.add("Concat", g.add("Shape", x), g.integers(terms - 1), axis=0)
    zero = helper.make_tensor("", TensorProto.DOUBLE, [1], [0.0])
    empty = g.add("ConstantOfShape", shape, value=zero)
    basis = g.add("ScatterElements", empty, places, local, axis=2)
    features = g.add("Concat", basis, g.add("Unsqueeze", base, g.integers(2)), axis=2)
    return g.add("MatMul", g.add("Reshape", features, g.integers(0, size)), g.constant(layer.weight))


def _horner(g: Graph, coefficients: tuple[Float[np.ndarray, "local 1 1"], ...], u: str) -> str:
    """Evaluate all polynomials at once, [rows, inputs, local]."""
    highest, *lower_coefs = (c.reshape(-1) for c in coefficients)
    total = g.scale(u, highest)
    for c in lower_coefs[:-1]:
        total = g.add("Mul", g.shift(total, c), u)
    return g.shift(total, lower_coefs[-1])
