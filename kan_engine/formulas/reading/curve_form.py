"""A closed form of a curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Variable, evaluate, parametrize_floats
from kan_engine.formulas.core.constant_fitting import refit_constants
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.formulas.reading.function_starts import Array
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import Suggestion

PLACEHOLDER = Variable("u")
ROUNDING_ERROR = 1e-9
"""Relative error of values that do not come from a spline; a lower one counts as zero."""


@dataclass(frozen=True, eq=False)
class CurveForm:
    """A closed form of a curve in the placeholder ``u``.

    Attributes:
        total: The form, with measured constants.
        error: RMSE over the spread of the curve.
    """

    total: LinearSum
    error: float
    complexity: int

    @staticmethod
    def from_fit(fit: Suggestion) -> CurveForm:
        """The form of a fit by a library function."""
        return CurveForm(LinearSum.from_column(PLACEHOLDER.name).apply(fit), fit.error, fit.complexity)

    @staticmethod
    def measure(
        terms: Mapping[Expression, float],
        u: Float[Array, " points"],
        v: Float[Array, " points"],
        complexity: int,
    ) -> CurveForm:
        """A sum of terms with the constant that fits best; its error is infinite if a value is."""
        with np.errstate(all="ignore"):
            residuals = v - evaluate(LinearSum(terms).tree, {PLACEHOLDER.name: u})
            constant = float(residuals.mean())
            error = relative_error(residuals - constant, v)
        return CurveForm(LinearSum(terms, constant), error, complexity)

    @property
    def shape(self) -> Expression:
        """The form with parameters in place of its constants."""
        return parametrize_floats(self.total.tree)[0]

    def score(self, noise: NoiseModel) -> float:
        """Score under a noise model; lower is better."""
        return noise.score(self.error, self.complexity)

    def refit(
        self, u: Float[Array, " points"], v: Float[Array, " points"], iterations: int = 30
    ) -> CurveForm:
        """Refit all constants jointly; those of a sum without inner constants are the best already."""
        if not any(parametrize_floats(term)[1] for term in self.total.terms):
            return self
        rows = LabelledRows.from_columns({PLACEHOLDER.name: u}, v)
        form = refit_constants(to_form(self.total.tree), rows, iterations=iterations)
        with np.errstate(all="ignore"):
            error = relative_error(evaluate(form.tree, rows.columns, form.values) - v, v)
        return CurveForm(LinearSum.from_tree(form.bind_measured()), error, self.complexity)


def relative_error(residual: Float[Array, " points"], v: Float[Array, " points"]) -> float:
    """RMSE over the spread of the curve; infinite if a residual is not finite."""
    error = float(np.sqrt(np.mean(residual**2) / max(float(np.var(v)), 1e-300)))
    return error if np.isfinite(error) else np.inf
