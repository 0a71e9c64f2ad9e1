"""Size, time and metrics of a network on every grid of its schedule."""

from __future__ import annotations

from dataclasses import replace

from kan_engine import KAN, Predictor, SearchResult
from kan_engine.assessment.metrics import Metrics
from kan_engine.inference.decision_rule import calibrate_on_validation_, choose_decision
from kan_engine.inference.thresholds import DEFAULT_INFERENCE, InferenceThresholds
from worker.data.preparation import PreparedData
from worker.evaluation.model_metrics import measure_model
from worker.evaluation.thresholds import DEFAULT_METRICS, MetricThresholds
from worker.results.records import GridStage


def measure_grids(
    found: SearchResult,
    data: PreparedData,
    inference: InferenceThresholds = DEFAULT_INFERENCE,
    metrics: MetricThresholds = DEFAULT_METRICS,
) -> list[GridStage]:
    """Measure one network, refined from grid to grid, on the hold-out rows on every grid."""
    return [
        GridStage(
            grid=stage.network.stack[0].grid_size,
            parameters=stage.network.parameter_count,
            seconds=round(stage.seconds, 3),
            metrics=_measure_stage(stage.network, found, data, inference, metrics),
        )
        for stage in found.stages
    ]


def _measure_stage(
    stage: KAN,
    found: SearchResult,
    data: PreparedData,
    inference: InferenceThresholds,
    metrics: MetricThresholds,
) -> Metrics:
    predictor, decision = Predictor.from_training(data, stage, found.inputs, found.scaler), None
    if data.classes is not None:
        calibrate_on_validation_(stage, stage, found.inputs, data, inference)
        decision = choose_decision(predictor, data, inference)
        predictor = replace(predictor, decision_weights=decision.weights)
    return measure_model(predictor, data, decision, metrics).metrics
