"""Whether the errors of a target grow with it, as those of many instruments do.

Residuals r of values p cost n/2 · log₂ mean(r²) bits if their size is the same in all rows, and
n/2 · log₂ mean((r/p)²) + Σ log₂ |p| if it is a share of the value. The shorter description decides; rows then
count by 1/p².
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate


def reweigh_rows(formulas: Iterable[Expression], rows: LabelledRows) -> LabelledRows | None:
    """Return the rows with weights for errors that grow with the target; None if they do not, or are known.

    Args:
        formulas: See ``weigh_relative_errors``, like ``thresholds``.
        rows: Whose weights these multiply.
    """
    factors = None if rows.unit_error is not None else weigh_relative_errors(formulas, rows)
    return None if factors is None else rows.reweigh(factors)


def weigh_relative_errors(
    formulas: Iterable[Expression],
    rows: LabelledRows,
    *,
    bits_per_exponent: float = 6.0,
    min_relative_bits: float = 10.0,
) -> Float[np.ndarray, " rows"] | None:
    """Return weights of the rows with a mean of 1, or None unless the errors are clearly relative.

    Args:
        formulas: What may describe the target, besides a product of powers of the columns.
        rows: All rows that formulas are measured on.
        bits_per_exponent: Price of an exponent of a product of powers, as a reference for errors.
        min_relative_bits: By which errors that are a share of the value must describe the residuals better
            than equal ones: 10 are odds of 1,000 to 1.
    """
    columns, target = rows.columns, rows.y
    candidates = [(np.broadcast_to(evaluate(tree, columns), target.shape), 0.0) for tree in formulas]
    if (powers := _fit_power_product(columns, target)) is not None:
        candidates.append((powers, bits_per_exponent * len(columns)))
    with np.errstate(all="ignore"):
        # Code lengths of both error models, each with its best candidate; fitted exponents have a price
        equal = min((_count_bits(values - target) + price for values, price in candidates), default=np.inf)
        relative = [
            _count_bits((values - target) / values) + float(np.log2(np.abs(values)).sum()) + price
            if np.isfinite(values).all() and values.all()
            else np.inf
            for values, price in candidates
        ]
    best = int(np.argmin(relative)) if relative else 0
    if not relative or not relative[best] + min_relative_bits < equal:
        return None
    # The weights are inverse variances up to a factor
    weights = 1 / np.square(candidates[best][0])
    return np.asarray(weights / weights.mean())


def _count_bits(residuals: Float[np.ndarray, " rows"]) -> float:
    mean_square = float(np.mean(np.square(residuals)))
    return len(residuals) / 2 * float(np.log2(mean_square)) if np.isfinite(mean_square) else np.inf


def _fit_power_product(
    columns: Mapping[str, Float[np.ndarray, " rows"]], target: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"] | None:
    """Values of c·Πx^q of the positive columns, by least squares of the logarithm.

    Returns:
        None if the target has both signs or zeros.
    """
    sign = np.sign(target[0])
    if not (sign * target > 0).all():
        return None
    # Least squares of the logarithm, in which a product of powers is linear in its exponents
    logs = [np.log(values) for values in columns.values() if (values > 0).all()]
    matrix = np.stack([np.ones(len(target)), *logs], 1)
    coefficients, *_ = np.linalg.lstsq(matrix, np.log(sign * target))
    return np.asarray(sign * np.exp(matrix @ coefficients))
