"""Replacement of constants by nice numbers where the error does not rise, and simplification."""

import numpy as np

from kan_engine.expressions.evaluation import Expression, free_constants
from kan_engine.expressions.nice_constants import nice_constants, priced
from kan_engine.expressions.nodes import Number
from kan_engine.expressions.simplification.simplify import simplify, snap_floats
from kan_engine.symbolic.constant_fitting import (
    Array,
    Data,
    Form,
    error,
    few,
    fixed,
    refit,
    standard_errors,
    together,
)
from kan_engine.symbolic.description_length import description_length

PROVED = 1e-9  # validation error over the spread of the target; below it a form counts as exact
TRIED = 4  # nice numbers tried per constant of an exact form, cheapest first
FEW_TRIED = 2  # simple numbers tried per constant of a noisy form
WITHIN = 3.0  # distance of a simple number from the constant under noise
SIMPLE_BITS = 9.0  # description length of a simple number
MOST_SHORTENED = 16  # a form with more constants is an approximation, not a law
REFITS = 5  # after a constant is replaced or rows are added
HOPELESS = 1e7  # a number whose rough refit exceeds the allowed error by more is rejected


def polished(form: Form, fit: Data, validation: Data, forbidden: frozenset[str] = frozenset()) -> Expression:
    """Return a simplified formula with snapped constants if the form is exact, else with rounded ones.

    Simplification introduces no ``forbidden`` functions.
    """
    columns, spread = validation[0], float(np.std(validation[1])) or 1.0
    if error(form, validation) / spread < PROVED:
        tree = simplify(_snapped(form, fit, validation, spread).bound, columns, forbidden=forbidden)
        limit = max(10 * _error_of(tree, validation), 1e-13 * spread)
        tree = snap_floats(tree, lambda t: _error_of(t, validation) <= limit)
        return simplify(tree, columns, forbidden=forbidden)
    everything = together(fit, validation)
    form = refit(form, everything, iterations=REFITS)
    if len(form.values) <= MOST_SHORTENED:
        form = _shortened(form, everything)
    tree = simplify(rounded(form, validation).bound, columns, forbidden=forbidden)
    return rounded(as_form(tree), validation).bound  # simplification may combine constants


def as_form(tree: Expression) -> Form:
    """Convert a formula to a form whose measured constants are parameters."""
    free, values = free_constants(tree)
    return Form(free, np.array(values))


def _error_of(tree: Expression, data: Data) -> float:
    return error(Form(tree, np.array([])), data)


def rounded(form: Form, validation: Data) -> Form:
    """Round constants to the fewest digits that keep the validation error within 0.05 %.

    Constants of an inexact form are rounded, not snapped to nice numbers.
    """
    allowed = 1.0005 * error(form, validation)
    for digits in (3, 4, 5, 6, 8):
        values = np.array([float(f"{value:.{digits}g}") for value in form.values])
        if error(Form(form.tree, values), validation) <= allowed:
            return Form(form.tree, values)
    return form


def _snapped(form: Form, fit: Data, validation: Data, spread: float) -> Form:
    """Replace constants one by one by the cheapest nice number within their uncertainty; refit the others.

    A number is kept only if the validation error stays within the limit. The least certain constants come
    first: redundant ones, which others can absorb, become 0 or 1.
    """
    allowed = max(10 * error(form, validation) / spread, 1e-13)
    for _ in range(len(form.values)):
        pending = len(form.values)
        for index in _least_certain_first(form, standard_errors(form, few(fit))):
            better = _snap_one(form, index, fit, validation, allowed * spread)
            if better is not None:
                form = better
                break
        if len(form.values) == pending:
            return form
    return form


def _least_certain_first(form: Form, errors: Array) -> list[int]:
    return [int(i) for i in np.argsort(-errors / (np.abs(form.values) + 1e-300))]


def _shortened(form: Form, data: Data) -> Form:
    """Replace constants by simple numbers as long as that reduces the description length of the data.

    Under noise many numbers lie within the uncertainty of a constant. Only the simplest are tried, without
    π and roots.
    """
    shortest, tried = description_length(form, data), set[float]()
    errors = standard_errors(form, data)
    while left := [i for i in _least_certain_first(form, errors) if form.values[i] not in tried]:
        index = left[0]
        tried.add(float(form.values[index]))
        reach = WITHIN * float(errors[index])
        offered = [
            (bits, constant)
            for bits, constant in priced(float(form.values[index]), reach)
            if bits <= SIMPLE_BITS and isinstance(constant, Number)
        ]
        for bits, constant in offered[:FEW_TRIED]:
            shorter = refit(fixed(form, index, constant), data, iterations=REFITS)
            length = description_length(shorter, data)
            if length + bits < shortest:
                form, shortest, tried = shorter, length, set()
                errors = standard_errors(form, data)
                break
    return form


def _snap_one(form: Form, index: int, fit: Data, validation: Data, allowed: float) -> Form | None:
    value = float(form.values[index])
    uncertainty = 4 * float(standard_errors(form, few(fit))[index])
    for constant in nice_constants(value, max(uncertainty, 1e-7 * abs(value), 1e-9))[:TRIED]:
        tried = fixed(form, index, constant)
        rough = refit(tried, few(fit), iterations=3)
        if error(rough, validation) > HOPELESS * allowed:
            continue
        tried = refit(tried, fit, iterations=15)
        if error(tried, validation) <= allowed:
            return tried
    return None
