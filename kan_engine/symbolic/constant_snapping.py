"""Replacement of constants by nice numbers where the error does not rise, and simplification."""

import numpy as np

from kan_engine.expressions.evaluation import Expression, parametrize_floats
from kan_engine.expressions.nice_constants import nice_constants, rank_constants
from kan_engine.expressions.nodes import Number
from kan_engine.expressions.simplification.simplify import simplify, snap_floats
from kan_engine.symbolic.constant_fitting import (
    Array,
    ColumnsAndTarget,
    ParametricForm,
    compute_rmse,
    concatenate_rows,
    fix_parameter,
    refit_constants,
    standard_errors,
    take_coarse_rows,
)
from kan_engine.symbolic.description_length import description_length

MAX_EXACT_ERROR = 1e-9  # validation error over the spread of the target; below it a form counts as exact
MAX_NICE_NUMBERS = 4  # nice numbers tried per constant of an exact form, cheapest first
MAX_SIMPLE_NUMBERS = 2  # simple numbers tried per constant of a noisy form
MAX_STANDARD_ERRORS = 3.0  # distance of a simple number from the constant under noise
MAX_SIMPLE_BITS = 9.0  # description length of a simple number
MAX_CONSTANTS_TO_SHORTEN = 16  # a form with more constants is an approximation, not a law
REFIT_ITERATIONS = 5  # after a constant is replaced or rows are added
MAX_ROUGH_ERROR_FACTOR = 1e7  # a number whose rough refit exceeds the allowed error by more is rejected


def finalize_formula(
    form: ParametricForm,
    fit: ColumnsAndTarget,
    validation: ColumnsAndTarget,
    forbidden: frozenset[str] = frozenset(),
) -> Expression:
    """Return a simplified formula with snapped constants if the form is exact, else with rounded ones.

    Simplification introduces no ``forbidden`` functions.
    """
    columns, spread = validation[0], float(np.std(validation[1])) or 1.0
    if compute_rmse(form, validation) / spread < MAX_EXACT_ERROR:
        tree = simplify(
            _snap_constants(form, fit, validation, spread).numeric_tree, columns, forbidden=forbidden
        )
        limit = max(10 * _tree_rmse(tree, validation), 1e-13 * spread)
        tree = snap_floats(tree, lambda t: _tree_rmse(t, validation) <= limit)
        return simplify(tree, columns, forbidden=forbidden)
    everything = concatenate_rows(fit, validation)
    form = refit_constants(form, everything, iterations=REFIT_ITERATIONS)
    if len(form.values) <= MAX_CONSTANTS_TO_SHORTEN:
        form = _shorten_description(form, everything)
    tree = simplify(round_constants(form, validation).numeric_tree, columns, forbidden=forbidden)
    return round_constants(to_form(tree), validation).numeric_tree  # simplification may combine constants


def to_form(tree: Expression) -> ParametricForm:
    """Convert a formula to a form whose measured constants are parameters."""
    free, values = parametrize_floats(tree)
    return ParametricForm(free, np.array(values))


def _tree_rmse(tree: Expression, data: ColumnsAndTarget) -> float:
    return compute_rmse(ParametricForm(tree, np.array([])), data)


def round_constants(form: ParametricForm, validation: ColumnsAndTarget) -> ParametricForm:
    """Round constants to the fewest digits that keep the validation error within 0.05 %.

    Constants of an inexact form are rounded, not snapped to nice numbers.
    """
    allowed = 1.0005 * compute_rmse(form, validation)
    for digits in (3, 4, 5, 6, 8):
        values = np.array([float(f"{value:.{digits}g}") for value in form.values])
        if compute_rmse(ParametricForm(form.tree, values), validation) <= allowed:
            return ParametricForm(form.tree, values)
    return form


def _snap_constants(
    form: ParametricForm, fit: ColumnsAndTarget, validation: ColumnsAndTarget, spread: float
) -> ParametricForm:
    """Replace constants one by one by the cheapest nice number within their uncertainty; refit the others.

    A number is kept only if the validation error stays within the limit. The least certain constants come
    first: redundant ones, which others can absorb, become 0 or 1.
    """
    allowed = max(10 * compute_rmse(form, validation) / spread, 1e-13)
    for _ in range(len(form.values)):
        pending = len(form.values)
        for index in _order_by_uncertainty(form, standard_errors(form, take_coarse_rows(fit))):
            better = _snap_constant(form, index, fit, validation, allowed * spread)
            if better is not None:
                form = better
                break
        if len(form.values) == pending:
            return form
    return form


def _order_by_uncertainty(form: ParametricForm, errors: Array) -> list[int]:
    return [int(i) for i in np.argsort(-errors / (np.abs(form.values) + 1e-300))]


def _shorten_description(form: ParametricForm, data: ColumnsAndTarget) -> ParametricForm:
    """Replace constants by simple numbers as long as that reduces the description length of the data.

    Under noise many numbers lie within the uncertainty of a constant. Only the simplest are tried, without
    π and roots.
    """
    shortest, tried = description_length(form, data), set[float]()
    errors = standard_errors(form, data)
    while left := [i for i in _order_by_uncertainty(form, errors) if form.values[i] not in tried]:
        index = left[0]
        tried.add(float(form.values[index]))
        reach = MAX_STANDARD_ERRORS * float(errors[index])
        offered = [
            (bits, constant)
            for bits, constant in rank_constants(float(form.values[index]), reach)
            if bits <= MAX_SIMPLE_BITS and isinstance(constant, Number)
        ]
        for bits, constant in offered[:MAX_SIMPLE_NUMBERS]:
            shorter = refit_constants(fix_parameter(form, index, constant), data, iterations=REFIT_ITERATIONS)
            length = description_length(shorter, data)
            if length + bits < shortest:
                form, shortest, tried = shorter, length, set()
                errors = standard_errors(form, data)
                break
    return form


def _snap_constant(
    form: ParametricForm, index: int, fit: ColumnsAndTarget, validation: ColumnsAndTarget, allowed: float
) -> ParametricForm | None:
    value = float(form.values[index])
    uncertainty = 4 * float(standard_errors(form, take_coarse_rows(fit))[index])
    for constant in nice_constants(value, max(uncertainty, 1e-7 * abs(value), 1e-9))[:MAX_NICE_NUMBERS]:
        tried = fix_parameter(form, index, constant)
        rough = refit_constants(tried, take_coarse_rows(fit), iterations=3)
        if compute_rmse(rough, validation) > MAX_ROUGH_ERROR_FACTOR * allowed:
            continue
        tried = refit_constants(tried, fit, iterations=15)
        if compute_rmse(tried, validation) <= allowed:
            return tried
    return None
