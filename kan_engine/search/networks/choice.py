"""Which network answers: that of a law, a trained one, or a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kan_engine.assessment.comparison import compute_paired_rmse, compute_rmse, is_lower
from kan_engine.inference.decision_rule import calibrate_on_validation_
from kan_engine.search.context import SearchContext
from kan_engine.search.laws.law_subtask import make_law_subtask
from kan_engine.search.networks.hill_climb import predict_subtasks
from kan_engine.search.networks.linear_model import (
    find_linear_model,
    make_linear_classifier,
    select_linear_model,
)
from kan_engine.search.networks.monotone_network import find_monotone_network
from kan_engine.search.networks.network_search import make_task, train_network
from kan_engine.search.result import SearchResult, SmallLaw
from kan_engine.search.subtasks import Subtask

ENDED_EARLY_WARNING = (
    "the training of larger networks was ended early to leave time for checks; increase max_seconds"
)


def train_regression(run: SearchContext, next_parts: Callable[[], Sequence[Subtask]]) -> SearchResult:
    """Train the requested network, a monotone one, or larger and larger ones.

    Args:
        run: The search context.
        next_parts: Subtasks that other workers may do while this one trains larger networks.
    """
    if run.config.constraints.monotone:
        return find_monotone_network(run)
    if not run.config.is_automatic:
        return _train_requested(run)
    with run.parts.prefetch(next_parts):
        return _train_in_time(run)


def choose_network(
    law: SmallLaw | None, training_result: SearchResult | None, run: SearchContext
) -> SearchResult:
    """Choose the network that answers a regression unless a formula does.

    Args:
        law: The small network of the law search.
        training_result: The larger network, which answers if it was requested; None beside a law that
            explains the rows.
        run: The search context.
    """
    best = training_result if law is None else law.found
    weights = run.data.training.weights
    if law and training_result and is_lower(training_result.errors, law.found.errors, weights):
        best = training_result
    assert best is not None  # noqa: S101 - without a law a network is trained
    # A line replaces neither a requested network nor one with wished directions
    is_free = run.config.is_automatic and not run.config.constraints.monotone
    return _fall_back_to_line(best, run) if is_free else best


def predict_climb(run: SearchContext) -> Callable[[], Sequence[Subtask]]:
    """The first steps of the hill climb, which other workers may do during the law search."""
    task, losses = make_task(run), dict[str, float]()
    return lambda: predict_subtasks(run.parts, task, losses, run.thresholds)


def _train_in_time(run: SearchContext) -> SearchResult:
    """Train networks in the share of the time that leaves enough for the checks."""
    training = run.limit_time(run.thresholds.search_time_share)
    result = train_network(training)
    if training.should_stop() and not run.should_stop():
        return result.add_warnings(ENDED_EARLY_WARNING)
    return result


def _fall_back_to_line(result: SearchResult, run: SearchContext) -> SearchResult:
    """The network if it is better than a line, its exponential and a constant; else the best of these."""
    if run.cross_validation.is_better(result.errors, select_linear_model(run)[1]):
        return result
    return find_linear_model(run).add_warnings(*result.warnings)


def _train_requested(run: SearchContext, *, max_rounding_error: float = 1e-6) -> SearchResult:
    """Train the requested network; warn where a line is better.

    Args:
        max_rounding_error: RMSE that is attributed to rounding.
    """
    result = train_network(run, [make_law_subtask(run, None)] if run.config.symbolic else [])
    simple, weights = run.cross_validation.measure_simple_models(), run.data.training.weights
    spread = float(np.std(run.data.training.y))
    # Errors at the level of rounding need no comparison with a line
    is_exact = compute_rmse(result.errors, weights) < max_rounding_error * spread
    if is_exact or not run.cross_validation.is_better(simple["linear"], result.errors):
        return result
    of_line, of_network = compute_paired_rmse(simple["linear"], result.errors, weights)
    warning = (
        f"a straight line is better by cross-validation (RMSE {of_line:.4g}) "
        f"than the requested network ({of_network:.4g}): "
        "omit its shape so that the service chooses it"
    )
    return result.add_warnings(warning)


def train_classifier(run: SearchContext) -> SearchResult:
    """The best network, or logistic regression if that is as good and no network was requested.

    Probabilities of networks are calibrated; logistic regression, whose strength is cross-validated, is.
    """
    result = _compare_with_line(run)
    if result.is_straight:
        return result
    calibrate_on_validation_(result.network, result.judged, result.inputs, run.data, run.thresholds.inference)
    return result


def _compare_with_line(run: SearchContext) -> SearchResult:
    result = _train_in_time(run) if run.config.is_automatic else train_network(run)
    folds, weights = run.cross_validation, run.data.training.weights
    simple = folds.measure_simple_models()
    # A logistic regression that is worse than the shares of the classes is no rival
    is_beaten = folds.is_better(simple["constant"], simple["linear"])
    if is_beaten or folds.is_better(result.errors, simple["linear"]):
        return result
    if run.config.is_automatic:
        return make_linear_classifier(run, simple["linear"]).add_warnings(*result.warnings)
    losses = " and ".join(
        f"{rmse**2:.4g}" for rmse in compute_paired_rmse(result.errors, simple["linear"], weights)
    )
    return result.add_warnings(
        f"no network is better than logistic regression by cross-validation (log losses {losses})"
    )
