"""Losses of formulas at rows that their constants were not fitted to, and whether they differ."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate, value_and_jacobian
from kan_engine.formulas.core.constant_fitting import Array, compute_rmse, refit_constants
from kan_engine.formulas.core.constant_snapping import to_form


def cross_validation_losses(
    tree: Expression, rows: LabelledRows, *, folds: int = 5, min_rows: int = 10, steps: int = 5
) -> Array:
    """Return the clipped squared error at every row, with the constants fitted to the other folds.

    Args:
        tree: The formula.
        rows: The folds depend on their number alone.
        folds: Their number.
        min_rows: With fewer, each row is its own fold.
        steps: Of a fit.
    """
    form, count = to_form(tree), folds if len(rows) >= min_rows else len(rows)
    fold_of = np.random.default_rng(0).permutation(len(rows)) % max(count, 1)
    errors = np.empty(len(rows))
    for fold in range(count):
        held = fold_of == fold
        others, left_out = rows[~held], rows[held]
        is_finite = np.isfinite(compute_rmse(form, others))
        fitted = refit_constants(form, others, iterations=steps) if is_finite else form
        errors[held] = evaluate(fitted.tree, left_out.columns, fitted.values) - left_out.y
    return clip_squared_errors(errors, rows.y)


def clip_squared_errors(errors: Array, target: Array, max_deviations: float = 5.0) -> Array:
    """Square the errors and clip them at ``max_deviations`` robust standard deviations of the target.

    The clipping keeps a single row from deciding a comparison. NaN counts as the limit.
    """
    middle = np.median(target)
    scale = 1.4826 * float(np.median(np.abs(target - middle))) or float(np.std(target)) or 1.0
    limit = (max_deviations * scale) ** 2
    with np.errstate(all="ignore"):
        squares = np.minimum(errors**2, limit)
    return np.asarray(np.where(np.isnan(squares), limit, squares))


def is_no_worse(losses: Array, others: Array, weights: Array, standard_errors: float = 1.0) -> bool:
    """Whether the mean excess of ``losses`` over ``others`` is within ``standard_errors`` of zero."""
    share = weights / weights.sum()
    excess = losses - others
    mean = float(share @ excess)
    deviation = float(np.sqrt(np.sum(share**2 * (excess - mean) ** 2)))
    return mean <= standard_errors * deviation


def leave_one_out_losses(tree: Expression, rows: LabelledRows) -> Array:
    """Return the clipped squared error at every row without it, to first order in the constants."""
    form = to_form(tree)
    values, jacobian = value_and_jacobian(form.tree, rows.columns, form.values)
    growth = measure_error_growth(np.nan_to_num(jacobian) * rows.roots[:, None])
    return clip_squared_errors((values - rows.y) * growth, rows.y)


def measure_error_growth(
    jacobian: Float[np.ndarray, "rows constants"], max_leverage: float = 0.95
) -> Float[np.ndarray, " rows"]:
    """By what factor the residual of a row grows if constants are fitted without it, to first order.

    It is 1/(1 - h), with the leverage h of the row (Cook and Weisberg, Residuals and Influence in Regression,
    1982), which is at most ``max_leverage``: 1 would divide by zero.
    """
    leverage = np.minimum((orthonormalize(jacobian) ** 2).sum(1), max_leverage)
    return np.asarray(1 / (1 - leverage))


def orthonormalize(matrix: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows directions"]:
    """Orthonormal basis of the columns; without those that are not finite or depend on others."""
    scale = np.linalg.norm(matrix, axis=0)
    is_usable = np.isfinite(scale) & (scale > 0)
    if not is_usable.any():
        return np.zeros((len(matrix), 0))
    directions, triangle = np.linalg.qr(matrix[:, is_usable] / scale[is_usable])
    return np.asarray(directions[:, np.abs(np.diag(triangle)) > 1e-8])
