"""Possible ends of a column's support, such as 0 for waiting times."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

END_GAPS = 3  # mean gaps between values near an end, by which the support may extend beyond the last one
END_SHARE = 0.05  # of the values


def possible_ends(x: Float[np.ndarray, " rows"]) -> tuple[float, float]:
    """Possible ends of the support: the simplest numbers just below and just above all values.

    An end lies within ``END_GAPS`` mean gaps of the extreme value: a density that continues at the same level
    leaves so long an interval empty with a probability of e^-END_GAPS. If the density near an end is low,
    ``x`` does not determine it: the gaps are wide, and the end lies far off.
    """
    ordered = np.sort(x)
    low, high = float(ordered[0]), float(ordered[-1])
    near = max(1, int(END_SHARE * len(ordered)))
    below = (float(ordered[min(near, len(ordered) - 1)]) - low) / near
    above = (high - float(ordered[max(0, len(ordered) - 1 - near)])) / near
    return simplest_number(low - END_GAPS * below, low), simplest_number(high, high + END_GAPS * above)


def simplest_number(low: float, high: float) -> float:
    """The number with the fewest digits in a range; of several the one nearest to the middle."""
    if low <= 0 <= high:
        return 0.0
    if not high > low:
        return low
    exponent = math.floor(math.log10(max(abs(low), abs(high)))) + 1
    for digits in range(18):
        unit = 10.0 ** (exponent - digits)
        first, last = math.ceil(low / unit), math.floor(high / unit)
        if first <= last:
            place = min(max(round((low + high) / 2 / unit), first), last)
            return float(f"{place * unit:.{digits + 1}g}")
    return (low + high) / 2
