"""Size, time and metrics of a network on every grid of its schedule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kan_engine import KAN, Predictor, SearchResult
from kan_engine.inference.decision_rule import calibrate_on_validation_, choose_decision
from kan_engine.inference.thresholds import DEFAULT_INFERENCE, InferenceThresholds
from worker.data.preparation import PreparedData
from worker.evaluation.model_metrics import measure_model


def measure_grids(
    found: SearchResult, data: PreparedData, thresholds: InferenceThresholds = DEFAULT_INFERENCE
) -> list[dict[str, Any]]:
    """Measure one network, refined from grid to grid, on every grid.

    Returns:
        Per grid: ``grid``, ``parameters``, ``seconds``, and ``metrics`` on the hold-out rows.
    """
    return [
        {
            "grid": stage.network.stack[0].grid_size,
            "parameters": stage.network.parameter_count,
            "seconds": round(stage.seconds, 3),
            "metrics": _measure_stage(stage.network, found, data, thresholds),
        }
        for stage in found.stages
    ]


def _measure_stage(
    stage: KAN, found: SearchResult, data: PreparedData, thresholds: InferenceThresholds
) -> dict[str, float | None]:
    predictor, decision = Predictor.from_training(data, stage, found.inputs, found.scaler), None
    if data.classes is not None:
        calibrate_on_validation_(stage, stage, found.inputs, data, thresholds)
        decision = choose_decision(predictor, data, thresholds)
        predictor = replace(predictor, decision_weights=decision.weights)
    metrics: dict[str, float | None] = measure_model(predictor, data, decision)["metrics"]
    return metrics
