"""Backward elimination of edges, refinement of grids, and cross-validation of a fitted structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.structure.batched_levenberg_marquardt import subdivide_grids
from kan_engine.structure.batched_networks import NetworkBatch, forward, remove_node
from kan_engine.structure.fitted_structure import FittedStructure, StructureRows


def eliminate_edges(
    fit: FittedStructure,
    training: StructureRows,
    validation: StructureRows,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    required: Sequence[frozenset[int]] = (),
    negligible_error: float = 2e-5,
    max_error_growth: float = 2.5,
    trial_refit_steps: int = 2,
    hopeless_factor: float = 1e3,
) -> FittedStructure:
    """Remove edges, least important first, as long as the validation error stays within the limit.

    A short refit on the current grid follows each removal. Once ``should_stop`` returns true, the other
    edges stay. Of every set of ``required`` inputs, one keeps an edge.

    Args:
        negligible_error: That elimination may always reach.
        max_error_growth: Factor by which elimination may raise a tiny error.
        trial_refit_steps: After a removal, before it is known whether it is hopeless.
        hopeless_factor: A first refit with an error above this multiple of the limit ends the trial.
    """
    limits = fit.thresholds
    # A tiny error may grow by a factor up to an adequate one; a negligible error is always allowed
    tolerance = max(min(max_error_growth * fit.error, limits.adequate_error), negligible_error)
    inputs = len(training.x[0])
    there = list(range(len(fit.bundle.nodes)))  # first indices of the remaining nodes
    for _, node, i in sorted(_rank_edges(fit, inputs)):
        if should_stop() or len(_live_edges(fit.bundle, inputs)) == 1:
            break
        place = node if node == OUTPUT_PLACE else there.index(node)
        if _is_last_of(i, required, [i for _, i in _live_edges(fit.bundle, inputs)]):
            continue
        limit = max(limits.max_removal_growth * fit.error, tolerance)
        smaller = remove_edge(fit.bundle, place, i, inputs)
        # A few steps tell which removals are hopeless; the others get the longer refit
        for steps in (trial_refit_steps, limits.refit_steps):
            smaller = fit.train_coefficients(training, steps=steps, bundle=smaller, should_stop=should_stop)
            error = fit.relative_error(validation, smaller)
            if error <= limit or not error < hopeless_factor * limit:
                break
        if error <= limit:
            # The node went with its last edge: the places of later nodes shift
            if len(smaller.nodes) < len(there):
                del there[place]
            removal_errors = {**fit.dropped}
            if all(j != i for _, j in _live_edges(smaller, inputs)):
                removal_errors[i] = fit.error, error
            fit = replace(fit, bundle=smaller, errors=(error,), dropped=removal_errors)
    return _replace_single_edge_nodes(fit, training, validation, tolerance)


def _is_last_of(i: int, input_sets: Sequence[frozenset[int]], live: list[int]) -> bool:
    """Whether the only edge from a set of required inputs comes from input i."""
    return any(i in group and sum(j in group for j in live) == 1 for group in input_sets)


def _rank_edges(fit: FittedStructure, inputs: int) -> list[tuple[float, int, int]]:
    return [(_edge_importance(fit, place, i), place, i) for place, i in _live_edges(fit.bundle, inputs)]


OUTPUT_PLACE = -1
"""Index of the output, the target of the direct edges; hidden nodes have indices from 0."""


def _live_edges(bundle: NetworkBatch, inputs: int) -> list[tuple[int, int]]:
    """Return (target node, input) of every live edge."""
    ends = [*range(len(bundle.nodes)), *([OUTPUT_PLACE] if bundle.direct.shape[1] else [])]
    return [
        (place, i)
        for place in ends
        for i in range(inputs)
        if not bool(bundle.held[_coefficient_slice(bundle, place, i, inputs)].all())
    ]


def _coefficient_slice(bundle: NetworkBatch, place: int, i: int, inputs: int) -> slice:
    """Return the slice of the coefficients of an edge in ``flat``."""
    # Groups of coefficients in order: inner and outer ones of all nodes, direct ones, the constant
    sizes = [part.shape[1] for part in bundle.coefficient_groups]
    start, size = (
        (sum(sizes[:-2]), sizes[-2]) if place == OUTPUT_PLACE else (sum(sizes[:place]), sizes[place])
    )
    return slice(start + i * size // inputs, start + (i + 1) * size // inputs)


def remove_edge(bundle: NetworkBatch, place: int, i: int, inputs: int) -> NetworkBatch:
    """Hold an edge at 0, or at 1 in a product; remove a node that loses its last edge."""
    edge_slice, flat, mask = (
        _coefficient_slice(bundle, place, i, inputs),
        bundle.flat.clone(),
        bundle.held.clone(),
    )
    flat[:, edge_slice] = 0.0
    # A factor without effect is 1: all its spline coefficients, or its constant while its slope is 0
    if place != OUTPUT_PLACE and bundle.nodes[place].is_product:
        flat[:, edge_slice if bundle.nodes[place].inner == "free" else edge_slice.start] = 1.0
    mask[edge_slice] = True
    smaller = replace(bundle.replace_coefficients(flat), held=mask)
    is_idle = place != OUTPUT_PLACE and not any(at == place for at, _ in _live_edges(smaller, inputs))
    return remove_node(smaller, place) if is_idle else smaller


def _replace_single_edge_nodes(
    fit: FittedStructure, training: StructureRows, validation: StructureRows, tolerance: float
) -> FittedStructure:
    """Replace nodes that have a single edge by a direct edge, if the structure has direct edges."""
    inputs = len(training.x[0])
    for place in reversed(range(len(fit.bundle.nodes))):
        entering = [i for at, i in _live_edges(fit.bundle, inputs) if at == place]
        if len(entering) > 1 or not fit.bundle.direct.shape[1]:
            continue
        mask = fit.bundle.held.clone()
        mask[_coefficient_slice(fit.bundle, OUTPUT_PLACE, entering[0], inputs)] = False
        smaller = remove_node(replace(fit.bundle, held=mask), place)
        smaller = fit.train_coefficients(training, steps=fit.thresholds.refit_steps, bundle=smaller)
        error = fit.relative_error(validation, smaller)
        if error <= max(fit.thresholds.max_removal_growth * fit.error, tolerance):
            fit = replace(fit, bundle=smaller, errors=(error,))
    return fit


def _edge_importance(fit: FittedStructure, place: int, i: int) -> float:
    """Standard deviation of the change of the output if an edge is replaced by its mean."""
    bundle, terms = fit.bundle, fit.terms
    inputs = terms.values.shape[1]
    if place == OUTPUT_PLACE:
        return float((terms.values[:, i] @ bundle.direct[0].view(inputs, -1)[i]).std())
    at = forward(bundle, terms)
    # First-order effect of an edge: its deviation from the mean times the derivative of the output in it
    values = terms.inner_features(bundle.nodes[place])[:, i] @ bundle.inner[place][0].view(inputs, -1)[i]
    slope, cofactors = at.slopes[place][0], at.others[place]
    factor = slope if cofactors is None else slope * cofactors[0, :, i]
    return float(((values - values.mean()) * factor).std())


def refine_structure(
    fit: FittedStructure,
    training: StructureRows,
    validation: StructureRows,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    max_fine_grid_size: int = 64,
    refinement_steps: int = 12,
    min_rows_per_fine_coefficient: int = 3,
    max_refinement_error_ratio: float = 0.9,
) -> FittedStructure:
    """Refit the shape on finer grids, as long as the validation error falls and there are enough rows.

    Args:
        max_fine_grid_size: Of the network that answers predictions.
        refinement_steps: On each of its grids.
        min_rows_per_fine_coefficient: Below which the grid is not refined.
        max_refinement_error_ratio: Of the errors after and before a refinement that is kept.
    """
    while (grid := 2 * fit.terms.grid_size) <= max_fine_grid_size and not should_stop():
        finer = replace(
            fit, bundle=subdivide_grids(fit.bundle, fit.terms), terms=fit.frame.terms(training, grid)
        )
        if len(training.x) < min_rows_per_fine_coefficient * int((~finer.bundle.held).sum()):
            break
        # Subdivision keeps the function, so the refit starts at the solution of the coarser grid
        bundle = finer.train_coefficients(training, steps=refinement_steps, should_stop=should_stop)
        finer = replace(finer, bundle=bundle)
        error = finer.relative_error(validation)
        if error > max_refinement_error_ratio * fit.error:
            break
        fit = replace(finer, errors=(*fit.errors, error))
    return fit


def cross_predict(
    fit: FittedStructure,
    rows: StructureRows,
    folds: Int[Tensor, " batch"],
    should_stop: Callable[[], bool] = lambda: False,
    *,
    cross_validation_steps: int = 12,
) -> Float[np.ndarray, " batch"]:
    """Predict the target of every row by the structure refitted without the fold of the row.

    Each refit starts from the coefficients of ``fit`` and keeps the grid.

    Args:
        fit: A fitted structure.
        rows: All rows.
        folds: Fold of every row, from 0 on.
        should_stop: Called after every step; once true, the coefficients reached so far are used.
        cross_validation_steps: Of a refit without one fold, which starts near its solution.
    """
    predictions = np.full(len(folds), np.nan)
    for fold in range(int(folds.max()) + 1):
        in_fold = folds == fold
        if not in_fold.any():  # with few rows, a fold may be empty
            continue
        again = fit.train_coefficients(
            rows[~in_fold.numpy()], steps=cross_validation_steps, should_stop=should_stop
        )
        predictions[in_fold.numpy()] = fit.predict(rows[in_fold.numpy()], again)
    return predictions
