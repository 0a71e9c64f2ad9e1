"""Forward selection of the columns of a sum, and of their number.

Each step takes the column that reduces the description length of the target most. The method is orthogonal
least squares (Chen, Billings and Luo, "Orthogonal least squares methods and their application to non-linear
system identification", Int. J. Control 50, 1989) on the Gram matrix, whose size is independent of the rows.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from kan_engine.formulas.core.constant_fitting import Array
from kan_engine.formulas.core.losses import is_no_worse
from kan_engine.formulas.core.thresholds import SymbolicThresholds


def select_columns(
    matrix: Array,
    target: Array,
    weights: Array,
    prices: Array,
    most: int,
    thresholds: SymbolicThresholds,
) -> list[int]:
    """Return the indices of the selected columns, in the order of their selection.

    Args:
        matrix: Candidate columns, [rows, columns].
        target: Target of the sum, per row.
        weights: Weights of the rows.
        prices: Bits per column.
        most: Maximum number of columns.
        thresholds: Which columns are independent, and what is rounding error.
    """
    share = weights / weights.sum()
    centred = matrix - share @ matrix
    root = np.sqrt(share)[:, None]
    centred = centred * root
    wanted = (target - share @ target) * root[:, 0]
    gram, right = centred.T @ centred, centred.T @ wanted
    left, whole, rows = float(wanted @ wanted), float(wanted @ wanted), len(target)
    norms, first = np.diag(gram).copy(), np.diag(gram).copy()
    directions = np.zeros((len(gram), 0))
    taken: list[int] = []
    negligible = thresholds.negligible_share
    while len(taken) < most and left > negligible * whole:
        is_open = norms > thresholds.min_independent_share * np.maximum(first, 1e-300)
        is_open[taken] = False
        if not is_open.any():
            break
        gains = np.where(is_open, right**2 / np.where(is_open, norms, 1.0), 0.0)
        remaining = np.maximum(left - gains, 0.1 * negligible * whole)
        bits = np.where(is_open, rows / 2 * np.log2(remaining / left) + prices, np.inf)
        best = int(bits.argmin())
        direction = (gram[:, best] - directions @ directions[best]) / np.sqrt(norms[best])
        step = right[best] / np.sqrt(norms[best])
        right, norms, left = right - direction * step, norms - direction**2, left - step**2
        directions = np.hstack([directions, direction[:, None]])
        taken.append(best)
    return taken


def solve_nested_sums(matrix: Array, target: Array, weights: Array) -> list[Array]:
    """Solve weighted least squares with the first 0, 1, … columns; each result begins with the constant."""
    root = np.sqrt(weights)
    whole = np.hstack([np.ones((len(matrix), 1)), matrix]) * root[:, None]
    scale = np.linalg.norm(whole, axis=0)
    directions, triangle = np.linalg.qr(whole / scale)
    rotated = directions.T @ (target * root)
    sizes = range(1, len(rotated) + 1)
    return [solve_triangular(triangle[:k, :k], rotated[:k]) / scale[:k] for k in sizes]


def select_term_count(losses: Array, weights: Array) -> int:
    """Return the smallest number of terms within one standard error of the best number.

    Args:
        losses: Losses for 0, 1, … terms at every row, [sizes, rows].
        weights: Weights of the rows.
    """
    means = losses @ weights / weights.sum()
    best = int(means.argmin())
    return next(size for size in range(best + 1) if is_no_worse(losses[size], losses[best], weights))


def screen_columns(
    matrix: Array, target: Array, weights: Array, most: int, thresholds: SymbolicThresholds
) -> list[int]:
    """Return the indices of at most ``most`` relevant columns of a wide matrix, ascending.

    Orthogonal selection gives the first half of them. The other columns are the most correlated with the
    target by their values, their ranks, or their distances from the median. No Gram matrix is formed, so
    thousands of columns are cheap.
    """
    share = weights / weights.sum()
    root = np.sqrt(share)
    wanted = (target - share @ target) * root
    wanted = wanted / (np.linalg.norm(wanted) or 1.0)
    ranks = np.argsort(np.argsort(matrix, axis=0, kind="stable"), axis=0).astype(float)
    sides = [
        _normalize_columns(side, share)
        for side in (matrix, ranks, np.abs(matrix - np.median(matrix, axis=0)))
    ]
    alone = np.max([np.abs(wanted @ side) for side in sides], axis=0)
    taken = _select_orthogonally(sides[0], wanted, min(most // 2, len(target) // 2), thresholds)
    others = [int(place) for place in np.argsort(-alone, kind="stable") if place not in taken]
    return sorted([*taken, *others[: most - len(taken)]])


def _normalize_columns(matrix: Array, share: Array) -> Array:
    """Center the columns and scale them to length 1; constant columns become 0."""
    centred = (matrix - share @ matrix) * np.sqrt(share)[:, None]
    norms = np.linalg.norm(centred, axis=0)
    return np.asarray(centred / np.where(norms > 0, norms, np.inf))


def _select_orthogonally(rest: Array, left: Array, most: int, thresholds: SymbolicThresholds) -> list[int]:
    """Select columns one by one; each explains most of the residual of those before it."""
    taken: list[int] = []
    least = thresholds.min_independent_share
    sizes = np.sum(rest**2, axis=0)
    while len(taken) < most:
        gains = np.where(sizes > least, (left @ rest) ** 2 / np.maximum(sizes, least), 0.0)
        gains[taken] = 0.0
        best = int(gains.argmax())
        if gains[best] <= thresholds.negligible_share:
            break
        taken.append(best)
        direction = rest[:, best] / np.linalg.norm(rest[:, best])
        left = left - direction * (direction @ left)
        rest = rest - direction[:, None] * (direction @ rest)
        sizes = np.sum(rest**2, axis=0)
    return taken
