"""Weighted least squares of the constants of a form, within bounds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression
from kan_engine.formulas.core.constant_fitting import ParametricForm, Residuals, refit_constants

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
        mean = Residuals(ParametricForm(self.tree, values), self.rows).measure(values)
        return mean * float(self.rows.weights.sum())

    def fit(
        self,
        values: Float[Array, " constants"],
        evaluations: int = 400,
        min_gain: float = 1e-13,
        held_places: Collection[int] = (),
    ) -> Float[Array, " constants"]:
        """Fit the constants from a start within bounds; the start itself where no step is better.

        Args:
            values: The start.
            evaluations: Maximum number of evaluations of the form.
            min_gain: Relative fall of the sum of squares that ends the fit.
            held_places: Constants that stay.
        """
        return refit_constants(
            ParametricForm(self.tree, values),
            self.rows,
            iterations=evaluations // 2,
            min_gain=min_gain,
            bounds=self.bounds,
            held=held_places,
        ).values
