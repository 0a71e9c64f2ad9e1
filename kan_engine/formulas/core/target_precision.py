"""Whether the values of a target are precise enough for a law that holds to rounding error."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.formulas.core.constant_fitting import Array


def may_be_exact(rows: LabelledRows, max_error: float) -> bool:
    """Whether a formula that is no polynomial may be as close as ``max_error``, over the target's spread.

    None has where the target was rounded to few digits, as most measurements are, or to single precision; nor
    where rows with equal columns have different targets.
    """
    max_deviation = max_error * float(np.std(rows.y))
    if max_deviation == 0 or not np.isfinite(max_deviation):
        return True
    return not _is_rounded(rows.y, max_deviation) and _largest_difference(rows) <= max_deviation


def _is_rounded(target: Float[Array, " rows"], max_deviation: float) -> bool:
    """Whether rounding to a decimal digit, or to single precision, explains all digits of the target.

    Rounding to multiples of q has an RMS error of q/√12.
    """
    with np.errstate(over="ignore"):
        single = target.astype(np.float32).astype(float)
    if np.array_equal(single, target):
        return True
    # Steps q with an RMS error q/√12 that matters, from one as large as the range
    finest = int(np.ceil(np.log10(np.sqrt(12) * max_deviation)))
    coarsest = max(finest, int(np.log10(np.ptp(target))))
    for exponent in range(coarsest, finest - 1, -1):
        multiples = target / 10.0**exponent
        slack = 4 * np.finfo(float).eps * np.abs(multiples)
        if (np.abs(multiples - np.rint(multiples)) <= slack).all() and np.abs(multiples).max() < 2**52:
            return True
    return False


def _largest_difference(rows: LabelledRows) -> float:
    """The largest difference between targets of rows with equal columns."""
    # Rows with equal columns form a group, each with its lowest and highest target
    _, groups = np.unique(rows.x, axis=0, return_inverse=True)
    lowest = np.full(groups.max() + 1, np.inf)
    highest = -lowest
    np.minimum.at(lowest, groups, rows.y)
    np.maximum.at(highest, groups, rows.y)
    return float((highest - lowest).max())
