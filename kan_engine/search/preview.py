"""The first model of a training, which serves until the search has found its own."""

from __future__ import annotations

from dataclasses import replace

from kan_engine.data.training_data import TrainingData
from kan_engine.search.config import SearchConfig
from kan_engine.search.context import FoundLaw, SearchContext, sample_search_rows, to_sample
from kan_engine.search.formulas.allowed import keep_allowed_formulas
from kan_engine.search.laws.law_subtask import make_law_result
from kan_engine.search.linear_model import LinearKind, make_linear_classifier, make_linear_regression
from kan_engine.search.monotone_network import find_monotone_network
from kan_engine.search.result import SearchResult
from kan_engine.structure.search import search_structures


def find_preview(data: TrainingData, config: SearchConfig) -> SearchResult:
    """Find a model within seconds: a line with its formula, or a sum of curves where that is better.

    A line, or its exponential, is compared with the curves by cross-validation. Classes get logistic
    regression, wished directions a monotone sum of curves.
    """
    run = SearchContext.create(data, config)
    folds = run.cross_validation
    simple = folds.measure_simple_models()
    if data.classes is not None:
        return make_linear_classifier(run, simple["linear"])
    if config.constraints.monotone:
        return find_monotone_network(replace(run, should_stop=lambda: True))  # the first of its settings
    kind: LinearKind = "linear"
    if "log_linear" in simple and folds.is_better(simple["log_linear"], simple["linear"]):
        kind = "log_linear"
    line = make_linear_regression(run, simple[kind], kind)
    curves = _fit_curves(run)
    if curves is not None and folds.is_better(curves.errors, line.errors):
        line = replace(curves, formulas=line.formulas)
    return keep_allowed_formulas(line, run)


def _fit_curves(run: SearchContext) -> SearchResult | None:
    """A sum of curves of the most relevant columns; None where none can be fitted."""
    inner, places = run.select_columns()
    fit, validation = (to_sample(part, inner.inputs) for part in sample_search_rows(inner))
    structures = search_structures(
        fit,
        validation,
        generator=inner.generator,
        order=inner.config.order,
        thresholds=inner.thresholds.structure,
    )
    additive = next(structures, None)
    if additive is None:
        return None
    return make_law_result(FoundLaw(fit=additive, formulas=[], is_read=False), inner, run, places)
