"""Fits of functions that are formulas in x to a curve, as c · f(a·u + b) + d."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares

from kan_engine.expressions.formulas_of_x import find_function
from kan_engine.expressions.library import Function
from kan_engine.formulas.reading.univariate_fit import Suggestion
from kan_engine.numerics.ties import rank_error, round_ranks


def fit_formula(
    formula: str,
    u: Float[np.ndarray, " rows"],
    v: Float[np.ndarray, " rows"],
    *,
    starts: int = 3,
    max_points: int = 120,
) -> Suggestion | None:
    """Fit the constants of a function; None if it is undefined on the curve, or constant.

    Args:
        formula: The function, as ``find_function`` takes it.
        u, v: The curve.
        starts: Places of the grid of a and b that are refined.
        max_points: More hardly change the fit.
    """
    function = find_function(formula)
    places = np.argsort(u, kind="stable")[
        np.unique(np.linspace(0, len(u) - 1, max_points).round().astype(int))
    ]
    at, target = u[places], v[places] - v[places].mean()
    half, middle = max(float(np.ptp(at)) / 2, 1e-300), float(at.max() + at.min()) / 2
    # Scales and places of the curve of f against the range of u, and f as it is written
    scales = np.concatenate([sign * np.geomspace(0.15, 8.0, 14) / half for sign in (1, -1)])
    centers = middle + half * np.linspace(-2, 2, 9)
    grid = [(1.0, 0.0), *((a, 0.0) for a in scales), *((a, -a * c) for a in scales for c in centers)]
    with np.errstate(all="ignore"):
        values = np.stack([np.broadcast_to(function.value(a * at + b), at.shape) for a, b in grid])
        deviations = values - values.mean(1, keepdims=True)
        spreads = np.linalg.norm(deviations, axis=1)
        # Share of the curve that c and d explain, whatever they are; none where f is undefined
        shares = np.nan_to_num((deviations @ target) ** 2 / spreads**2, nan=-1.0, posinf=-1.0)
    fits = []
    for place in np.argsort(-round_ranks(shares), kind="stable")[:starts]:
        if shares[place] < 0 or spreads[place] < 1e-9 * np.abs(values[place]).max():
            continue
        c = float(deviations[place] @ target / spreads[place] ** 2)
        d = float(v[places].mean() - c * values[place].mean())
        fits.append(_refine(function, at, v[places], (*grid[place], c, d)))
    return min(fits, key=lambda fit: rank_error(fit.error), default=None)


def _refine(
    function: Function,
    u: Float[np.ndarray, " points"],
    v: Float[np.ndarray, " points"],
    constants: tuple[float, float, float, float],
) -> Suggestion:
    def misfit(constants: Float[np.ndarray, " 4"]) -> Float[np.ndarray, " points"]:
        a, b, c, d = constants
        # A constant with which f is undefined somewhere is no better than any other
        residuals = np.asarray(c * function.value(a * u + b) + d - v)
        return np.where(np.isfinite(residuals), residuals, 1e10)

    fit = least_squares(misfit, constants, method="lm", xtol=1e-14, ftol=1e-14, gtol=1e-14)
    a, b, c, d = map(float, fit.x)
    error = float(np.sqrt(2 * fit.cost / len(u) / (np.var(v) or 1e-300)))
    return Suggestion(function.name, a, b, c, d, r2=1 - error**2, error=error)
