"""The compact networks of a search result, and the one of them that predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from kan_engine.compact.path import CompactNetwork, CompactPath
from kan_engine.compact.search import find_compact_path
from kan_engine.data.scaling import add_bounds, limit_bounds
from kan_engine.data.training_data import TrainingData
from kan_engine.inference.decision_rule import calibrate_on_validation_, choose_decision
from kan_engine.inference.network_member import NetworkMember
from kan_engine.inference.predictor import Predictor
from kan_engine.search.context import SearchContext
from kan_engine.search.result import SearchResult

COMPACT_ENDED_EARLY_WARNING = (
    "the search for a network of few curves was ended early to leave time for formulas; increase max_seconds"
)


def add_compact_path(result: SearchResult, run: SearchContext, *, is_exact: bool = False) -> SearchResult:
    """Add the compact networks that learn from the rows and from the network of the result.

    A network of the result that has few edges itself is the largest of them. It was chosen on the same rows,
    so none of fewer curves is preferred to it. Beside an exact law it is the only one.
    """
    data, config = run.data, run.config
    if not config.compact:
        return result
    is_small = result.network.edge_count <= data.output_count or (is_exact and result.scaler is not None)
    is_compact = result.network.edge_count <= config.max_curves
    # Beside one edge per output, or beside an exact law, no smaller network is needed
    if is_compact and is_small:
        path, is_cut = _append_network(result), False
    else:
        path, is_cut = _find_smaller(result, run)
        path = _append_network(result, path.networks) if is_compact else path
    return replace(result, compact=path).add_warnings(*([COMPACT_ENDED_EARLY_WARNING] if is_cut else []))


def _find_smaller(result: SearchResult, run: SearchContext) -> tuple[CompactPath, bool]:
    """Compact networks of fewer curves than the network of a result, and whether their search was cut."""
    data, config = run.data, run.config
    count, scaler = result.network.edge_count, result.scaler
    run.report("compact", 0.87, "looking for a network of few curves")
    growth, is_cut = run.limit_time(run.thresholds.compact_growth_time_share), False

    def should_stop_growing() -> bool:
        nonlocal is_cut
        is_cut = is_cut or growth.should_stop()
        return is_cut

    teacher = Predictor.from_training(data, result.network, result.inputs, scaler)
    path = find_compact_path(
        data,
        run.inputs,
        scaler,
        teacher.raw_outputs,
        max_curves=min(count - 1, config.max_curves),
        seed=config.seed,
        column_sets=run.column_wishes,
        should_stop_growing=should_stop_growing,
        should_stop=run.limit_time(run.thresholds.compact_time_share).should_stop,
        thresholds=run.thresholds.compact,
    )
    # Every network errs in its own way, so each is calibrated by itself
    for entry in path.networks if data.classes is not None else ():
        calibrate_on_validation_(entry.network, entry.network, path.inputs, data, run.thresholds.inference)
    return path, is_cut


def _append_network(result: SearchResult, smaller: Sequence[CompactNetwork] = ()) -> CompactPath:
    """Return a path that ends with the network of a result."""
    count = result.network.edge_count
    smaller_networks = [entry for entry in smaller if entry.curve_count < count]
    # The last network was chosen on the same rows: none of fewer curves is preferred to it
    last_loss = float(result.history[-1].validation_loss) if result.history else 0.0
    loss = min([last_loss, *(entry.loss for entry in smaller_networks)])
    last_network = CompactNetwork(network=result.network, curve_count=count, loss=loss)
    return CompactPath(networks=(*smaller_networks, last_network), inputs=result.inputs, scaler=result.scaler)


def make_compact_member(
    path: CompactPath, accurate: Predictor, data: TrainingData, max_curves: int, *, serves: bool
) -> NetworkMember:
    """Select the network of a path that predicts, with its decision rule or its errors.

    Args:
        path: The compact networks.
        accurate: The predictor of the accurate network.
        data: The rows.
        max_curves: Largest number of curves.
        serves: Whether it answers by default.
    """
    entry = path.select(max_curves)
    is_accurate, scaler = entry.network is accurate.network, path.scaler
    if scaler is not None:
        scaler = (
            accurate.outputs
            if is_accurate
            else limit_bounds(add_bounds(scaler, data.training.y), data.bounds)
        )
    member = NetworkMember(
        path=replace(path, scaler=scaler),
        selected=next(place for place, candidate in enumerate(path.networks) if candidate is entry),
        residuals=accurate.residuals if is_accurate else np.zeros(0),
        decision_weights=accurate.decision_weights,
        serves=serves,
    )
    predictor = replace(accurate, compact=member).compact_predictor
    if is_accurate or predictor is None:
        return member
    if data.classes is not None:
        decision = choose_decision(predictor, data)
        return replace(member, decision_weights=decision.weights)
    errors = _measure_errors(predictor, entry.loss, data)
    # Without residuals there are no intervals
    return replace(member, residuals=np.sort(errors) if np.isfinite(errors).all() else np.zeros(0))


def measure_compact_errors(path: CompactPath, run: SearchContext) -> Float[np.ndarray, " rows"]:
    """Out-of-sample errors of the compact network that predicts: on the validation rows, elsewhere NaN.

    For classes they are roots of the log loss, as in ``kan_engine.assessment.comparison``.
    """
    data, errors = run.data, np.full(len(run.data.training), np.nan)
    entry = path.select(run.config.max_curves)
    predictor = Predictor.from_training(data, entry.network, path.inputs, path.scaler)
    validation_errors = _measure_errors(predictor, entry.loss, data)
    # The validation rows are the last ones of the training rows
    errors[len(errors) - len(validation_errors) :] = validation_errors
    return errors


def _measure_errors(predictor: Predictor, loss: float, data: TrainingData) -> Float[np.ndarray, " rows"]:
    """Errors on the validation rows, as large as they were before the network learned these.

    A compact network is refitted to all training rows, so its errors on the validation rows are too small.
    They are scaled to the validation loss from before, in the scale of the network.
    """
    part, scaler = data.validation, predictor.outputs
    if not len(part):
        return np.zeros(0)
    if scaler is None:
        # Root of the log loss of the label; the smallest float keeps it finite for a probability of 0
        label_probabilities = predictor.probabilities(part.x)[np.arange(len(part)), part.classes]
        errors = np.sqrt(-np.log(np.maximum(label_probabilities, np.finfo(float).tiny)))
        squares = 2 * errors**2
    else:
        errors = np.abs(predictor.predict(part.x) - part.y)
        squares = (predictor.raw_outputs(part.x) - scaler.forward(part.y[:, None]))[:, 0] ** 2
    with np.errstate(all="ignore"):
        # Factor from the loss after the refit to the one before; errors are never scaled down
        factor = np.sqrt(loss / (np.average(squares, weights=part.weights) / 2))
    return np.asarray(errors * (factor if 1 < factor < np.inf else 1.0))
