"""Data for the figures of a model: predicted and true values, partial dependence, feature importance.

The work is bounded to well under a second for usual models, and the result is deterministic for the same
network, rows and seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from kan_engine import Feature, Predictor, TrainingData
from kan_engine.assessment.diagnostics import compute_diagnostics
from kan_engine.assessment.monitoring.reference import summarize_inputs
from kan_engine.assessment.partial_dependence import compute_partial_dependence
from kan_engine.assessment.permutation_importance import compute_importance
from service.schemas.figures import EffectOut, FiguresDocument, ImportanceOut, RowSampleOut
from worker.results.thresholds import DEFAULT_FIGURES, FigureThresholds


def compute_figures(
    predictor: Predictor,
    data: TrainingData,
    picture: Mapping[str, Any],
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
    thresholds: FigureThresholds = DEFAULT_FIGURES,
) -> FiguresDocument:
    """The figures of a model of a table.

    Args:
        predictor: The model.
        data: Its rows.
        picture: Its edges, whose scores select features where there are very many.
        seed: Seed of the samples of rows, and of the shuffles of the importance.
        should_stop: Once true, no further feature is computed. If true from the beginning, about a tenth of
            the work is still done: figures from a few rows are better than none.
        thresholds: Sizes of the figures.
    """
    is_measured = len(data.test) > 0
    part = data.test if is_measured else data.training
    # The numbers of the hold-out rows follow those of the training rows
    numbers = data.numbers[-len(part) :] if is_measured else data.numbers[: len(part)]
    work = thresholds.max_activations
    stop, work = (_never, work // 10) if should_stop() else (should_stop, work)
    candidates = [feature for feature in data.encoding.features if feature.name not in predictor.unused]
    features = _select_features(candidates, picture, data, thresholds.max_features)
    # Rows to predict per feature.
    rows_each = work // max(1, predictor.network.edge_count * len(features))
    importance = compute_importance(predictor, part, features, rows_each, seed=seed, should_stop=stop)
    weights = {entry.name: entry.mean for entry in importance.features}
    by_weight = sorted(features, key=lambda feature: -(weights.get(feature.name) or 0.0))
    effects = compute_partial_dependence(
        predictor, data.training, by_weight, rows_each, seed=seed, should_stop=stop
    )
    reference = summarize_inputs(data.encoding, data.training, predictor.unused, seed=seed)
    return FiguresDocument(
        measured_on="hold-out" if is_measured else "training",
        **asdict(compute_diagnostics(predictor, part, numbers, seed)),
        effects=[EffectOut(**asdict(effect)) for effect in effects],
        importance=ImportanceOut(**asdict(importance)),
        reference=asdict(reference),
        sample=_sample_rows(data, thresholds.max_sample_rows, seed),
    )


def _sample_rows(data: TrainingData, max_rows: int, seed: int) -> RowSampleOut:
    """At most this many rows, with about the share of hold-out rows that all rows have."""
    total, split = len(data.numbers), len(data.training)
    random = np.random.default_rng(seed)
    # A permutation of all rows, so that both parts are drawn in proportion
    sample = random.permutation(total)[:max_rows]
    parts = (sample[sample < split], sample[sample >= split])
    training, hold_out = (sorted(data.numbers[part].tolist()) for part in parts)
    return RowSampleOut(training=training, hold_out=hold_out)


def _never() -> bool:
    return False


def _select_features(
    features: Sequence[Feature], picture: Mapping[str, Any], data: TrainingData, max_features: int
) -> list[Feature]:
    """At most ``max_features`` of the features that the network uses, by the scores of their edges."""
    if len(features) <= max_features:
        return list(features)
    # The score of a feature is the sum over the edges from all of its encoded columns
    scores: dict[str, float] = {}
    for edge in picture["edges"]:
        if edge["layer"] == 0:
            name = data.encoding.names[edge["in"]].feature
            scores[name] = scores.get(name, 0.0) + (edge["score"] or 0.0)
    strongest = sorted(features, key=lambda feature: -scores.get(feature.name, 0.0))[:max_features]
    return [feature for feature in features if feature in strongest]
