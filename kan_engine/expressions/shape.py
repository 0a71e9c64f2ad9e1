"""Whether a formula rises or falls with a column, and stays within bounds, over a box of the columns.

The box is sampled: at its corners, and at the points of a Sobol sequence (Sobol, USSR Computational
Mathematics and Mathematical Physics 7, 1967). The derivative is exact at every point. Values are also
compared along lines through the box.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.differentiation import differentiate
from kan_engine.expressions.evaluation import ONE, ZERO, Expression, Variable, evaluate, variables

Box = tuple[tuple[str, float, float], ...]
"""Variables with their lowest and highest values."""

MAX_CORNER_COLUMNS = 8  # 256 corners
LINES, LINE_POINTS = 64, 65  # along every monotone column
ROUNDING = 1e-9  # of a derivative or a bound, over the largest value


def holds_shape(
    tree: Expression,
    monotone: tuple[tuple[str, int], ...],
    bounds: tuple[float, float],
    box: Box,
    points: int,
) -> bool:
    """Whether a formula is finite, monotone and bounded at the sampled points of a box.

    Args:
        tree: The formula.
        monotone: Variables with 1 where the formula must not fall, and -1 where it must not rise.
        bounds: Lowest and highest value of the formula.
        box: Of its variables.
        points: Number of points, besides the corners; a power of 2.
    """
    read = set(variables(tree))
    columns = _sample_box(tuple(side for side in box if side[0] in read), points)
    values = evaluate(tree, columns)
    if not np.isfinite(values).all():
        return False
    # A value beyond a bound by rounding alone is within it
    reach = ROUNDING * float(np.abs(values).max(initial=0.0))
    if values.min() < bounds[0] - reach or values.max() > bounds[1] + reach:
        return False
    return all(
        _has_slopes(tree, name, sign, columns) and _keeps_direction(tree, name, sign, columns)
        for name, sign in monotone
        if name in read
    )


def _has_slopes(
    tree: Expression, name: str, sign: int, columns: dict[str, Float[np.ndarray, " points"]]
) -> bool:
    """Whether the derivative has the sign at all points, except where it does not exist."""
    slope = differentiate(tree, lambda leaf: ONE if leaf == Variable(name) else ZERO)
    slopes = sign * evaluate(slope, columns)
    slopes = slopes[~np.isnan(slopes)]  # a kink or an end of the domain, as of the root at 0
    steepest = np.abs(slopes[np.isfinite(slopes)]).max(initial=0.0)
    return bool(slopes.size) and bool(slopes.min() >= -ROUNDING * steepest)


def _keeps_direction(
    tree: Expression, name: str, sign: int, columns: dict[str, Float[np.ndarray, " points"]]
) -> bool:
    """Whether values along lines never turn back: beyond a pole or a jump the derivative tells nothing."""
    ends = columns[name].min(), columns[name].max()
    # Lines parallel to the axis of the column, through the first sampled points
    lines = {column: np.repeat(values[:LINES, None], LINE_POINTS, 1) for column, values in columns.items()}
    lines[name] = np.broadcast_to(np.linspace(*ends, LINE_POINTS), lines[name].shape)
    values = evaluate(tree, lines)
    steps = sign * np.diff(values, axis=1)
    return bool((steps >= -ROUNDING * np.abs(values).max()).all())


@lru_cache(maxsize=64)
def _sample_box(box: Box, points: int) -> dict[str, Float[np.ndarray, " points"]]:
    if not box:
        return {"": np.zeros(1)}  # a constant
    from scipy.stats import qmc  # noqa: PLC0415  # takes a second, which a service that starts saves

    names, low, high = zip(*box, strict=True)
    shares = qmc.Sobol(len(box), scramble=False).random(points)
    if len(box) <= MAX_CORNER_COLUMNS:
        # Extremes are often at corners, of which a Sobol sequence contains one at most
        corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * len(box), indexing="ij"), -1).reshape(-1, len(box))
        shares = np.concatenate([corners, shares])
    values = np.asarray(low) + shares * (np.asarray(high) - np.asarray(low))
    return dict(zip(names, np.ascontiguousarray(values.T), strict=True))
