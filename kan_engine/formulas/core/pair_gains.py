"""How much of a target pairs of columns explain together."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def measure_pair_gains(
    unit: Float[np.ndarray, "columns rows"], onto: Float[np.ndarray, " columns"], min_share: float
) -> Float[np.ndarray, "columns columns"]:
    """The squares of a target t that every two columns explain, above the diagonal; else -inf.

    For columns a, b of length 1 they are (p² + q² - 2pqc)/(1 - c²) with p = a·t, q = b·t and c = a·b.

    Args:
        unit: The columns; those of length 0 explain nothing.
        onto: Their products with the target.
        min_share: Of the squares of a column that must be independent of the other one.
    """
    # Nearly parallel columns count as one; each pair counts once
    gram = unit @ unit.T
    independent, alive = 1 - gram**2, gram.diagonal() > 0
    usable = np.triu(independent > min_share, 1) & alive & alive[:, None]
    with np.errstate(all="ignore"):
        gains = (onto[:, None] ** 2 + onto**2 - 2 * gram * onto[:, None] * onto) / independent
    return np.where(usable, gains, -np.inf)
