"""Assembly of equations, conditions and measurements as rows of a least-squares problem, on given grids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
import torch
from jaxtyping import Float, Int

from kan_engine.differential.jets import Jet
from kan_engine.differential.problem import DifferentialProblem, Residual
from kan_engine.expressions.evaluation import evaluate, value_and_jacobian
from kan_engine.numerics.quadrature import gauss_legendre
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline, multiply_axes

Array = np.ndarray


@dataclass(frozen=True)
class SolverState:
    """The current unknowns and estimated coefficients."""

    spline: TensorSpline
    coefficients: Float[Array, " coefficients"]

    def permute_axes(self, order: Sequence[int]) -> SolverState:
        """The state with its axes in another order."""
        axes = tuple(self.spline.axes[a] for a in order)
        coef = self.spline.coef.transpose(0, *(1 + a for a in order))
        return replace(self, spline=TensorSpline(axes, np.ascontiguousarray(coef)))


@dataclass(frozen=True)
class Anchor:
    """Prescribed values of an unknown, or of its derivative along an axis, at one place of this axis.

    Attributes:
        axis, place: Axis, and the value of its variable.
        unknown, order: Number of the unknown, and order of its derivative along the axis.
        values: The prescribed values as a function of the places along all axes.
    """

    axis: int
    place: float
    unknown: int
    order: int
    values: Callable[[Sequence[Array]], Array]

    def permute_axes(self, order: Sequence[int]) -> Anchor:
        """The anchor with its axes in another order."""
        back = np.argsort(order)

        def values(places: Sequence[Float[Array, " _"]]) -> Float[Array, "*points"]:
            return self.values([places[a] for a in back]).transpose(order)

        return replace(self, axis=order.index(self.axis), values=values)


@dataclass(frozen=True)
class AxisCells:
    """The cells of a residual along one axis: points, weights and basis functions.

    Attributes:
        points: Quadrature points [cells, points].
        weights: Their weights; they sum to 1.
        terms: For each fixed place, or None for the points, the nonzero basis functions of each cell.
        values: For the same keys, these functions [derivatives, cells, points, k + 1].
    """

    points: Float[Array, "cells points"]
    weights: Float[Array, "cells points"]
    terms: dict[float | None, Int[Array, "cells local"]]
    values: dict[float | None, Float[Array, "derivatives cells points local"]]

    def matrix(self, place: float | None, order: int, count: int) -> Float[Array, "rows terms"]:
        """All ``count`` basis functions at the points of all cells, or a derivative of them.

        It is not kept: on a fine grid it is far larger than all else.
        """
        values = self.values[place][order]
        dense = np.zeros((*values.shape[:2], count))
        np.put_along_axis(dense, np.broadcast_to(self.terms[place][:, None], values.shape), values, 2)
        return dense.reshape(-1, count)


def locate_cells(
    axis: SplineAxis, places: tuple[float, ...] | None, per_interval: int, highest: int
) -> AxisCells:
    """The cells of a residual along an axis; with given ``places`` one cell with one point."""
    if places is None:
        # Gauss points of all intervals; the points of an interval share their nonzero basis functions
        points, weights = (
            values.reshape(axis.size, per_interval) for values in gauss_legendre(axis.grid, per_interval)
        )
        weights = weights / (axis.grid[-1] - axis.grid[0])
        all_points = dict[float | None, Array]({None: points})
    else:
        points, weights = np.full((1, 1), places[0]), np.ones((1, 1))
        all_points = {place: np.full((1, 1), place) for place in places}
    terms = {place: axis.nonzero_terms(at[:, 0]) for place, at in all_points.items()}
    orders = range(highest + 1)
    values = {
        place: np.stack(
            [np.take_along_axis(axis.matrix(at, order), terms[place][:, None], 2) for order in orders]
        )
        for place, at in all_points.items()
    }
    return AxisCells(points, weights, terms, values)


Rows = tuple[torch.Tensor, torch.Tensor]
"""Rows of some cells [r J], [cells, rows, terms], and the column of each term.

The order of the columns: residuals, estimated coefficients, and the coefficients of the splines, by basis
function along the first axis, unknown function, and basis functions along the other axes.
"""


class ResidualBlock:
    """Rows of one residual on given grids, and their dependence on the spline coefficients.

    Args:
        problem: The problem, for its names.
        residual: The formula that must vanish.
        axes: The grids.
        weight: Factor of the rows.
        max_chunk_numbers: Of the Jacobian that is assembled at a time.
        anchor: Values that are subtracted from the residual.
    """

    def __init__(
        self,
        problem: DifferentialProblem,
        residual: Residual,
        axes: Sequence[SplineAxis],
        weight: float,
        *,
        max_chunk_numbers: int,
        anchor: Anchor | None = None,
    ) -> None:
        self.problem, self.residual, self.axes, self.weight = problem, residual, axes, weight
        self._max_chunk_numbers = max_chunk_numbers
        jets = residual.jets
        highest = [max((jet.orders[a] for jet in jets), default=0) for a in range(len(axes))]
        self.reaches = [
            locate_cells(axis, residual.fixed.get(number), points_per_interval(axis), highest[number])
            for number, axis in enumerate(axes)
        ]
        self.unknowns = sorted({jet.unknown for jet in jets})
        self.groups = list(dict.fromkeys(jet.at for jet in jets))
        self.target = 0.0 if anchor is None else anchor.values([r.points.reshape(-1) for r in self.reaches])

    @property
    def is_tied(self) -> bool:
        """Whether it couples different places along the first axis."""
        return len({at[0] for at in self.groups}) > 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along every axis."""
        return tuple(reach.points.size for reach in self.reaches)

    @cached_property
    def columns(self) -> dict[str, Float[Array, "*points"]]:
        """Coordinates of all points, by name."""
        grids = np.meshgrid(*(reach.points.reshape(-1) for reach in self.reaches), indexing="ij")
        return dict(zip(self.problem.independent, grids, strict=True))

    @cached_property
    def root_weights(self) -> Float[Array, "*points"]:
        """Square roots of the quadrature weights of all points."""
        # Weights of a tensor product of quadrature rules; the rows of least squares take their roots
        total = np.ones(())
        for reach in self.reaches:
            total = total[..., None] * reach.weights.reshape(-1)
        return np.sqrt(total)

    def jet_values(self, jet: Jet, spline: TensorSpline) -> Float[Array, "*points"]:
        """Values of a jet at all points."""
        # Basis functions along every axis, differentiated as often as the jet demands
        matrices = [
            reach.matrix(jet.at[number], jet.orders[number], axis.terms)
            for number, (reach, axis) in enumerate(zip(self.reaches, self.axes, strict=True))
        ]
        return np.broadcast_to(multiply_axes(spline.coef[jet.unknown], matrices), self.shape)

    def _leaf_values(self, state: SolverState) -> list[Float[Array, " ..."]]:
        """Values of the residual's parameters at all points."""
        return [
            self.jet_values(leaf, state.spline)
            if isinstance(leaf, Jet)
            else np.asarray(state.coefficients[self.problem.coefficients.index(leaf)])
            for leaf in self.residual.leaves
        ]

    def evaluate(self, state: SolverState) -> tuple[Float[Array, "*points"], Float[Array, "*points leaves"]]:
        """The unweighted residual at all points, and its derivatives in its leaves."""
        values, slopes = value_and_jacobian(self.residual.tree, self.columns, self._leaf_values(state))
        return values - self.target, slopes

    def sum_of_squares(self, state: SolverState) -> float:
        """Contribution to the objective."""
        values = evaluate(self.residual.tree, self.columns, self._leaf_values(state)) - self.target
        return float(np.square(self.weight * self.root_weights * values).sum())

    def rows(self, state: SolverState) -> Iterator[Rows]:
        """The weighted rows, some cells at a time."""
        values, slopes = self.evaluate(state)
        weights = self.weight * self.root_weights
        cells = [reach.points.shape for reach in self.reaches]
        # Weighted rows, grouped by cell: the rows of a cell involve the same unknowns
        values, slopes = (
            _group_by_cell(values * weights, cells),
            _group_by_cell(slopes * weights[..., None], cells),
        )
        leaves = list(self.residual.leaves)
        local = prod(axis.order + 1 for axis in self.axes)
        # Slabs of cells whose Jacobian fits into memory
        numbers = values[0].size * local * len(self.unknowns) * len(self.groups)
        chunk = max(1, self._max_chunk_numbers // max(numbers, 1))
        coefficients = [number for number, leaf in enumerate(leaves) if not isinstance(leaf, Jet)]
        border = [0, *(1 + self.problem.coefficients.index(leaves[number]) for number in coefficients)]
        for start in range(0, len(values), chunk):
            part = slice(start, start + chunk)
            groups = [self._group_jacobian(at, slopes[part], part, leaves) for at in self.groups]
            blocks = [values[part][..., None], slopes[part][..., coefficients], *groups]
            columns = [self._columns(at, part) for at in self.groups]
            columns.insert(0, np.broadcast_to(border, (*columns[0].shape[:2], len(border))))
            yield (
                torch.from_numpy(np.concatenate(blocks, -1)).flatten(0, 1),
                torch.from_numpy(np.concatenate(columns, -1)).flatten(0, 1),
            )

    def _group_jacobian(
        self,
        at: tuple[float | None, ...],
        slopes: Float[Array, "slabs cells rows leaves"],
        part: slice,
        leaves: list[Jet | str],
    ) -> Float[Array, "slabs cells rows terms"]:
        """Jacobian in the coefficients of the jets at one place; [slabs, cells, rows, terms]."""
        reaches = self.reaches
        total: Array | None = None
        for number, leaf in enumerate(leaves):
            if not isinstance(leaf, Jet) or leaf.at != at:
                continue
            # along the first axis [slabs, points, local], then [cells, points, local] of every other one
            product = reaches[0].values[at[0]][leaf.orders[0]][part][:, None]
            for axis, reach in enumerate(reaches[1:], 1):
                values = reach.values[at[axis]][leaf.orders[axis]]
                product = np.einsum("scpi,dqj->scdpqij", product, values)
                s, c, d, p, q, i, j = product.shape
                product = product.reshape(s, c * d, p * q, i * j)
            if total is None:
                total = np.zeros((*product.shape[:3], len(self.unknowns), product.shape[3]))
            # Chain rule: slope of the residual in the jet, times the basis functions of the jet
            total[:, :, :, self.unknowns.index(leaf.unknown)] += slopes[..., number : number + 1] * product
        assert total is not None  # noqa: S101 - every group has at least one jet
        return total.reshape(*total.shape[:3], -1)

    def _columns(self, at: tuple[float | None, ...], part: slice) -> Int[Array, "slabs cells terms"]:
        """Column of each term; [slabs, cells, terms]."""
        first, *others = (reach.terms[place] for reach, place in zip(self.reaches, at, strict=True))
        # Row-major index over all axes but the first
        inner = np.zeros((1, 1), dtype=np.int64)  # [cells, local]
        for axis, place in zip(self.axes[1:], others, strict=True):
            inner = inner[:, None, :, None] * axis.terms + place[None, :, None, :]
            inner = inner.reshape(inner.shape[0] * inner.shape[1], -1)
        size = prod(axis.terms for axis in self.axes[1:])
        along = first[part]
        outer = along[:, None, :] * len(self.problem.unknowns) + np.array(self.unknowns)[:, None]
        full: Array = outer[:, None, :, :, None] * size + inner[None, :, None, None, :]
        return 1 + len(self.problem.coefficients) + full.reshape(len(along), len(inner), -1)


class MeasurementBlock:
    """Rows of measured values of an unknown.

    Args:
        axes: The grids.
        points: Points of the measurements, [rows, axes].
        unknown: Number of the unknown.
        values: Measured values.
        weight: Factor of the root mean square difference.
    """

    is_tied = False

    def __init__(
        self,
        axes: Sequence[SplineAxis],
        points: Float[Array, "rows axes"],
        unknown: int,
        values: Float[Array, " rows"],
        weight: float,
    ) -> None:
        self.axes, self.points, self.unknown = tuple(axes), points, unknown
        self.values, self.weight = values, weight / len(values) ** 0.5

    def residuals(self, state: SolverState) -> Float[Array, " rows"]:
        """Unweighted differences between the unknown and the measurements."""
        difference: Array = state.spline.evaluate_points(self.points)[self.unknown] - self.values
        return difference

    def sum_of_squares(self, state: SolverState) -> float:
        """Contribution to the objective."""
        return float(np.square(self.weight * self.residuals(state)).sum())

    def rows(self, state: SolverState) -> Iterator[Rows]:
        """The weighted rows, each a cell of its own."""
        count = len(self.values)
        # Products of the nonzero basis functions along all axes, and their columns
        columns, values = np.zeros((count, 1), dtype=np.int64), np.full((count, 1), self.weight)
        for number, (axis, points) in enumerate(zip(self.axes, self.points.T, strict=True)):
            place = axis.nonzero_terms(points)
            local = np.take_along_axis(axis.matrix(points), place, 1)
            if number == 0:
                place = place * len(state.spline.coef) + self.unknown
            columns = (columns[:, :, None] * axis.terms + place[:, None, :]).reshape(count, -1)
            values = (values[:, :, None] * local[:, None, :]).reshape(count, -1)
        rows = np.column_stack([self.weight * self.residuals(state), values])
        columns = np.column_stack([np.zeros(count, dtype=np.int64), 1 + len(state.coefficients) + columns])
        yield torch.from_numpy(rows)[:, None], torch.from_numpy(columns)


def points_per_interval(axis: SplineAxis) -> int:
    """Gauss points per interval, so that there are more points than basis functions."""
    return -(-axis.terms // axis.size) + 1


def _group_by_cell(
    values: Float[Array, "*points"], cells: Sequence[tuple[int, int]]
) -> Float[Array, "slabs cells rows *leaves"]:
    """Reshape [points of axis 1, points of axis 2, …] to [cells of axis 1, other cells, points of a cell]."""
    # Split every axis into cells and points, then move the cells of all axes before the points
    extra = values.shape[len(cells) :]
    split = values.reshape(*(n for pair in cells for n in pair), *extra)
    d = len(cells)
    order = [*range(0, 2 * d, 2), *range(1, 2 * d, 2), *range(2 * d, split.ndim)]
    result = split.transpose(order)
    return result.reshape(cells[0][0], prod(c for c, _ in cells[1:]), prod(p for _, p in cells), *extra)
