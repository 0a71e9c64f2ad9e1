"""A target that depends on one product of powers of the inputs alone: an index, found by sorting.

Along the right index neighbouring rows have nearly the same target. It is the one route to a function that
goes through many periods, such as sin² of a product, which no grid resolves. The measure is the ratio of von
Neumann, "Distribution of the ratio of the mean square successive difference to the variance", 1941.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import gcd

import numpy as np

from kan_engine.discovery.univariate_law import law_of_one
from kan_engine.expressions.evaluation import Expression, Variable, mul, power
from kan_engine.symbolic.constant_fitting import Data

MOST_INPUTS = 4
EXPONENTS = range(-2, 3)
SMOOTH = 0.1  # mean square of the steps over twice the variance: 1 for what does not depend on the index
CLEAR = 0.5  # what the best ratio may be of the second


def index_law(
    fit: Data, validation: Data, should_stop: Callable[[], bool] = lambda: False
) -> Expression | None:
    """y = f(Π x^q) with whole q, or None if no such law holds to rounding error.

    Args:
        fit: Columns, of which none but positive ones take part, and target.
        validation: The same of other rows, for the proof.
        should_stop: Asked now and then.
    """
    index = _index(fit)
    if index is None:
        return None
    return law_of_one(index, fit, validation, should_stop)


def _index(fit: Data) -> Expression | None:
    """The product of powers along which the target is smooth, if there is one."""
    columns, target = fit
    names = list(columns)
    if not 1 < len(names) <= MOST_INPUTS or min(float(v.min()) for v in columns.values()) <= 0:
        return None
    logs = np.stack([np.log(columns[name]) for name in names])
    candidates = [q for q in product(EXPONENTS, repeat=len(names)) if is_primitive(q)]
    order = np.argsort(np.array(candidates) @ logs, axis=1)
    steps = np.diff(target[order], axis=1)
    ratios = np.mean(steps**2, axis=1) / (2 * float(np.var(target)) or 1.0)
    best, second = np.argsort(ratios)[:2]
    if not ratios[best] < min(SMOOTH, CLEAR * ratios[second]):
        return None
    return mul(*(power(Variable(n), q) for n, q in zip(names, candidates[best], strict=True) if q))


def is_primitive(exponents: tuple[int, ...]) -> bool:
    """One of each index, its inverse and its powers: the first exponent positive, no common divisor."""
    first = next((q for q in exponents if q), 0)
    return first > 0 and gcd(*exponents) == 1
