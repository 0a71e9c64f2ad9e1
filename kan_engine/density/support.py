"""Possible ends of a column's support, such as 0 for waiting times."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from kan_engine.density.thresholds import DensityThresholds


def possible_ends(x: Float[np.ndarray, " rows"], thresholds: DensityThresholds) -> tuple[float, float]:
    """Possible ends of the support: the simplest numbers just below and just above all values.

    An end lies within ``end_gaps`` mean gaps of the extreme value. If the density near an end is low, ``x``
    does not determine it: the gaps are wide, and the end lies far off.
    """
    gaps = thresholds.end_gaps
    sorted_values = np.sort(x)
    low, high = float(sorted_values[0]), float(sorted_values[-1])
    # Mean gap between the outermost values on each side
    near = max(1, int(thresholds.end_share * len(sorted_values)))
    below = (float(sorted_values[min(near, len(sorted_values) - 1)]) - low) / near
    above = (high - float(sorted_values[max(0, len(sorted_values) - 1 - near)])) / near
    return simplest_number(low - gaps * below, low), simplest_number(high, high + gaps * above)


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
