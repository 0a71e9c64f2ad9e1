"""Residuals of a formula against known errors of the rows: the test of χ².

Source: Bevington and Robinson, Data Reduction and Error Analysis for the Physical Sciences, chapter 11.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri
from scipy.stats import ncx2

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.expressions.measured_constants import count_constants


@dataclass(frozen=True)
class ChiSquare:
    """The sum of squared residuals over the squared errors of their rows.

    Attributes:
        value: χ².
        degrees: Rows minus fitted constants.
    """

    value: float
    degrees: int

    @property
    def per_degree(self) -> float:
        """χ² per degree of freedom: near 1 if formula and errors are right."""
        return self.value / self.degrees

    @property
    def p_value(self) -> float:
        """Probability of a value at least as large if the formula and the errors are right."""
        return float(chdtrc(self.degrees, self.value))

    def compute_power(self, size: float, level: float) -> float:
        """Probability that the test at this level notices a signal.

        Args:
            size: Variance of the signal over that of the noise.
            level: Probability of a rejection without a signal.
        """
        # With a signal χ² is noncentral, by the squares of the signal over the variance of the noise
        power = ncx2.sf(chdtri(self.degrees, level), self.degrees, size * self.degrees)
        return float(power)


def compute_chi_square(
    formula: Expression, rows: LabelledRows, constants: int | None = None
) -> ChiSquare | None:
    """χ² of a formula with its fitted constants; None if the errors of the rows are not known.

    Also None where no degree of freedom is left.

    Args:
        formula: With numbers.
        rows: The rows that its constants were fitted to.
        constants: Number of fitted constants; by default, of its measured numbers.
    """
    unit_error = rows.unit_error
    if unit_error is None:
        return None
    degrees = len(rows) - (count_constants(formula) if constants is None else constants)
    with np.errstate(all="ignore"):
        # Weights times the squared unit error are the inverse variances of the rows
        value = float(np.sum(rows.weights * ((evaluate(formula, rows.columns) - rows.y) / unit_error) ** 2))
    return ChiSquare(value if np.isfinite(value) else float("inf"), degrees) if degrees > 0 else None
