"""Size, time and metrics of a network on every grid of its schedule."""

from __future__ import annotations

from kan_engine import SearchResult, TrainingData
from kan_engine.search.assembly import assemble_stage
from kan_engine.search.thresholds import SearchThresholds
from service.schemas.model_document import GridOut
from worker.evaluation.model_metrics import measure_model


def measure_grids(result: SearchResult, data: TrainingData, search: SearchThresholds) -> list[GridOut]:
    """Measure one network, refined from grid to grid, on the hold-out rows on every grid."""
    models = [assemble_stage(stage, result, data, search) for stage in result.stages]
    return [
        GridOut(
            grid=stage.network.stack[0].grid_size,
            parameters=stage.network.parameter_count,
            seconds=round(stage.seconds, 3),
            metrics=measure_model(predictor, data, decision).metrics,
        )
        for stage, (predictor, decision) in zip(result.stages, models, strict=True)
    ]
