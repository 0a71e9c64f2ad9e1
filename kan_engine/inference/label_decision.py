"""Labels from probabilities: the class whose weighted probability is the largest.

For two classes the weights are a threshold: with (t, 1 - t) the second class is the label if its probability
is above t. Weights that reflect the costs of errors minimise the expected cost (Elkan, "The foundations of
cost-sensitive learning", 2001).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int


def choose_classes(
    probabilities: Float[np.ndarray, "rows classes"], weights: Sequence[float] | None
) -> Int[np.ndarray, " rows"]:
    """Index of the class with the largest weighted probability in every row; the first of equal ones.

    Args:
        probabilities: Probability of every class.
        weights: Factor of every class; None means equal weights.
    """
    scores = probabilities if weights is None else probabilities * np.asarray(weights)
    indices: np.ndarray = scores.argmax(1)
    return indices


def f1_threshold(p: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]) -> float:
    """The threshold on calibrated probabilities with the highest expected F1 of their class.

    If the k most probable rows are predicted as members of the class, the expected score is
    F1 = 2 Σ_{i ≤ k} p_i / (k + Σ p). Its maximum F* is reached by the rows with p > F*/2 (Lipton, Elkan and
    Naryanaswamy, arXiv:1402.1892). Labels are not used: the best F1 of labelled rows changes abruptly with
    single rows, the expected F1 does not.

    Args:
        p: Probability of the class in rows from the same distribution as new rows.
        weights: Weight of each row; not all 0.
    """
    # Expected F1 of the k most probable rows, for every k; rows without weight at the top are skipped
    order = np.argsort(-p, kind="stable")
    hits, positives = np.cumsum((weights * p)[order]), np.cumsum(weights[order])
    is_called = positives > 0
    f1 = 2 * hits[is_called] / (positives[is_called] + hits[-1])
    return float(f1.max()) / 2
