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
from kan_engine.formulas.forms.thresholds import FormThresholds

Array = np.ndarray
Interval = tuple[float | None, float | None]


def find_intervals(
    problem: FormProblem,
    values: Float[Array, " constants"],
    covariance: Float[Array, "constants constants"],
    thresholds: FormThresholds,
) -> list[Interval]:
    """The interval of every constant, within its bounds; an end is None where the rows do not limit it.

    Args:
        problem: The form and its rows.
        values: The best constants.
        covariance: Of the constants.
        thresholds: Level, and the accuracy of the ends.
    """
    freedom, known = len(problem.rows) - len(values), problem.rows.unit_error
    if freedom < 1 and known is None:
        return [(None, None)] * len(values)
    chance = 0.5 + thresholds.level / 2
    reach = float(t_distribution.ppf(chance, freedom) if known is None else norm.ppf(chance))
    lowest = problem.measure(values)
    variance = lowest / freedom if known is None else known**2
    errors = np.sqrt(np.diag(covariance))
    found: list[Interval] = []
    for place, error in enumerate(errors):
        ends = []
        for sign in (-1, 1):
            bound = problem.bounds[place][sign > 0]
            straight = float(values[place] + sign * reach * error)
            if np.isfinite(error) and len(problem.rows) <= thresholds.max_profile_rows and variance > 0:
                profile = _Profile(problem, values, covariance, place, lowest, variance, thresholds)
                end = profile.find_end(sign * reach)
            else:
                end = straight if np.isfinite(straight) else None
            ends.append(_limit(end, bound, sign))
        found.append((ends[0], ends[1]))
    return found


def _limit(end: float | None, bound: float, sign: int) -> float | None:
    if np.isfinite(bound) and (end is None or sign * (end - bound) > 0):
        return float(bound)
    return end


class _Profile:
    """The profile of one constant."""

    def __init__(
        self,
        problem: FormProblem,
        values: Array,
        covariance: Array,
        place: int,
        lowest: float,
        variance: float,
        thresholds: FormThresholds,
    ) -> None:
        self._problem, self._values, self._place = problem, values, place
        self._lowest, self._variance, self._thresholds = lowest, variance, thresholds
        self._error = float(np.sqrt(covariance[place, place]))
        self._direction = covariance[:, place] / covariance[place, place]  # of the others along the profile

    def find_end(self, reach: float) -> float | None:
        """Where the signed root of the profile's rise, in units of s, is ``reach``; None if nowhere near.

        Steps are in the constant first. Where they find no end, they are in its logarithm: constants that
        vary by orders of magnitude, such as the factor of an exponential, have ends there.
        """
        end = self._step_to_end(reach, is_logarithmic=False)
        own = self._values[self._place]
        return self._step_to_end(reach, is_logarithmic=True) if end is None and own else end

    def _step_to_end(self, reach: float, *, is_logarithmic: bool) -> float | None:
        thresholds, sign, size = self._thresholds, float(np.sign(reach)), abs(reach)
        inner, outer = (0.0, 0.0), None  # step from the best constant, and the root of the rise there
        nearest, step = self._values, reach * self._error
        for _ in range(thresholds.profile_steps):
            moved = self._move(nearest, inner[0], step, is_logarithmic=is_logarithmic)
            reached, risen = self._refit(moved, nearest)
            if abs(risen - size) < thresholds.profile_tolerance:
                return float(reached[self._place])
            if risen < size:
                inner, nearest = (step, risen), reached
            else:
                outer = step, risen
            step = self._propose(inner, outer, size, sign)
            if abs(step) > thresholds.max_profile_errors * self._error:
                return None
        return None

    def _move(self, nearest: Array, before: float, step: float, *, is_logarithmic: bool) -> Array:
        """Constants after a step, from the nearest ones known, along the straight line of the others."""
        moved = nearest + (step - before) * self._direction
        own = self._values[self._place]
        with np.errstate(over="ignore"):
            moved[self._place] = own * np.exp(step / own) if is_logarithmic else own + step
        low, high = np.array(self._problem.bounds).T
        kept = moved[self._place]
        moved = np.clip(moved, low, high)
        moved[self._place] = kept
        return np.asarray(moved)

    def _propose(
        self, inner: tuple[float, float], outer: tuple[float, float] | None, reach: float, sign: float
    ) -> float:
        if outer is None:
            slope = inner[1] / abs(inner[0]) if inner[0] else 1 / self._error
            return sign * min(2.5 * abs(inner[0]), reach / max(slope, 1e-300))
        if not np.isfinite(outer[1]):
            return (inner[0] + outer[0]) / 2
        share = (reach - inner[1]) / (outer[1] - inner[1])
        return inner[0] + float(np.clip(share, 0.1, 0.9)) * (outer[0] - inner[0])

    def _refit(self, moved: Array, nearest: Array) -> tuple[Array, float]:
        """The best constants with the own one held, and the root of the rise there in units of s."""
        if not np.isfinite(self._problem.measure(moved)):
            held = moved[self._place]
            moved = nearest.copy()
            moved[self._place] = held
        limits = self._thresholds
        reached = self._problem.fit(moved, limits.profile_evaluations, limits.profile_gain, [self._place])
        rise = self._problem.measure(reached) - self._lowest
        return reached, float(np.sqrt(max(rise, 0.0) / self._variance))
