"""Reliability of a classifier: predicted probabilities against observed frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True)
class ReliabilityCurve:
    """Predicted probabilities and observed frequencies per bin; None where a bin is empty.

    Attributes:
        class_: The second of two classes; None for more, whose probabilities are taken together.
    """

    class_: str | None
    mean_probability: Sequence[float | None]
    observed_share: Sequence[float | None]
    count: Sequence[int]

    @property
    def error(self) -> float | None:
        """Expected calibration error: mean distance of probability and frequency over the rows."""
        bins = zip(self.mean_probability, self.observed_share, self.count, strict=True)
        distances = [
            count * abs(p - share) for p, share, count in bins if p is not None and share is not None
        ]
        return sum(distances) / sum(self.count) if distances else None


def compute_reliability(
    true: Int[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, "rows classes"],
    names: Sequence[str],
    bins: int,
) -> ReliabilityCurve:
    """Compare predicted probabilities with observed frequencies in bins of equal width.

    For two classes these are the probabilities of the second class, for more those of all classes together.

    Args:
        true: Index of the class of every row.
        probabilities: Of every class.
        names: Of the classes.
        bins: Number of bins between 0 and 1.
    """
    if len(names) == 2:
        predictions, outcomes = probabilities[:, 1], true == 1
    else:
        predictions, outcomes = probabilities.ravel(), (true[:, None] == np.arange(len(names))).ravel()
    # A probability of 1 belongs to the last bin
    places = np.minimum((predictions * bins).astype(int), bins - 1)
    groups = [(predictions[places == place], outcomes[places == place]) for place in range(bins)]
    return ReliabilityCurve(
        class_=names[1] if len(names) == 2 else None,
        mean_probability=[float(p.mean()) if len(p) else None for p, _ in groups],
        observed_share=[float(c.mean()) if len(c) else None for _, c in groups],
        count=[len(p) for p, _ in groups],
    )
