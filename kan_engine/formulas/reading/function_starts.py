"""The grid of inner constants from which fits of library functions to a curve start.

Its values are the same for all curves over the same points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kan_engine.expressions.library import LIBRARY, Function
from kan_engine.formulas.core.thresholds import FunctionFitThresholds

Array = NDArray[np.float64]

MAX_FUNCTION_VALUE = 1e100  # beyond it squares overflow


@dataclass(frozen=True, eq=False)
class FunctionStarts:
    """Values of functions at the points, for a grid of inner constants.

    Attributes:
        function: Index of the function in the library, per start.
        values: Values of each start at the points, [starts, points].
        unit: The same, centered and scaled to length 1.
        free: Whether a and b are refined.
    """

    function: NDArray[np.int64]
    a: Array
    b: Array
    values: Array
    unit: Array
    free: tuple[bool, bool]

    @staticmethod
    def build(u: Array, constants: str, limits: FunctionFitThresholds) -> FunctionStarts:
        """Evaluate all functions with ``plain``, ``one`` or ``both`` inner constants of the grid.

        Args:
            u: Points, in ascending order.
            constants: Which inner constants the functions have.
            limits: Sizes of the grid.
        """
        numbers, pairs, values = [], [], []
        for number, function in enumerate(LIBRARY.values()):
            grid = _constant_grid(function, u, constants, limits)
            if function.searched and len(grid):
                with np.errstate(all="ignore"):
                    found = np.asarray(function.value(grid[:, :1] * u + grid[:, 1:]))
                size = np.abs(found).max(1, initial=0.0)
                good = size < MAX_FUNCTION_VALUE  # false for NaN
                good[good] = np.ptp(found[good], axis=1) > 1e-9 * size[good]
                numbers.append(np.full(int(good.sum()), number))
                pairs.append(grid[good])
                values.append(found[good])
        all_values, all_pairs = np.concatenate(values), np.concatenate(pairs)
        centered = all_values - all_values.mean(1, keepdims=True)
        scale = np.linalg.norm(centered, axis=1, keepdims=True)
        return FunctionStarts(
            function=np.concatenate(numbers),
            a=all_pairs[:, 0],
            b=all_pairs[:, 1],
            values=all_values,
            unit=centered / np.maximum(scale, 1e-300),
            free=(constants != "plain", constants == "both"),
        )

    def function_names(self, places: NDArray[np.int64]) -> list[str]:
        """Names of the functions of these starts."""
        library = list(LIBRARY)
        return [library[number] for number in self.function[places]]

    def select_best(self, v: Array, count: int, line: Array | None) -> NDArray[np.int64]:
        """Return the ``count`` best starts of each function for a curve, or for its residual to a line.

        Args:
            v: Values of the curve at the points.
            count: Starts of each function.
            line: A centred line of length 1 beside which the functions are fitted.
        """
        target = v - v.mean()
        explained = (self.unit @ target) ** 2
        if line is not None:
            along = self.unit @ line
            rest = np.maximum(1 - along**2, 1e-12)
            explained = (self.unit @ target - along * float(line @ target)) ** 2 / rest
        order = np.lexsort((-explained, self.function))
        first = np.concatenate([[True], np.diff(self.function[order]) != 0])
        rank = np.arange(len(order)) - np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
        return order[rank < count]


def _constant_grid(function: Function, u: Array, constants: str, limits: FunctionFitThresholds) -> Array:
    """Return pairs (a, b) that scale with the interval of u; empty if a function has no such constants."""
    low, high = float(u[0]), float(u[-1])
    half = max((high - low) / 2, 1e-300)
    if function.is_scale_free:  # a = ±1 suffices
        return _shift_grid(function, low, high, half, constants, limits.far_shifts)
    if constants == "plain":
        return np.zeros((0, 2))
    least, top = limits.scales
    is_periodic, is_exponential = (function.equation == kind for kind in ("periodic", "exponential"))
    top = limits.max_periodic_scale if is_periodic else top
    if constants == "one":
        scales = np.geomspace(least, top, limits.scale_count) / half
        scales = np.concatenate([scales, -scales]) if is_exponential else scales
        return np.stack([scales, np.zeros(len(scales))], 1)
    if is_exponential:  # a shift is a factor
        return np.zeros((0, 2))
    count = limits.scale_count if is_periodic else limits.joint_scale_count
    scales = np.geomspace(least, top, count) / half
    if is_periodic:
        phases = np.linspace(-np.pi, np.pi, limits.phase_count + 1)[:-1]
        return np.array([(scale, phase) for scale in scales for phase in phases])
    centers = np.linspace(low - half, high + half, limits.center_count)
    return np.array([(a, -a * center) for scale in scales for a in (scale, -scale) for center in centers])


def _shift_grid(
    function: Function, low: float, high: float, half: float, constants: str, far_shifts: Sequence[float]
) -> Array:
    signs = (1.0, -1.0) if function.is_one_sided else (1.0,)
    if constants == "plain":
        return np.array([(sign, 0.0) for sign in signs])
    if function.name == "x" or constants == "both":
        return np.zeros((0, 2))
    far = half * np.array(far_shifts)
    shifts = np.concatenate([low - far[::-1], np.linspace(low - 4 * half, high + 4 * half, 41), high + far])
    return np.array([(sign, -sign * s) for sign in signs for s in shifts])
