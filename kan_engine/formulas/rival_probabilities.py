"""How probable it is that a rival is the law behind some rows, up to its constants.

Scores of the rivals become shares that add up to 1 with that of "none of these", whose score is 0 (a
conditional logit with an outside option; McFadden, Conditional logit analysis of qualitative choice behavior,
1974). The weights of the score were fitted to generated tables whose laws are known; the benchmark
``probabilities`` has the tables, how to fit them again, and what they are worth on other laws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import normaltest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Number, evaluate, is_affine
from kan_engine.expressions.measured_constants import count_constants
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.formulas.core.description_length import description_length, price_form
from kan_engine.formulas.rivals import Rival

MAX_DELTA = 40.0  # bits: beyond it a rival is as improbable as it can be
MAX_LEAD = 30.0
MAX_ODDITY = 4.0
MIN_NORMALITY_ROWS = 20
SMALLEST_NOISE = 1e-6  # share of the variance: less is rounding
PRICE_OF_CONSTANT = 5.0  # bits, beside the form, in the size of a formula

EXACT_PROBABILITY = 0.98
"""Of a formula that is exact to rounding error, with fewer constants than rows: 101 of 101 such formulas of
generated tables were the law."""

WEIGHTS: Mapping[str, float] = {
    "base": -3.384,
    "delta": -0.113,
    "lead": 0.071,
    "compression": 0.178,
    "tests": 1.36,
    "constants": -0.411,
    "noise": -0.304,
    "oddity": -0.495,
}


@dataclass(frozen=True, kw_only=True)
class RivalFeatures:
    """What the score of a rival depends on.

    Attributes:
        base: 1.
        delta: Bits that it takes beyond the shortest rival, at most ``MAX_DELTA``.
        lead: Of the shortest rival, bits that the next one takes beyond it, at most ``MAX_LEAD``; else 0.
        compression: log₂ of how many times over a constant the bits saved pay for the formula.
        tests: 1 if the tests of the best formula found nothing against it.
        constants: Number of its measured constants; 0 of a line, whose form they are.
        noise: log₂ of the share of the variance that it leaves.
        oddity: log₂ of 1 + K²/2 of its residuals, which is near 1 if they are normal, and at most
            ``MAX_ODDITY`` (D'Agostino and Pearson, Tests for departure from normality, Biometrika 60, 1973).
            What a law leaves is noise of many causes; a column that is not there leaves something else.
    """

    base: float = 1.0
    delta: float
    lead: float
    compression: float
    tests: float
    constants: float
    noise: float
    oddity: float


def weigh_rivals(
    rivals: Sequence[Rival], rows: LabelledRows, *, passes_tests: bool
) -> tuple[Float[np.ndarray, " rivals"], float]:
    """Probability of every rival, and that the law is none of them.

    Args:
        rivals: Families of formulas, the shortest description first.
        rows: That they describe.
        passes_tests: Whether nothing was found against the best formula.
    """
    scores = [
        sum(WEIGHTS[name] * value for name, value in vars(features).items())
        for features in describe_rivals(rivals, rows, passes_tests=passes_tests)
    ]
    # Softmax with an outside option of score 0; the largest score is subtracted against overflow
    shares = np.exp(np.array([*scores, 0.0]) - max([*scores, 0.0]))
    shares /= shares.sum()
    return shares[:-1], float(shares[-1])


def describe_rivals(
    rivals: Sequence[Rival], rows: LabelledRows, *, passes_tests: bool
) -> list[RivalFeatures]:
    """The features of every rival."""
    # What the shortest formula saves against the best constant
    shortest = min(rival.bits for rival in rivals)
    constant = to_form(Number(float(np.average(rows.y, weights=rows.weights))))
    saved_bits = max(1.0, description_length(constant, rows) - shortest)
    descriptions = list[RivalFeatures]()
    lead = min([rival.bits for rival in rivals[1:]], default=np.inf) - shortest
    for place, rival in enumerate(rivals):
        tree, residuals = rival.first.tree, _compute_residuals(rival, rows)
        residual_share = min(float(np.mean(residuals**2)) / rows.spread**2, 1.0)
        constants = count_constants(tree)
        size = price_form(tree) + PRICE_OF_CONSTANT * constants + 3
        descriptions.append(
            RivalFeatures(
                delta=min(rival.bits - shortest, MAX_DELTA),
                lead=0.0 if place else min(lead, MAX_LEAD),
                compression=float(np.log2(1 + saved_bits / size)),
                tests=float(passes_tests),
                constants=0.0 if is_affine(tree) else float(constants),
                noise=float(np.log2(residual_share + SMALLEST_NOISE)),
                oddity=_measure_oddity(residuals, rows.spread),
            )
        )
    return descriptions


def _compute_residuals(rival: Rival, rows: LabelledRows) -> Float[np.ndarray, " rows"]:
    residuals = evaluate(rival.first.tree, rows.columns) - rows.y
    return np.asarray(residuals * np.sqrt(rows.relative_weights))


def _measure_oddity(residuals: Float[np.ndarray, " rows"], spread: float) -> float:
    """How little like normal noise the residuals look."""
    if len(residuals) < MIN_NORMALITY_ROWS or np.ptp(residuals) <= SMALLEST_NOISE * spread:
        return 0.0
    return min(float(np.log2(1 + normaltest(residuals).statistic / 2)), MAX_ODDITY)
