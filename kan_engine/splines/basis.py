"""B-spline basis functions: the k + 1 that are nonzero at an input, and their indices among all G + k.

Computing only these makes the cost independent of G. On uniform knots they are the same polynomials of the
position between two knots in every interval. On other knots the Cox-de Boor recursion computes them. In both
cases the polynomials of the first and the last interval continue outside the grid, as in
``scipy.interpolate.BSpline(extrapolate=True)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.splines.knots import grid_range


@runtime_checkable
class LocalBasis(Protocol):
    """Basis functions at given inputs; created by ``local_basis``."""

    @property
    def first(self) -> Int[Tensor, "batch in_dim"]:
        """Index of the first of the k + 1 nonzero functions."""

    def values(self, derivative: int = 0) -> Float[Tensor, "local batch in_dim"]:
        """The functions ``first`` … ``first + k``, or their derivatives of the given order."""


def local_basis(
    x: Float[Tensor, "batch in_dim"],
    knots: Float[Tensor, "in_dim knots"],
    order: int,
    spacing: Spacing | None,
) -> LocalBasis:
    """Evaluate the k + 1 nonzero basis functions at ``x``.

    Args:
        x: Inputs, in the units of ``knots``.
        knots: Extended knots t, increasing along the last axis.
        order: Order k of the spline; 0 gives the indicator functions.
        spacing: Result of ``uniform_spacing`` for these knots; None uses the recursion, which is
            correct for all knots.
    """
    return _irregular_basis(x, knots, order) if spacing is None else _uniform_basis(x, knots, order, spacing)


@dataclass(frozen=True)
class Spacing:
    """Lower end of a uniform grid and its number of intervals per unit length, for every input."""

    low: Float[Tensor, " in_dim"]
    density: Float[Tensor, " in_dim"]


def uniform_spacing(
    knots: Float[Tensor, "in_dim knots"], order: int, *, max_rounding_steps: int = 512
) -> Spacing | None:
    """Spacing of knots that are uniform up to rounding, otherwise None.

    Also None for k < 2: values or slopes then jump at the knots, so the interval of an input must be exact.

    Args:
        knots: Extended knots t.
        order: Order k of the spline.
        max_rounding_steps: Machine epsilons, relative to an interval, by which uniform knots may deviate.
    """
    size = knots.shape[1] - 1 - 2 * order
    low, high = grid_range(knots, order)
    # Distance of the knots from equally spaced ones, which rounding alone may explain
    step = ((high - low) / size).unsqueeze(1)
    places = torch.arange(-order, size + order + 1, dtype=knots.dtype, device=knots.device)
    off = (knots - (low.unsqueeze(1) + step * places)).abs()
    is_uniform = bool((off < max_rounding_steps * torch.finfo(knots.dtype).eps * step).all())
    return Spacing(low, 1 / step[:, 0]) if order >= 2 and is_uniform else None


def scatter_local(
    local: Float[Tensor, "local batch in_dim"], first_index: Int[Tensor, "batch in_dim"], size: int
) -> Float[Tensor, "batch in_dim {size}"]:
    """Scatter local values into ``size`` terms, which are 0 elsewhere."""
    dense = torch.zeros(*first_index.shape, size, dtype=local.dtype, device=local.device)
    # The local terms of an input are neighbours, so one flat index, shifted, addresses all of them
    flat, starts = dense.view(-1), _flat_starts(first_index, size)
    for offset, values in enumerate(local):
        flat[offset:].scatter_(0, starts, values.reshape(-1))
    return dense


def dot_local(
    dense: Float[Tensor, "batch in_dim size"],
    local: Float[Tensor, "local batch in_dim"],
    first_index: Int[Tensor, "batch in_dim"],
) -> Float[Tensor, "batch in_dim"]:
    """Sum of ``dense · scatter_local(local)`` over the terms, computed without the zeros."""
    flat, starts = dense.reshape(-1), _flat_starts(first_index, dense.shape[-1])
    total = torch.zeros_like(starts, dtype=dense.dtype)
    for offset, values in enumerate(local):
        total.addcmul_(flat[offset:].index_select(0, starts), values.reshape(-1))
    return total.view(first_index.shape)


def _flat_starts(first_index: Int[Tensor, "batch in_dim"], size: int) -> Int[Tensor, " _"]:
    """Index of the first local value of every input in the flattened dense tensor."""
    return first_index.reshape(-1) + torch.arange(
        0, first_index.numel() * size, size, device=first_index.device
    )


@dataclass(frozen=True)
class _UniformBasis:
    """Polynomials of the position u in [0, 1) between two knots."""

    first: Int[Tensor, "batch in_dim"]
    u: Float[Tensor, "batch in_dim"]
    density: Float[Tensor, " in_dim"]
    order: int

    def values(self, derivative: int = 0) -> Float[Tensor, "local batch in_dim"]:
        """Evaluate the k + 1 polynomials by Horner's scheme."""
        highest_power, *lower_powers = cardinal_polynomials(
            self.order, derivative, self.u.dtype, self.u.device
        )
        # Horner's scheme in place, for all k + 1 polynomials together
        total = highest_power * self.u if lower_powers else highest_power.expand(-1, *self.u.shape).clone()
        for number, coefficients in enumerate(lower_powers):
            total = total.add_(coefficients)
            if number < len(lower_powers) - 1:
                total = total.mul_(self.u)
        return total.mul_(self.density**derivative) if derivative else total


def _uniform_basis(
    x: Float[Tensor, "batch in_dim"], knots: Float[Tensor, "in_dim knots"], order: int, spacing: Spacing
) -> _UniformBasis:
    last_interval = knots.shape[1] - 2 - 2 * order
    # Inputs outside the grid belong to its first or last interval, whose polynomials continue
    u = (x - spacing.low).mul_(spacing.density)
    interval = u.floor().clamp_(0, last_interval)
    # A NaN is cast to an arbitrary integer, which must be a valid index; u remains NaN.
    return _UniformBasis(interval.long().clamp_(0, last_interval), u.sub_(interval), spacing.density, order)


@lru_cache(maxsize=256)
def cardinal_polynomials(
    order: int, derivative: int, dtype: torch.dtype, device: torch.device
) -> list[Float[Tensor, "local 1 1"]]:
    """Coefficients of the derivatives of the k + 1 polynomials, highest power first."""
    rows = [list(row) for row in _cardinal_coefficients(order)]
    for _ in range(derivative):
        rows = [[power * c for power, c in enumerate(row)][1:] or [Fraction(0)] for row in rows]
    table = torch.tensor([[float(c) for c in row] for row in rows], dtype=dtype).to(device)
    return [column[:, None, None] for column in table.flip(1).unbind(1)]


@lru_cache
def _cardinal_coefficients(order: int) -> list[list[Fraction]]:
    """Coefficients, lowest power first, of B_{m-k} … B_{m} on [t_m, t_{m+1}] with t_m = 0 and t_{m+1} = 1.

    Cox-de Boor recursion with knots at the integers, where j = 0 … k numbers the functions:
    k·B_{j,k}(u) = (u - j + k)·B_{j-1,k-1}(u) + (j + 1 - u)·B_{j,k-1}(u).
    """
    if order == 0:
        return [[Fraction(1)]]
    zero = [Fraction(0)] * order
    lower = [zero, *_cardinal_coefficients(order - 1), zero]
    rows = []
    for j in range(order + 1):
        rising, falling = lower[j], lower[j + 1]
        constant = [(order - j) * a + (j + 1) * b for a, b in zip(rising, falling, strict=True)]
        linear = [a - b for a, b in zip(rising, falling, strict=True)]
        pairs = zip([*constant, Fraction(0)], [Fraction(0), *linear], strict=True)
        rows.append([(c + s) / order for c, s in pairs])
    return rows


@dataclass(frozen=True)
class _IrregularBasis:
    """Values of the triangular scheme: ``levels[p]`` has the p + 1 functions of order p."""

    first: Int[Tensor, "batch in_dim"]
    around: list[Float[Tensor, "batch in_dim"]]
    levels: list[list[Float[Tensor, "batch in_dim"]]]

    def values(self, derivative: int = 0) -> Float[Tensor, "local batch in_dim"]:
        """Compute derivatives as differences of functions of lower order (de Boor, chapter X).

        B'_{m,k}(x) = k / (t_{m+k} - t_m) B_{m,k-1}(x) - k / (t_{m+k+1} - t_{m+1}) B_{m+1,k-1}(x)
        """
        order = len(self.levels) - 1
        if derivative > order:
            return torch.zeros_like(torch.stack(self.levels[order]))
        values = self.levels[order - derivative]
        for k in range(order - derivative + 1, order + 1):
            # Differences of neighbouring functions of lower order, each over the width of its support
            quotients = [
                k * value / (self.around[order + j] - self.around[order + j - k])
                for j, value in enumerate(values)
            ]
            differences = [a - b for a, b in pairwise(quotients)]
            values = [-quotients[0], *differences, quotients[-1]]
        return torch.stack(values)


def _irregular_basis(
    x: Float[Tensor, "batch in_dim"], knots: Float[Tensor, "in_dim knots"], order: int
) -> _IrregularBasis:
    """Cox-de Boor recursion (de Boor, A Practical Guide to Splines, chapters IX and X).

    B_{m,0}(x) = 1 if t_m <= x < t_{m+1} else 0
    B_{m,k}(x) = (x - t_m) / (t_{m+k} - t_m) B_{m,k-1}(x)
               + (t_{m+k+1} - x) / (t_{m+k+1} - t_{m+1}) B_{m+1,k-1}(x)
    """
    last_knots = torch.searchsorted(knots, x.T.contiguous(), right=True).T - 1
    # Inputs outside the grid belong to the nearest interval, whose polynomials continue there
    interval = last_knots.clamp_(order, knots.shape[1] - order - 2)
    around = _knots_around(knots, interval, order)
    values = [torch.ones_like(x)]
    levels = [values]
    # Triangular scheme: a function of order k - 1 contributes to two neighbours of order k
    for k in range(1, order + 1):
        carry, functions = torch.zeros_like(x), []
        for j, value in enumerate(values):
            left_knot, right_knot = around[order + j - k], around[order + j]
            share = value / (right_knot - left_knot)
            functions.append(carry + (right_knot - x) * share)
            carry = (x - left_knot) * share
        values = [*functions, carry]
        levels.append(values)
    return _IrregularBasis(interval - order, around, levels)


def _knots_around(
    knots: Float[Tensor, "in_dim knots"], interval: Int[Tensor, "batch in_dim"], order: int
) -> list[Float[Tensor, "batch in_dim"]]:
    """The 2k knots t_{m-k+1} … t_{m+k} on which the nonzero functions on interval m depend."""
    # Flat indices, since each input has its own row of knots
    rows = torch.arange(0, knots.numel(), knots.shape[1], device=knots.device)
    places = (interval + rows).reshape(-1)
    flat = knots.reshape(-1)
    return [
        flat.index_select(0, places + offset).view(interval.shape) for offset in range(1 - order, order + 1)
    ]
