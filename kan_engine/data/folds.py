"""Folds of rows for cross-validation."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from jaxtyping import Int, Shaped


def assign_folds(
    y: Shaped[np.ndarray, " rows"],
    task: Literal["regression", "classification"],
    seed: int,
    count: int,
    *,
    is_ordered: bool = False,
) -> Int[np.ndarray, " rows"]:
    """Return the fold of each row, from 0 to ``count`` - 1.

    The rows of every class are spread over the folds as evenly as possible. The folds of rows in time order
    are blocks of consecutive rows.

    Args:
        y: The target of the rows to divide, in their order.
        task: ``classification`` or ``regression``.
        seed: Seed of the permutation.
        count: Number of folds.
        is_ordered: Whether the rows are in time order.
    """
    order = np.arange(len(y)) if is_ordered else np.random.default_rng(seed).permutation(len(y))
    codes = encode_labels(y)[1] if task == "classification" else np.zeros(len(y), int)
    # A stable sort by class keeps the random order, or that of time, within each class
    order = order[np.argsort(codes[order], kind="stable")]
    numbers = np.empty(len(y), int)
    if is_ordered:
        # Rank of every row within its class: consecutive ranks form a block
        sizes = np.bincount(codes)
        rank = np.arange(len(y)) - np.repeat(sizes.cumsum() - sizes, sizes)
        numbers[order] = rank * count // np.repeat(sizes, sizes)
    else:
        # Folds in turn along the sorted rows spread every class evenly
        numbers[order] = np.arange(len(y)) % count
    return numbers


def encode_labels(y: Shaped[np.ndarray, " rows"]) -> tuple[list[Any], Int[np.ndarray, " rows"]]:
    """Return the distinct labels, sorted, and the index of the label of every row."""
    if y.dtype != object:
        labels, codes = np.unique(y, return_inverse=True)
        return labels.tolist(), codes
    values = y.tolist()
    places = {label: place for place, label in enumerate(sorted(set(values)))}
    return list(places), np.fromiter((places[value] for value in values), int, len(values))
