"""Sums of exponentials and damped oscillations, Σ c·exp(a·u)·cos(b·u + φ), with real constants.

Matching pursuit (Mallat and Zhang 1993) finds one term at a time on a grid of rates and frequencies. Least
squares give the factor and phase of each term. Then all constants are refined jointly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import Expression, add, call, evaluate, mul, walk
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.expressions.nodes import Add, Call, Mul, parametrize_floats
from kan_engine.formulas.reading.curve_form import PLACEHOLDER, ROUNDING_ERROR, CurveForm
from kan_engine.formulas.reading.function_starts import Array
from kan_engine.formulas.reading.linear_sum import LinearSum


def fit_oscillation_sums(
    u: Float[Array, " points"],
    v: Float[Array, " points"],
    *,
    max_terms: int = 3,
    min_points: int = 15,
    max_error_ratio: float = 0.8,
) -> Iterator[CurveForm]:
    """Yield sums of one and more terms beside a constant, then beside a line, while each lowers the error.

    Each sum is followed by its variant with fewer constants, if there is one.

    Args:
        u: Points in ascending order.
        v: Values of the curve at these points.
        max_terms: Terms of a sum.
        min_points: For every term, which has up to four constants.
        max_error_ratio: Another term has to lower the error to this share at least.
    """
    if not (np.isfinite(u).all() and u[-1] > u[0]):
        return
    slope = float(np.polyfit(u, v, 1)[0])
    trends: tuple[dict[Expression, float], ...] = {}, {PLACEHOLDER: slope}
    for trend in trends:
        yield from _pursue(
            CurveForm.measure(trend, u, v, 0), u, v, min(max_terms, len(u) // min_points), max_error_ratio
        )


def _pursue(
    form: CurveForm,
    u: Float[Array, " points"],
    v: Float[Array, " points"],
    max_terms: int,
    max_error_ratio: float,
) -> Iterator[CurveForm]:
    """Yield sums of a form and up to ``max_terms`` terms."""
    for _ in range(max_terms):
        # The best term of the grid for the residuals enters, and all constants are fitted again
        residual = v - evaluate(form.total.tree, {PLACEHOLDER.name: u})
        longer = _refit(form.total + _find_best_oscillation(u, residual), u, v)
        if not longer.error < max_error_ratio * form.error:
            return
        yield longer
        form = _drop_spare_constants(longer, u, v)
        if form is not longer:
            yield form
        if form.error <= ROUNDING_ERROR:
            return


def _refit(
    total: LinearSum, u: Float[Array, " points"], v: Float[Array, " points"], iterations: int = 40
) -> CurveForm:
    """Refit all constants of a sum jointly."""
    price = 0
    for term in total.terms:
        functions = [node.function for node in walk(term) if isinstance(node, Call)]
        function_price = sum(LIBRARY[name].complexity for name in functions) + len(functions)
        price += max(2, function_price + len(parametrize_floats(term)[1]))
    return CurveForm(total, np.inf, price).refit(u, v, iterations)


def _drop_spare_constants(
    best: CurveForm, u: Float[Array, " points"], v: Float[Array, " points"], max_error_growth: float = 1.05
) -> CurveForm:
    """Drop constants as long as the error rises by at most this factor."""
    max_error, place = max(max_error_growth * best.error, ROUNDING_ERROR), 0
    while place < len(best.total.terms):
        terms = list(best.total.terms.items())
        for smaller in _iterate_reduced(*terms[place]):
            total = LinearSum(dict([*terms[:place], smaller, *terms[place + 1 :]]), best.total.constant)
            trial = _refit(total, u, v)
            if trial.error <= max_error:
                best = trial
                break
        else:
            place += 1
    return best


def _iterate_reduced(term: Expression, c: float) -> Iterator[tuple[Expression, float]]:
    """Yield the variants of a term with fewer constants: one factor of two, or no phase."""
    factors = term.factors if isinstance(term, Mul) else (term,)
    if len(factors) > 1:
        yield from ((factor, c) for factor in reversed(factors))
    wave = factors[-1]
    if isinstance(wave, Call) and isinstance(wave.argument, Add):
        angle, phase = wave.argument.terms[0], float(evaluate(wave.argument.terms[1], {}))
        for function, shift in (("cos", phase), ("sin", phase + np.pi / 2)):
            yield mul(*factors[:-1], call(function, angle)), c * float(np.cos(shift))


def _find_best_oscillation(
    u: Float[Array, " points"],
    residual: Float[Array, " points"],
    *,
    rates: tuple[float, ...] = tuple(np.geomspace(0.5, 30.0, 12).tolist()),
    periods: tuple[float, ...] = (0.0, *np.arange(0.5, 25.0, 0.25).tolist()),
    max_exponent: float = 50.0,
    min_independent_share: float = 1e-6,
) -> LinearSum:
    """Return the term of the grid that, with a free phase, explains most of a residual.

    Args:
        u: Points in ascending order.
        residual: The residual.
        rates: Times the length of the range; exp(-0.5) is nearly a line.
        periods: Within the range.
        max_exponent: Largest |rate·u|: the logarithm of an exponential's factor relative to u = 0.
        min_independent_share: Of the square of a sine or cosine that must be independent of the other.
    """
    # The grid of terms: envelopes that are at most 1, since they are relative to their larger end
    length, far = float(u[-1] - u[0]), float(np.abs(u).max())
    growth = np.array([0.0, *(-np.array(rates)), *rates]) / length
    growth = growth[np.abs(growth) * far < max_exponent]
    origin = np.where(growth > 0, u[-1], u[0])
    envelopes = np.exp(growth[:, None] * (u - origin[:, None]))
    angles = 2 * np.pi * np.array(periods)[:, None] / length * u
    pairs = np.stack([np.cos(angles), np.sin(angles)], 1)  # [frequency, 2, place]
    columns = envelopes[:, None, None] * pairs  # [rate, frequency, 2, place]
    # The sum has a free constant, so that only deviations from the mean count
    deviations = columns - columns.mean(-1, keepdims=True)
    gains = measure_gain(
        deviations, residual - residual.mean(), np.square(columns).sum(-1), min_independent_share
    )
    place = np.unravel_index(int(gains.argmax()), gains.shape)
    # a·cos + b·sin as one cosine with a phase, in units of u = 0
    (a, b), *_ = np.linalg.lstsq(deviations[place].T, residual, rcond=1e-6)
    rate, frequency = float(growth[place[0]]), 2 * np.pi * periods[place[1]] / length
    size = float(np.exp(-rate * origin[place[0]])) * float(np.hypot(a, b) if frequency else a)
    envelope = call("exp", mul(make_measured(rate), PLACEHOLDER))
    if not frequency:
        return LinearSum({envelope: size})
    phase = make_measured(float(np.arctan2(-b, a)))
    return LinearSum(
        {mul(envelope, call("cos", add(mul(make_measured(frequency), PLACEHOLDER), phase))): size}
    )


def measure_gain(
    columns: Float[Array, "*grid 2 points"],
    residual: Float[Array, " points"],
    sizes: Float[Array, "*grid 2"],
    min_share: float,
) -> Float[Array, " *grid"]:
    """Reduction of the residual sum of squares by each pair of columns [..., 2, place].

    For a collinear pair, whose independent squared share is below ``min_share``: the reduction by the better
    column.
    """
    # The better column alone, which is all that a collinear pair explains
    onto, squares = columns @ residual, np.square(columns).sum(-1)
    is_new = squares > min_share * sizes
    single_gains = np.where(is_new, onto**2 / np.where(is_new, squares, 1.0), 0.0).max(-1)
    # Two normal equations by Cramer's rule
    cross = (columns[..., 0, :] * columns[..., 1, :]).sum(-1)
    determinant = squares.prod(-1) - cross**2
    is_pair = is_new.all(-1) & (determinant > min_share * squares.prod(-1))
    numerator = (
        squares[..., 1] * onto[..., 0] ** 2 + squares[..., 0] * onto[..., 1] ** 2 - 2 * cross * onto.prod(-1)
    )
    better: Array = np.where(is_pair, numerator / np.where(is_pair, determinant, 1.0), single_gains)
    return better
