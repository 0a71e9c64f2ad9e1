"""Random boxes of columns, and points in them."""

from __future__ import annotations

import numpy as np

from kan_engine.expressions.evaluation import Expression, evaluate, walk

POINTS = 40


def draw_box(generator: np.random.Generator) -> tuple[float, float]:
    """A range of usual numbers, of 30 decades, or of small integers, at which much is undefined."""
    kind = generator.integers(3)
    if kind == 0:
        ends = generator.normal(size=2) * 10 ** generator.uniform(-2, 3)
    elif kind == 1:
        ends = 10 ** generator.uniform(-15, 15, 2)
    else:
        ends = generator.integers(-3, 4, 2).astype(float)
    return float(ends.min()), float(ends.max())


def draw_points(box: tuple[float, float], generator: np.random.Generator) -> np.ndarray:
    """Points of a range: some at its ends, others at any place on a linear or a logarithmic scale."""
    low, high = box
    shares = generator.random(POINTS)
    points = low + shares * (high - low)
    if low > 0:
        points[::2] = low * (high / low) ** shares[::2]
    points[: POINTS // 4] = generator.choice([low, high], POINTS // 4)
    return points.clip(low, high)


def has_value(tree: Expression, columns: dict[str, np.ndarray]) -> np.ndarray:
    """Where all parts of a formula are finite: of infinite ones, floats give values that do not exist."""
    return np.logical_and.reduce([np.isfinite(evaluate(node, columns)) for node in walk(tree)])
