"""Size, time and metrics of a network on every grid of its schedule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from kan_engine import KAN
from worker.evaluation.decision_rule import calibrate_on_validation_, choose_decision
from worker.evaluation.model_metrics import measure_model
from worker.search.search_rows import SearchRows


def measure_grids(
    stages: Sequence[KAN], seconds: Callable[[int], float], quantile: bool, grounds: SearchRows
) -> tuple[dict[str, Any], ...]:
    """Measure one network, refined from grid to grid, on every grid.

    Args:
        stages: The network on each grid, at the step with the lowest validation loss.
        seconds: Training time up to the last step on a grid.
        quantile: Whether inputs are scaled by quantiles instead of ranges.
        grounds: The rows.

    Returns:
        Per grid: ``grid``, ``parameters``, ``seconds``, and ``metrics`` on the hold-out rows.
    """
    return tuple(
        {
            "grid": stage.stack[0].grid_size,
            "parameters": stage.parameter_count,
            "seconds": round(seconds(stage.stack[0].grid_size), 3),
            "metrics": _measure_stage(stage, quantile, grounds),
        }
        for stage in stages
    )


def _measure_stage(stage: KAN, quantile: bool, grounds: SearchRows) -> dict[str, float | None]:
    data, inputs, decision = grounds.data, grounds.scales[quantile], None
    if data.classes is not None:
        calibrate_on_validation_(stage, stage, inputs, data)
    predictor = data.make_predictor(stage, inputs, grounds.scaler)
    if data.classes is not None:
        decision = choose_decision(predictor, data)
        predictor = replace(predictor, decision_weights=decision.weights)
    metrics: dict[str, float | None] = measure_model(predictor, data, decision)["metrics"]
    return metrics
