"""Constants of a form by Levenberg-Marquardt on its normal equations, and the leave-one-out error.

Source of the method: Nocedal and Wright, Numerical Optimization, section 10.3. ``constant_fitting``
fits constants to the last digit; here a few cheap steps suffice, and thousands of forms are fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.formulas.core.program import Program

Array = np.ndarray


@dataclass(frozen=True)
class FittedConstants:
    """Constants of a form, and what they give.

    Attributes:
        values: The constants.
        predicted: Values of the form at every row.
        mean_square: Weighted mean squared error.
    """

    values: Array
    predicted: Array
    mean_square: float


def fit_constants(
    program: Program,
    constants: Array,
    rows: LabelledRows,
    steps: int,
    hopeless: float = float("inf"),
    *,
    damping: float = 1e-4,
    damping_range: tuple[float, float] = (1e-10, 1e6),
    steps_before_check: int = 2,
    min_gain: float = 1e-4,
) -> FittedConstants | None:
    """Fit the constants of a form; None if its values or constants are not finite at the start.

    Args:
        program: The form.
        constants: Starting values.
        rows: Rows to fit.
        steps: Maximum number of steps.
        hopeless: Mean squared error that must be reached after ``steps_before_check`` steps to go on.
        damping: Of the first step, over a unit diagonal.
        damping_range: Smallest and largest damping.
        steps_before_check: Steps after which a form that is not promising is given up.
        min_gain: Relative; a smaller gain ends the fit.
    """
    predicted = program.run(constants)
    error = measure_mean_square(predicted, rows)
    if error == float("inf") or not np.isfinite(constants).all():
        return None
    (least, most), root = damping_range, np.sqrt(rows.relative_weights)
    for step in range(steps):
        if step == steps_before_check and error > hopeless:
            break
        jacobian = program.compute_jacobian() * root[:, None]
        with np.errstate(all="ignore"):
            gram = jacobian.T @ jacobian
        if not np.isfinite(gram).all():
            break
        right = jacobian.T @ ((rows.y - predicted) * root)
        scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        gram, right = gram / np.outer(scale, scale), right / scale
        before = error
        while damping < most:
            moved = constants + _solve(gram, right, damping) / scale
            tried = program.run(moved)
            tried_error = measure_mean_square(tried, rows) if np.isfinite(moved).all() else float("inf")
            if tried_error < error:
                constants, predicted, error = moved, tried, tried_error
                damping = max(damping / 10, least)
                break
            damping *= 10
        if error > before * (1 - min_gain):
            break
    return FittedConstants(constants, predicted, error)


def _solve(gram: Array, right: Array, damping: float) -> Array:
    try:
        factor = cho_factor(gram + damping * np.eye(len(gram)), check_finite=False)
    except LinAlgError:
        return np.zeros_like(right)
    return np.asarray(cho_solve(factor, right, check_finite=False))


def measure_mean_square(predicted: Array, rows: LabelledRows) -> float:
    """Weighted mean squared error; infinite if a value is not finite."""
    with np.errstate(all="ignore"):
        error = float(np.mean(rows.relative_weights * (predicted - rows.y) ** 2))
    return error if np.isfinite(error) else float("inf")


def compute_fresh_losses(
    program: Program, fitted: FittedConstants, rows: LabelledRows, max_leverage: float = 0.95
) -> Array:
    """Weighted leave-one-out squared errors [rows] of a form, to first order in its constants.

    A residual grows by 1/(1 - h), with the leverage h of its row (Cook and Weisberg, Residuals and
    Influence in Regression, 1982), which is at most ``max_leverage``: 1 would divide by zero.
    """
    root = np.sqrt(rows.relative_weights)
    program.run(fitted.values)
    directions = orthonormalize(program.compute_jacobian() * root[:, None])
    leverage = np.minimum((directions**2).sum(1), max_leverage)
    losses: Array = rows.relative_weights * ((fitted.predicted - rows.y) / (1 - leverage)) ** 2
    return losses


def orthonormalize(matrix: Array) -> Array:
    """Orthonormal basis of the columns; without those that are not finite or depend on others."""
    scale = np.linalg.norm(matrix, axis=0)
    is_usable = np.isfinite(scale) & (scale > 0)
    if not is_usable.any():
        return np.zeros((len(matrix), 0))
    directions, triangle = np.linalg.qr(matrix[:, is_usable] / scale[is_usable])
    return np.asarray(directions[:, np.abs(np.diag(triangle)) > 1e-8])
