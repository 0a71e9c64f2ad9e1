"""Laws of one variable: the closed form of a target that depends on one variable alone.

Cheap forms come first. Forms are fitted to the values themselves, not to a spline, under every transform of
the target, over the variable and over its inverse. A law has to hold to rounding error on other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS, TRANSFORMS_BY_SEARCH, is_defined
from kan_engine.expressions.evaluation import Expression, evaluate, power
from kan_engine.formulas.core.constant_fitting import Array, ParametricForm, compute_rmse, refit_constants
from kan_engine.formulas.core.constant_snapping import finalize_formula, to_form
from kan_engine.formulas.core.transforms import invert_transform
from kan_engine.formulas.reading.closed_forms import Effort, iterate_closed_forms, select_best_forms
from kan_engine.formulas.reading.curve_form import PLACEHOLDER
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints


def find_univariate_law(
    variable: Expression,
    fit: LabelledRows,
    validation: LabelledRows,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    floor: float = 1e-10,
    squared: bool = False,
    max_forms: int = 3,
    max_plausible_error: float = 3e-3,
    steps: int = 30,
) -> Expression | None:
    """Return a law y = T⁻¹(f(variable)), or None if none holds to rounding error.

    Polynomials and their quotients can imitate other functions. A complex form is returned only if the search
    finds no simple one.

    Args:
        variable: Expression in the columns.
        fit: Rows.
        validation: Other rows, on which the law has to hold.
        should_stop: Called before every search for closed forms; once true, the search ends.
        floor: Error over the spread that counts as rounding error.
        squared: Whether functions of the square of the variable are searched too.
        max_forms: Candidates refitted per class of forms, transform and variable.
        max_plausible_error: Of a form before its refit.
        steps: Of the refit.
    """
    if _is_noisy(evaluate(variable, fit.columns), fit.y):
        return None
    everything = np.concatenate([fit.y, validation.y])[:, None]
    sides = [side for side in TRANSFORMS if is_defined(side, everything)]
    variables = _iterate_variables(variable, fit, validation, with_square=squared)
    axes = [(tree, FitPoints(evaluate(tree, fit.columns))) for tree in variables]
    # All simple forms come first, under every transform, and only then the more complex ones
    noise, longer = NoiseModel.exact(1e-10), list[tuple[int, ParametricForm]]()
    for effort, side, (tree, axis) in product(Effort, sides, axes):
        if should_stop():
            break
        if effort == Effort.SUMS and side not in TRANSFORMS_BY_SEARCH["sums of terms"]:
            continue
        response = np.asarray(TRANSFORMS[side].forward(fit.y))
        for edge in select_best_forms(iterate_closed_forms(axis, response, noise, effort), noise, max_forms):
            if edge.error >= max_plausible_error:
                continue
            inside = edge.total.replace(PLACEHOLDER, tree).tree
            better = refit_constants(to_form(invert_transform(side, inside)), fit, iterations=steps)
            if compute_rmse(better, validation) < floor * validation.spread:
                if edge.complexity <= effort.max_complexity:
                    return finalize_formula(better, fit, validation)
                longer.append((edge.complexity, better))
    if not longer:
        return None
    return finalize_formula(min(longer, key=lambda pair: pair[0])[1], fit, validation)


def _is_noisy(
    u: Float[Array, " rows"], y: Float[Array, " rows"], gap_divisor: int = 20, max_step: float = 5e-3
) -> bool:
    """Whether targets at nearly equal u differ; even a function with many periods is continuous there.

    Args:
        u: Values of the variable.
        y: The target.
        gap_divisor: The closest 1 in so many pairs of neighbours are compared.
        max_step: Median step of these over the spread of the target; above it the target is noisy.
    """
    # Differences between neighbours in u; those at the closest pairs show the noise alone
    order = np.argsort(u, kind="stable")
    gaps, steps = np.diff(u[order]), np.abs(np.diff(y[order]))
    nearest = np.argsort(gaps, kind="stable")[: max(1, len(gaps) // gap_divisor)]
    return bool(np.median(steps[nearest]) > max_step * float(np.std(y)))


def _iterate_variables(
    variable: Expression, fit: LabelledRows, validation: LabelledRows, *, with_square: bool
) -> Iterator[Expression]:
    """Yield the variable, its square if requested, and its inverse if it has one sign."""
    yield variable
    if with_square:
        yield power(variable, 2)
    values = np.concatenate([evaluate(variable, rows.columns) for rows in (fit, validation)])
    if float(values.min()) > 0 or float(values.max()) < 0:
        yield power(variable, -1)
