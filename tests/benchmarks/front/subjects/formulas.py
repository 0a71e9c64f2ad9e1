"""Size and error of the formulas of a front."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress

import numpy as np
import sympy
from sklearn.metrics import r2_score

from tests.benchmarks.front.statistics import Point
from tests.benchmarks.rows import Values
from tests.benchmarks.subjects.printed import count_nodes, evaluate_formula, read_formula

DIGITS = 6  # of R² in a row
UNREADABLE = (
    ValueError,
    TypeError,
    NameError,
    AttributeError,
    SyntaxError,
    RecursionError,
    sympy.SympifyError,
)


def measure_printed(expression: str, columns: Mapping[str, np.ndarray], y: np.ndarray) -> Point | None:
    """Nodes of a formula, and its R².

    Args:
        columns: Values of the columns in the rows of ``y``, by the name that formulas have for them.

    Returns:
        None if the text cannot be read, or the formula has no value in one of the rows.
    """
    with suppress(*UNREADABLE):
        formula = read_formula(expression, columns)
        return _make_point(count_nodes(formula), evaluate_formula(formula, columns), y)
    return None


def measure_values(expression: str, names: Iterable[str], values: np.ndarray, y: np.ndarray) -> Point | None:
    """The same for a formula whose values the program that found it has computed."""
    with suppress(*UNREADABLE):
        return _make_point(count_nodes(read_formula(expression, names)), values, y)
    return None


def summarize_front(points: Iterable[Point | None]) -> Values:
    """The figures of a row: how many formulas there are, and those that could be measured."""
    formulas = list(points)
    return {
        "points": len(formulas),
        "front": json.dumps(sorted(point for point in formulas if point is not None)),
    }


def _make_point(nodes: int, values: np.ndarray, y: np.ndarray) -> Point | None:
    if not np.isfinite(values).all():
        return None
    r2 = float(r2_score(y, values))
    return (nodes, round(r2, DIGITS)) if np.isfinite(r2) else None
