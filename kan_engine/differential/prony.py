"""Functions of one variable that are sums of exponentials, oscillations and powers.

The derivatives of such functions are linearly dependent, y⁽ᵐ⁾ = Σ c_j y⁽ʲ⁾. The roots of the polynomial of
the c_j are their rates (de Prony 1795, here with exact derivatives of a spline in place of shifted samples).
If several functions of the variable are known, as in a sum of products, their span also determines the rates
(``prony_span.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, product

import numpy as np
from jaxtyping import Float, Inexact

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.differential.prony_span import Wave, waves_in_span
from kan_engine.differential.thresholds import SolutionLawThresholds
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.nodes import Expression, Parameter, Variable, add, call, mul, power
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    compute_rmse,
    refit_constants,
)

Array = np.ndarray


def fit_exponential_sum(
    derivatives: Mapping[str, Float[Array, "orders rows"]],
    fit: LabelledRows,
    validation: LabelledRows,
    floor: float,
    thresholds: SolutionLawThresholds,
    *,
    max_choices: int = 8,
) -> ParametricForm | None:
    """Fit a sum of products of exponentials, oscillations and powers of each variable to a function.

    Args:
        derivatives: For every column, y, y′, y″, … of functions of this column that span the function's
            dependence on it; the rows of these functions are concatenated.
        fit: Rows with the values of the function.
        validation: Other rows.
        floor: Largest error on the validation rows, relative to their standard deviation.
        thresholds: When derivatives are dependent, and which terms to try.
        max_choices: Sums that are fitted.

    Returns:
        The sum with fitted constants; None if no sum is accurate enough.
    """
    columns, spread = fit.columns, validation.spread
    choices = [_wave_choices(derivatives[name], places, thresholds) for name, places in columns.items()]
    likely = islice(product(*choices), max_choices)
    for waves in chain(likely, _span_waves(derivatives, columns, thresholds)):
        form = _fit_factors(list(product(*waves)), fit, thresholds)
        if form is not None and compute_rmse(form, validation) < floor * spread:
            return form
    return None


def _wave_choices(
    derivatives: Float[Array, "orders rows"],
    places: Float[Array, " places"],
    thresholds: SolutionLawThresholds,
) -> list[list[Wave]]:
    """Candidate waves along one column, the most likely first."""
    length = float(np.ptp(places))
    return [
        list(_waves(terms, places, thresholds))
        for rates in _characteristic_rates(derivatives, thresholds)
        for terms in _rate_multiplicities(rates, length, thresholds)
    ]


def _span_waves(
    derivatives: Mapping[str, Float[Array, "orders rows"]],
    columns: Mapping[str, Float[Array, " places"]],
    thresholds: SolutionLawThresholds,
) -> Iterator[list[list[Wave]]]:
    """Waves in the span of the functions of every column, if each column has several and all are found."""
    functions = {name: derivatives[name][0].reshape(len(places), -1) for name, places in columns.items()}
    if all(values.shape[1] > 1 for values in functions.values()):
        waves = [waves_in_span(functions[name], places, thresholds) for name, places in columns.items()]
        if all(waves):
            yield waves


def _characteristic_rates(
    derivatives: Float[Array, "orders rows"],
    thresholds: SolutionLawThresholds,
    *,
    max_relation_order: int = 4,
) -> Iterator[Inexact[Array, " rates"]]:
    """Roots of the relations between derivatives, from the lowest order.

    Args:
        max_relation_order: Of a linear relation between derivatives.
    """
    for order in range(1, min(max_relation_order, len(derivatives) - 1) + 1):
        # Derivatives of unit size; the last singular vector is the relation between them
        sizes = np.sqrt(np.mean(derivatives[: order + 1] ** 2, axis=1)) + 1e-300
        matrix = (derivatives[: order + 1] / sizes[:, None]).T
        _, values, right = np.linalg.svd(matrix, full_matrices=False)
        # A relation holds up to rounding and contains the highest derivative, or else its order is lower
        if values[-1] > thresholds.relation_tolerance * values[0] or (
            order < max_relation_order and abs(right[-1][-1]) < thresholds.negligible_share
        ):
            continue
        relation = right[-1] / sizes
        yield np.roots(relation[::-1])


def _rate_multiplicities(
    rates: Inexact[Array, " rates"],
    length: float,
    thresholds: SolutionLawThresholds,
    *,
    triple_rate_distance: float = 1e-1,
) -> Iterator[list[tuple[complex, int]]]:
    """Rates, each with a power of the variable: first with close rates as multiple ones, then all single.

    Args:
        triple_rate_distance: Relative distance of three rates that count as one: rounding separates them by
            its cube root.
    """
    double = thresholds.double_rate_distance
    loosely, strictly = (
        list(_merge_close_rates(rates, length, near, double)) for near in (triple_rate_distance, double)
    )
    if loosely != strictly:
        yield loosely
    yield strictly
    small = thresholds.negligible_share / length
    # One rate of each complex pair, without powers, unless a rate is so small that it means a power
    plain = sorted(
        {
            (complex(round(r.real, 15), max(r.imag, 0.0) if abs(r.imag) > small else 0.0), 0)
            for r in map(complex, rates)
            if r.imag >= -small
        },
        key=str,
    )
    if all(abs(r) * length > 1e-3 for r, _ in plain):
        yield plain


def _merge_close_rates(
    rates: Inexact[Array, " rates"], length: float, close: float, double: float
) -> Iterator[tuple[complex, int]]:
    """Replace close rates by their mean: rounding separates a multiple root in all directions around it."""
    groups: list[list[complex]] = []
    for rate in map(complex, rates):
        limit = close * max(abs(rate), 1 / length)
        # A rate of multiplicity m belongs to the powers 0 to m - 1 of the variable
        near = next((group for group in groups if abs(np.mean(group) - rate) < limit), None)
        if near is None:
            groups.append([rate])
        else:
            near.append(rate)
    for group in groups:
        rate = _clear_rounding(complex(np.mean(group)), length, double)
        if rate.imag >= 0:
            yield from ((rate, exponent) for exponent in range(len(group)))


def _clear_rounding(rate: complex, length: float, double: float) -> complex:
    """Set real and imaginary parts that are rounding error to 0."""
    limit = double * max(abs(rate), 0.1 / length)
    return complex(
        0.0 if abs(rate.real) < limit * 1e-3 else rate.real, 0.0 if abs(rate.imag) < limit else rate.imag
    )


def _waves(
    terms: Sequence[tuple[complex, int]], places: Float[Array, " places"], thresholds: SolutionLawThresholds
) -> Iterator[tuple[complex, int, str]]:
    """Every term as an exponential of the real part times a function of the imaginary part.

    Rates r and -r are combined to cosh and sinh.
    """
    double, steepest = thresholds.double_rate_distance, thresholds.max_log_exponential
    real = [rate.real for rate, exponent in terms if not rate.imag and not exponent]
    for rate, exponent in terms:
        partner = [r for r in real if abs(r + rate.real) < double**2 * abs(rate.real)]
        if rate.imag:
            yield rate, exponent, "cos"
            yield rate, exponent, "sin"
        elif exponent or not partner or _exponential_origin(rate, places, steepest):
            yield rate, exponent, ""
        elif rate.real > 0:  # stands for both rates of the pair
            yield complex(0, rate.real), 0, "cosh"
            yield complex(0, rate.real), 0, "sinh"


def _fit_factors(
    terms: Sequence[tuple[Wave, ...]],
    fit: LabelledRows,
    thresholds: SolutionLawThresholds,
    *,
    max_sum_refit_steps: int = 60,
) -> ParametricForm | None:
    """Fit the factors by least squares, drop negligible terms, then refit all constants.

    Args:
        max_sum_refit_steps: Of Levenberg-Marquardt for a sum.
    """
    columns, values = fit.columns, fit.y
    if len(terms) > thresholds.max_terms:
        return None
    with np.errstate(over="ignore"):
        matrix = np.stack([_product(term, columns, thresholds.max_log_exponential) for term in terms], 1)
    if not np.isfinite(matrix).all():
        return None
    # Least squares with columns of unit size, in which negligible shares show
    sizes = np.abs(matrix).max(0) + 1e-300
    shares = np.linalg.lstsq(matrix / sizes, values, rcond=1e-13)[0]
    min_share = thresholds.negligible_share * float(np.abs(shares).max())
    entries = zip(terms, shares, sizes, strict=True)
    factors = {term: float(share / size) for term, share, size in entries if abs(share) > min_share}
    if not factors:
        return None
    form = _build_form(factors, columns, thresholds)
    return refit_constants(form, fit, iterations=max_sum_refit_steps)


def _product(
    term: Sequence[Wave], columns: Mapping[str, Float[Array, " rows"]], steepest: float
) -> Float[Array, " rows"]:
    total: Array = np.ones(())
    for (rate, exponent, wave), places in zip(term, columns.values(), strict=True):
        # The exponential is 1 at its origin, so that neither it nor its factor is extreme
        origin = _exponential_origin(rate, places, steepest)
        total = total * places**exponent * np.exp(rate.real * (places - origin))
        if wave:
            total = total * LIBRARY[wave].value(rate.imag * places)
    return total


def _build_form(
    factors: Mapping[tuple[Wave, ...], float],
    columns: Mapping[str, Float[Array, " rows"]],
    thresholds: SolutionLawThresholds,
) -> ParametricForm:
    """The sum as a formula; products of oscillations become sums of angles where that is shorter."""
    parameters: list[float] = []
    rate_parameters: dict[float, Expression] = {}

    def parameter(value: float) -> Expression:
        parameters.append(value)
        return Parameter(len(parameters) - 1)

    def rate_parameter(value: float) -> Expression:
        """The parameter of a rate; equal rates share one."""
        if value not in rate_parameters:
            rate_parameters[value] = parameter(value)
        return rate_parameters[value]

    parts, steepest = [], thresholds.max_log_exponential
    for group, within in _group_terms(factors, thresholds.negligible_share).items():
        pieces = []
        for name, (real, exponent, _) in zip(columns, group, strict=True):
            pieces.append(power(Variable(name), exponent))
            if real:
                place = Variable(name)
                reference = _exponential_origin(complex(real), columns[name], steepest)
                argument = add(place, -reference) if reference else place
                pieces.append(call("exp", mul(rate_parameter(real), argument)))
        angles = [
            mul(rate_parameter(b), Variable(name))
            for name, (_, _, b) in zip(columns, group, strict=True)
            if b
        ]
        for wave, factor in within.items():
            parts.append(mul(parameter(factor), *pieces, _oscillation(wave, angles)))
    return ParametricForm(add(*parts), np.array(parameters))


def _oscillation(wave: tuple[str, ...], angles: Sequence[Expression]) -> Expression:
    if wave and wave[0] in ANGLE_SUMS:
        sign, function = ANGLE_SUMS[wave[0]]
        return call(function, add(angles[0], mul(sign, angles[1])))
    return mul(*(call(function, angle) for function, angle in zip(wave, angles, strict=True)))


def _group_terms(
    factors: Mapping[tuple[Wave, ...], float], negligible: float
) -> dict[tuple[tuple[float, int, float], ...], dict[tuple[str, ...], float]]:
    """Group terms by rates, then by functions of the angles; two angles take the shorter form."""
    groups: dict[tuple[tuple[float, int, float], ...], dict[tuple[str, ...], float]] = {}
    for term, factor in factors.items():
        key = tuple((rate.real, exponent, rate.imag) for rate, exponent, _ in term)
        groups.setdefault(key, {})[tuple(wave for _, _, wave in term if wave)] = factor
    for key, within in groups.items():
        if all(len(wave) == 2 and set(wave) <= {"cos", "sin"} for wave in within):
            groups[key] = min((within, _combine_oscillations(within, negligible)), key=len)
    return groups


ANGLE_SUMS = {"cos-": (-1, "cos"), "cos+": (1, "cos"), "sin+": (1, "sin"), "sin-": (-1, "sin")}


def _combine_oscillations(
    within: Mapping[tuple[str, ...], float], negligible: float
) -> dict[tuple[str, ...], float]:
    """A·sin·sin + B·cos·cos + … as oscillations of the sum and the difference of the angles."""
    ss, cc = within.get(("sin", "sin"), 0.0), within.get(("cos", "cos"), 0.0)
    sc, cs = within.get(("sin", "cos"), 0.0), within.get(("cos", "sin"), 0.0)
    # Product-to-sum identities of sine and cosine
    amplitudes = {"cos-": (cc + ss) / 2, "cos+": (cc - ss) / 2, "sin+": (sc + cs) / 2, "sin-": (sc - cs) / 2}
    largest = max(map(abs, amplitudes.values()))
    return {(name,): factor for name, factor in amplitudes.items() if abs(factor) > negligible * largest}


def _exponential_origin(rate: complex, places: Float[Array, " places"], steepest: float) -> float:
    """The place where an exponential is 1: for a steep one its larger end, so that no factor is extreme."""
    low, high = float(places.min()), float(places.max())
    if abs(rate.real) * max(abs(low), abs(high)) < steepest:
        return 0.0
    return round(high if rate.real > 0 else low, 3)
