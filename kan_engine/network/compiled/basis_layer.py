"""Compiled layers on uniform grids: basis functions and one matrix product for all edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.network.compiled.piecewise_layer import to_readonly_array
from kan_engine.splines.base_functions import BASE_FUNCTIONS, BaseFunction
from kan_engine.splines.basis import Spacing, cardinal_polynomials
from kan_engine.splines.knots import grid_range


@dataclass(frozen=True, eq=False)
class BasisLayer:
    """Evaluates a layer on uniform grids by its basis functions and one matrix product for all edges.

    Args:
        low, high: Ends of the grids.
        density: Intervals per unit length, as in ``Spacing``.
        polynomials, slopes: The k + 1 local functions and their slopes in u, highest power first.
        weight: Weights, [in · (G + k + 1), out].
        function: Base function.
    """

    low: Float[np.ndarray, " inputs"]
    high: Float[np.ndarray, " inputs"]
    density: Float[np.ndarray, " inputs"]
    polynomials: tuple[Float[np.ndarray, "local 1 1"], ...]
    slopes: tuple[Float[np.ndarray, "local 1 1"], ...]
    weight: Float[np.ndarray, "terms outputs"]
    function: BaseFunction

    @property
    def row_size(self) -> int:
        """Numbers in memory per row during evaluation."""
        return len(self.weight)

    def __call__(self, x: Float[np.ndarray, "rows inputs"]) -> Float[np.ndarray, "rows outputs"]:
        """Product of the feature tensor and the weights."""
        # Interval of every input and position in it, within the grid
        inside = x.clip(self.low, self.high)
        u = inside - self.low
        u *= self.density
        terms = len(self.weight) // len(self.low)
        last_interval = terms - len(self.polynomials) - 1.0
        interval = np.minimum(np.floor(u), last_interval)
        u -= interval
        local, base, beyond = _horner(self.polynomials, u), self.function.value(inside), x - inside
        # Outside the grid all terms continue along their tangents
        if beyond.any():
            local += _horner(self.slopes, u) * (beyond * self.density)
            base = base + self.function.slope(inside) * beyond
        # The nonzero terms of every input, in a dense row for one matrix product
        features = np.zeros((*x.shape, terms))
        flat = features.reshape(-1)
        starts = np.arange(0, flat.size, terms)
        starts += np.clip(interval.astype(np.intp), 0, int(last_interval)).reshape(
            -1
        )  # any for NaN: u is NaN
        for offset, values in enumerate(local):
            flat[offset:][starts] = values.reshape(-1)
        features[..., -1] = base
        y: np.ndarray = features.reshape(len(x), len(self.weight)) @ self.weight
        return y


def compile_basis_layer(
    knots: Float[Tensor, "in_dim knots"],
    weight: Float[Tensor, "in_dim terms out_dim"],
    order: int,
    spacing: Spacing,
    base: str,
) -> BasisLayer:
    """Compile a layer on uniform grids; the tensors must be float64 on the CPU."""
    low, high = grid_range(knots, order)
    polynomials, slopes = (
        tuple(
            to_readonly_array(c) for c in cardinal_polynomials(order, derivative, torch.float64, knots.device)
        )
        for derivative in (0, 1)
    )
    return BasisLayer(
        low=to_readonly_array(low),
        high=to_readonly_array(high),
        density=to_readonly_array(spacing.density),
        polynomials=polynomials,
        slopes=slopes,
        weight=to_readonly_array(weight.flatten(0, 1)),
        function=BASE_FUNCTIONS[base],
    )


def _horner(
    coefficients: tuple[Float[np.ndarray, "local 1 1"], ...], u: Float[np.ndarray, "rows inputs"]
) -> Float[np.ndarray, "local rows inputs"]:
    total: np.ndarray = coefficients[0] * u
    for c in coefficients[1:-1]:
        total += c
        total *= u
    total += coefficients[-1]
    return total
