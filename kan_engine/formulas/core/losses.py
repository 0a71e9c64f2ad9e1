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
) -> Float[Array, " rows"]:
    """Return the clipped squared error at every row, with the constants fitted to the other folds.

    Args:
        tree: The formula.
        rows: The folds depend on their number alone.
        folds: Their number.
        min_rows: With fewer, each row is its own fold.
        steps: Of a fit.
    """
    form, count = to_form(tree), folds if len(rows) >= min_rows else len(rows)
    # A fixed seed: formulas on the same rows have the same folds
    fold_of = np.random.default_rng(0).permutation(len(rows)) % max(count, 1)
    errors = np.empty(len(rows))
    for fold in range(count):
        is_left_out = fold_of == fold
        fit_rows, left_out = rows[~is_left_out], rows[is_left_out]
        is_finite = np.isfinite(compute_rmse(form, fit_rows))
        refit_form = refit_constants(form, fit_rows, iterations=steps) if is_finite else form
        errors[is_left_out] = evaluate(refit_form.tree, left_out.columns, refit_form.values) - left_out.y
    return clip_squared_errors(errors, rows.y)


def clip_squared_errors(
    errors: Float[Array, " rows"], target: Float[Array, " rows"], max_deviations: float = 5.0
) -> Float[Array, " rows"]:
    """Square the errors and clip them at ``max_deviations`` robust standard deviations of the target.

    The clipping keeps a single row from deciding a comparison. NaN counts as the limit.
    """
    # The median absolute deviation, scaled to the standard deviation of a normal distribution
    middle = np.median(target)
    scale = 1.4826 * float(np.median(np.abs(target - middle))) or float(np.std(target)) or 1.0
    limit = (max_deviations * scale) ** 2
    with np.errstate(all="ignore"):
        squares = np.minimum(errors**2, limit)
    return np.asarray(np.where(np.isnan(squares), limit, squares))


def is_no_worse(
    losses: Float[Array, " rows"],
    other_losses: Float[Array, " rows"],
    weights: Float[Array, " rows"],
    standard_errors: float = 1.0,
) -> bool:
    """Whether the mean excess of ``losses`` over ``other_losses`` is within ``standard_errors`` of zero."""
    # Standard error of the weighted mean of paired differences
    share = weights / weights.sum()
    excess = losses - other_losses
    mean = float(share @ excess)
    deviation = float(np.sqrt(np.sum(share**2 * (excess - mean) ** 2)))
    return mean <= standard_errors * deviation


def leave_one_out_losses(tree: Expression, rows: LabelledRows) -> Float[Array, " rows"]:
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
    # Columns of length 1 before QR, so that its diagonal shows what is independent of the columns before
    scale = np.linalg.norm(matrix, axis=0)
    is_usable = np.isfinite(scale) & (scale > 0)
    if not is_usable.any():
        return np.zeros((len(matrix), 0))
    directions, triangle = np.linalg.qr(matrix[:, is_usable] / scale[is_usable])
    return np.asarray(directions[:, np.abs(np.diag(triangle)) > 1e-8])
