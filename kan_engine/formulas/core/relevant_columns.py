"""The columns of a wide table that matter most for its target."""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Bool, Float
from sklearn.linear_model import orthogonal_mp

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.formulas.core.constant_fitting import Array


def select_relevant_columns(
    rows: LabelledRows, max_columns: int, *, max_deviations: float = 10.0
) -> list[str]:
    """Return the names of at most ``max_columns`` relevant columns, in the order of the table.

    Orthogonal selection gives the first half of them. The other columns are the most correlated with the
    target by their values, their ranks, or their distances from the median. No Gram matrix is formed, so
    thousands of columns are cheap.

    Args:
        rows: The table.
        max_columns: Number of columns.
        max_deviations: Distance of a usual target from the median, in robust standard deviations; rows with
            other targets are left out.
    """
    if len(rows.names) <= max_columns:
        return list(rows.names)
    usual = rows[_find_usual_rows(rows.y, max_deviations)]
    # Weighted and centred to length 1, so that products with columns are correlations
    share = usual.weights / usual.weights.sum()
    target = (usual.y - share @ usual.y) * np.sqrt(share)
    target = target / (np.linalg.norm(target) or 1.0)
    # Ranks see monotone relations, distances from the median those that are even
    ranks = np.argsort(np.argsort(usual.x, axis=0, kind="stable"), axis=0).astype(float)
    sides = [
        _normalize_columns(side, share)
        for side in (usual.x, ranks, np.abs(usual.x - np.median(usual.x, axis=0)))
    ]
    alone = np.max([np.abs(target @ side) for side in sides], axis=0)
    # Matching pursuit first: columns that explain only what others do would crowd out weaker ones
    selection = _pursue(sides[0], target, min(max_columns // 2, len(target) // 2))
    remainder = [int(place) for place in np.argsort(-alone, kind="stable") if place not in selection]
    return [rows.names[place] for place in sorted([*selection, *remainder[: max_columns - len(selection)]])]


def _find_usual_rows(values: Float[Array, " rows"], max_deviations: float) -> Bool[np.ndarray, " rows"]:
    """Return the mask of the rows without extreme values; all rows if most values are equal."""
    middle = np.median(values)
    scale = 1.4826 * float(np.median(np.abs(values - middle)))
    if scale == 0:
        return np.ones(len(values), dtype=bool)
    usual: np.ndarray = np.abs(values - middle) <= max_deviations * scale
    return usual


def _normalize_columns(
    matrix: Float[Array, "rows columns"], share: Float[Array, " rows"]
) -> Float[Array, "rows columns"]:
    """Center the columns and scale them to length 1; constant columns become 0."""
    deviations = (matrix - share @ matrix) * np.sqrt(share)[:, None]
    norms = np.linalg.norm(deviations, axis=0)
    return np.asarray(deviations / np.where(norms > 0, norms, np.inf))


def _pursue(
    columns: Float[Array, "rows columns"], target: Float[Array, " rows"], max_columns: int
) -> list[int]:
    """The columns of orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad, 1993)."""
    if not max_columns or not target.any():
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it ends early: the others tell nothing more
        coefficients = orthogonal_mp(columns, target, n_nonzero_coefs=max_columns)
    return [int(place) for place in np.flatnonzero(coefficients)]
