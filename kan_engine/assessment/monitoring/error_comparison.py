"""Whether the error on new rows is that of the hold-out rows, within what chance explains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.monitoring.thresholds import MonitoringThresholds

NORMAL_SPREAD = math.sqrt(2)  # of squared normal errors, over their mean
EvaluationVerdict = Literal["holds", "worse", "fails", "undecided"]


@dataclass(frozen=True, kw_only=True)
class ExpectedLoss:
    """The mean loss of a model on rows that it was not trained on.

    Attributes:
        mean: Mean squared error, or mean log loss.
        rows: Number of rows.
        spread: Standard deviation of the loss over its mean; None if it is not known.
        measured_on: Which rows.
    """

    mean: float
    rows: int
    spread: float | None
    measured_on: Literal["hold-out", "validation"]


@dataclass(frozen=True, kw_only=True)
class ErrorComparison:
    """The error on new rows over that of training.

    Attributes:
        verdict: ``holds``: not larger, or by no more than the tolerance. ``worse``: larger by more than
            chance explains. ``fails``: larger, and no better than a constant. ``undecided``: too few rows.
        ratio: Of the errors; None, as its interval, without an expected one, and for errors of rounding.
        low, high: Ends of its 90 % interval.
    """

    verdict: EvaluationVerdict
    ratio: float | None = None
    low: float | None = None
    high: float | None = None


def compare_errors(
    losses: Float[np.ndarray, " rows"],
    constant_loss: float,
    reference_loss: ExpectedLoss | None,
    *,
    floor: float,
    is_squared: bool,
    limits: MonitoringThresholds,
    max_uncertain_ratio: float = 1.5,
) -> ErrorComparison:
    """Compare the mean loss with the expected one.

    The logarithm of a mean of n losses with the relative spread c has the standard error c / sqrt(n) (delta
    method). Both means have one, so the logarithm of their ratio has sqrt(c²/n + c'²/n'). The ends of the
    interval, in units of the error, follow from it: for squared errors the square root of the ratio.

    Args:
        losses: Squared error or log loss of every new row.
        constant_loss: Mean loss of the best constant on these rows.
        reference_loss: What training measured.
        floor: A mean loss up to it is that of an exact model, which holds; an expected one counts as it.
        is_squared: Whether the losses are squares of the error.
        limits: Decision numbers.
        max_uncertain_ratio: If the interval of the ratio reaches beyond it, the rows are too few to say that
            the model holds.
    """
    mean = float(losses.mean()) if len(losses) else math.nan
    if math.isinf(mean):
        return ErrorComparison(verdict="fails")
    if mean <= floor:
        return ErrorComparison(verdict="holds")
    if reference_loss is None or not len(losses):
        return ErrorComparison(verdict="undecided")
    # Few rows underestimate the spread of their losses: the larger of both spreads counts
    spread = float(losses.std()) / mean
    then = max(spread, NORMAL_SPREAD) if reference_loss.spread is None else reference_loss.spread
    if len(losses) < limits.min_spread_rows:
        spread = max(spread, then)
    # Delta method: variances of the logarithms of both means add up
    error = math.sqrt(spread**2 / len(losses) + then**2 / max(1, reference_loss.rows))
    middle, power = math.log(mean / max(reference_loss.mean, floor)), 0.5 if is_squared else 1.0
    ratio, low, high = (
        math.exp(min(power * (middle + side * error), 700.0))
        for side in (0.0, -limits.deviations, limits.deviations)
    )
    if low > limits.tolerance:
        verdict: EvaluationVerdict = "fails" if mean >= constant_loss else "worse"
    else:
        verdict = "holds" if high <= max_uncertain_ratio else "undecided"
    return ErrorComparison(verdict=verdict, ratio=ratio, low=low, high=high)
