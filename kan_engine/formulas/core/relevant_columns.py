"""The columns of a wide table that matter most for its target."""

from __future__ import annotations

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.formulas.core.constant_fitting import Array


def select_relevant_columns(rows: LabelledRows, most: int, *, max_deviations: float = 10.0) -> list[str]:
    """Return the names of at most ``most`` relevant columns, in the order of the table.

    Orthogonal selection gives the first half of them. The other columns are the most correlated with the
    target by their values, their ranks, or their distances from the median. No Gram matrix is formed, so
    thousands of columns are cheap.

    Args:
        rows: The table.
        most: Number of columns.
        max_deviations: Distance of a usual target from the median, in robust standard deviations; rows with
            other targets are left out.
    """
    if len(rows.names) <= most:
        return list(rows.names)
    usual = rows[_find_usual_rows(rows.y, max_deviations)]
    share = usual.weights / usual.weights.sum()
    target = (usual.y - share @ usual.y) * np.sqrt(share)
    target = target / (np.linalg.norm(target) or 1.0)
    ranks = np.argsort(np.argsort(usual.x, axis=0, kind="stable"), axis=0).astype(float)
    sides = [
        _normalize_columns(side, share)
        for side in (usual.x, ranks, np.abs(usual.x - np.median(usual.x, axis=0)))
    ]
    alone = np.max([np.abs(target @ side) for side in sides], axis=0)
    selected = _select_orthogonally(sides[0], target, min(most // 2, len(target) // 2))
    others = [int(place) for place in np.argsort(-alone, kind="stable") if place not in selected]
    return [rows.names[place] for place in sorted([*selected, *others[: most - len(selected)]])]


def _find_usual_rows(values: Array, max_deviations: float) -> np.ndarray:
    """Return the mask of the rows without extreme values; all rows if most values are equal."""
    middle = np.median(values)
    scale = 1.4826 * float(np.median(np.abs(values - middle)))
    if scale == 0:
        return np.ones(len(values), dtype=bool)
    usual: np.ndarray = np.abs(values - middle) <= max_deviations * scale
    return usual


def _normalize_columns(matrix: Array, share: Array) -> Array:
    """Center the columns and scale them to length 1; constant columns become 0."""
    centred = (matrix - share @ matrix) * np.sqrt(share)[:, None]
    norms = np.linalg.norm(centred, axis=0)
    return np.asarray(centred / np.where(norms > 0, norms, np.inf))


def _select_orthogonally(
    rest: Array, left: Array, most: int, min_independent_share: float = 1e-7, min_gain: float = 1e-13
) -> list[int]:
    """Select columns one by one; each explains most of the residual of those before it.

    Args:
        rest: Columns of length 1.
        left: The target, of length 1.
        most: Number of columns.
        min_independent_share: Squared share of a column that must be independent of those before it.
        min_gain: Squared share of the target; less is rounding error.
    """
    selected: list[int] = []
    sizes = np.sum(rest**2, axis=0)
    while len(selected) < most:
        gains = np.where(
            sizes > min_independent_share, (left @ rest) ** 2 / np.maximum(sizes, min_independent_share), 0.0
        )
        gains[selected] = 0.0
        best = int(gains.argmax())
        if gains[best] <= min_gain:
            break
        selected.append(best)
        direction = rest[:, best] / np.linalg.norm(rest[:, best])
        left = left - direction * (direction @ left)
        rest = rest - direction[:, None] * (direction @ rest)
        sizes = np.sum(rest**2, axis=0)
    return selected
