"""Numbers by which candidates are ordered, without the digits that rounding errors decide.

Other processors and libraries add in another order. Candidates that are equally good up to that keep the
order in which they were found.
"""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

RANKED_DIGITS = 7  # A relative error of 1e-9 has no more, since it is a difference of much larger numbers
ROUNDING = 1e-12  # Relative errors below are those of an exact formula


def round_ranks(values: ArrayLike) -> Float[np.ndarray, "*dims"]:
    """Return the values with 7 significant digits; infinite ones and NaN as they are."""
    values = np.asarray(values, dtype=np.float64)
    is_plain = np.isfinite(values) & (values != 0)
    # Unit of the last significant digit of each value
    unit = 10.0 ** (np.floor(np.log10(np.abs(np.where(is_plain, values, 1.0)))) - RANKED_DIGITS + 1)
    with np.errstate(invalid="ignore"):
        return np.where(is_plain, np.round(values / unit) * unit, values)


def round_rank(value: float) -> float:
    """Return a value with 7 significant digits."""
    return float(f"{value:.{RANKED_DIGITS}g}")


def rank_error(error: float) -> float:
    """Return a relative error with 7 significant digits; 0 for one that is rounding alone."""
    return 0.0 if error < ROUNDING else round_rank(error)
