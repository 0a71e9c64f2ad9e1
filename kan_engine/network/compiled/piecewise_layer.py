"""Compiled layers: the splines of all edges as piecewise polynomials.

The spline of an edge is a polynomial between two grid points and a line outside the grid. Pieces are numbered
from left to right: 0 is the line on the left, 1 … G are the intervals, G + 1 is the line on the right. The
position u of an input in its piece runs from 0 to 1 in an interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from kan_engine.splines.base_functions import BASE_FUNCTIONS, BaseFunction
from kan_engine.splines.basis import Spacing, local_basis


@dataclass(frozen=True, eq=False)
class PiecewiseLayer:
    """Evaluates a layer by looking up the coefficients of all edges that leave an input at once.

    Args:
        find: Computes the row of the table and the position in the piece of every input.
        table: Coefficients, lowest power first, [in · (G + 2), powers · out].
        low, high: Ends of the grids; outside, the lines include the tangent of the base function.
        base: Weights of the base function; None if all are 0.
        function: Base function.
        powers: Number of powers, k + 1; 2 for k = 0, whose base function continues along a line.
    """

    find: UniformPieces | IrregularPieces
    table: Float[np.ndarray, "pieces _"]
    low: Float[np.ndarray, "inputs 1"]
    high: Float[np.ndarray, "inputs 1"]
    base: Float[np.ndarray, "inputs outputs"] | None
    function: BaseFunction
    powers: int

    @property
    def row_size(self) -> int:
        """Numbers in memory per row during evaluation."""
        return len(self.low) * int(self.table.shape[1])

    def __call__(self, x: Float[np.ndarray, "rows inputs"]) -> Float[np.ndarray, "rows outputs"]:
        """Product of powers and coefficients for every row."""
        columns = np.ascontiguousarray(x.T)  # broadcasting along a short last axis is slow
        rows, u = self.find(columns)
        coefficients = self.table.take(rows.T, axis=0, mode="clip")  # a NaN may find any row: u is NaN
        # All edges together: powers of all inputs times their coefficients, one product per row
        count = len(columns) * self.powers
        powers = _powers(u, self.powers).reshape(len(x), 1, count)
        outputs = self.table.shape[1] // self.powers
        y: np.ndarray = np.matmul(powers, coefficients.reshape(len(x), count, outputs))[:, 0]
        # Outside the grid the lines of the table contain the tangent of the base function
        if self.base is not None:
            y += self.function.value(columns.clip(self.low, self.high)).T @ self.base
        return y


@dataclass(frozen=True, eq=False)
class UniformPieces:
    """Finds the pieces of uniform grids by multiplication.

    Args:
        low, density: As in ``Spacing``.
        size: Number of intervals G.
        intervals: Table row of the first interval of every input.
    """

    low: Float[np.ndarray, "inputs 1"]
    density: Float[np.ndarray, "inputs 1"]
    size: float
    intervals: Float[np.ndarray, "inputs 1"]

    def __call__(
        self, x: Float[np.ndarray, "inputs rows"]
    ) -> tuple[Int[np.ndarray, "inputs rows"], Float[np.ndarray, "inputs rows"]]:
        """Rows of the table, and u."""
        u = x - self.low
        u *= self.density
        # The lines on both sides are the pieces -1 and G, counted from the first interval
        piece = np.floor(u)
        piece.clip(-1.0, self.size, out=piece)
        u -= piece
        piece += self.intervals
        return piece.astype(np.intp), u


@dataclass(frozen=True, eq=False)
class IrregularPieces:
    """Finds the pieces of arbitrary grids by bisection.

    Args:
        grids: The G + 1 grid points of every input.
        origins, densities: Position of u = 0 and 1 / width of every piece; [in · (G + 2)].
    """

    grids: tuple[Float[np.ndarray, " points"], ...]
    origins: Float[np.ndarray, " pieces"]
    densities: Float[np.ndarray, " pieces"]

    def __call__(
        self, x: Float[np.ndarray, "inputs rows"]
    ) -> tuple[Int[np.ndarray, "inputs rows"], Float[np.ndarray, "inputs rows"]]:
        """Rows of the table, and u."""
        rows = np.empty(x.shape, dtype=np.intp)
        for i, grid in enumerate(self.grids):
            rows[i] = grid.searchsorted(x[i], side="right")
            rows[i] += i * (len(grid) + 1)
        u = x - self.origins.take(rows)
        u *= self.densities.take(rows)
        return rows, u


def _powers(u: Float[np.ndarray, "inputs rows"], count: int) -> Float[np.ndarray, "rows inputs {count}"]:
    """Powers 1, u, u², …; from the square on of u clipped to [-1, 1].

    Outside [0, 1] the pieces are lines, which need no higher powers; clipping prevents overflow.
    """
    u = np.ascontiguousarray(u.T)
    powers = np.empty((*u.shape, count))
    powers[..., 0] = 1.0
    powers[..., 1] = u
    if count > 2:
        u.clip(-1.0, 1.0, out=u)
        np.multiply(u, u, out=powers[..., 2])
    for power in range(3, count):
        np.multiply(powers[..., power - 1], u, out=powers[..., power])
    return powers


def compile_piecewise_layer(
    knots: Float[Tensor, "in_dim knots"],
    weight: Float[Tensor, "in_dim terms out_dim"],
    order: int,
    spacing: Spacing | None,
    base: str,
) -> PiecewiseLayer:
    """Compile a layer; the tensors must be float64 on the CPU."""
    grid = knots[:, order : knots.shape[1] - order]
    function, base_weight = BASE_FUNCTIONS[base], weight[:, -1]
    table = _piece_table(knots, grid, weight, order, function)  # (in_dim, G + 2, powers, out_dim)
    return PiecewiseLayer(
        find=_irregular_pieces(grid) if spacing is None else _uniform_pieces(grid, spacing),
        table=to_readonly_array(table.flatten(0, 1).flatten(1)),
        low=to_readonly_array(grid[:, :1]),
        high=to_readonly_array(grid[:, -1:]),
        base=to_readonly_array(base_weight) if bool(base_weight.any()) else None,
        function=function,
        powers=table.shape[2],
    )


def _uniform_pieces(grid: Float[Tensor, "in_dim points"], spacing: Spacing) -> UniformPieces:
    in_dim, points = grid.shape
    rows = torch.arange(1, in_dim * (points + 1), points + 1, dtype=grid.dtype)
    low, density, intervals = (to_readonly_array(v[:, None]) for v in (spacing.low, spacing.density, rows))
    return UniformPieces(low, density, float(points - 1), intervals)


def _irregular_pieces(grid: Float[Tensor, "in_dim points"]) -> IrregularPieces:
    steps = grid.diff(dim=1)
    # The lines on both sides take the width of the interval beside them as their unit
    steps = torch.cat([steps[:, :1], steps, steps[:, -1:]], 1)
    origins = torch.cat([grid[:, :1] - steps[:, :1], grid], 1)
    return IrregularPieces(
        tuple(map(to_readonly_array, grid)),
        to_readonly_array(origins.flatten()),
        to_readonly_array(1 / steps.flatten()),
    )


def _piece_table(
    knots: Float[Tensor, "in_dim knots"],
    grid: Float[Tensor, "in_dim points"],
    weight: Float[Tensor, "in_dim terms out_dim"],
    order: int,
    base: BaseFunction,
) -> Float[Tensor, "in_dim _ powers out_dim"]:
    """Coefficients of every piece in u: Taylor coefficients at the left end of the interval."""
    size = grid.shape[1] - 1
    taylor = _derivatives(knots, grid, weight, order)  # (powers, in_dim, G + 1, out_dim)
    steps = grid.diff(dim=1).unsqueeze(-1)
    table = weight.new_zeros(len(grid), size + 2, len(taylor), weight.shape[2])
    # Taylor coefficients at the left end of each interval, in units of its width
    for power in range(order + 1):
        table[:, 1:-1, power] = taylor[power][:, :-1] * steps**power / math.factorial(power)
    # Outside the grid: the tangents of spline and base function together
    ends = grid[:, [0, -1]]
    lines = taylor[1][:, [0, -1]] + base.derivative(ends, 1).unsqueeze(-1) * weight[:, -1:]
    lines = lines * steps[:, [0, -1]]
    table[:, 0, 0], table[:, 0, 1] = taylor[0][:, 0] - lines[:, 0], lines[:, 0]
    table[:, -1, 0], table[:, -1, 1] = taylor[0][:, -1], lines[:, 1]
    return table


def _derivatives(
    knots: Float[Tensor, "in_dim knots"],
    grid: Float[Tensor, "in_dim points"],
    weight: Float[Tensor, "in_dim terms out_dim"],
    order: int,
) -> list[Float[Tensor, "in_dim points out_dim"]]:
    """Values and derivatives of the splines at their grid points, up to order k, at least to the first."""
    local = local_basis(grid.T.contiguous(), knots, order, None)
    inputs = torch.arange(len(grid))[:, None]
    # Weights of the k + 1 basis functions that are nonzero at each grid point
    near = [weight[inputs, local.first.T + j] for j in range(order + 1)]  # (in_dim, points, out_dim)
    derivatives = []
    for derivative in range(max(order, 1) + 1):
        values = local.values(derivative).transpose(1, 2).unsqueeze(-1)
        derivatives.append(sum((v * w for v, w in zip(values, near, strict=True)), torch.zeros_like(near[0])))
    return derivatives


def to_readonly_array(values: Shaped[Tensor, "*dims"]) -> Shaped[np.ndarray, "*dims"]:
    """A read-only NumPy copy."""
    array = values.numpy().copy()
    array.flags.writeable = False
    return array
