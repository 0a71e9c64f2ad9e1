"""Covariance of the constants of a fitted form, and what follows from it."""

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import value_and_jacobian
from kan_engine.symbolic.constant_fitting import MAX_SLOPE, ColumnsAndTarget, ParametricForm
from kan_engine.symbolic.thresholds import DEFAULT_CONSTANTS, ConstantThresholds

Array = np.ndarray


def estimate_covariance(
    form: ParametricForm,
    data: ColumnsAndTarget,
    sigma: Array | None = None,
    thresholds: ConstantThresholds = DEFAULT_CONSTANTS,
) -> Float[Array, "constants constants"]:
    """Estimate the covariance of fitted constants from the curvature of the sum of squares (Gauss-Newton).

    It is s²·(JᵀJ)⁻¹, with the derivatives J of the form in its constants (Seber and Wild, Nonlinear
    Regression, 1989, section 2.1). s² is the sum of squared residuals over n - p degrees of freedom. With
    known errors the rows of J are divided by them, and s = 1.

    Redundant constants get a large variance instead of an infinite one. Without known errors and with no more
    rows than constants, the variance is infinite.

    Args:
        form: A form with fitted constants.
        data: The rows that they were fitted to.
        sigma: Standard deviation of the target in every row, in its units; None estimates one for all rows.
        thresholds: Smallest singular value of J with columns of length 1.

    Returns:
        In the squared units of the constants.
    """
    columns, target = data
    values, jacobian = value_and_jacobian(form.tree, columns, form.values)
    jacobian = np.nan_to_num(np.clip(jacobian, -MAX_SLOPE, MAX_SLOPE))
    count = len(form.values)
    if sigma is not None:
        jacobian, variance = jacobian / sigma[:, None], 1.0
    elif len(target) <= count:
        return np.full((count, count), np.inf)
    else:
        least = (thresholds.min_relative_residual * float(np.std(target))) ** 2
        variance = max(float(np.sum((values - target) ** 2)) / (len(target) - count), least)
    scale = np.linalg.norm(jacobian, axis=0) + 1e-300
    _, singular, right = np.linalg.svd(np.linalg.qr(jacobian / scale, mode="r"))
    singular = np.pad(singular, (0, count - len(singular)))
    directions = right / np.maximum(singular, thresholds.min_singular_value)[:, None]
    with np.errstate(over="ignore", invalid="ignore"):  # a constant without effect has a tiny scale
        return np.asarray(variance * (directions / scale).T @ (directions / scale))


def correlate(covariance: Float[Array, "constants constants"]) -> Float[Array, "constants constants"]:
    """Divide a covariance by the standard errors; 0 off the diagonal where one is zero or not finite."""
    error = np.sqrt(np.diag(covariance))
    with np.errstate(all="ignore"):
        correlation = covariance / np.outer(error, error)
    correlation = np.where(np.isfinite(correlation), np.clip(correlation, -1.0, 1.0), 0.0)
    np.fill_diagonal(correlation, 1.0)
    return correlation
