"""Metrics of a model on the hold-out rows, its decision rule, and warnings about unexpected results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from kan_engine import LabelledRows, Predictor, TrainingData
from kan_engine.assessment.holdout_error import explain_holdout_error
from kan_engine.assessment.metrics import (
    Metrics,
    class_metrics,
    classification_metrics,
    constant_guess_accuracy,
    regression_metrics,
)
from kan_engine.data.labels import class_name
from kan_engine.inference.decision_rule import Decision
from kan_engine.search.assembly import Model
from service.schemas.model_document import DecisionOut

MAX_TRAINING_ROWS = 100_000  # of training metrics, which more change little
LABEL_METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")  # depend on the decision rule


@dataclass(frozen=True, kw_only=True)
class ModelMeasures:
    """Metrics of a model, as a part of its document.

    Attributes:
        metrics: On the hold-out rows.
        per_class: The same for every class of a classifier.
        training_metrics: On the training rows.
        threshold: Probability from which the second of two classes is chosen; None for other models.
        decision: The decision rule of a classifier.
        warnings: Unexpected results.
        network_metrics: Hold-out metrics of the accurate network; empty if it answers.
    """

    metrics: Metrics
    per_class: Mapping[str, Metrics] = field(default_factory=dict)
    training_metrics: Metrics
    threshold: float | None = None
    decision: DecisionOut | None = None
    warnings: Sequence[str] = ()
    network_metrics: Metrics | None = None

    def to_fields(self) -> Mapping[str, Any]:
        """As fields of the document, which has warnings of its own."""
        return {name: value for name, value in vars(self).items() if name != "warnings"}


def measure_model(
    predictor: Predictor,
    data: TrainingData,
    decision: Decision | None,
    *,
    max_training_rows: int = MAX_TRAINING_ROWS,
) -> ModelMeasures:
    """Measure a model.

    Args:
        predictor: The model; the residuals of a regression are its validation errors.
        data: Its rows.
        decision: The decision rule of a classifier; None for a regression.
        max_training_rows: Training rows for the training metrics.
    """
    training = data.training.sample(max_training_rows, 0)
    if decision is None:
        return _measure_regression(predictor, data, training)
    return _measure_classifier(predictor, data, training, decision)


def measure_answering_member(model: Model, data: TrainingData) -> ModelMeasures:
    """Hold-out metrics of the member that answers, and of the accurate network if another one answers."""
    network_measures = measure_model(model.predictor, data, model.decision)
    if model.answering is model.predictor:
        return replace(network_measures, network_metrics={})
    # Its decision rule is that of the network, whose metrics stay beside it
    measures = measure_model(model.answering, data, model.decision)
    return replace(measures, network_metrics=network_measures.metrics)


def _measure_regression(predictor: Predictor, data: TrainingData, training: LabelledRows) -> ModelMeasures:
    predictions, fitted_values = (_predict_values(predictor, part) for part in (data.test, training))
    truth = data.test.y
    count = int((~np.isfinite(predictions)).sum())
    warning = f"the network has no finite prediction for {count} of {len(predictions)} hold-out rows"
    # A network that is not finite everywhere has no RMSE to explain
    if not count:
        warning = explain_holdout_error(predictions - truth, predictor.residuals, data) or ""
    return ModelMeasures(
        metrics=regression_metrics(truth, predictions),
        training_metrics=regression_metrics(training.y, fitted_values),
        warnings=[warning] if warning else [],
    )


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
    rule = DecisionOut(
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


def _low_accuracy_warnings(accuracy: float | None, decision: DecisionOut) -> list[str]:
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
