"""Steps: functions that are constant on both sides of a place between two rows, which rows do not tell."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import (
    Call,
    Expression,
    Number,
    call,
    evaluate,
    mul,
    substitute,
    variables,
    walk,
)


def has_step(tree: Expression, columns: Mapping[str, Float[np.ndarray, " rows"]], max_change: float) -> bool:
    """Whether doubling the argument of a function, with constants of its own, changes no value by more.

    tanh(3518·x - 1743) is a step at rows where it is 1 or -1.
    """
    values = evaluate(tree, columns)
    for node in walk(tree):
        if isinstance(node, Call) and variables(node) and _has_constants(node.argument):
            doubled = substitute(tree, {node: call(node.function, mul(2, node.argument))})
            if np.abs(evaluate(doubled, columns) - values).max() <= max_change:
                return True
    return False


def _has_constants(tree: Expression) -> bool:
    """Whether a tree has other numbers than 1 and -1, which combine columns."""
    return any(isinstance(node, Number) and abs(node.value) != 1 for node in walk(tree))
