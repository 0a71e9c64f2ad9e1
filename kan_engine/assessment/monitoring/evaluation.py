"""Evaluation of a model on labelled rows that came after its training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy import stats

from kan_engine.assessment.evidence.residual_test import ResidualTest, examine_residuals
from kan_engine.assessment.metrics import Metrics, classification_metrics, regression_metrics
from kan_engine.assessment.monitoring.drift import ColumnDrift, measure_drift
from kan_engine.assessment.monitoring.error_comparison import ErrorComparison, ExpectedLoss, compare_errors
from kan_engine.assessment.monitoring.reference import InputReference
from kan_engine.assessment.monitoring.reliability import ReliabilityCurve, compute_reliability
from kan_engine.assessment.monitoring.thresholds import DEFAULT_MONITORING, MonitoringThresholds
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT
from kan_engine.data.columns import read_labels, read_numbers
from kan_engine.errors import InvalidData
from kan_engine.inference.predictor import Predictor

MIN_PROBABILITY = 1e-15  # in a log loss


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How many true values lie in the prediction intervals of a level.

    Attributes:
        level: Coverage probability of the intervals.
        share: Of the rows within the training range whose true value lies inside.
        low, high: Ends of its 95 % interval (Wilson, Journal of the American Statistical Association 22,
            1927).
        margin: Half the width of the intervals.
    """

    level: float
    share: float
    low: float
    high: float
    margin: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How a model does on labelled rows.

    Attributes:
        rows: Number of rows with a target.
        unlabelled_rows: Rows without one; they are left out of everything but the drift.
        undefined_rows: Rows for which the model has no finite prediction; they are left out of the metrics.
        unknown_class_rows: Rows of a class that training did not have.
        metrics: As of the hold-out rows.
        comparison: Of the error with that of training.
        coverage: Of the prediction intervals of a regression.
        reliability: Of a classifier.
        residuals: Test whether the residuals depend on the columns; None for more than two classes.
        drift: Of every column, the largest first.
    """

    rows: int
    unlabelled_rows: int
    undefined_rows: int
    unknown_class_rows: int
    metrics: Metrics
    comparison: ErrorComparison
    coverage: Sequence[Coverage]
    reliability: ReliabilityCurve | None
    residuals: ResidualTest | None
    drift: Sequence[ColumnDrift]


@dataclass(frozen=True)
class _Measured:
    """What is measured of the predictions of a kind of model."""

    metrics: Metrics
    losses: Float[np.ndarray, " rows"]
    constant_loss: float
    residuals: Float[np.ndarray, " rows"] | None
    coverage: Sequence[Coverage] = ()
    reliability: ReliabilityCurve | None = None
    unknown: int = 0


@np.errstate(over="ignore", invalid="ignore")  # of targets whose squares are not finite
def evaluate_model(
    predictor: Predictor,
    columns: Mapping[str, Shaped[np.ndarray, " rows"]],
    target: Shaped[np.ndarray, " rows"],
    *,
    reference: InputReference | None,
    expected: ExpectedLoss | None,
    limits: MonitoringThresholds = DEFAULT_MONITORING,
) -> Evaluation:
    """Measure a model on labelled rows, and compare them with those of training.

    Args:
        predictor: The member of the model.
        columns: Features by name.
        target: True values or labels of the rows; missing ones are NaN or None.
        reference: What training kept of its inputs; None for nothing.
        expected: The loss on rows that were not trained on; None if it is not known.
        limits: Decision numbers.

    Raises:
        InvalidData: A value has the wrong type, or no row has a target.
    """
    if predictor.classes is None:
        numbers = read_numbers(predictor.target, target)
        has_target = ~np.isnan(numbers)
    else:
        labels = np.array(read_labels(predictor.target, target), dtype=object)
        has_target = np.array([label is not None for label in labels], dtype=bool)
    if not has_target.any():
        raise InvalidData(f"no row has a value of {predictor.target!r}", column=predictor.target)
    # Metrics need a target and a finite prediction; the drift is that of all rows
    rows = {name: values[has_target] for name, values in columns.items()}
    encoded_rows = predictor.encoding.transform(rows, optional=predictor.unused)
    if predictor.classes is None:
        outside = np.asarray(predictor.unseen_mask(rows).any(1))
        predictions = predictor.predict(encoded_rows).astype(float)
        is_finite = _is_defined(predictions)
        floor = _find_floor(numbers[has_target])
        measurement = _measure_regression(
            predictor, numbers[has_target], predictions, is_finite, ~outside, limits
        )
    else:
        probabilities = predictor.probabilities(encoded_rows)
        is_finite, floor = _is_defined(probabilities), limits.min_log_loss
        measurement = _measure_classifier(predictor, labels[has_target][is_finite], probabilities[is_finite])
    return Evaluation(
        rows=int(has_target.sum()),
        unlabelled_rows=int((~has_target).sum()),
        undefined_rows=int((~is_finite).sum()),
        unknown_class_rows=measurement.unknown,
        metrics=measurement.metrics,
        comparison=compare_errors(
            measurement.losses,
            measurement.constant_loss,
            expected,
            floor=floor,
            is_squared=predictor.classes is None,
            limits=limits,
        ),
        coverage=measurement.coverage,
        reliability=measurement.reliability,
        residuals=None
        if measurement.residuals is None
        else examine_residuals(measurement.residuals, _select_tested(predictor, encoded_rows[is_finite])),
        drift=measure_drift(predictor.encoding, columns, reference, limits),
    )


def _is_defined(predictions: Float[np.ndarray, " rows *outputs"]) -> Bool[np.ndarray, " rows"]:
    is_finite: np.ndarray = np.isfinite(predictions.reshape(len(predictions), -1)).all(1)
    return is_finite


def _find_floor(truth: Float[np.ndarray, " rows"]) -> float:
    """Mean squared error up to which a model is exact, or its errors are those of rounding."""
    # A constant target has no spread, so that its size gives the scale of rounding errors
    spread = max(float(truth.std()), 1e-6 * float(np.abs(truth).max()))
    return (DEFAULT_ASSESSMENT.max_exact_error * spread) ** 2


def _measure_regression(
    predictor: Predictor,
    truth: Float[np.ndarray, " rows"],
    predictions: Float[np.ndarray, " rows"],
    is_finite: Bool[np.ndarray, " rows"],
    inside: Bool[np.ndarray, " rows"],
    limits: MonitoringThresholds,
) -> _Measured:
    residuals, targets = (truth - predictions)[is_finite], truth[is_finite]
    return _Measured(
        metrics=regression_metrics(targets, predictions[is_finite]),
        losses=residuals**2,
        constant_loss=float(targets.var()) if len(targets) else 0.0,
        residuals=residuals,
        coverage=_measure_coverage(predictor, residuals[inside[is_finite]], limits.levels),
    )


def _measure_coverage(
    predictor: Predictor, residuals: Float[np.ndarray, " rows"], levels: Sequence[float]
) -> list[Coverage]:
    """Coverage of the levels that the model has intervals for; empty without rows."""
    coverage = []
    for level in levels if len(residuals) else ():
        try:
            margin = predictor.margin(level)
        except InvalidData:
            continue
        # Share of hits with its Wilson interval, which holds for few rows and shares near 1
        hits = int((np.abs(residuals) <= margin).sum())
        ends = stats.binomtest(hits, len(residuals)).proportion_ci(method="wilson")
        coverage.append(
            Coverage(
                level=level,
                share=hits / len(residuals),
                low=float(ends.low),
                high=float(ends.high),
                margin=margin,
            )
        )
    return coverage


def _measure_classifier(
    predictor: Predictor,
    truth: Shaped[np.ndarray, " rows"],
    probabilities: Float[np.ndarray, "rows classes"],
    *,
    reliability_bins: int = 10,
) -> _Measured:
    """Measure a classifier on labelled rows, beside the best constant.

    Args:
        reliability_bins: Bins of the reliability curve.
    """
    classes = predictor.classes or ()
    names = [str(name) for name in read_labels(predictor.target, np.array(classes, dtype=object))]
    # Classes that training did not have get the code -1 and the least probability
    places = {name: place for place, name in enumerate(names)}
    codes = np.array([places.get(label, -1) for label in truth], dtype=int)
    chances = np.where(codes >= 0, probabilities[np.arange(len(codes)), codes], 0.0)
    # The best constant predicts the shares of these rows: its log loss is their entropy
    shares = np.unique(codes, return_counts=True)[1] / max(1, len(codes))
    return _Measured(
        metrics=classification_metrics(truth, probabilities, names, predictor.decision_weights),
        losses=-np.log(np.maximum(chances, MIN_PROBABILITY)),
        constant_loss=float(-(shares * np.log(shares)).sum()),
        residuals=(codes == 1) - probabilities[:, 1] if len(classes) == 2 else None,
        reliability=compute_reliability(codes, probabilities, names, reliability_bins),
        unknown=int((codes < 0).sum()),
    )


def _select_tested(
    predictor: Predictor, encoded_rows: Float[np.ndarray, "rows inputs"], *, max_tested_columns: int = 30
) -> Float[np.ndarray, "rows tested"]:
    """The encoded columns that the residual test reads: those that the model uses, then others.

    Args:
        max_tested_columns: Encoded columns that the residual test reads, those that the model uses first.
    """
    names = predictor.encoding.names
    order = sorted(range(len(names)), key=lambda place: names[place].feature in predictor.unused)
    return encoded_rows[:, order[:max_tested_columns]]
