"""Optimism correction of the validation errors (selection bias).

The selected network has the smallest validation error of all candidates, partly by chance. New rows therefore
have larger errors, and prediction intervals from the quantiles of the validation errors are too narrow.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kan_engine.inference.thresholds import DEFAULT_INFERENCE, InferenceThresholds


class OptimismCorrection:
    """Collects the validation errors of all candidates and corrects those of the selected network.

    Args:
        weights: Weight of each validation row in the comparison.
        thresholds: Decision numbers.
        optimism_folds: On which the selection of the network is repeated.
    """

    def __init__(
        self,
        weights: Float[np.ndarray, " rows"],
        thresholds: InferenceThresholds = DEFAULT_INFERENCE,
        *,
        optimism_folds: int = 10,
    ) -> None:
        self._weights, self._fold_count = weights, optimism_folds
        self._errors: list[Float[np.ndarray, " rows"]] = []
        self.is_open = len(weights) <= thresholds.max_optimism_rows

    @staticmethod
    def create_closed() -> OptimismCorrection:
        """A correction that records no errors, for networks that are not candidates."""
        correction = OptimismCorrection(np.empty(0))
        correction.is_open = False
        return correction

    def record(self, errors: Float[np.ndarray, " rows"]) -> None:
        """Record the absolute errors of a candidate; errors that are not finite in float32 are ignored."""
        with np.errstate(over="ignore"):
            entry = errors.astype(np.float32)
        if self.is_open and np.isfinite(entry).all():
            self._errors.append(entry)

    @property
    def count(self) -> int:
        """Number of recorded candidates."""
        return len(self._errors)

    def export_errors(self, start: int = 0) -> Float[np.ndarray, " numbers"]:
        """Errors of the candidates from index ``start`` on, concatenated, for ``append_errors``."""
        return np.array(self._errors[start:], dtype=float).ravel()

    def append_errors(self, entries: Float[np.ndarray, " numbers"]) -> None:
        """Record errors that ``export_errors`` of another correction over the same rows returned."""
        self._errors.extend(entries.reshape(-1, len(self._weights)).astype(np.float32))

    def correct_errors(self, errors: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
        """Sorted errors, corrected for the selection of the network on the same rows.

        The selection is repeated without each tenth of the rows, and these rows take the errors of the
        candidate selected without them. The errors of a new row have the same distribution, as in the
        jackknife+ and CV+ (Barber et al., arXiv:1905.02928). Those repeat the fit; here the rows affect only
        the selection. The difference to the best candidate's errors, rank by rank, is added to ``errors``.
        The network in use need not be the best candidate: it may be simpler and slightly worse.

        Args:
            errors: Absolute validation errors of the network in use.
        """
        sorted_errors = np.sort(errors)
        if not self._errors or not self.is_open:
            return sorted_errors
        # Losses of all candidates by row, and the candidate that all rows select
        table = np.array(self._errors, dtype=float)
        worth = table**2 * self._weights
        best_errors = table[worth.sum(1).argmin()]
        folds = np.arange(table.shape[1]) % self._fold_count
        # Errors of candidates that were selected without the row, as those of a new row are
        held_out_errors = np.empty_like(best_errors)
        for fold in range(self._fold_count):
            mask = folds == fold
            held_out_errors[mask] = table[worth[:, ~mask].sum(1).argmin()][mask]
        return np.sort(np.maximum(sorted_errors + np.sort(held_out_errors) - np.sort(best_errors), 0.0))
