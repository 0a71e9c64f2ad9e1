"""What a network was worth on every grid of its schedule: one network, refined from grid to grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from kan_engine import KAN
from worker.evaluation.decision_rule import calibrate_on_validation_, choose_decision
from worker.evaluation.model_metrics import measure
from worker.search.search_rows import Grounds


def measured_grids(
    stages: Sequence[KAN], seconds: Callable[[int], float], quantile: bool, grounds: Grounds
) -> tuple[dict[str, Any], ...]:
    """Its size, its time and its metrics on the hold-out rows, grid by grid.

    Args:
        stages: The network on each grid, as the validation rows liked it best there.
        seconds: Of all that was trained until the last step on each grid.
        quantile: On which scale of the inputs it was trained.
        grounds: The rows.
    """
    return tuple(
        {
            "grid": stage.stack[0].grid_size,
            "parameters": stage.parameter_count,
            "seconds": round(seconds(stage.stack[0].grid_size), 3),
            "metrics": _metrics(stage, quantile, grounds),
        }
        for stage in stages
    )


def _metrics(stage: KAN, quantile: bool, grounds: Grounds) -> dict[str, float | None]:
    data, inputs, decision = grounds.data, grounds.scales[quantile], None
    if data.classes is not None:
        calibrate_on_validation_(stage, stage, inputs, data)
    predictor = data.predictor(stage, inputs, grounds.scaler)
    if data.classes is not None:
        decision = choose_decision(predictor, data)
        predictor = replace(predictor, decision_weights=decision.weights)
    metrics: dict[str, float | None] = measure(predictor, data, decision)["metrics"]
    return metrics
