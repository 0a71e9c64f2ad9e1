"""Exponentials, oscillations and powers in the span of a few functions of one variable.

A decomposition into products Σ f_r(x)·g_r(y) determines the span of the f_r, but not the f_r themselves. A
function is in the span if it equals its projection. Rates are searched on a grid and then refined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar

Array = np.ndarray
Wave = tuple[complex, int, str]  # rate, power of the variable, function of the imaginary part
MAX_POWER, MAX_POWER_WITH_RATE = 6, 1  # of the variable: alone; times an exponential or oscillation
OSCILLATION_RATES = np.arange(0.2, 100.0, 0.1)  # rates times the length of the axis
EXPONENTIAL_RATES = np.geomspace(0.1, 60.0, 200)
# Distances from the span: of candidates for refinement; of functions in it
MAX_CANDIDATE_DISTANCE, SPAN_TOLERANCE = 0.3, 1e-5
MIN_NEW_SHARE = 1e-2  # share of a function outside the span of those found before


def waves_in_span(functions: Float[Array, "rows functions"], places: Float[Array, " rows"]) -> list[Wave]:
    """Waves that span the same space as the functions; empty if they do not suffice.

    Args:
        functions: Values of linearly independent functions.
        places: Places along the axis.
    """
    basis: Array = np.linalg.qr(functions)[0]
    found, taken = list[Wave](), np.zeros((len(places), 0))
    for waves, columns in _find_waves(basis, places):
        own = basis @ (basis.T @ columns)
        new = own - taken @ (taken.T @ own)
        left, sizes, _ = np.linalg.svd(new, full_matrices=False)
        if sizes[0] < MIN_NEW_SHARE:
            continue
        found += waves
        taken = np.hstack([taken, left[:, sizes > MIN_NEW_SHARE]])
        if taken.shape[1] >= basis.shape[1]:
            return found
    return []


def _find_waves(basis: Array, places: Array) -> Iterator[tuple[list[Wave], Array]]:
    """Find functions in the span, one or a pair at a time, with orthonormal directions in the span."""
    low, high = float(places.min()), float(places.max())
    powers = [(places / max(abs(low), abs(high))) ** power for power in range(MAX_POWER + 1)]
    for power, factor in enumerate(powers):
        column = _orthonormalise(factor)
        if _span_distance(basis, column) < SPAN_TOLERANCE:
            yield [(0j, power, "")], column
    for power, factor in enumerate(powers[: MAX_POWER_WITH_RATE + 1]):

        def oscillation(rate: float, factor: Array = factor) -> Array:
            return _orthonormalise(factor * np.cos(rate * places), factor * np.sin(rate * places))

        def exponential(rate: float, factor: Array = factor) -> Array:
            return _orthonormalise(factor * np.exp(rate * (places - (high if rate > 0 else low))))

        for rate in _find_rates(basis, oscillation, OSCILLATION_RATES / (high - low)):
            columns = oscillation(rate)
            within, cosines, _ = np.linalg.svd(columns.T @ basis)
            near = int(np.sum(cosines > 1 - SPAN_TOLERANCE))
            waves = [(complex(0, rate), power, function) for function in ("cos", "sin")]
            yield waves, columns @ within[:, :near]
        for sign in (-1, 1):
            for rate in _find_rates(basis, exponential, sign * EXPONENTIAL_RATES / (high - low)):
                yield [(complex(rate), power, "")], exponential(rate)


def _find_rates(basis: Array, function: Callable[[float], Array], tried: Array) -> Iterator[float]:
    """Find rates for which the function is in the span."""

    def distance(rate: float) -> float:
        return _span_distance(basis, function(rate))

    distances = np.array([distance(rate) for rate in tried])
    padded = np.pad(distances, 1, constant_values=np.inf)
    is_dip = (distances <= padded[:-2]) & (distances <= padded[2:]) & (distances < MAX_CANDIDATE_DISTANCE)
    for place in np.flatnonzero(is_dip):
        around = tried[max(place - 1, 0) : place + 2]
        ends = (around.min(), around.max())
        found = minimize_scalar(distance, bounds=ends, method="bounded", options={"xatol": 1e-13})
        if found.fun < SPAN_TOLERANCE:
            yield float(found.x)


def _span_distance(basis: Array, columns: Array) -> float:
    """Sine of the smallest angle between two spans; both arguments have orthonormal columns."""
    _, _, right = np.linalg.svd(basis.T @ columns)
    nearest = columns @ right[0]
    return float(np.linalg.norm(nearest - basis @ (basis.T @ nearest)))


def _orthonormalise(*columns: Array) -> Array:
    orthonormal: Array = np.linalg.qr(np.stack(columns, 1))[0]
    return orthonormal
