"""A factor of a law that is a product of powers of columns, from the size of the target.

The logarithm of |Πx^q · g| is a line in the logarithms of the factor's columns, however often g oscillates:
its slopes are q wherever g is independent of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Variable, mul, power
from kan_engine.formulas.core.constant_fitting import Array
from kan_engine.formulas.core.reduction import Reduction


def find_power_factors(
    fit: LabelledRows,
    *,
    max_columns: int = 8,
    max_deviations: float = 4.0,
    max_slope_errors: float = 3.0,
    min_slope_errors: float = 5.0,
) -> Iterator[Reduction]:
    """Yield reductions by a factor Πx^q with integers or multiples of 1/2: to the other columns, then to all.

    Nothing is yielded if no slope is clearly such a number.

    Args:
        fit: The rows.
        max_columns: With more, nothing is yielded.
        max_deviations: Of log |y| from its line, over their median; rows with more are left out.
        max_slope_errors: Standard errors between the slope of log |y| and the exponent of a factor.
        min_slope_errors: Standard errors of such a slope, below which it may be 0.
    """
    columns, target = fit.columns, fit.y
    names = [name for name, values in columns.items() if (values != 0).all() and np.ptp(np.abs(values)) > 0]
    rows = target != 0
    if not 1 < len(columns) <= max_columns or rows.sum() <= 2 * len(names) or not names:
        return
    # The line of log |y| in the logarithms of the columns
    logs = np.log(np.abs(np.stack([columns[name][rows] for name in names], 1)))
    sizes = np.log(np.abs(target[rows]))
    slopes, residuals = _fit_line(logs, sizes)
    # near zeros of the target, its logarithm is far off
    usual = np.abs(residuals) <= max_deviations * np.median(np.abs(residuals))
    slopes, residuals = _fit_line(logs[usual], sizes[usual])
    is_positive = np.array([bool((columns[name] > 0).all()) for name in names])
    exponents = np.where(is_positive, np.round(2 * slopes) / 2, np.round(slopes))
    # Standard errors of the slopes of this regression
    inverse = np.linalg.pinv(np.cov(logs[usual], rowvar=False).reshape(len(names), -1))
    errors = residuals.std() * np.sqrt(np.diag(inverse) / len(residuals))
    is_clear = (exponents != 0) & (np.abs(slopes - exponents) < max_slope_errors * errors)
    is_clear &= np.abs(slopes) > min_slope_errors * errors
    is_whole = is_clear & (exponents % 1 == 0)  # a wave of few periods may look like a root of its column
    for selection in [is_clear, is_whole][: 2 if (is_clear != is_whole).any() else 1]:
        powers = {name: Fraction(exponents[place]) for place, name in enumerate(names) if selection[place]}
        if not powers:
            return
        factor = mul(*(power(Variable(name), q) for name, q in powers.items()))
        if len(powers) < len(columns):
            other_columns = {name: Variable(name) for name in columns if name not in powers}
            yield Reduction(groups=other_columns, factor=factor)
    yield Reduction(groups={name: Variable(name) for name in columns}, factor=factor)


def _fit_line(
    columns: Float[Array, "rows columns"], target: Float[Array, " rows"]
) -> tuple[Float[Array, " columns"], Float[Array, " rows"]]:
    """Slopes of the line by least squares, and its residuals."""
    column_deviations, target_deviations = columns - columns.mean(0), target - target.mean()
    slopes, *_ = np.linalg.lstsq(column_deviations, target_deviations)
    return np.asarray(slopes), np.asarray(target_deviations - column_deviations @ slopes)
