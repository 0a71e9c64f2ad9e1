"""From probabilities to a label: the class whose weighted probability is the largest.

For two classes the weights are a threshold: with (t, 1 - t) the second is the label where its probability
lies above t. Weights that mirror the costs of mistakes make the fewest costs (Elkan, "The foundations of
cost-sensitive learning", 2001).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int


def decide(
    probabilities: Float[np.ndarray, "rows classes"], weights: Sequence[float] | None
) -> Int[np.ndarray, " rows"]:
    """Number of the chosen class of every row; the first of several that are equal.

    Args:
        probabilities: Of every class.
        weights: What each is multiplied by; None chooses the likeliest.
    """
    weighted = probabilities if weights is None else probabilities * np.asarray(weights)
    chosen: np.ndarray = weighted.argmax(1)
    return chosen


def f1_threshold(p: Float[np.ndarray, " rows"], weights: Float[np.ndarray, " rows"]) -> float:
    """The threshold on calibrated probabilities that promises the highest F1 of their class.

    Calling k of the rows members of the class, the likeliest first, is expected to give
    F1 = 2 Σ_{i ≤ k} p_i / (k + Σ p). Its maximum F* is reached by those with p > F*/2 (Lipton, Elkan and
    Naryanaswamy, arXiv:1402.1892). Labels are not looked at: the best F1 of labelled rows jumps with
    single rows, this does not.

    Args:
        p: Probability of the class in rows like those to come.
        weights: How often each row counts; not all 0.
    """
    order = np.argsort(-p, kind="stable")
    hits, called = np.cumsum((weights * p)[order]), np.cumsum(weights[order])
    is_called = called > 0
    f1 = 2 * hits[is_called] / (called[is_called] + hits[-1])
    return float(f1.max()) / 2
