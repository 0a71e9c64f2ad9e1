"""Metrics of a model on the hold-out rows, its decision rule, and warnings about unexpected results."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kan_engine import LabelledRows, Predictor, TrainingData
from kan_engine.assessment.metrics import (
    class_metrics,
    classification_metrics,
    constant_guess_accuracy,
    regression_metrics,
)
from kan_engine.data.labels import class_name
from kan_engine.inference.decision_rule import Decision
from worker.evaluation.thresholds import DEFAULT_METRICS, MetricThresholds
from worker.results.records import DecisionRecord, ModelMeasures

LABEL_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")  # depend on the decision rule


def measure_model(
    predictor: Predictor,
    data: TrainingData,
    decision: Decision | None,
    thresholds: MetricThresholds = DEFAULT_METRICS,
) -> ModelMeasures:
    """Measure a model.

    Args:
        predictor: The model; the residuals of a regression are its validation errors.
        data: Its rows.
        decision: The decision rule of a classifier; None for a regression.
        thresholds: Decision numbers.
    """
    training = data.training.sample(thresholds.max_training_rows, 0)
    if decision is None:
        return _measure_regression(predictor, data, training, thresholds)
    return _measure_classifier(predictor, data, training, decision)


def _measure_regression(
    predictor: Predictor, data: TrainingData, training: LabelledRows, thresholds: MetricThresholds
) -> ModelMeasures:
    predictions, fitted_values = (_predict_values(predictor, part) for part in (data.test, training))
    truth = data.test.y
    count = int((~np.isfinite(predictions)).sum())
    return ModelMeasures(
        metrics=regression_metrics(truth, predictions),
        training_metrics=regression_metrics(training.y, fitted_values),
        warnings=[f"the network has no finite prediction for {count} of {len(predictions)} hold-out rows"]
        if count
        else _large_error_warnings(predictor, data, predictions - truth, thresholds),
    )


def _large_error_warnings(
    predictor: Predictor, data: TrainingData, errors: Float[np.ndarray, " test"], thresholds: MetricThresholds
) -> list[str]:
    """Return a warning with a likely cause if the hold-out error is far above the validation error."""
    validation_squares, squares = predictor.residuals**2, errors**2
    if not len(squares) or not len(validation_squares):
        return []
    validation_mse, test_mse = float(validation_squares.mean()), float(squares.mean())
    # Standard error of a mean of squares over as many rows as are held out
    chance = float(validation_squares.std()) / len(squares) ** 0.5
    is_similar = test_mse <= thresholds.max_rmse_ratio**2 * validation_mse
    is_expected = is_similar or test_mse <= validation_mse + thresholds.chance_standard_errors * chance
    if is_expected or test_mse <= float(data.training.y.var()) * thresholds.rounding_error**2:
        return []
    comparison = (
        f"the RMSE on the hold-out rows, {test_mse**0.5:.4g}, is far above that on validation, "
        f"{validation_mse**0.5:.4g}"
    )
    return [f"{comparison}: {_likely_cause(data, squares, validation_mse, thresholds)}"]


def _likely_cause(
    data: TrainingData,
    squares: Float[np.ndarray, " test"],
    validation_mse: float,
    thresholds: MetricThresholds,
) -> str:
    low, high = data.training.x.min(0), data.training.x.max(0)
    # Rows outside the box of the training rows are extrapolated
    outside = ((data.test.x < low) | (data.test.x > high)).any(1)
    worst = int(squares.argmax())
    threshold = thresholds.main_cause_share * squares.sum()
    decides = squares[worst] > threshold
    if not decides and outside.any() and squares[outside].sum() > threshold:
        note = _describe_rmse(squares[~outside])
        return f"{int(outside.sum())} of {len(squares)} rows lie outside the range of the training rows{note}"
    # An outlier stands out against validation and against the other hold-out rows
    usual = max(validation_mse, float(np.delete(squares, worst).mean()) if len(squares) > 1 else 0.0)
    if decides or squares[worst] > thresholds.outlier_rmse_ratio**2 * usual:
        number = int(data.numbers[len(data.training) + worst]) + 1
        where = " and lies outside the range of the training rows" if outside[worst] else ""
        note = _describe_rmse(np.delete(squares, worst))
        return f"row {number} of the dataset, counted from 1, may be an outlier{where}{note}"
    return "they may come from another distribution than the training rows; check how the rows were split"


def _describe_rmse(squares: Float[np.ndarray, " rows"]) -> str:
    return f"; on the other rows it is {squares.mean() ** 0.5:.4g}" if len(squares) else ""


def _predict_values(predictor: Predictor, part: LabelledRows) -> Float[np.ndarray, " rows"]:
    return predictor.predict(part.x).astype(float) if len(part) else np.zeros(0)


def _measure_classifier(
    predictor: Predictor, data: TrainingData, training: LabelledRows, decision: Decision
) -> ModelMeasures:
    classes, weights = data.classes or (), predictor.decision_weights
    p, training_p = (_predict_probabilities(predictor, part) for part in (data.test, training))
    truth = data.labels(data.test)
    # By the decision rule, and by the likeliest class, to show what the rule costs
    metrics, likeliest = (classification_metrics(truth, p, classes, factors) for factors in (weights, None))
    names = [class_name(label) for label in classes]
    rule = DecisionRecord(
        rule=decision.rule,
        reason=decision.reason,
        weights=dict(zip(names, weights or (1.0,) * len(names), strict=True)),
        positive_class=names[1] if len(names) == 2 else None,
        likeliest={name: likeliest[name] for name in LABEL_METRICS},
        constant_guess_accuracy=constant_guess_accuracy(data.labels(data.training), truth),
    )
    return ModelMeasures(
        metrics=metrics,
        per_class=class_metrics(truth, p, classes, weights),
        training_metrics=classification_metrics(data.labels(training), training_p, classes, weights),
        threshold=predictor.threshold,
        decision=rule,
        warnings=_low_accuracy_warnings(metrics["accuracy"], rule),
    )


def _predict_probabilities(predictor: Predictor, part: LabelledRows) -> Float[np.ndarray, "rows classes"]:
    return predictor.probabilities(part.x) if len(part) else np.zeros((0, len(predictor.classes or ())))


def _low_accuracy_warnings(accuracy: float | None, decision: DecisionRecord) -> list[str]:
    guess, likeliest = decision.constant_guess_accuracy, decision.likeliest["accuracy"]
    if accuracy is None or guess is None or accuracy > guess:
        return []
    comparison = f"the accuracy of {accuracy:.4f} is no higher than that of a constant guess ({guess:.4f})"
    if decision.rule == "likeliest":
        return [f"{comparison}; use roc_auc and average_precision instead"]
    return [
        f"{comparison}: labels are chosen for {decision.reason}; the likeliest class as label has an "
        f"accuracy of {likeliest:.4f}. Use precision, recall, roc_auc and average_precision instead"
    ]
