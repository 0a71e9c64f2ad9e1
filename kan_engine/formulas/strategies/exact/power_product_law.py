"""Laws of one product of powers of the inputs (the index), which is found by sorting.

Sorted by the correct index, neighbouring rows have nearly equal targets. Only this search finds a function
with many periods, such as sin² of a product, which no grid resolves. The measure is the ratio of von
Neumann, "Distribution of the ratio of the mean square successive difference to the variance", 1941.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import gcd

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import ONE, Expression, Variable, evaluate, mul, power
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.formulas.strategies.exact.univariate_law import find_univariate_law


def find_power_product_law(
    fit: LabelledRows,
    validation: LabelledRows,
    should_stop: Callable[[], bool] = lambda: False,
) -> Expression | None:
    """Return a law y = x^p · f(Π x^q) with integers, or None if none holds to rounding error.

    Args:
        fit: Rows; all columns have to be positive.
        validation: Other rows, on which the law has to hold.
        should_stop: Called before every search for closed forms; once true, the search ends.
    """
    pair = _find_index(fit)
    if pair is None:
        return None
    factor, index = pair
    inner_fit, inner_validation = (
        rows.with_target(rows.y / evaluate(factor, rows.columns)) for rows in (fit, validation)
    )
    tree = find_univariate_law(index, inner_fit, inner_validation, should_stop)
    if tree is None:
        return None
    return simplify(mul(factor, tree), inner_validation.columns)


def _find_index(
    fit: LabelledRows,
    *,
    max_exponent: int = 2,
    max_columns: int = 4,
    max_smooth_ratio: float = 0.1,
    max_ratio_to_second: float = 0.5,
) -> tuple[Expression, Expression] | None:
    """Return a power of a column, or 1, and the product of powers along which the rest is smooth, or None.

    Args:
        fit: The rows.
        max_exponent: Largest magnitude of an exponent.
        max_columns: The work grows exponentially with their number.
        max_smooth_ratio: Mean square of the steps of the target over twice its variance; 1 if the target is
            independent of the product.
        max_ratio_to_second: Of this ratio of the best product to that of the second best.
    """
    columns = fit.columns
    names = list(columns)
    is_few = 1 < len(names) <= max_columns
    if not is_few or min(float(v.min()) for v in columns.values()) <= 0:
        return None
    # Rows sorted by every candidate product at once; a product of powers is linear in logarithms
    logs = np.stack([np.log(columns[name]) for name in names])
    exponents = range(-max_exponent, max_exponent + 1)
    candidates = [q for q in product(exponents, repeat=len(names)) if is_primitive(q)]
    order = np.argsort(np.array(candidates) @ logs, axis=1)
    result, lowest = None, max_smooth_ratio
    factors = [power(Variable(name), q) for name in names for q in exponents if q]
    for factor in (ONE, *factors):
        # Ratio of von Neumann along every order: small where neighbours have nearly equal targets
        values = fit.y / evaluate(factor, columns)
        steps = np.diff(values[order], axis=1)
        ratios = np.mean(steps**2, axis=1) / (2 * float(np.var(values)) or 1.0)
        best, second = np.argsort(ratios)[:2]
        if ratios[best] < min(lowest, max_ratio_to_second * ratios[second]):
            powers = zip(names, candidates[best], strict=True)
            result = factor, mul(*(power(Variable(name), q) for name, q in powers if q))
            lowest = max_ratio_to_second * ratios[best]
    return result


def is_primitive(exponents: tuple[int, ...]) -> bool:
    """Whether the first nonzero exponent is positive and the exponents have no common divisor.

    Exactly one of each index, its inverse and its powers is primitive.
    """
    leading_exponent = next((q for q in exponents if q), 0)
    return leading_exponent > 0 and gcd(*exponents) == 1
