"""Arguments of functions that the rows of a table cannot tell: too steep, or oscillating too fast.

tanh(3518·x - 1743) is a step at rows where it is 1 or -1, and so is |x - 0.49| - |x - 0.5| where no row lies
between; sin(3359·x) fits 250 rows by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import (
    Call,
    Expression,
    Number,
    call,
    evaluate,
    mul,
    number,
    substitute,
    variables,
    walk,
)
from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas.core.thresholds import MAX_EXACT_ERROR

Columns = Mapping[str, Float[np.ndarray, " rows"]]


MIN_TELLING_ROWS = 3
"""More rows than the two constants of a slope and its place, or of two kinks: fewer are fitted by chance."""


def has_step(tree: Expression, columns: Columns, max_change: float) -> bool:
    """Whether too few rows tell a slope or two kinks.

    They tell a slope if doubling the argument of the function changes their values by more than
    ``max_change``, and two kinks if they lie between them.
    """
    return _has_close_kinks(tree, columns) or next(_find_steps(tree, columns, max_change), None) is not None


def resolve_arguments(tree: Expression, rows: LabelledRows) -> Expression | None:
    """The formula with a level, ``sign``, for every function of two levels whose slope the rows cannot tell.

    The rows cannot tell a slope if twice the slope changes the squared errors by less than one of a row.

    Returns:
        The formula itself if the rows tell all its arguments, and None if they cannot tell one that is no
        level.
    """
    columns = rows.columns
    if any(_oscillates(node, columns) for node in _list_calls(tree)) or _has_close_kinks(tree, columns):
        return None
    noise = float(np.sqrt(np.mean((evaluate(tree, columns) - rows.y) ** 2) / len(rows)))
    steps = list(_find_steps(tree, columns, max(noise, MAX_EXACT_ERROR * rows.spread)))
    if not steps:
        return tree
    levels = dict[Expression, Expression]()
    for node in steps:
        level = _make_level(node)
        if level is None:
            return None
        levels[node] = level
    return substitute(tree, levels)


def _find_steps(tree: Expression, columns: Columns, max_change: float) -> Iterator[Call]:
    values = evaluate(tree, columns)
    for node in _list_calls(tree):
        steeper_tree = substitute(tree, {node: call(node.function, mul(2, node.argument))})
        changes = np.abs(evaluate(steeper_tree, columns) - values)
        # Where twice the argument is undefined, the row tells it, too
        if np.count_nonzero(~(changes <= max_change)) < MIN_TELLING_ROWS:
            yield node


def _has_close_kinks(tree: Expression, columns: Columns) -> bool:
    """Whether too few rows lie between the kinks of two absolute values, each with rows on both sides."""
    nodes = {node for node in walk(tree) if isinstance(node, Call) and node.function == "abs"}
    if len(nodes) < 2:
        return False
    sides = [evaluate(node.argument, columns) > 0 for node in nodes]
    for side, other_side in combinations([each for each in sides if each.any() and not each.all()], 2):
        between = np.count_nonzero(side != other_side)
        if min(between, len(side) - between) < MIN_TELLING_ROWS:
            return True
    return False


def _list_calls(tree: Expression) -> Iterator[Call]:
    """Functions of columns with other numbers than 1 and -1 in their arguments, which combine columns."""
    for node in walk(tree):
        if isinstance(node, Call) and variables(node) and any(map(_is_scale, walk(node.argument))):
            yield node


def _is_scale(node: Expression) -> bool:
    return isinstance(node, Number) and abs(node.value) != 1


def _oscillates(node: Call, columns: Columns, min_rows: float = 2.0) -> bool:
    """Whether a periodic function with measured constants has fewer rows than this in a period.

    Two are the least that tell a frequency from lower ones (Shannon, Proceedings of the IRE 37, 1949).
    """
    if LIBRARY[node.function].equation != "periodic":
        return False
    if not any(isinstance(part, Number) and isinstance(part.value, float) for part in walk(node.argument)):
        return False
    # Distinct arguments, since equal ones tell no more than one
    argument = evaluate(node.argument, columns)
    periods = float(np.ptp(argument)) / (2 * np.pi)
    return periods * min_rows > len(np.unique(argument))


def _make_level(node: Call) -> Expression | None:
    """A function with two limits as its upper one times the sign of its argument."""
    upper, lower = (float(LIBRARY[node.function].value(end)) for end in (np.inf, -np.inf))
    if LIBRARY[node.function].parity != "odd" or not np.isfinite(upper) or upper != -lower:
        return None
    return number(upper) * call("sign", node.argument)
