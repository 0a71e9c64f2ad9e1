"""Contest: what the errors on the validation rows would be, had they not chosen the network.

The network that serves has the smallest error of all that were compared on the validation rows, partly by
luck: fresh rows meet larger errors, and intervals of the quantiles of these errors hold too rarely.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

FOLDS = 10
MAX_ROWS = 1_000  # with more rows luck is worth next to nothing: it fell from 5 % to 2 % from 20 to 50 rows


class Contest:
    """Collects the errors of all networks that are compared, one row each.

    Args:
        weights: How often each validation row counts in the comparison.
    """

    def __init__(self, weights: Float[np.ndarray, " rows"]) -> None:
        self._weights = weights
        self._errors: list[Float[np.ndarray, " rows"]] = []
        self.is_open = len(weights) <= MAX_ROWS

    @staticmethod
    def closed() -> Contest:
        """One that takes no part in a choice: of networks that will not serve."""
        contest = Contest(np.empty(0))
        contest.is_open = False
        return contest

    def enter(self, errors: Float[np.ndarray, " rows"]) -> None:
        """Take part with these absolute errors; not finite ones, also when rounded, cannot win."""
        with np.errstate(over="ignore"):
            kept = errors.astype(np.float32)
        if self.is_open and np.isfinite(kept).all():
            self._errors.append(kept)

    @property
    def count(self) -> int:
        """How many have taken part."""
        return len(self._errors)

    def entries(self, first: int = 0) -> Float[np.ndarray, " numbers"]:
        """Errors from some entry on, one entry after the other, for another contest over the same rows."""
        return np.array(self._errors[first:], dtype=float).ravel()

    def extend(self, entries: Float[np.ndarray, " numbers"]) -> None:
        """Take part with what ``entries`` of another contest gave."""
        self._errors.extend(entries.reshape(-1, len(self._weights)).astype(np.float32))

    def without_luck(self, errors: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
        """Sorted errors as they were if none of their rows had taken part in the choice.

        The choice is repeated without each tenth of the rows, and the rows left out take the errors of
        what is then chosen. As in the jackknife+ and CV+ (Barber et al., arXiv:1905.02928), which repeat
        the fit, the errors of a new row are drawn like these; here only the choice has seen the rows. By
        how much they exceed, rank by rank, those of the winner is added to the errors of the network
        that serves, which need not be the winner: it may be a little worse and simpler.

        Args:
            errors: Absolute errors of the network that serves.
        """
        served = np.sort(errors)
        if not self._errors or not self.is_open:
            return served
        table = np.array(self._errors, dtype=float)
        worth = table**2 * self._weights
        winner = table[worth.sum(1).argmin()]
        folds = np.arange(table.shape[1]) % FOLDS
        fair = np.empty_like(winner)
        for fold in range(FOLDS):
            own = folds == fold
            fair[own] = table[worth[:, ~own].sum(1).argmin()][own]
        return np.sort(np.maximum(served + np.sort(fair) - np.sort(winner), 0.0))
