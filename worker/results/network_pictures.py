"""What drawings of the networks of a model need: curves, scores and functions per edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kan_engine import Predictor, TrainingData
from kan_engine.drawing.network_curves import describe_edges


def describe_networks(
    predictor: Predictor, data: TrainingData, should_stop: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """The edges of the accurate network as JSON, and under ``compact`` those of the compact one."""
    accurate, compact = _describe(predictor, data, should_stop), predictor.compact_predictor
    if compact is not None and compact.network is predictor.network:
        return accurate | {"compact": accurate}
    return accurate | describe_compact_network(predictor, data, should_stop)


def describe_compact_network(
    predictor: Predictor, data: TrainingData, should_stop: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """The edges of the compact network under ``compact``; empty without one."""
    if predictor.compact_predictor is None:
        return {}
    return {"compact": _describe(predictor.compact_predictor, data, should_stop)}


def _describe(predictor: Predictor, data: TrainingData, should_stop: Callable[[], bool]) -> dict[str, Any]:
    return describe_edges(
        predictor.network,
        predictor.inputs,
        data.encoding,
        data.training.x,
        data.output_names,
        should_stop,
        scaler=predictor.outputs,
    ).to_dict()
