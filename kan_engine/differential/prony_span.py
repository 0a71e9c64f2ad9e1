"""Exponentials, oscillations and powers in the span of a few functions of one variable.

A decomposition into products Σ f_r(x)·g_r(y) determines the span of the f_r, but not the f_r themselves. A
function is in the span if it equals its projection. Rates are searched on a grid and then refined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar

from kan_engine.differential.thresholds import SolutionLawThresholds

Array = np.ndarray
Wave = tuple[complex, int, str]  # rate, power of the variable, function of the imaginary part


def waves_in_span(
    functions: Float[Array, "rows functions"],
    places: Float[Array, " rows"],
    thresholds: SolutionLawThresholds,
) -> list[Wave]:
    """Waves that span the same space as the functions; empty if they do not suffice.

    Args:
        functions: Values of linearly independent functions.
        places: Places along the axis.
        thresholds: Rates and powers to try, and when a function is in the span.
    """
    basis: Array = np.linalg.qr(functions)[0]
    result, directions = list[Wave](), np.zeros((len(places), 0))
    for waves, columns in _find_waves(basis, places, thresholds):
        # Directions that the waves add to those of earlier ones
        projections = basis @ (basis.T @ columns)
        new = projections - directions @ (directions.T @ projections)
        vectors, sizes, _ = np.linalg.svd(new, full_matrices=False)
        if sizes[0] < thresholds.min_new_share:
            continue
        result += waves
        directions = np.hstack([directions, vectors[:, sizes > thresholds.min_new_share]])
        if directions.shape[1] >= basis.shape[1]:
            return result
    return []


def _find_waves(
    basis: Float[Array, "rows functions"],
    places: Float[Array, " rows"],
    thresholds: SolutionLawThresholds,
    *,
    max_power: int = 6,
    max_power_with_rate: int = 1,
) -> Iterator[tuple[list[Wave], Float[Array, "rows directions"]]]:
    """Find functions in the span, one or a pair at a time, with orthonormal directions in the span.

    Args:
        max_power, max_power_with_rate: Of the variable: alone; times an exponential or oscillation.
    """
    low, high = float(places.min()), float(places.max())
    tolerance, largest = thresholds.span_tolerance, max(abs(low), abs(high))
    powers = [(places / largest) ** power for power in range(max_power + 1)]
    # Powers alone have no rate to search
    for power, factor in enumerate(powers):
        column = _orthonormalise(factor)
        if _span_distance(basis, column) < tolerance:
            yield [(0j, power, "")], column
    oscillation_rates = np.arange(*thresholds.oscillation_rates) / (high - low)
    exponential_rates = np.geomspace(*thresholds.exponential_rates)
    for power, factor in enumerate(powers[: max_power_with_rate + 1]):

        def oscillation(rate: float, factor: Float[Array, " rows"] = factor) -> Float[Array, "rows columns"]:
            return _orthonormalise(factor * np.cos(rate * places), factor * np.sin(rate * places))

        def exponential(rate: float, factor: Float[Array, " rows"] = factor) -> Float[Array, "rows columns"]:
            return _orthonormalise(factor * np.exp(rate * (places - (high if rate > 0 else low))))

        for rate in _find_rates(basis, oscillation, oscillation_rates, thresholds):
            columns = oscillation(rate)
            # The singular values are cosines of the angles between both spans; near 1 a direction is in both
            within, cosines, _ = np.linalg.svd(columns.T @ basis)
            near = int(np.sum(cosines > 1 - tolerance))
            waves = [(complex(0, rate), power, function) for function in ("cos", "sin")]
            yield waves, columns @ within[:, :near]
        for sign in (-1, 1):
            rates = sign * exponential_rates / (high - low)
            for rate in _find_rates(basis, exponential, rates, thresholds):
                yield [(complex(rate), power, "")], exponential(rate)


def _find_rates(
    basis: Float[Array, "rows functions"],
    function: Callable[[float], Float[Array, "rows columns"]],
    rates: Float[Array, " rates"],
    thresholds: SolutionLawThresholds,
    *,
    max_candidate_distance: float = 0.3,
) -> Iterator[float]:
    """Find rates for which the function is in the span.

    Args:
        max_candidate_distance: From the span, of candidates for refinement.
    """

    def distance(rate: float) -> float:
        return _span_distance(basis, function(rate))

    # Local minima of the distance over the grid of rates, each refined between its neighbours
    distances = np.array([distance(rate) for rate in rates])
    neighbours = np.pad(distances, 1, constant_values=np.inf)
    is_dip = (distances <= neighbours[:-2]) & (distances <= neighbours[2:])
    for place in np.flatnonzero(is_dip & (distances < max_candidate_distance)):
        around = rates[max(place - 1, 0) : place + 2]
        ends = (around.min(), around.max())
        minimum = minimize_scalar(distance, bounds=ends, method="bounded", options={"xatol": 1e-13})
        if minimum.fun < thresholds.span_tolerance:
            yield float(minimum.x)


def _span_distance(basis: Float[Array, "rows functions"], columns: Float[Array, "rows columns"]) -> float:
    """Sine of the smallest angle between two spans; both arguments have orthonormal columns."""
    # The first right singular vector is the combination of the columns nearest to the span
    _, _, right = np.linalg.svd(basis.T @ columns)
    nearest = columns @ right[0]
    return float(np.linalg.norm(nearest - basis @ (basis.T @ nearest)))


def _orthonormalise(*columns: Float[Array, " rows"]) -> Float[Array, "rows columns"]:
    orthonormal: Array = np.linalg.qr(np.stack(columns, 1))[0]
    return orthonormal
