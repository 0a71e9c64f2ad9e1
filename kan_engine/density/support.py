"""Where the values of a column can lie at all: ends that they pile up against, as waiting times do at 0."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

GAPS = 3  # of neighbouring values near an end, by which the support may go on beyond the last of them
NEAR = 0.05  # of the values: those near an end


def possible_ends(x: Float[np.ndarray, " rows"]) -> tuple[float, float]:
    """Where the support would end if it did: the simplest numbers shortly before and beyond all values.

    The next value of as many again lies beyond an end with a probability of e^-GAPS, if there is any
    density there; where there is none, ``x`` tells nothing of an end, and it lies far off.
    """
    ordered = np.sort(x)
    low, high = float(ordered[0]), float(ordered[-1])
    near = max(1, int(NEAR * len(ordered)))
    below = (float(ordered[min(near, len(ordered) - 1)]) - low) / near
    above = (high - float(ordered[max(0, len(ordered) - 1 - near)])) / near
    return simplest(low - GAPS * below, low), simplest(high, high + GAPS * above)


def simplest(low: float, high: float) -> float:
    """The number with the fewest digits in a range; of several the one next to its middle."""
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
