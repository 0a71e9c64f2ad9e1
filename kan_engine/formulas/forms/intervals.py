"""Intervals of constants by profile likelihood.

The profile of a constant is the smallest sum of squares with the constant held. Its interval ends where the
profile exceeds the minimum by t²·s² (Bates and Watts, Nonlinear Regression Analysis and Its Applications,
1988, section 6.1). For a constant that enters linearly this is the interval of t. For others it is not
symmetric, and it holds as often as promised where the interval of t does not.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import norm
from scipy.stats import t as t_distribution

from kan_engine.formulas.forms.least_squares import FormProblem

LEVEL = 0.95  # of the intervals

Array = np.ndarray
Interval = tuple[float | None, float | None]


def find_intervals(
    problem: FormProblem,
    values: Float[Array, " constants"],
    covariance: Float[Array, "constants constants"],
    max_rows: int = 5_000,
) -> list[Interval]:
    """The interval of every constant, within its bounds; an end is None where the rows do not limit it.

    Args:
        problem: The form and its rows.
        values: The best constants.
        covariance: Of the constants.
        max_rows: With more rows an interval is that of t, which then hardly differs.
    """
    freedom, noise = len(problem.rows) - len(values), problem.rows.unit_error
    if freedom < 1 and noise is None:
        return [(None, None)] * len(values)
    # The quantile of t, or of the normal distribution where the noise is known
    chance = 0.5 + LEVEL / 2
    reach = float(t_distribution.ppf(chance, freedom) if noise is None else norm.ppf(chance))
    deviation = (problem.measure(values) / freedom) ** 0.5 if noise is None else noise
    is_profiled = len(problem.rows) <= max_rows and deviation > 0

    def find_end(place: int, sign: int) -> float | None:
        straight = float(values[place] + sign * reach * covariance[place, place] ** 0.5)
        end = straight if np.isfinite(straight) else None
        if is_profiled and end is not None:
            end = _find_profile_end(problem, values, covariance[:, place], place, sign * reach, deviation)
        limit = float(problem.bounds[place][sign > 0])
        is_beyond = end is None or sign * (end - limit) > 0
        return limit if np.isfinite(limit) and is_beyond else end

    return [(find_end(place, -1), find_end(place, 1)) for place in range(len(values))]


def _find_profile_end(
    problem: FormProblem,
    values: Float[Array, " constants"],
    covariance: Float[Array, " constants"],
    place: int,
    reach: float,
    deviation: float,
    *,
    is_logarithmic: bool = False,
    tolerance: float = 0.01,
    max_errors: float = 50.0,
) -> float | None:
    """Where the root of the profile's rise, in units of s, is ``reach``; None if nowhere near.

    Steps are in the constant first. Where they find no end, they are in its logarithm: constants that vary by
    orders of magnitude, such as the factor of an exponential, have ends there.

    Args:
        problem: The form and its rows.
        values: The best constants.
        covariance: Of this constant with all.
        place: Of this constant.
        reach: The root, negative at the lower end.
        deviation: The standard deviation s of a row of weight 1.
        is_logarithmic: Whether steps are in the logarithm.
        tolerance: Of the root.
        max_errors: Standard errors beyond which there is no end.
    """
    best_value, error, size = float(values[place]), float(covariance[place]) ** 0.5, abs(reach)
    direction, lowest = covariance / covariance[place], problem.measure(values)
    inner, outer = (0.0, 0.0), None  # step from the best constant, and the root of the rise there
    nearest, step = values, reach * error
    for _ in range(14):
        # Other constants begin on the straight line from the nearest ones known
        start = nearest + (step - inner[0]) * direction
        with np.errstate(over="ignore"):
            start[place] = best_value * np.exp(step / best_value) if is_logarithmic else best_value + step
        if not np.isfinite(problem.measure(start)):
            start = np.where(np.arange(len(values)) == place, start, nearest)
        profile_fit = problem.fit(start, 100, 1e-8, [place])
        risen = max(problem.measure(profile_fit) - lowest, 0.0) ** 0.5 / deviation
        if abs(risen - size) < tolerance:
            return float(profile_fit[place])
        if risen < size:
            inner, nearest = (step, risen), profile_fit
        else:
            outer = step, risen
        # Longer steps until the end is enclosed, then the secant between the two sides
        if outer is None:
            step *= min(2.5, size / max(risen, 1e-300))
        else:
            share = np.clip((size - inner[1]) / (outer[1] - inner[1]), 0.1, 0.9)
            step = inner[0] + float(share) * (outer[0] - inner[0])
        if abs(step) > max_errors * error:
            break
    if is_logarithmic or not best_value:
        return None
    return _find_profile_end(problem, values, covariance, place, reach, deviation, is_logarithmic=True)
