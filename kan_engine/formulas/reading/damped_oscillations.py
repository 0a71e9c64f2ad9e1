"""Sums of exponentials and damped oscillations, Σ c·exp(a·u)·cos(b·u + φ), with real constants.

Matching pursuit (Mallat and Zhang 1993) finds one term at a time on a grid of rates and frequencies. Least
squares give the factor and phase of each term. Then all constants are refined jointly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace

import numpy as np

from kan_engine.expressions.evaluation import Expression, Parameter, add, call, mul
from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas.core.constant_fitting import Array
from kan_engine.formulas.core.thresholds import (
    DEFAULT_SYMBOLIC,
    ClosedFormThresholds,
    SymbolicThresholds,
)
from kan_engine.formulas.reading.dictionary_regression import PLACEHOLDER, Candidate, refit_candidate


@dataclass(frozen=True)
class _Oscillation:
    """``factor·exp(rate·u)·function(frequency·u + phase)``; an absent constant is None."""

    factor: float
    rate: float | None
    frequency: float | None
    phase: float | None
    function: str = "cos"

    @property
    def constants(self) -> list[float]:
        """The constants that are present, in the order of their parameters in the tree."""
        return [value for value in astuple(self)[:-1] if value is not None]

    def replace_constants(self, values: Iterator[float]) -> _Oscillation:
        """Return the same term with the next constants from ``values``."""

        def next_value(value: float | None) -> float | None:
            return None if value is None else next(values)

        return replace(
            self,
            factor=next(values),
            rate=next_value(self.rate),
            frequency=next_value(self.frequency),
            phase=next_value(self.phase),
        )

    def to_tree(self, first: int) -> Expression:
        """Build the tree, with parameters numbered from ``first``."""
        places = iter(range(first, first + len(self.constants)))
        parts: list[Expression] = [Parameter(next(places))]
        if self.rate is not None:
            parts.append(call("exp", mul(Parameter(next(places)), PLACEHOLDER)))
        if self.frequency is not None:
            angle = mul(Parameter(next(places)), PLACEHOLDER)
            if self.phase is not None:
                angle = add(angle, Parameter(next(places)))
            parts.append(call(self.function, angle))
        return mul(*parts)

    def columns(self, u: Array) -> list[Array]:
        """Columns that span the term for every phase: one without a frequency, else two."""
        rate = self.rate or 0.0
        with np.errstate(all="ignore"):
            envelope = np.exp(rate * (u - (u[-1] if rate > 0 else u[0])))
        if self.frequency is None:
            return [envelope]
        return [envelope * np.cos(self.frequency * u), envelope * np.sin(self.frequency * u)]

    def iterate_reduced(self) -> Iterator[_Oscillation]:
        """Yield the variants of the term with fewer constants."""
        if self.frequency is not None and self.rate is not None:
            yield replace(self, rate=None)
            yield replace(self, frequency=None, phase=None)
        if self.phase is not None:
            for function, angle in (("cos", self.phase), ("sin", self.phase + np.pi / 2)):
                yield replace(self, factor=self.factor * float(np.cos(angle)), phase=None, function=function)


@dataclass(frozen=True)
class _OscillationSum:
    waves: tuple[_Oscillation, ...]
    constant: float
    error: float = np.inf

    @property
    def values(self) -> list[float]:
        """All constants but the additive one."""
        return [value for wave in self.waves for value in wave.constants]

    @property
    def factors(self) -> tuple[int, ...]:
        """Indices in ``values`` of the factors of the terms: the first constant of each."""
        return tuple(np.cumsum([0, *(len(wave.constants) for wave in self.waves[:-1])]).tolist())

    @property
    def tree(self) -> Expression:
        """Tree of the sum, without the additive constant."""
        return add(*(wave.to_tree(place) for wave, place in zip(self.waves, self.factors, strict=True)))

    def fit(self, u: Array, v: Array, steps: int) -> _OscillationSum:
        """Refit all constants jointly."""
        better = refit_candidate(self.to_candidate(), u, v, steps)
        values = iter(better.parameters)
        waves = tuple(wave.replace_constants(values) for wave in self.waves)
        return _OscillationSum(waves, better.constant, better.error)

    def drop_spare_constants(self, u: Array, v: Array, thresholds: SymbolicThresholds) -> _OscillationSum:
        """Drop constants as long as the error rises by at most ``max_error_growth``."""
        limits = thresholds.closed_forms
        allowed = max(limits.max_error_growth * self.error, thresholds.rounding_error)
        best, place = self, 0
        while place < len(best.waves):
            for wave in best.waves[place].iterate_reduced():
                waves = (*best.waves[:place], wave, *best.waves[place + 1 :])
                trial = replace(best, waves=waves).fit(u, v, limits.oscillation_refit_steps)
                if trial.error <= allowed:
                    best = trial
                    break
            else:
                place += 1
        return best

    def to_candidate(self) -> Candidate:
        """Convert to a closed form of an edge."""
        price = sum(_oscillation_complexity(wave) for wave in self.waves)
        return Candidate(self.tree, tuple(self.values), self.factors, self.constant, self.error, price)


def _oscillation_complexity(wave: _Oscillation) -> int:
    functions = ["exp"] * (wave.rate is not None) + [wave.function] * (wave.frequency is not None)
    return sum(LIBRARY[name].complexity for name in functions) + len(functions) - 1 + len(wave.constants)


def fit_oscillation_sums(
    u: Array, v: Array, thresholds: SymbolicThresholds = DEFAULT_SYMBOLIC
) -> Iterator[Candidate]:
    """Yield sums of one to three terms, as long as each term lowers the error enough.

    Each sum is followed by its variant with fewer constants, if there is one.

    Args:
        u: Points in ascending order.
        v: Values of the curve at these points.
        thresholds: Of the search.
    """
    limits = thresholds.closed_forms
    found = _OscillationSum((), float(v.mean()), 1.0)
    is_range = np.isfinite(u).all() and u[-1] > u[0]
    most = min(limits.max_oscillations, len(u) // limits.min_points_per_oscillation) if is_range else 0
    while len(found.waves) < most and found.error > thresholds.rounding_error:
        wave = _find_best_oscillation(u, v, found.waves, limits)
        longer = replace(found, waves=(*found.waves, wave)).fit(u, v, limits.oscillation_refit_steps)
        if not longer.error < limits.max_oscillation_error_ratio * found.error:
            return
        shorter = longer.drop_spare_constants(u, v, thresholds)
        yield longer.to_candidate()
        if shorter.waves != longer.waves:
            yield shorter.to_candidate()
        found = shorter


def _find_best_oscillation(
    u: Array, v: Array, others: tuple[_Oscillation, ...], limits: ClosedFormThresholds
) -> _Oscillation:
    """Return the term of the grid that, with a free phase, explains most of the residual of ``others``."""
    length, far = float(u[-1] - u[0]), float(np.abs(u).max())
    growth, periods = np.array(limits.oscillation_rates), np.array(limits.oscillation_periods)
    rates = np.array([0.0, *-growth, *growth]) / length
    rates = rates[np.abs(rates) * far < limits.max_rate_exponent]
    origin = np.where(rates > 0, u[-1], u[0])
    envelopes = np.exp(rates[:, None] * (u - origin[:, None]))
    angles = 2 * np.pi * periods[:, None] / length * u
    pairs = np.stack([np.cos(angles), np.sin(angles)], 1)  # [frequency, 2, place]
    columns = envelopes[:, None, None] * pairs  # [rate, frequency, 2, place]
    taken = np.linalg.qr(np.stack([np.ones_like(u), *(c for wave in others for c in wave.columns(u))], 1))[0]
    rest, left = v - taken @ (taken.T @ v), columns - (columns @ taken) @ taken.T
    explained = measure_gain(left, rest, np.square(columns).sum(-1), limits.min_independent_pair_share)
    place = np.unravel_index(int(explained.argmax()), explained.shape)
    (a, b), *_ = np.linalg.lstsq(left[place].T, rest, rcond=1e-6)
    rate, count = float(rates[place[0]]), float(periods[place[1]])
    size = float(np.exp(-rate * origin[place[0]]))
    if not count:
        return _Oscillation(float(a) * size, rate, None, None)
    return _Oscillation(
        float(np.hypot(a, b)) * size, rate, 2 * np.pi * count / length, float(np.arctan2(-b, a))
    )


def measure_gain(left: Array, rest: Array, sizes: Array, least: float) -> Array:
    """Reduction of the residual sum of squares by each pair of columns [..., 2, place].

    For a collinear pair, whose independent squared share is below ``least``: the reduction by the better
    column.
    """
    onto, own = left @ rest, np.square(left).sum(-1)
    is_new = own > least * sizes
    one = np.where(is_new, onto**2 / np.where(is_new, own, 1.0), 0.0).max(-1)
    cross = (left[..., 0, :] * left[..., 1, :]).sum(-1)
    determinant = own.prod(-1) - cross**2
    is_pair = is_new.all(-1) & (determinant > least * own.prod(-1))
    both = own[..., 1] * onto[..., 0] ** 2 + own[..., 0] * onto[..., 1] ** 2 - 2 * cross * onto.prod(-1)
    better: Array = np.where(is_pair, both / np.where(is_pair, determinant, 1.0), one)
    return better
