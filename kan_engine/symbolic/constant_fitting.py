"""Joint fit of all constants of a closed form to the data."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kan_engine.expressions.evaluation import (
    Evaluation,
    Expression,
    Parameter,
    bind,
    evaluate,
    substitute,
    value_and_jacobian,
)

Array = NDArray[np.float64]
ColumnsAndTarget = tuple[Mapping[str, Array], Array]
"""Columns by variable, and the target."""

COARSE_FIT_ROWS = 250
MAX_SLOPE = 1e100  # derivative of a form in a constant; beyond it the normal equations overflow


@dataclass(frozen=True)
class ParametricForm:
    """An expression tree with parameters, and their values."""

    tree: Expression
    values: Array

    @property
    def numeric_tree(self) -> Expression:
        """The tree with its parameters replaced by their values."""
        return bind(self.tree, list(self.values))


def fix_parameter(form: ParametricForm, index: int, constant: Expression) -> ParametricForm:
    """Replace one parameter by a constant and renumber the later parameters."""
    moved: dict[Expression, Expression] = {
        Parameter(old): Parameter(old - (old > index)) for old in range(len(form.values)) if old != index
    }
    tree = substitute(form.tree, moved | {Parameter(index): constant})
    return ParametricForm(tree, np.delete(form.values, index))


def concatenate_rows(first: ColumnsAndTarget, second: ColumnsAndTarget) -> ColumnsAndTarget:
    """Append the rows of the second table to those of the first."""
    columns = {name: np.concatenate([values, second[0][name]]) for name, values in first[0].items()}
    return columns, np.concatenate([first[1], second[1]])


def take_coarse_rows(data: ColumnsAndTarget) -> ColumnsAndTarget:
    """Return the first ``COARSE_FIT_ROWS`` rows, which suffice for a coarse fit."""
    columns, target = data
    return {name: values[:COARSE_FIT_ROWS] for name, values in columns.items()}, target[:COARSE_FIT_ROWS]


def compute_rmse(form: ParametricForm, data: ColumnsAndTarget) -> float:
    """RMSE on the given rows; infinite if the form is not finite at all of them."""
    columns, target = data
    return float(np.sqrt(_mean_square(evaluate(form.tree, columns, form.values) - target)))


def refit_constants(form: ParametricForm, data: ColumnsAndTarget, *, iterations: int) -> ParametricForm:
    """Fit all constants of a form to the target by Levenberg-Marquardt with adaptive damping.

    Steps to constants for which the form is not finite are rejected. Redundant constants are harmless:
    the damping keeps the normal matrix regular.
    """
    columns, target = data
    values, damping = np.asarray(form.values, dtype=float), 1e-3
    if not len(values):
        return form
    here = Evaluation.at(form.tree, columns, values)
    residual = here.values() - target
    lowest = _mean_square(residual)
    if not np.isfinite(lowest):  # no gradient where the form is not finite
        return form
    for _ in range(iterations):
        jacobian = here.jacobian()
        if not np.isfinite(jacobian).all() or np.abs(jacobian).max() > MAX_SLOPE:
            break
        matrix, gradient = jacobian.T @ jacobian, jacobian.T @ residual
        diagonal = np.diag(matrix).copy()
        diagonal = np.maximum(diagonal, 1e-14 * diagonal.max() + 1e-300)
        improved = False
        for _try in range(10):
            step = np.linalg.lstsq(matrix + np.diag(damping * diagonal), -gradient, rcond=None)[0]
            moved = values + step
            trial = here.move(moved)
            rest = trial.values() - target
            reached = _mean_square(rest)
            if reached < lowest:
                gain = (lowest - reached) / lowest
                values, here, residual, lowest, improved = moved, trial, rest, reached, True
                damping = max(damping * 0.2, 1e-15)
                break
            damping = min(damping * 5, 1e12)
        if not improved or lowest == 0 or (gain < 1e-10 and damping < 1e-8):
            break
    return ParametricForm(form.tree, values)


def _mean_square(residual: Array) -> float:
    with np.errstate(all="ignore"):
        value = float(np.mean(residual**2))
    return value if np.isfinite(value) else float("inf")


def standard_errors(form: ParametricForm, data: ColumnsAndTarget) -> Array:
    """Return the marginal standard error of every constant; it is large for redundant constants.

    With more constants than rows, some combinations are undetermined and get the largest error.
    """
    columns, target = data
    v, jacobian = value_and_jacobian(form.tree, columns, form.values)
    jacobian = np.nan_to_num(np.clip(jacobian, -MAX_SLOPE, MAX_SLOPE))
    scale = np.linalg.norm(jacobian, axis=0) + 1e-300
    _, singular, right = np.linalg.svd(np.linalg.qr(jacobian / scale, mode="r"))
    singular = np.pad(singular, (0, len(right) - len(singular)))
    variance = np.sum((right / np.maximum(singular, 1e-9)[:, None]) ** 2, axis=0)
    noise = max(np.sqrt(_mean_square(v - target)), 1e-13 * float(np.std(target)))
    with np.errstate(over="ignore"):  # a constant without effect has a tiny scale
        errors: Array = np.sqrt(variance) / scale * noise
    return errors
