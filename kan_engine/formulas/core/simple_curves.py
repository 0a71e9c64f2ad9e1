"""Curves of one column without constants."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kan_engine.expressions.evaluation import Expression, Variable, apply_function, call, power


def generate_simple_curves(name: str, values: np.ndarray) -> Iterator[Expression]:
    """Powers and the logarithm of a column, as far as they are defined; they contain no constants."""
    x, low, high = Variable(name), values.min(), values.max()
    yield x
    if len(np.unique(values)) <= 2:
        return
    if low > 0 or high < 0:
        yield power(x, -1)
    if low > 0:
        yield call("log", x)
    if low >= 0:
        yield apply_function("sqrt", x)
    yield x**2
    if low > 0:
        yield power(x, -2)
        yield apply_function("1/sqrt", x)
