"""Tensor-product splines: every unknown is a sum of products of B-splines, one factor per axis.

u(x_1 … x_d) = Σ C[i_1 … i_d] · B_{i_1}(x_1) · … · B_{i_d}(x_d)

With one variable this is a KAN without hidden nodes. With more it is a KAN whose hidden nodes multiply (see
``low_rank_network``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.interpolate import BSpline, NdBSpline

from kan_engine.splines.knots import extend_knots

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class SplineAxis:
    """B-splines along one axis.

    Args:
        grid: The G + 1 grid points, increasing.
        order: Order k of the splines.
    """

    grid: Float[Array, " grid"]
    order: int

    @staticmethod
    def uniform(low: float, high: float, size: int, order: int) -> SplineAxis:
        """Axis of ``size`` equal intervals from ``low`` to ``high``."""
        return SplineAxis(np.linspace(low, high, size + 1), order)

    @property
    def size(self) -> int:
        """Number of intervals G."""
        return len(self.grid) - 1

    @property
    def terms(self) -> int:
        """Number of basis functions, G + k."""
        return self.size + self.order

    @cached_property
    def knots(self) -> Float[Array, " knots"]:
        """The grid extended by k points on each side, G + 1 + 2k."""
        return extend_knots(torch.from_numpy(self.grid)[None], self.order)[0].numpy()

    @cached_property
    def _basis(self) -> BSpline:
        """All basis functions; those of the first and the last interval continue outside the grid."""
        return BSpline(self.knots, np.eye(self.terms), self.order)

    def matrix(self, points: Float[Array, "*points"], derivative: int = 0) -> Float[Array, "*points terms"]:
        """All basis functions at the points, or a derivative of them."""
        values: Array = self._basis(points, derivative)
        return values

    def nonzero_terms(self, points: Float[Array, " points"]) -> Int[Array, "points local"]:
        """Indices of the k + 1 functions that are not 0 in the interval of each point."""
        interval = np.clip(np.searchsorted(self.grid, points, side="right") - 1, 0, self.size - 1)
        indices: Array = interval[:, None] + np.arange(self.order + 1)
        return indices

    @cached_property
    def interpolation_matrix(self) -> Float[Array, "terms terms"]:
        """All basis functions at the interpolation points."""
        return self.matrix(self.interpolation_points())

    def interpolation_points(self) -> Float[Array, " terms"]:
        """G + k points at which values determine a spline uniquely.

        These are the Greville points, the means of k neighbouring knots, where knots outside the grid are
        moved to its ends. This change of the knots leaves the spline space on the grid the same.
        """
        knots = np.clip(self.knots, self.grid[0], self.grid[-1])
        if self.order == 0:
            middles: Array = (knots[1:] + knots[:-1]) / 2
            return middles
        means = np.convolve(knots[1:-1], np.ones(self.order) / self.order, "valid")
        return np.clip(means, self.grid[0], self.grid[-1])


@dataclass(frozen=True, eq=False)
class TensorSpline:
    """Unknown functions on a box, as tensor-product splines.

    Args:
        axes: Splines along every axis.
        coef: Coefficients C, [unknowns, terms of axis 1, …].
    """

    axes: tuple[SplineAxis, ...]
    coef: Float[Array, " unknowns *terms"]

    @staticmethod
    def zero(axes: Sequence[SplineAxis], unknowns: int) -> TensorSpline:
        """Unknowns that are 0 everywhere."""
        return TensorSpline(tuple(axes), np.zeros((unknowns, *(axis.terms for axis in axes))))

    def evaluate_grid(
        self, places: Sequence[Float[Array, " _"]], orders: Sequence[int] | None = None
    ) -> Float[Array, " unknowns *points"]:
        """Values, or a derivative, at all combinations of points along the axes.

        Args:
            places: Points along every axis.
            orders: Order of the derivative along every axis; None for values.
        """
        derivatives = orders or [0] * len(self.axes)
        matrices = [
            axis.matrix(at, order) for axis, at, order in zip(self.axes, places, derivatives, strict=True)
        ]
        return multiply_axes(self.coef, matrices)

    def evaluate_points(
        self, points: Float[Array, "rows axes"], orders: Sequence[int] | None = None
    ) -> Float[Array, "unknowns rows"]:
        """Values, or a derivative, at given points.

        Args:
            points: One point per row.
            orders: Order of the derivative along every axis; None for values.
        """
        knots, degrees = zip(*((axis.knots, axis.order) for axis in self.axes), strict=True)
        result: Array = NdBSpline(knots, np.moveaxis(self.coef, 0, -1), degrees)(points, nu=orders).T
        return result

    def change_axes(self, axes: Sequence[SplineAxis]) -> TensorSpline:
        """The same functions on other grids, by interpolation; exact if these contain all present points."""
        values = self.coef
        for number, (old, new) in enumerate(zip(self.axes, axes, strict=True), 1):
            if old is not new:
                # Interpolation on the new grid: the old basis at its points determines the new coefficients
                change = np.linalg.solve(new.interpolation_matrix, old.matrix(new.interpolation_points()))
                values = _multiply_axis(values, change, number)
        return replace(self, axes=tuple(axes), coef=values)

    @staticmethod
    def interpolate(axes: Sequence[SplineAxis], values: Float[Array, " unknowns *terms"]) -> TensorSpline:
        """The functions that take these values at the interpolation points of the axes."""
        inverses = [np.linalg.inv(axis.interpolation_matrix) for axis in axes]
        return TensorSpline(tuple(axes), multiply_axes(values, inverses))

    def magnitudes(self) -> Float[Array, " unknowns"]:
        """Largest absolute value of every unknown at the interpolation points.

        The result is at least 1e-9 of the largest unknown's value, so that it can be a divisor.
        """
        values = np.abs(multiply_axes(self.coef, [axis.interpolation_matrix for axis in self.axes]))
        largest = values.reshape(len(values), -1).max(1)
        sizes: Array = np.maximum(largest, 1e-9 * largest.max() + 1e-300)
        return sizes

    def resolution_errors(self, axis: int) -> Float[Array, "unknowns intervals"]:
        """Resolution error of each interval of an axis, in units of the unknowns.

        The k-th derivative of a spline is constant between knots. Its change between neighbouring intervals,
        times hᵏ/k!, is the error of one polynomial on both. The result is the maximum over the other axes.
        """
        along = self.axes[axis]
        k = along.order
        middles = (along.grid[1:] + along.grid[:-1]) / 2
        places = [
            middles if number == axis else spline_axis.interpolation_points()
            for number, spline_axis in enumerate(self.axes)
        ]
        orders = [k if number == axis else 0 for number in range(len(self.axes))]
        # The highest derivative is constant on each interval; its jumps at inner grid points show the error
        highest = np.moveaxis(self.evaluate_grid(places, orders), axis + 1, -1)
        width = np.diff(along.grid)
        change = np.abs(np.diff(highest, axis=-1))
        other_axes = tuple(range(1, highest.ndim - 1))
        change = change.max(other_axes) if other_axes else change
        jumps = np.zeros((len(change), along.size + 1))
        jumps[:, 1:-1] = change
        factorial = float(np.prod(np.arange(1, k + 1)))
        # Every interval takes the larger of the jumps at its two ends
        result: Array = np.maximum(jumps[:, 1:], jumps[:, :-1]) * width**k / factorial
        return result


def multiply_axes(
    values: Float[Array, "*dims"], matrices: Sequence[Float[Array, "_ _"]]
) -> Float[Array, "*products"]:
    """The values, multiplied by one matrix along each of their last axes."""
    for number, matrix in enumerate(matrices, values.ndim - len(matrices)):
        values = _multiply_axis(values, matrix, number)
    return values


def _multiply_axis(
    values: Float[Array, "*dims"], matrix: Float[Array, "rows columns"], axis: int
) -> Float[Array, "*products"]:
    return np.moveaxis(np.tensordot(values, matrix, (axis, 1)), -1, axis)
