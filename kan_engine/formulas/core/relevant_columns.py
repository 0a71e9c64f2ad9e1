"""The columns of a wide table that matter most for its target."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.linear_model import orthogonal_mp

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
    selected = _pursue(sides[0], target, min(most // 2, len(target) // 2))
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


def _pursue(columns: Array, target: Array, most: int) -> list[int]:
    """The columns of orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad, 1993)."""
    if not most or not target.any():
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it ends early: the others tell nothing more
        coefficients = orthogonal_mp(columns, target, n_nonzero_coefs=most)
    return [int(place) for place in np.flatnonzero(coefficients)]
