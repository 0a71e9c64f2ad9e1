"""Laws of one variable: the closed form of a target that depends on one variable alone.

Cheap forms come first. Forms are fitted to the values themselves, not to a spline, under every transform of
the target, over the variable and over its inverse. A law has to hold to rounding error on other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TRANSFORMS, TRANSFORMS_BY_SEARCH, is_defined
from kan_engine.expressions.evaluation import Expression, Parameter, add, evaluate, power, substitute
from kan_engine.formulas.core.constant_fitting import (
    Array,
    ParametricForm,
    compute_rmse,
    refit_constants,
)
from kan_engine.formulas.core.constant_snapping import finalize_formula
from kan_engine.formulas.core.thresholds import DEFAULT_SYMBOLIC, SymbolicThresholds
from kan_engine.formulas.core.transforms import INVERSE_TRANSFORMS
from kan_engine.formulas.reading.closed_forms import (
    Effort,
    find_closed_forms,
    select_best_forms,
)
from kan_engine.formulas.reading.dictionary_regression import PLACEHOLDER, Candidate
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints


def find_univariate_law(
    variable: Expression,
    fit: LabelledRows,
    validation: LabelledRows,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    floor: float | None = None,
    squared: bool = False,
    rounding_error: float = 1e-10,
    steps: int = 30,
    symbolic: SymbolicThresholds = DEFAULT_SYMBOLIC,
) -> Expression | None:
    """Return a law y = T⁻¹(f(variable)), or None if none holds to rounding error.

    Polynomials and their quotients can imitate other functions. A complex form is returned only if the search
    finds no simple one.

    Args:
        variable: Expression in the columns.
        fit: Rows.
        validation: Other rows, on which the law has to hold.
        should_stop: Called before every search for closed forms; once true, the search ends.
        floor: Error over the spread of a law; default: ``rounding_error``.
        squared: Whether functions of the square of the variable are searched too.
        rounding_error: Error over the spread that counts as rounding error of the values.
        steps: Of the fit of a form.
        symbolic: Of closed forms and their constants.
    """
    if _is_noisy(evaluate(variable, fit.columns), fit.y):
        return None
    floor = rounding_error if floor is None else floor
    everything = np.concatenate([fit.y, validation.y])[:, None]
    sides = [side for side in INVERSE_TRANSFORMS if is_defined(side, everything)]
    axes = [
        (tree, FitPoints(evaluate(tree, fit.columns), symbolic.closed_forms.functions))
        for tree in _iterate_variables(variable, fit, validation, squared=squared)
    ]
    noise = NoiseModel.exact(rounding_error, symbolic)
    forms = symbolic.closed_forms
    longer: list[tuple[int, ParametricForm]] = []
    for effort, side, (tree, axis) in product(Effort, sides, axes):
        if should_stop():
            break
        if effort == Effort.SUMS and side not in TRANSFORMS_BY_SEARCH["sums of terms"]:
            continue
        moved = np.asarray(TRANSFORMS[side].forward(fit.y))
        for edge in _find_plausible_candidates(axis, moved, effort, noise):
            form = _build_form(edge, tree, side)
            better = refit_constants(form, fit, iterations=steps)
            if compute_rmse(better, validation) < floor * validation.spread:
                is_plain = effort == Effort.PLAIN
                if edge.complexity <= (
                    forms.max_plain_complexity if is_plain else forms.max_close_complexity
                ):
                    return finalize_formula(better, fit, validation, thresholds=symbolic)
                longer.append((edge.complexity, better))
    if not longer:
        return None
    return finalize_formula(min(longer, key=lambda pair: pair[0])[1], fit, validation, thresholds=symbolic)


def _is_noisy(u: Array, y: Array, divisor: int = 20, max_step: float = 5e-3) -> bool:
    """Whether targets at nearly equal u differ; even a function with many periods is continuous there.

    Args:
        u: The variable.
        y: The target.
        divisor: The closest 1 in so many pairs of neighbours are considered.
        max_step: Their median step over the spread of the target; above it the target is noisy.
    """
    order = np.argsort(u, kind="stable")
    gaps, steps = np.diff(u[order]), np.abs(np.diff(y[order]))
    nearest = np.argsort(gaps, kind="stable")[: max(1, len(gaps) // divisor)]
    return bool(np.median(steps[nearest]) > max_step * float(np.std(y)))


def _iterate_variables(
    variable: Expression, fit: LabelledRows, validation: LabelledRows, *, squared: bool
) -> Iterator[Expression]:
    """Yield the variable, its square if requested, and its inverse if it has one sign."""
    yield variable
    if squared:
        yield power(variable, 2)
    values = np.concatenate([evaluate(variable, rows.columns) for rows in (fit, validation)])
    if float(values.min()) > 0 or float(values.max()) < 0:
        yield power(variable, -1)


def _find_plausible_candidates(
    axis: FitPoints,
    moved: Array,
    effort: Effort,
    noise: NoiseModel,
    *,
    most: int = 3,
    max_error: float = 3e-3,
) -> list[Candidate]:
    """The closest forms of a class, and of these the ones whose error before a refit is plausible."""
    found = find_closed_forms(axis, moved, known=noise, effort=effort, raw=True)
    best = select_best_forms(found, noise, most)
    return [edge for edge in best if edge.error < max_error]


def _build_form(edge: Candidate, variable: Expression, side: str) -> ParametricForm:
    inside = add(substitute(edge.tree, {PLACEHOLDER: variable}), Parameter(len(edge.parameters)))
    return ParametricForm(INVERSE_TRANSFORMS[side](inside), np.array([*edge.parameters, edge.constant]))
