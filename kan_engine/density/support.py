"""Possible ends of a column's support, such as 0 for waiting times."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float


def possible_ends(
    x: Float[np.ndarray, " rows"], *, end_gaps: int = 3, end_share: float = 0.05
) -> tuple[float, float]:
    """Possible ends of the support: the simplest numbers just below and just above all values.

    An end lies within ``end_gaps`` mean gaps of the extreme value. If the density near an end is low, ``x``
    does not determine it: the gaps are wide, and the end lies far off.

    Args:
        end_gaps: Mean gaps between values near an end, by which the support may extend beyond the last one. A
            density that continues at the same level leaves so long an interval empty with a probability of
            exp(-end_gaps).
        end_share: Of the values, for the mean gap.
    """
    sorted_values = np.sort(x)
    low, high = float(sorted_values[0]), float(sorted_values[-1])
    # Mean gap between the outermost values on each side
    near = max(1, int(end_share * len(sorted_values)))
    below = (float(sorted_values[min(near, len(sorted_values) - 1)]) - low) / near
    above = (high - float(sorted_values[max(0, len(sorted_values) - 1 - near)])) / near
    return simplest_number(low - end_gaps * below, low), simplest_number(high, high + end_gaps * above)


def simplest_number(low: float, high: float) -> float:
    """The number with the fewest digits in a range; of several the one nearest to the middle."""
    if low <= 0 <= high:
        return 0.0
    if not high > low:
        return low
    exponent = math.floor(math.log10(max(abs(low), abs(high)))) + 1
    # From the coarsest decimal unit to the finest, until a multiple lies in the range
    for digits in range(18):
        unit = 10.0 ** (exponent - digits)
        first_multiple, last_multiple = math.ceil(low / unit), math.floor(high / unit)
        if first_multiple <= last_multiple:
            place = min(max(round((low + high) / 2 / unit), first_multiple), last_multiple)
            return float(f"{place * unit:.{digits + 1}g}")
    return (low + high) / 2
