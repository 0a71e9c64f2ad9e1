"""The reductions by units that a law search tries: with which constants of nature, and which groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.unit_system import UnitSystem
from kan_engine.formulas.core.chebyshev_surrogate import MAX_SURROGATE_ERROR, Surrogate
from kan_engine.formulas.core.reduction import MAX_ENUMERATED_INPUTS, MAX_GROUP_INPUTS, Reduction
from kan_engine.formulas.reductions.dimensional_groups import (
    Quantities,
    choose_constants,
    list_dimensional_reductions,
)
from kan_engine.numerics.ties import round_rank
from kan_engine.units.natural_constants import NaturalConstant
from kan_engine.units.unit import DIMENSIONLESS, Unit


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """A set of constants of nature, with its reductions.

    Attributes:
        error: RMSE of the target by the groups of the first reduction, on validation rows.
    """

    constants: tuple[NaturalConstant, ...]
    reductions: list[Reduction]
    error: float

    @property
    def size(self) -> tuple[int, int]:
        """Number of groups and of constants: the fewer the better."""
        return len(self.reductions[0].groups), len(self.constants)


def find_dimensional_reductions(
    units: UnitSystem,
    fit: LabelledRows,
    validation: LabelledRows,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    max_constants: int = 2,
    max_sets: int = 30,
    rounding_error: float = 1e-13,
    max_error_growth: float = 1.2,
    max_plain_error_growth: float = 2.0,
    max_choices: int = 2,
    max_bases: int = 3,
) -> list[Reduction]:
    """Return reductions to dimensionless groups that predict the target as well as all columns do.

    Columns without units count as dimensionless. Constants of nature are tried where the columns alone
    do not have the unit of the target, or do not predict it.

    Args:
        units: Of the columns and the target.
        fit: Rows that functions of the groups are fitted to.
        validation: Other rows.
        should_stop: Called between the trials.
        max_constants: Constants of nature in one law; with three, sets by chance would be many.
        max_sets: Sets of constants of nature that are tried, at a tenth of a second each.
        rounding_error: Over the spread; smaller differences between sets of constants are rounding. A law of
            relativity at ordinary speeds differs from that of Newton by 1e-10.
        max_error_growth: Factor by which dimensionless groups may predict worse than all columns.
        max_plain_error_growth: The same against groups with constants of nature, for groups without: a few
            large values of a target over decades decide the errors of both.
        max_choices: Sets of constants of nature whose reductions are searched.
        max_bases: Choices of groups with the same constants that are searched.

    Returns:
        The most promising first; empty if there are none, or the target has no known unit.
    """
    target, names = units.target_unit, list(fit.names)
    column_units = {name: units.units.get(name, DIMENSIONLESS) for name in names}
    has_units = any(not unit.dimension.is_one for unit in column_units.values())
    if target is None or not has_units or len(names) > MAX_GROUP_INPUTS:
        return []
    # What all columns predict is the measure: groups that keep the law predict as well with fewer variables
    plain_error = _measure_error(None, fit, validation)
    spread = float(np.std(validation.y)) or 1.0
    rounding = rounding_error * spread
    largest = MAX_SURROGATE_ERROR * spread
    close_error = min(max_error_growth * max(plain_error, rounding), largest)
    choices, groups = list[_Choice](), 0
    for constant_set in choose_constants(column_units, target, max_constants)[:max_sets]:
        close = [choice for choice in choices if choice.error <= close_error]
        is_done = close and (constant_set.groups > groups or not close[0].constants)  # none of them is needed
        if should_stop() or is_done:
            break
        groups = constant_set.groups
        choice = _try_constants(constant_set.constants, column_units, target, fit, validation)
        if choice is not None:
            choices.append(choice)
    lowest = max(min([plain_error, *(c.error for c in choices)]), rounding)
    # A wave of many periods is predicted by no smooth function, of whatever groups.
    near = [
        choice
        for choice in choices
        if choice.error <= (max_error_growth if choice.constants else max_plain_error_growth) * lowest
        and (choice.error <= largest or choice.reductions[0].groups)
    ]
    near.sort(key=lambda choice: (*choice.size, round_rank(choice.error)))
    candidates = (reduction for choice in near[:max_choices] for reduction in choice.reductions[:max_bases])
    return [reduction for reduction in candidates if len(reduction.groups) <= MAX_ENUMERATED_INPUTS]


def _try_constants(
    constants: tuple[NaturalConstant, ...],
    units: Mapping[str, Unit],
    target: Unit,
    fit: LabelledRows,
    validation: LabelledRows,
) -> _Choice | None:
    everything = fit.append(validation).columns
    quantities = Quantities(
        units=units,
        target=target,
        constants=constants,
        is_positive={name: bool(values.min() > 0) for name, values in everything.items()},
        has_zeros={name: bool((values == 0).any()) for name, values in everything.items()},
    )
    reductions = list_dimensional_reductions(quantities)
    if not reductions:
        return None
    error = _measure_error(reductions[0], fit, validation)
    return _Choice(constants=constants, reductions=reductions, error=error)


def _measure_error(reduction: Reduction | None, fit: LabelledRows, validation: LabelledRows) -> float:
    """RMSE of the target by a smooth function of the groups, or of all columns; infinite if there is none."""
    if reduction is None:
        surrogate = Surrogate.fit(fit, validation)
        return float("inf") if surrogate is None else surrogate.error
    inner_fit, inner_validation = reduction.reduce_data(fit), reduction.reduce_data(validation)
    factors = reduction.select_factors(validation)
    if not all(
        np.isfinite(values).all()
        for values in (inner_fit.x, inner_validation.x, inner_fit.y, inner_validation.y)
    ):
        return float("inf")
    # Without groups g is a constant, the weighted mean of the target over the factor
    if not reduction.groups:
        scale = np.average(inner_fit.y, weights=inner_fit.weights)
        return float(np.sqrt(np.mean((factors * (inner_validation.y - scale)) ** 2)))
    smooth = Surrogate.fit(inner_fit, inner_validation, factors)
    return float("inf") if smooth is None else smooth.error
