"""The grid of inner constants from which fits of library functions to a curve start.

Its values are the same for all curves over the same points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray

from kan_engine.expressions.library import LIBRARY, Function

Array = NDArray[np.float64]

MAX_FUNCTION_VALUE = 1e100  # beyond it squares overflow


@dataclass(frozen=True, eq=False)
class FunctionStarts:
    """Functions f(a·u + b) for a grid of inner constants.

    Attributes:
        functions: Index of the function in the library, per start.
        constants: a and b [starts, 2].
        may_move: Whether a and b are refined [starts, 2]; neither is for functions without inner constants.
        values: Values at the points [starts, points].
    """

    functions: NDArray[np.int64]
    constants: Array
    may_move: NDArray[np.bool_]
    values: Array

    @staticmethod
    def build(u: Float[Array, " points"], functions: Iterable[Function]) -> FunctionStarts:
        """Evaluate functions with none, one and both inner constants of the grid.

        Starts of one function with the same free constants are neighbours.

        Args:
            u: Points, in ascending order.
            functions: Of the library.
        """
        numbers, constants = list[int](), list[Array]()
        may_move, values = list[NDArray[np.bool_]](), list[Array]()
        for function in functions:
            for free, pairs in _list_grids(function, u):
                grid = np.asarray(pairs, dtype=float)
                # All pairs of constants at once; those with huge, undefined or constant values are no starts
                with np.errstate(all="ignore"):
                    function_values = np.asarray(function.value(grid[:, :1] * u + grid[:, 1:]))
                size = np.abs(function_values).max(1)
                good = size < MAX_FUNCTION_VALUE  # false for NaN
                good[good] = np.ptp(function_values[good], axis=1) > 1e-9 * size[good]
                numbers += [list(LIBRARY).index(function.name)] * int(good.sum())
                constants.append(grid[good])
                may_move.append(np.broadcast_to(np.array(free), grid[good].shape))
                values.append(function_values[good])
        return FunctionStarts(
            np.array(numbers, dtype=np.int64),
            np.concatenate(constants),
            np.concatenate(may_move),
            np.concatenate(values),
        )

    def select(self, places: Int[np.ndarray, " selected"]) -> FunctionStarts:
        """Some of the starts."""
        return FunctionStarts(
            self.functions[places], self.constants[places], self.may_move[places], self.values[places]
        )

    @cached_property
    def deviations(self) -> Float[Array, "starts points"]:
        """The values about their means."""
        return np.asarray(self.values - self.values.mean(1, keepdims=True))

    @cached_property
    def _groups(self) -> Int[np.ndarray, " starts"]:
        """Number of the function and set of free constants of every start."""
        return self.functions * 4 + self.may_move @ (1, 2)

    def find_best(self, gains: Float[Array, " starts"], count: int) -> Int[np.ndarray, " selected"]:
        """Places of the ``count`` starts of each function and set of free constants that explain most."""
        # Sorted by group, then by gain: a start's rank in its group is its distance from the first one
        order = np.lexsort((-gains, self._groups))
        begins = np.searchsorted(self._groups[order], self._groups[order])
        return np.sort(order[np.arange(len(order)) - begins < count])


def _list_grids(
    function: Function,
    u: Float[Array, " points"],
    *,
    far_shifts: tuple[float, ...] = (6.0, 9.0, 14.0, 22.0, 34.0),
    scales: tuple[float, float] = (0.15, 8.0),
    max_periodic_scale: float = 30.0,
    scale_count: int = 28,
    joint_scale_count: int = 14,
    center_count: int = 7,
    phase_count: int = 8,
) -> Iterator[tuple[tuple[bool, bool], ArrayLike]]:
    """Yield which of a and b are free, and pairs (a, b) that scale with the interval of u.

    Args:
        function: Of the library.
        u: Points, in ascending order.
        far_shifts: Over half the range: for nearly straight curves, such as log(1 + x) at small x.
        scales: Smallest and largest |a| times half the range.
        max_periodic_scale: The largest of periodic functions.
        scale_count, joint_scale_count: Values of a, alone and together with b.
        center_count, phase_count: Values of b, of other and of periodic functions.
    """
    low, high = float(u[0]), float(u[-1])
    half_range = max((high - low) / 2, 1e-300)
    if function.is_scale_free:  # a = ±1 suffices
        signs = (1.0, -1.0) if function.is_one_sided else (1.0,)
        yield (False, False), [(sign, 0.0) for sign in signs]
        if function.name != "x":
            far, near = (
                half_range * np.array(far_shifts),
                np.linspace(low - 4 * half_range, high + 4 * half_range, 41),
            )
            shifts = np.concatenate([low - far[::-1], near, high + far])
            yield (False, True), [(sign, -sign * shift) for sign in signs for shift in shifts]
        return
    is_periodic, is_exponential = (function.equation == kind for kind in ("periodic", "exponential"))
    # Scales are geometric, as a curve changes with the ratio of a
    min_scale, max_scale = scales[0], max_periodic_scale if is_periodic else scales[1]
    alone = np.geomspace(min_scale, max_scale, scale_count) / half_range
    yield (True, False), [(sign * a, 0.0) for sign in (1, -1)[: 1 + is_exponential] for a in alone]
    if is_periodic:
        phases = np.linspace(-np.pi, np.pi, phase_count + 1)[:-1]
        yield (True, True), [(a, phase) for a in alone for phase in phases]
    elif not is_exponential:  # whose shift is a factor
        centers = np.linspace(low - half_range, high + half_range, center_count)
        joint = np.geomspace(min_scale, max_scale, joint_scale_count) / half_range
        yield (True, True), [(a, -a * center) for size in joint for a in (size, -size) for center in centers]
