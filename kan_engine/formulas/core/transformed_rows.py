"""Rows with a transform of their target, weighted so that errors count as they do for the target."""

from __future__ import annotations

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.transforms import TRANSFORMS


def transform_rows(rows: LabelledRows, name: str, min_share: float = 0.9) -> LabelledRows | None:
    """The rows with T(y) as their target; None if too few have one, or T(y) is not finite.

    An error of y is one of T(y) times the slope of T, to first order. With T(y) ~ y^p the weights are
    therefore multiplied by y^(2 - 2p). Noise moves some small targets to the other side of 0, where T is
    undefined or far away: these rows, whose weights would be small, are left out.

    Args:
        rows: The rows.
        name: Of a transform with a degree p; see ``data.transforms``.
        min_share: Of the rows that must have T(y), and the same sign unless T is the identity.
    """
    transform = TRANSFORMS[name]
    if transform.degree == 1:
        return rows
    is_positive = rows.y > 0
    is_defined = transform.holds(rows.y) & (is_positive == (is_positive.mean() >= 0.5))
    if is_defined.mean() < min_share:
        return None
    valid_rows = rows[is_defined]
    # Over the largest target, since powers of huge values would overflow
    size = np.abs(valid_rows.y) / np.abs(valid_rows.y).max()
    with np.errstate(all="ignore"):
        y, weights = (
            transform.forward(valid_rows.y),
            valid_rows.weights * size ** (2 - 2 * (transform.degree or 0.0)),
        )
    if not (np.isfinite(y).all() and (weights > 0).all()):
        return None
    return LabelledRows(valid_rows.x, y, weights, valid_rows.names)
