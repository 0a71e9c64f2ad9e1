"""Reduction of the number of variables by symmetries of a law: scalings, shifts and rotations of the columns.

A law of physics is independent of the units: f(λ^a₁ x₁, λ^a₂ x₂, …) = λ^b f(x₁, x₂, …) for some exponents.
By Euler's theorem this is equivalent to Σ aᵢ xᵢ ∂f/∂xᵢ = b f. Then f depends only on groups xᵢ·xₖ^(−aᵢ/aₖ),
up to a factor (E. Buckingham, "On physically similar systems", Physical Review 4, 1914). Likewise
∂f/∂xᵢ = ±∂f/∂xₖ implies f(xᵢ ± xₖ), and xₖ ∂f/∂xᵢ = ±xᵢ ∂f/∂xₖ implies f(xᵢ² ± xₖ²). The gradients come from
a surrogate. A reduction is accepted only if a new surrogate in the fewer variables is as accurate on rows not
fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.expressions.evaluation import ONE, Expression, Variable, add, mul, power
from kan_engine.formulas.core.chebyshev_surrogate import MAX_SURROGATE_ERROR, Surrogate, find_interior_rows
from kan_engine.formulas.core.constant_fitting import Array, Columns
from kan_engine.formulas.core.reduction import MAX_GROUP_INPUTS, Reduction
from kan_engine.formulas.strategies.exact.power_product_law import is_primitive
from kan_engine.numerics.ties import rank_error, round_rank

GroupsAndFactor = tuple[dict[str, Expression], Expression]
"""Groups and factor of a reduction."""


def find_reduction(
    fit: LabelledRows,
    validation: LabelledRows,
    should_stop: Callable[[], bool] = lambda: False,
) -> Reduction | None:
    """Return a reduction to fewer variables, or None if there is none.

    Args:
        fit: Rows that the surrogates are fitted to.
        validation: Other rows, which decide whether a reduction is accepted.
        should_stop: Called before every step; once true, the reduction found so far is returned.
    """
    names = list(fit.names)
    if not 1 < len(names) <= MAX_GROUP_INPUTS:
        return None
    surrogate = Surrogate.fit(fit, validation)
    reduction = Reduction(groups={name: Variable(name) for name in names})
    largest = MAX_SURROGATE_ERROR * (float(np.std(validation.y)) or 1.0)
    while surrogate is not None and surrogate.error < largest and len(reduction.groups) > 1:
        if should_stop():
            break
        step = _eliminate_variable(reduction, surrogate, fit, validation)
        if step is None:
            break
        reduction, surrogate = step
    return reduction if len(reduction.groups) < len(names) else None


def _eliminate_variable(
    reduction: Reduction,
    surrogate: Surrogate,
    fit: LabelledRows,
    validation: LabelledRows,
    *,
    max_misfit: float = 0.2,
    max_conditions: int = 8,
    max_error_growth: float = 1.02,
    similar_error_ratio: float = 10.0,
    rounding_error: float = 1e-8,
) -> tuple[Reduction, Surrogate] | None:
    """Eliminate one variable if the new surrogate is as accurate; else return None.

    Args:
        reduction: The variables so far.
        surrogate: In these.
        fit: Rows that surrogates are fitted to.
        validation: Other rows.
        max_misfit: Residual of a condition on gradients over the size of its terms.
        max_conditions: With the lowest misfits, whose surrogates are fitted.
        max_error_growth: Factor by which the error may grow, as it does by chance under noise.
        similar_error_ratio: Within this ratio of errors, the condition on the fewest columns is selected.
        rounding_error: Over the spread; surrogates with lower errors are equally good.
    """
    rounding = rounding_error * (float(np.std(validation.y)) or 1.0)
    largest = max(max_error_growth * surrogate.error, rounding)
    candidates = _find_conditions(surrogate, reduction.reduce_data(fit).columns)
    conditions = [condition for condition in candidates if condition.misfit < max_misfit]
    conditions.sort(key=lambda condition: rank_error(condition.misfit))
    matches = []
    for condition in conditions[:max_conditions]:
        # The gradients only suggest a symmetry; a surrogate of the fewer variables tests it on other rows
        further = reduction.compose(condition.groups, condition.factor)
        there = further.reduce_data(validation)
        factors = further.select_factors(validation)
        new_surrogate = Surrogate.fit(further.reduce_data(fit), there, factors)
        if new_surrogate is not None and new_surrogate.error <= largest:
            matches.append(
                (condition.size, round_rank(max(new_surrogate.error, rounding)), further, new_surrogate)
            )
    if not matches:
        return None
    near = similar_error_ratio * min(error for _, error, _, _ in matches)
    # Of equally good ones that without a factor comes first: it leaves a function of fewer columns.
    *_, further, new_surrogate = min(
        (p for p in matches if p[1] <= max(near, rounding)),
        key=lambda p: (*p[:2], p[2].factor != reduction.factor),
    )
    return further, new_surrogate


@dataclass(frozen=True, kw_only=True)
class _Condition:
    """A condition on the gradients that implies a symmetry.

    Attributes:
        misfit: Residual of the condition over the size of its terms.
        size: Number of columns in the condition.
        groups: Remaining variables.
        factor: Factor of the target.
    """

    misfit: float
    size: int
    groups: Mapping[str, Expression]
    factor: Expression = ONE


def _find_conditions(
    surrogate: Surrogate,
    columns: Columns,
    *,
    interior_share: float = 0.9,
    min_interior_rows: int = 50,
) -> Iterator[_Condition]:
    """Yield unused columns, scalings, and sums or differences of columns, each with its misfit.

    Args:
        surrogate: Of the target.
        columns: Rows at which its gradients are evaluated.
        interior_share: Of the unit scale, where gradients are accurate.
        min_interior_rows: With fewer, gradients use all rows.
    """
    # Near the ends of the columns the derivatives of polynomials are inaccurate
    rows = find_interior_rows(surrogate.basis, columns, interior_share)
    rows = rows if int(rows.sum()) >= min_interior_rows else np.ones_like(rows)
    here = {name: values[rows] for name, values in columns.items()}
    slopes, values = surrogate.slopes(here), surrogate.values(here)
    positive = [float(v.min()) > 0 for v in columns.values()]
    yield from _find_unused_columns(slopes, values, here)
    terms = slopes * np.stack(list(here.values()))
    yield from _find_scalings(terms, values, surrogate.transform, list(here), positive)
    yield from _find_pair_conditions(slopes, here)


def _find_unused_columns(
    slopes: Float[Array, "columns rows"], values: Float[Array, " rows"], columns: Columns
) -> Iterator[_Condition]:
    """Yield for each column the condition that the target does not depend on it."""
    spread = float(values.std()) or 1.0
    for name, slope in zip(columns, slopes, strict=True):
        misfit = float(np.ptp(columns[name]) * np.sqrt(np.mean(slope**2))) / spread
        yield _Condition(misfit=misfit, size=1, groups=_drop_column(columns, name))


def _find_scalings(
    terms: Float[Array, "columns rows"],
    values: Float[Array, " rows"],
    transform: str,
    names: list[str],
    positive: list[bool],
    *,
    max_exponent: int = 2,
    max_squared_columns: int = 5,
    max_denominator: int = 3,
) -> Iterator[_Condition]:
    """Yield conditions Σ aᵢ xᵢ ∂f/∂xᵢ = b f in which at least one of the columns is positive.

    The aᵢ reach ``max_exponent``, with more than ``max_squared_columns`` 1. ``max_denominator`` is that of b.
    """
    # Gram matrix of the terms of all conditions, so that a misfit is a quadratic form of the exponents
    count, degree = len(names), TRANSFORMS[transform].degree
    target = degree * values if degree else np.ones_like(values)
    gram = np.vstack([terms, target])
    gram = gram @ gram.T / gram.shape[1]
    reach = max_exponent if count <= max_squared_columns else 1
    for exponents in product(range(-reach, reach + 1), repeat=count):
        indices = [k for k in range(count) if exponents[k]]
        if not is_primitive(exponents) or not any(positive[k] for k in indices):
            continue
        # The best b for these exponents by least squares, as a simple fraction
        b = _nearest_rational(
            float(np.array(exponents) @ gram[:count, count] / gram[count, count]),
            max_denominator,
        )
        vector = np.array([*exponents, -float(b)])
        size = float(vector**2 @ np.diag(gram)) or 1.0
        misfit = float(np.sqrt(max(vector @ gram @ vector, 0.0) / size))
        unit = min((k for k in indices if positive[k]), key=lambda k: abs(exponents[k]))
        groups, factor = _build_scaling_groups(names, exponents, b, unit)
        yield _Condition(misfit=misfit, size=len(indices), groups=groups, factor=factor)


def _build_scaling_groups(
    names: list[str], exponents: tuple[int, ...], b: Fraction, unit: int
) -> GroupsAndFactor:
    """Return the groups and the factor, with one column as the unit of the others."""
    measure = Variable(names[unit])
    groups = {
        name: mul(Variable(name), power(measure, Fraction(-a, exponents[unit])))
        for name, a in zip(names, exponents, strict=True)
        if name != names[unit]
    }
    return groups, power(measure, b / exponents[unit])


def _find_pair_conditions(slopes: Float[Array, "columns rows"], columns: Columns) -> Iterator[_Condition]:
    """Yield conditions for sums and differences of two columns or of their squares."""
    values = list(columns.values())
    for (i, name_i), (k, name_k) in combinations(enumerate(columns), 2):
        for power_, slope_i, slope_k in (
            (1, slopes[i], slopes[k]),
            (2, values[k] * slopes[i], values[i] * slopes[k]),
        ):
            size = float(np.sqrt(np.mean(slope_i**2 + slope_k**2))) or 1.0
            for sign in (1, -1):
                misfit = float(np.sqrt(np.mean((slope_i - sign * slope_k) ** 2))) / size
                combination = add(power(Variable(name_i), power_), mul(sign, power(Variable(name_k), power_)))
                groups = _drop_column(columns, name_k) | {name_i: combination}
                yield _Condition(misfit=misfit, size=2, groups=groups)


def _drop_column(columns: Columns, name: str) -> dict[str, Expression]:
    return {column: Variable(column) for column in columns if column != name}


def _nearest_rational(value: float, max_denominator: int) -> Fraction:
    """Return the nearest rational number with at most this denominator."""
    return min(
        (Fraction(round(value * q), q) for q in range(1, max_denominator + 1)),
        key=lambda fraction: abs(fraction - value),
    )
