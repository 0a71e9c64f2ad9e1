"""Size, time and metrics of a network on every grid of its schedule."""

from __future__ import annotations

from dataclasses import replace

from kan_engine import KAN, Predictor, SearchResult
from kan_engine.inference.decision_rule import calibrate_on_validation_, choose_decision
from kan_engine.inference.thresholds import DEFAULT_INFERENCE, InferenceThresholds
from worker.data.preparation import PreparedData
from worker.evaluation.metrics import Metrics
from worker.evaluation.model_metrics import measure_model
from worker.results.records import GridStage


def measure_grids(
    found: SearchResult, data: PreparedData, thresholds: InferenceThresholds = DEFAULT_INFERENCE
) -> list[GridStage]:
    """Measure one network, refined from grid to grid, on the hold-out rows on every grid."""
    return [
        GridStage(
            grid=stage.network.stack[0].grid_size,
            parameters=stage.network.parameter_count,
            seconds=round(stage.seconds, 3),
            metrics=_measure_stage(stage.network, found, data, thresholds),
        )
        for stage in found.stages
    ]


def _measure_stage(
    stage: KAN, found: SearchResult, data: PreparedData, thresholds: InferenceThresholds
) -> Metrics:
    predictor, decision = Predictor.from_training(data, stage, found.inputs, found.scaler), None
    if data.classes is not None:
        calibrate_on_validation_(stage, stage, found.inputs, data, thresholds)
        decision = choose_decision(predictor, data, thresholds)
        predictor = replace(predictor, decision_weights=decision.weights)
    return measure_model(predictor, data, decision).metrics
