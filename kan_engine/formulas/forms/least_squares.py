"""Weighted least squares of the constants of a form, within bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares, leastsq

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Evaluation, Expression
from kan_engine.formulas.core.constant_fitting import HUGE

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class FormProblem:
    """The least-squares problem of a form.

    Attributes:
        tree: Parameters are the constants.
        rows: What it is fitted to.
        bounds: Of every constant.
    """

    tree: Expression
    rows: LabelledRows
    bounds: Sequence[tuple[float, float]]

    def measure(self, values: Float[Array, " constants"]) -> float:
        """Weighted sum of squared residuals; infinite where the form is not finite."""
        with np.errstate(all="ignore"):
            residuals = self._evaluate(values).values() - self.rows.y
            found = float(self.rows.weights @ residuals**2)
        return found if np.isfinite(found) else float("inf")

    def fit(
        self, values: Float[Array, " constants"], evaluations: int, min_gain: float, fixed: Sequence[int] = ()
    ) -> Float[Array, " constants"]:
        """Fit the constants from a start within bounds; the start itself where no step is better.

        Args:
            values: The start.
            evaluations: Maximum number of evaluations of the form.
            min_gain: Relative fall of the sum of squares that ends the fit.
            fixed: Constants that stay.
        """
        free = [place for place in range(len(values)) if place not in fixed]
        before = self.measure(values)
        if not free or not np.isfinite(before):
            return values
        residuals = _Residuals(self, values, free)
        with np.errstate(all="ignore"):
            found = self._minimise(residuals, values[free], free, evaluations, min_gain)
        moved = values.copy()
        moved[free] = found
        return moved if self.measure(moved) < before else values

    def _minimise(
        self, residuals: _Residuals, start: Array, free: list[int], evaluations: int, min_gain: float
    ) -> Array:
        low, high = np.array([self.bounds[place] for place in free]).T
        if not (np.isfinite(low).any() or np.isfinite(high).any()):
            return np.asarray(
                leastsq(
                    residuals.compute,
                    start,
                    Dfun=residuals.differentiate,
                    full_output=True,
                    ftol=min_gain,
                    xtol=1e-15,
                    gtol=0.0,
                    factor=1.0,
                    maxfev=evaluations,
                )[0]
            )
        found = least_squares(
            residuals.compute,
            np.clip(start, low, high),
            residuals.differentiate,
            bounds=(low, high),
            x_scale="jac",
            ftol=max(min_gain, 3e-16),
            xtol=1e-15,
            gtol=None,
            max_nfev=evaluations,
        )
        return np.asarray(found.x)

    def _evaluate(self, values: Array) -> Evaluation:
        return Evaluation.at(self.tree, self.rows.columns, values)


class _Residuals:
    """Weighted residuals in units of the start's, and their derivatives in the free constants."""

    def __init__(self, problem: FormProblem, values: Array, free: list[int]) -> None:
        self._rows, self._values, self._free = problem.rows, np.array(values, dtype=float), free
        self._evaluation = problem._evaluate(self._values)
        self._scale = problem.rows.roots / max(problem.measure(values) ** 0.5, 1e-290)
        self._padding = max(0, len(free) - len(problem.rows))

    def compute(self, free_values: Array) -> Array:
        """The residuals [rows], huge where the form is not finite."""
        self._move(free_values)
        found = (self._evaluation.values() - self._rows.y) * self._scale
        return np.append(np.where(np.isfinite(found), found, HUGE), np.zeros(self._padding))

    def differentiate(self, free_values: Array) -> Array:
        """Their derivatives [rows, free]; 0 where they are not finite."""
        self._move(free_values)
        found = self._evaluation.jacobian()[:, self._free] * self._scale[:, None]
        found = np.where(np.isfinite(found), found, 0.0)
        return np.concatenate([found, np.zeros((self._padding, len(self._free)))])

    def _move(self, free_values: Array) -> None:
        if not np.array_equal(self._values[self._free], free_values):
            self._values[self._free] = free_values
            self._evaluation = self._evaluation.move(self._values.copy())
