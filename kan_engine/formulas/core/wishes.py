"""Variants of a formula that satisfy wishes: columns that it must use, and few measured constants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import MINUS_ONE, ONE, ZERO, Expression, add, mul, variables
from kan_engine.expressions.measured_constants import count_constants, make_measured
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    Residuals,
    estimate_covariance,
    fix_parameter,
    refit_coarsely,
)
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.formulas.core.terms import generate_simple_curves

NEUTRAL = (ZERO, ONE, MINUS_ONE)  # what a constant may become


def satisfy_wishes(
    tree: Expression, rows: LabelledRows, limits: FormulaConstraints, *, max_trials: int = 4
) -> Iterator[Expression]:
    """Yield variants of a formula with the columns that it must use and few enough constants.

    None is yielded for a formula that has both already. Other constraints are not considered, and constants
    are not fitted to the last digit. For ``max_trials`` see ``drop_constants``.
    """
    missing, max_constants = limits.list_missing(tree), limits.max_constants
    for variant in _add_columns(tree, missing, rows) if missing else (tree,):
        if max_constants is not None and count_constants(variant) > max_constants:
            shorter = drop_constants(to_form(variant), rows, max_constants, max_trials=max_trials)
            if shorter is not None:
                yield shorter.numeric_tree
        elif variant != tree:
            yield variant


def _add_columns(
    tree: Expression,
    missing: Sequence[frozenset[str]],
    rows: LabelledRows,
    *,
    max_combinations: int = 24,
    start: float = 0.01,
) -> Iterator[Expression]:
    """Yield the formula with a curve of a variable of every group, as further summands and as factors.

    Args:
        tree: The formula; a number at the start of a search.
        missing: Groups of variables, none of which it contains.
        rows: Rows to fit.
        max_combinations: Of curves that are tried.
        start: Of a coefficient before its fit, over the spread of the target.
    """
    columns, coefficient = rows.columns, make_measured(start * (float(np.std(rows.y)) or 1.0))
    choices = [
        [
            curve
            for name in sorted(group)
            if name in columns and np.ptp(columns[name]) > 0
            for curve in generate_simple_curves(name, columns[name])
        ]
        for group in missing
    ]
    for curves in islice(product(*choices), max_combinations):
        yield add(tree, *(mul(coefficient, curve) for curve in curves))
        yield mul(tree, *curves)
        yield add(tree, mul(coefficient, *curves))


def drop_constants(
    form: ParametricForm, rows: LabelledRows, max_constants: int, *, max_trials: int = 4, steps: int = 3
) -> ParametricForm | None:
    """Replace constants by 0, 1 or -1 until at most ``max_constants`` are measured; columns stay.

    Each step takes the replacement with the smallest error, once the other constants are fitted again. To
    second order, a constant c of variance v that becomes n raises the sum of squares by (n - c)²/v, and moves
    the others by (n - c)/v times their covariance (Hassibi and Stork, "Second order derivatives for network
    pruning: Optimal Brain Surgeon", NIPS 1992). Only the replacements that this favours are tried.

    Args:
        form: A form with fitted constants.
        rows: Rows to fit.
        max_constants: Number of constants to reach.
        max_trials: Replacements of a step whose other constants are fitted.
        steps: Of such a fit.

    Returns:
        None if no such form is finite.
    """
    columns = set(variables(form.tree))
    while count_constants(form.numeric_tree) > max_constants:
        # The other constants move to first order here; a short fit ranks the few best
        smaller = (
            replacement
            for replacement in _rank_replacements(form, rows)
            if set(variables(replacement.tree)) == columns
        )
        best, lowest_error = None, float("inf")
        for replacement in islice(smaller, max_trials):
            residuals = Residuals(replacement, rows)
            values = refit_coarsely(residuals, replacement.values, steps)
            if residuals.measure(values) < lowest_error:
                best, lowest_error = ParametricForm(replacement.tree, values), residuals.measure(values)
        if best is None:
            return None
        form = best
    return form


def _rank_replacements(form: ParametricForm, rows: LabelledRows) -> Iterator[ParametricForm]:
    """Yield the form with one constant replaced and the others moved, the lowest predicted error first."""
    with np.errstate(all="ignore"):  # constants that are not fitted yet may be absurd
        covariance = estimate_covariance(form, rows)
    if not np.isfinite(covariance).all():  # too few rows to know it
        covariance = np.eye(len(form.values))
    variances = np.maximum(np.diag(covariance), 1e-300)
    # How far every constant [neutral, constants] is from each number, in the unit of the constant
    distances = np.array([[float(constant.value)] for constant in NEUTRAL]) - form.values
    order = np.argsort(distances**2 / variances, axis=None, kind="stable")
    for number, place in zip(*np.unravel_index(order, distances.shape), strict=True):
        shifted_values = form.values + covariance[:, place] * (distances[number, place] / variances[place])
        yield fix_parameter(ParametricForm(form.tree, shifted_values), int(place), NEUTRAL[number])
