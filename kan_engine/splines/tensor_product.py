"""Splines of several variables: every unknown is a sum of products of B-splines, one for each axis.

u(x_1 … x_d) = Σ C[i_1 … i_d] · B_{i_1}(x_1) · … · B_{i_d}(x_d)

For one variable this is a KAN without hidden nodes; for more, one whose hidden nodes multiply (see
``separation``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int

from kan_engine.splines.basis import local_basis
from kan_engine.splines.knots import extend_knots

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Axis:
    """The splines along one axis.

    Args:
        grid: Its G + 1 points, increasing.
        order: k.
    """

    grid: Float[Array, " grid"]
    order: int

    @staticmethod
    def uniform(low: float, high: float, size: int, order: int) -> Axis:
        """Equal intervals."""
        return Axis(np.linspace(low, high, size + 1), order)

    @property
    def size(self) -> int:
        """Intervals G."""
        return len(self.grid) - 1

    @property
    def terms(self) -> int:
        """Basis functions, G + k."""
        return self.size + self.order

    @cached_property
    def knots(self) -> Float[Array, " knots"]:
        """The grid, with k points more on each side."""
        return extend_knots(torch.from_numpy(self.grid)[None], self.order)[0].numpy()

    def local(
        self, points: Float[Array, " points"], highest: int
    ) -> tuple[Int[Array, " points"], Float[Array, "derivatives points local"]]:
        """The first of the k + 1 functions that do not vanish, and these with their derivatives."""
        knots = torch.from_numpy(self.knots)[None]
        basis = local_basis(torch.from_numpy(points)[:, None].clone(), knots, self.order, None)
        values = np.stack([basis.values(m)[:, :, 0].numpy().T for m in range(highest + 1)])
        return basis.first[:, 0].numpy(), values

    def matrix(self, points: Float[Array, " points"], derivative: int = 0) -> Float[Array, "points terms"]:
        """All basis functions, or a derivative of them."""
        first, values = self.local(points, derivative)
        dense = np.zeros((len(points), self.terms))
        columns = first[:, None] + np.arange(self.order + 1)
        np.put_along_axis(dense, columns, values[derivative], 1)
        return dense

    def gauss(self, per_interval: int) -> tuple[Float[Array, "cells points"], Float[Array, "cells points"]]:
        """Gauss-Legendre points of every interval, and their weights; all weights add up to 1."""
        nodes, weights = np.polynomial.legendre.leggauss(per_interval)
        middle, half = (self.grid[1:] + self.grid[:-1]) / 2, np.diff(self.grid) / 2
        points = middle[:, None] + half[:, None] * nodes
        return points, half[:, None] * weights / (self.grid[-1] - self.grid[0])

    def interpolation(self) -> Float[Array, " terms"]:
        """As many points as there are functions, at which values determine a spline.

        Means of k neighbouring knots (Greville), were those off the grid moved to its ends: that leaves the
        splines on the grid the same.
        """
        knots = np.clip(self.knots, self.grid[0], self.grid[-1])
        if self.order == 0:
            middles: Array = (knots[1:] + knots[:-1]) / 2
            return middles
        means = np.convolve(knots[1:-1], np.ones(self.order) / self.order, "valid")
        return np.clip(means, self.grid[0], self.grid[-1])


@dataclass(frozen=True, eq=False)
class TensorSpline:
    """Unknown functions on a box.

    Args:
        axes: Splines along every axis.
        coef: C, [unknowns, terms of axis 1, …].
    """

    axes: tuple[Axis, ...]
    coef: Float[Array, unknowns * terms]

    @staticmethod
    def zero(axes: Sequence[Axis], unknowns: int) -> TensorSpline:
        """Unknowns that are 0."""
        return TensorSpline(tuple(axes), np.zeros((unknowns, *(axis.terms for axis in axes))))

    def on_grid(
        self, places: Sequence[Float[Array, " _"]], orders: Sequence[int] | None = None
    ) -> Float[Array, unknowns * points]:
        """Values, or a derivative, at all combinations of places along the axes."""
        values = self.coef
        for number, (axis, points) in enumerate(zip(self.axes, places, strict=True)):
            matrix = axis.matrix(points, orders[number] if orders else 0)
            values = np.moveaxis(np.tensordot(values, matrix, (number + 1, 1)), -1, number + 1)
        return values

    def at(
        self, points: Float[Array, "rows axes"], orders: Sequence[int] | None = None
    ) -> Float[Array, "unknowns rows"]:
        """Values, or a derivative, at given points."""
        letters = "abcdefgh"[: len(self.axes)]
        matrices = [
            axis.matrix(points[:, number], orders[number] if orders else 0)
            for number, axis in enumerate(self.axes)
        ]
        terms = ",".join(f"r{letter}" for letter in letters)
        result: Array = np.einsum(f"u{letters},{terms}->ur", self.coef, *matrices, optimize=True)
        return result

    def moved(self, axes: Sequence[Axis]) -> TensorSpline:
        """The same functions on other grids, by interpolation: exactly, if those have all points of these."""
        values = self.coef
        for number, (old, new) in enumerate(zip(self.axes, axes, strict=True)):
            if old is new:
                continue
            places = new.interpolation()
            change = np.linalg.solve(new.matrix(places), old.matrix(places))
            values = np.moveaxis(np.tensordot(values, change, (number + 1, 1)), -1, number + 1)
        return replace(self, axes=tuple(axes), coef=values)

    @staticmethod
    def through(axes: Sequence[Axis], values: Float[Array, unknowns * terms]) -> TensorSpline:
        """The functions with these values at the interpolation points of the axes."""
        for number, axis in enumerate(axes):
            inverse = np.linalg.inv(axis.matrix(axis.interpolation()))
            values = np.moveaxis(np.tensordot(values, inverse, (number + 1, 1)), -1, number + 1)
        return TensorSpline(tuple(axes), values)

    def sizes(self) -> Float[Array, " unknowns"]:
        """Largest absolute value of every unknown, as far as interpolation points show it.

        Not less than a billionth of the largest of them, so that it may stand in a quotient.
        """
        values = np.abs(self.on_grid([axis.interpolation() for axis in self.axes]))
        largest = values.reshape(len(values), -1).max(1)
        sizes: Array = np.maximum(largest, 1e-9 * largest.max() + 1e-300)
        return sizes

    def jumps(self, axis: int) -> Float[Array, "unknowns intervals"]:
        """How far each interval of an axis is from being resolved, in units of the unknowns.

        The k-th derivative of a spline is constant between knots. Its change from an interval to the next,
        times hᵏ/k!, is what one polynomial for both would be wrong by; the largest over the other axes.
        """
        along = self.axes[axis]
        k = along.order
        middles = (along.grid[1:] + along.grid[:-1]) / 2
        places = [
            middles if number == axis else each.interpolation() for number, each in enumerate(self.axes)
        ]
        orders = [k if number == axis else 0 for number in range(len(self.axes))]
        highest = np.moveaxis(self.on_grid(places, orders), axis + 1, -1)
        width = np.diff(along.grid)
        change = np.abs(np.diff(highest, axis=-1))
        other = tuple(range(1, highest.ndim - 1))
        change = change.max(other) if other else change
        padded = np.zeros((len(change), along.size + 1))
        padded[:, 1:-1] = change
        factorial = float(np.prod(np.arange(1, k + 1)))
        result: Array = np.maximum(padded[:, 1:], padded[:, :-1]) * width**k / factorial
        return result
