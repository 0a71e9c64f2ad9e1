"""Replacement of constants by nice numbers where the error does not rise, and simplification."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate, parametrize_floats
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.expressions.nice_constants import nice_constants, rank_constants
from kan_engine.expressions.nodes import (
    Mul,
    Number,
    Pow,
    children,
    is_constant,
    mul,
    power,
    rebuild,
    substitute,
    variables,
    walk,
)
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.formulas.core.constant_fitting import (
    Array,
    ParametricForm,
    compute_rmse,
    estimate_standard_errors,
    fix_parameter,
    refit_constants,
)
from kan_engine.formulas.core.description_length import (
    description_length,
    price_constant,
    price_form,
    residual_and_constant_bits,
)
from kan_engine.formulas.core.thresholds import (
    COARSE_ROWS,
    FURTHER_STEPS,
    MAX_EXACT_ERROR,
    MAX_REFIT_STEPS,
    MAX_SIMPLE_BITS,
    MAX_STANDARD_ERRORS,
    MIN_RELATIVE_RESIDUAL,
)
from kan_engine.numerics.ties import round_rank, round_ranks


def finalize_formula(
    form: ParametricForm,
    fit: LabelledRows,
    validation: LabelledRows,
    forbidden: frozenset[str] = frozenset(),
    *,
    max_constants: int = 16,
) -> Expression:
    """Return a simplified formula with snapped constants if the form is exact, else with rounded ones.

    Simplification introduces no ``forbidden`` functions. An inexact form with more than ``max_constants`` is
    an approximation, not a law, and keeps them.
    """
    columns = validation.columns
    if compute_rmse(form, validation) / validation.spread < MAX_EXACT_ERROR:
        draft = simplify(_snap_constants(form, fit, validation).numeric_tree, columns, forbidden=forbidden)
        # Without redundant constants, which simplification removes, a fit comes closer
        again = refit_constants(to_form(draft), fit, iterations=MAX_REFIT_STEPS)
        return simplify(_snap_constants(again, fit, validation).numeric_tree, columns, forbidden=forbidden)
    # An inexact formula is fitted to all rows: there is no exactness to prove on others
    everything = fit.append(validation)
    form = refit_constants(form, everything, iterations=FURTHER_STEPS)
    if len(form.values) <= max_constants:
        form = _replace_steady_parts(_shorten_description(form, everything), everything)
    short = round_constants(form, everything).numeric_tree
    tree = simplify(short, columns, forbidden=forbidden)
    # Simplification may combine constants, and simple numbers into one that is not
    free_tree = _release_numbers(tree)
    form = to_form(free_tree)
    if free_tree != tree:
        form = refit_constants(form, everything, iterations=FURTHER_STEPS)
    return round_constants(form, everything).numeric_tree


def _replace_steady_parts(
    form: ParametricForm, rows: LabelledRows, *, max_variation: float = 1e-3
) -> ParametricForm:
    """The form with constants in place of parts that hardly vary, if that shortens the description length.

    exp(c) is 1 where c is a capacitance of some nanofarads.

    Args:
        form: With fitted constants.
        rows: Its rows.
        max_variation: Range of the values of such a part, over the largest of them.
    """
    tree, steady = form.bind_measured(), dict[Expression, Expression]()
    for node in walk(tree):
        if children(node) and variables(node):
            values = evaluate(node, rows.columns)
            if np.ptp(values) <= max_variation * np.abs(values).max():
                steady[node] = make_measured(float(values.mean()))
    if not steady or tree in steady:
        return form
    refit_form = refit_constants(to_form(substitute(tree, steady)), rows, iterations=FURTHER_STEPS)
    shorter = _shorten_description(refit_form, rows)
    return shorter if description_length(shorter, rows) < description_length(form, rows) else form


def _release_numbers(tree: Expression, max_bits: float = 11.5) -> Expression:
    """The formula with a measured constant for each exact one that is hardly exact.

    q/21, √39·q and 3238/40685·q have products and quotients of simple numbers that only together are near the
    best constant. Where noise hides the constant, such a number feigns more than is known.

    Args:
        tree: The formula.
        max_bits: Of a constant that stays: 3/5 has 11.2, √39 11.6 and 1/21 12.9.
    """
    factors = tree.factors if isinstance(tree, Mul) else (tree,)
    constants = [factor for factor in factors if is_constant(factor)]
    if sum(map(price_constant, constants)) > max_bits:
        constants = [make_measured(float(evaluate(mul(*constants), {})))]
    variable_factors = [factor for factor in factors if not is_constant(factor)]
    return mul(*constants, *map(_release_inside, variable_factors))


def _release_inside(tree: Expression) -> Expression:
    if isinstance(tree, Pow) and is_constant(tree.exponent):
        return power(_release_numbers(tree.base), tree.exponent)
    return rebuild(tree, [_release_numbers(child) for child in children(tree)])


def to_form(tree: Expression) -> ParametricForm:
    """Convert a formula to a form whose measured constants are parameters."""
    free, values = parametrize_floats(tree)
    return ParametricForm(free, np.array(values))


def round_constants(
    form: ParametricForm,
    rows: LabelledRows,
    *,
    offered_digits: Sequence[int] = (3, 4, 5, 6, 8),
    max_standard_errors: float = 0.3,
) -> ParametricForm:
    """Round constants to the fewest digits that move them by a small share of their standard errors.

    Constants that are k standard errors from the best ones raise the sum of squares by k² times its mean.
    Constants of an inexact form are rounded, not snapped to nice numbers.

    Args:
        form: With constants fitted to the rows.
        rows: The rows.
        offered_digits: Significant digits to try.
        max_standard_errors: By which rounding may move the constants together.
    """
    growth = 1 + max_standard_errors**2 / max(len(rows), 1)
    max_error = growth**0.5 * compute_rmse(form, rows)
    for digits in offered_digits:
        values = np.array([float(f"{value:.{digits}g}") for value in form.values])
        if compute_rmse(ParametricForm(form.tree, values), rows) <= max_error:
            return ParametricForm(form.tree, values)
    return form


def _snap_constants(
    form: ParametricForm, fit: LabelledRows, validation: LabelledRows, max_error_growth: float = 10.0
) -> ParametricForm:
    """Replace constants one by one by the cheapest nice number within their uncertainty; refit the others.

    A number is kept only if the validation error grows by ``max_error_growth`` at most, or is rounding error.
    The least certain constants come first: redundant ones, which others can absorb, become 0 or 1.
    """
    error, rounding = compute_rmse(form, validation), MIN_RELATIVE_RESIDUAL * validation.spread
    max_error = max(max_error_growth * error, rounding)
    # Each round snaps one constant; the uncertainties of the others change with it
    for _ in range(len(form.values)):
        pending = len(form.values)
        for index in _order_by_uncertainty(form, _estimate_errors(form, fit[:COARSE_ROWS])):
            better = _snap_constant(form, index, fit, validation, max_error)
            if better is not None:
                form = better
                break
        if len(form.values) == pending:
            return form
    return form


def _estimate_errors(form: ParametricForm, rows: LabelledRows) -> Float[Array, " constants"]:
    """Standard errors of the constants; 0 where too few rows leave them unknown: none is moved far."""
    errors = estimate_standard_errors(form, rows)
    return np.where(np.isfinite(errors), errors, 0.0)


def _order_by_uncertainty(form: ParametricForm, errors: Float[Array, " constants"]) -> list[int]:
    shares = round_ranks(errors / (np.abs(form.values) + 1e-300))
    return [int(i) for i in np.argsort(-shares, kind="stable")]


def _shorten_description(form: ParametricForm, rows: LabelledRows) -> ParametricForm:
    """Replace constants by simple numbers as long as that reduces the description length of the data.

    What is expected to reduce it most comes first: were the offset of 1.008·x + 2.08 rounded to 2, the slope
    would no longer be 1. Under noise many numbers lie within the uncertainty of a constant. Only the simplest
    are tried, without π and roots.
    """
    shortest, attempts = description_length(form, rows), set[tuple[float, Expression]]()
    replacements = _rank_replacements(form, rows)
    while replacements:
        _, bits, index, constant = replacements.pop(0)
        attempt = float(form.values[index]), constant
        if attempt in attempts:
            continue
        attempts.add(attempt)
        shorter = refit_constants(fix_parameter(form, index, constant), rows, iterations=FURTHER_STEPS)
        length = description_length(shorter, rows)
        if length + bits < shortest:
            form, shortest, attempts = shorter, length, set()
            replacements = _rank_replacements(form, rows)
    return form


def _rank_replacements(
    form: ParametricForm, rows: LabelledRows, max_numbers: int = 2
) -> list[tuple[float, float, int, Expression]]:
    """Simple numbers for the constants of a form, with the description length expected with each.

    It is that of a target which is linear in the constants nearby: a constant that is fixed z standard errors
    from its best value adds z² to the sum of squares, in units of its mean. The ``max_numbers`` simplest
    numbers are tried for each constant.

    Returns:
        Expected length, bits of the number, index of the constant and number, shortest first.
    """
    errors = _estimate_errors(form, rows)
    residuals, constants = residual_and_constant_bits(form, rows)
    count, replacements = len(rows), list[tuple[float, float, int, Expression]]()
    for index, (value, error) in enumerate(zip(form.values.tolist(), errors.tolist(), strict=True)):
        numbers = [
            (bits, constant)
            for bits, constant in rank_constants(value, MAX_STANDARD_ERRORS * error)
            if bits <= MAX_SIMPLE_BITS and isinstance(constant, Number)
        ]
        for bits, constant in numbers[:max_numbers]:
            # The new length: the residuals' bits rise by the z² of the constant, whose own bits are saved
            distance = (float(constant.value) - value) / error if error else 0.0
            form_bits = price_form(fix_parameter(form, index, constant).numeric_tree)
            length = residuals + count / 2 * np.log2(1 + distance**2 / count) - float(constants[index])
            replacements.append((round_rank(length + form_bits + bits), bits, index, constant))
    return sorted(replacements, key=lambda entry: entry[0])


def _snap_constant(
    form: ParametricForm,
    index: int,
    fit: LabelledRows,
    validation: LabelledRows,
    max_error: float,
    *,
    max_numbers: int = 4,
    max_standard_errors: float = 4.0,
    min_distances: tuple[float, float] = (1e-7, 1e-9),
    max_rough_error_factor: float = 1e7,
    steps: tuple[int, int] = (3, 15),
) -> ParametricForm | None:
    """The form with a nice number in place of a constant, and the others refitted; None if none is as good.

    Args:
        form: With fitted constants.
        index: Of the constant.
        fit: Rows to fit.
        validation: Rows that the error is measured on.
        max_error: Largest error.
        max_numbers: Nice numbers that are tried, cheapest first.
        max_standard_errors: Distance of a nice number from the constant.
        min_distances: Relative and absolute, within which a number is always tried.
        max_rough_error_factor: A number whose refit on few rows exceeds ``max_error`` by more is rejected.
        steps: Of the refits on few and on all rows.
    """
    value = float(form.values[index])
    error = float(_estimate_errors(form, fit[:COARSE_ROWS])[index])
    reach = max(max_standard_errors * error, min_distances[0] * abs(value), min_distances[1])
    numbers = nice_constants(value, reach)
    for constant in numbers[:max_numbers]:
        candidate = fix_parameter(form, index, constant)
        rough = refit_constants(candidate, fit[:COARSE_ROWS], iterations=steps[0])
        if compute_rmse(rough, validation) > max_rough_error_factor * max_error:
            continue
        candidate = refit_constants(candidate, fit, iterations=steps[1])
        if compute_rmse(candidate, validation) <= max_error:
            return candidate
    return None
