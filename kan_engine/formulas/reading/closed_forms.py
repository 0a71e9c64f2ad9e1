"""Closed forms of a curve: single functions, polynomials, quotients of polynomials, sums of a few terms.

Cheap forms come first. The search ends as soon as a form is as close as the precision of the curve allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum

import numpy as np

from kan_engine.expressions.evaluation import (
    Expression,
    Parameter,
    add,
    apply_function,
    evaluate,
    mul,
    number,
)
from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas.core.thresholds import ClosedFormThresholds
from kan_engine.formulas.reading.damped_oscillations import fit_oscillation_sums
from kan_engine.formulas.reading.dictionary_regression import (
    PLACEHOLDER,
    Candidate,
    fit_term_sums,
    refit_candidate,
    relative_error,
)
from kan_engine.formulas.reading.function_starts import MAX_FUNCTION_VALUE, Array
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints, Suggestion, fit_plain_functions, suggest


class Effort(IntEnum):
    """Classes of closed forms, cheapest first.

    ``PLAIN``: functions without inner constants, polynomials and quotients. ``SINGLE``: one function with
    inner constants. ``SUMS``: sums of a few terms.
    """

    PLAIN = 0
    SINGLE = 1
    SUMS = 2


def find_closed_forms(
    axis: FitPoints, v: Array, *, known: NoiseModel, effort: Effort, raw: bool = False
) -> list[Candidate]:
    """Return the closed forms of one class for an edge; a constant for an edge that does not vary.

    Args:
        axis: Inputs u of the edge.
        v: Outputs of the edge, one per row.
        known: Noise model of the curve.
        effort: Class of the forms.
        raw: Whether u is a column of the client, so that inner constants are likely to be nice numbers.
    """
    at, thresholds = axis.subsample(v), known.thresholds
    limits = thresholds.closed_forms
    if not is_varying(at, thresholds.min_relative_range):
        return [Candidate(number(0), (), (), float(at.mean()), error=0.0, complexity=0)]
    if effort == Effort.PLAIN:
        found = [to_candidate(fit) for fit in fit_plain_functions(axis, v)]
        if not has_close_form(found, known, limits.max_plain_complexity):
            found += [*_fit_polynomials(axis.u, at, limits), *_fit_quotients(axis.u, at, limits)]
        return found
    if effort == Effort.SINGLE:
        powers = axis.fit_once(at, ("powers", limits), lambda: _fit_powers(axis.u, at, limits))
        return [*(to_candidate(fit) for fit in suggest(axis, v)), *powers]
    waves = axis.fit_once(
        at, ("oscillations", thresholds), lambda: fit_oscillation_sums(axis.u, at, thresholds)
    )
    if not known.is_noisy and has_close_form(waves, known):
        return waves

    def fit_sums() -> Iterator[Candidate]:
        forms = fit_term_sums(axis, at, known=known, raw=raw)
        return (refit_candidate(form, axis.u, at, limits.refit_steps) for form in forms)

    return [*waves, *axis.fit_once(at, ("sums", known, raw), fit_sums)]


def select_best_forms(found: Iterable[Candidate], known: NoiseModel, keep: int) -> list[Candidate]:
    """Return the ``keep`` forms with the best scores, best first, each tree once."""
    best = dict[Expression, Candidate]()
    for candidate in sorted(found, key=lambda candidate: candidate.score(known)):
        best.setdefault(candidate.tree, candidate)  # the first candidate of a tree has its best score
    return list(best.values())[:keep]


def has_close_form(found: Iterable[Candidate], known: NoiseModel, complexity: int | None = None) -> bool:
    """Whether a form of at most this complexity is as close as the precision of the curve allows.

    The default complexity is ``max_close_complexity``.
    """
    limits = known.thresholds.closed_forms
    most = limits.max_close_complexity if complexity is None else complexity
    near = limits.close_floor_factor * known.floor if known.floor < limits.max_precise_floor else known.floor
    return any(c.error <= near for c in found if c.complexity <= most)


def is_varying(values: Array, min_relative_range: float) -> bool:
    """Whether values are finite and vary by more than rounding error."""
    return bool(np.isfinite(values).all() and np.std(values) > min_relative_range * np.abs(values).max())


def to_candidate(fit: Suggestion) -> Candidate:
    """Convert a suggestion to a candidate; constants that the suggestion fixes are not parameters."""
    argument: Expression = PLACEHOLDER
    parameters = [fit.c]
    if not LIBRARY[fit.function].is_scale_free:
        argument = mul(Parameter(1), argument)
        parameters.append(fit.a)
    elif fit.a == -1:
        argument = -argument
    if fit.b != 0:
        argument = add(argument, Parameter(len(parameters)))
        parameters.append(fit.b)
    tree = mul(Parameter(0), apply_function(fit.function, argument))
    return Candidate(tree, tuple(parameters), (0,), fit.d, fit.error, fit.complexity)


def _fit_powers(u: Array, v: Array, limits: ClosedFormThresholds) -> list[Candidate]:
    """Fit c·u^p + d with a real exponent p, starting from the best exponents of a grid."""
    if u[0] <= 0:
        return []
    fits = []
    for p in limits.power_exponents:
        with np.errstate(all="ignore"):
            power_ = (u / u[-1]) ** p
        if power_[0] < MAX_FUNCTION_VALUE:
            matrix = np.stack([power_, np.ones_like(u)], 1)
            (c, d), *_ = np.linalg.lstsq(matrix, v, rcond=None)
            fits.append((relative_error(matrix @ (c, d) - v, v), p, float(c * u[-1] ** -p), float(d)))
    tree = mul(Parameter(0), PLACEHOLDER ** Parameter(1))
    best = [
        Candidate(tree, (c, p), (0,), d, error, limits.power_complexity + 1)
        for error, p, c, d in sorted(fits)[: limits.max_refitted_powers]
    ]
    return [refit_candidate(candidate, u, v, limits.refit_steps) for candidate in best]


def _fit_polynomials(u: Array, v: Array, limits: ClosedFormThresholds) -> list[Candidate]:
    """Fit polynomials in the raw input by least squares on inputs divided by their largest magnitude."""
    found = []
    scale = max(abs(float(u[0])), abs(float(u[-1])), 1e-300)
    for degree in range(2, limits.max_polynomial_degree + 1):
        powers = (u[:, None] / scale) ** np.arange(degree + 1)
        coefficients, *_ = np.linalg.lstsq(powers, v, rcond=None)
        least = limits.min_coefficient_share * np.abs(coefficients).max()
        kept = [n for n in range(1, degree + 1) if abs(coefficients[n]) > least]
        if not kept:
            continue
        terms = [mul(Parameter(place), PLACEHOLDER**n) for place, n in enumerate(kept)]
        with np.errstate(all="ignore"):
            values = coefficients[kept] / np.float64(scale) ** np.array(kept)
        if not np.isfinite(values).all() or not values.all():
            continue  # a power of the input overflows or underflows
        constant = float(np.mean(v - powers[:, kept] @ coefficients[kept]))
        error = relative_error(powers @ coefficients - v, v)
        linear = tuple(range(len(kept)))
        price = 2 * len(kept) + 1
        found.append(Candidate(add(*terms), tuple(values.tolist()), linear, constant, error, price))
    return found


def _fit_quotients(u: Array, v: Array, limits: ClosedFormThresholds) -> list[Candidate]:
    """Fit P(u)/Q(u) with Q = 1 + … by least squares on v·Q = P, reweighted by the previous Q."""
    found = []
    scale = max(abs(float(u[0])), abs(float(u[-1])), 1e-300)
    x, middle = u / scale, float(v.mean())
    for above, below in limits.quotient_degrees:
        weight = np.ones_like(v)
        for _ in range(limits.reweighting_steps):
            columns = [
                *(x**n for n in range(above + 1)),
                *(-(v - middle) * x**n for n in range(1, below + 1)),
            ]
            with np.errstate(all="ignore"):
                matrix = np.stack(columns, 1) * weight[:, None]
                if not np.isfinite(matrix).all():
                    break
                solution = np.asarray(
                    np.linalg.lstsq(matrix, (v - middle) * weight, rcond=None)[0], dtype=float
                )
                bottom = 1 + sum(c * x ** (n + 1) for n, c in enumerate(solution[above + 1 :]))
                weight = 1 / np.abs(bottom)
        else:
            if bottom.min() * bottom.max() > 0 and np.isfinite(weight).all():
                found += _build_quotient(solution[: above + 1], solution[above + 1 :], scale, u, v)
    return found


def _build_quotient(above: Array, below: Array, scale: float, u: Array, v: Array) -> list[Candidate]:
    """Build P/Q in u from coefficients on the unit scale; empty if a value is not finite."""
    with np.errstate(all="ignore"):
        top: Array = above / scale ** np.arange(len(above))
        bottom: Array = below / scale ** np.arange(1, len(below) + 1)
    if not (np.isfinite(top).all() and np.isfinite(bottom).all()):
        return []
    values = [*top.tolist(), *bottom.tolist()]
    linear = tuple(range(len(top)))
    powers = [PLACEHOLDER**n for n in range(max(len(top), len(bottom) + 1))]
    numerator = add(*(mul(Parameter(n), powers[n]) for n in linear))
    denominator = add(1, *(mul(Parameter(len(top) + n), powers[n + 1]) for n in range(len(bottom))))
    tree = numerator / denominator
    reached = evaluate(tree, {PLACEHOLDER.name: u}, values)
    if not np.isfinite(reached).all():
        return []
    constant = float(np.mean(v - reached))
    price = 2 * len(values)
    return [
        Candidate(tree, tuple(values), linear, constant, relative_error(reached + constant - v, v), price)
    ]
