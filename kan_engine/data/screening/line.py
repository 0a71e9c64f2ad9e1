"""Whether a line through all columns predicts better than the columns that stand out."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from kan_engine.data.screening.screening import LineComparison
from kan_engine.data.screening.thresholds import ScreeningThresholds


def compare_with_line(
    inputs: Float[np.ndarray, "rows inputs"],
    directions: Float[np.ndarray, "rows functions"],
    scores: Float[np.ndarray, "rows outputs"],
    folds: Int[np.ndarray, " rows"],
    thresholds: ScreeningThresholds,
    *,
    min_line_gain: float = 3.0,
    min_line_gain_share: float = 0.02,
) -> LineComparison:
    """Compare ridge regression on all inputs with one on the functions of the selected inputs.

    That on all inputs selects nothing, so its errors are honest. The others are those of functions that were
    selected on the same rows, which favours them.

    Args:
        inputs: Standardised inputs.
        directions: Functions of the selected inputs.
        scores: Scores of the target.
        folds: Fold of every row.
        thresholds: Decision numbers.
        min_line_gain: Standard errors by which a line through all columns must be better than the kept ones.
            By chance that happens in one of 700 tables.
        min_line_gain_share: Of the mean squared error, likewise.
    """
    # Squares of a model that predicts nothing, whose scores have the mean 0
    null_squares = (scores**2).sum(1)
    errors = [
        _measure_errors(values, scores, folds, thresholds) if values.shape[1] else null_squares
        for values in (inputs, directions)
    ]
    # Paired differences of the errors by row, with the standard error of their mean
    gains = errors[1] - errors[0]
    deviation = float(gains.std()) / len(gains) ** 0.5
    mean = float(gains.mean())
    is_better = mean > min_line_gain * deviation and mean > min_line_gain_share * float(errors[1].mean())
    line_share, selected_share = (1 - float(part.sum() / null_squares.sum()) for part in errors)
    return LineComparison(line_share=line_share, selected_share=selected_share, is_better=is_better)


def rank_by_line(
    inputs: Float[np.ndarray, "rows inputs"],
    scores: Float[np.ndarray, "rows outputs"],
    thresholds: ScreeningThresholds,
) -> Int[np.ndarray, " inputs"]:
    """The inputs by falling size of their slopes in a line through all of them."""
    # Of several outputs, the one that an input matters most for counts
    line = RidgeCV(alphas=thresholds.line_penalties).fit(inputs, scores)
    slopes = line.coef_.reshape(-1, inputs.shape[1])
    ranking: np.ndarray = np.argsort(-np.abs(slopes).max(0), kind="stable")
    return ranking


def _measure_errors(
    values: Float[np.ndarray, "rows columns"],
    scores: Float[np.ndarray, "rows outputs"],
    folds: Int[np.ndarray, " rows"],
    thresholds: ScreeningThresholds,
) -> Float[np.ndarray, " rows"]:
    # The penalty is chosen without the fold that is predicted
    model, split = RidgeCV(alphas=thresholds.line_penalties), PredefinedSplit(folds)
    predictions = cross_val_predict(model, values, scores, cv=split).reshape(scores.shape)
    squares: np.ndarray = ((predictions - scores) ** 2).sum(1)
    return squares
