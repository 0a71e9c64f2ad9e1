"""Constants of a formula put on nice numbers where that costs nothing, and the formula simplified."""

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

PROVED = 1e-9  # validation error, over the target's spread, of a form that is taken for the law itself
TRIED = 4  # nice numbers per constant, cheapest first
FEW_TRIED = 2  # the same where noise hides which is right
WITHIN = 3.0  # standard errors, within which noise may have moved a constant from a simple number
SIMPLE_BITS = 9.0  # of a number that may have been meant
MOST_SHORTENED = 16  # constants of a form that may be a law
REFITS = 5  # steps after a constant was put on a number, or rows were added
HOPELESS = 1e7  # factor over the allowed error after a rough refit at which a number is given up


def polished(form: Form, fit: Data, validation: Data, forbidden: frozenset[str] = frozenset()) -> Expression:
    """The form as a formula: constants snapped where it has proved itself, else rounded; simplified.

    Simplification brings in no functions that are ``forbidden``.
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
    return rounded(as_form(tree), validation).bound  # simplification has combined constants


def as_form(tree: Expression) -> Form:
    """A formula with its measured constants free."""
    free, values = free_constants(tree)
    return Form(free, np.array(values))


def _error_of(tree: Expression, data: Data) -> float:
    return error(Form(tree, np.array([])), data)


def rounded(form: Form, validation: Data) -> Form:
    """Constants with as few digits as leave the validation error alone: a misfit earns no nice constants."""
    allowed = 1.0005 * error(form, validation)
    for digits in (3, 4, 5, 6, 8):
        values = np.array([float(f"{value:.{digits}g}") for value in form.values])
        if error(Form(form.tree, values), validation) <= allowed:
            return Form(form.tree, values)
    return form


def _snapped(form: Form, fit: Data, validation: Data, spread: float) -> Form:
    """Constants in turn put on the cheapest nice number within their uncertainty, the others refitted.

    A number is kept only if the validation error does not rise. The least certain constants come
    first: those that another can absorb become 0 or 1, which settles what is redundant.
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
    """Constants put on simple numbers as long as that shortens the description of the data.

    Noise leaves a constant so much room that many numbers lie in it: only the simplest are taken, without π
    and roots.
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
