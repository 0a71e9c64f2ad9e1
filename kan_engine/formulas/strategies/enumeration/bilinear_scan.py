"""Pairs of short expressions whose weighted sum or product explains a target, by matrix products.

For unit vectors a, b the share of |t|² that α·a + β·b explains is (p² + q² - 2pqc)/(1 - c²) with p = a·t,
q = b·t and c = a·b; that of α·a·b is (Σ t·a·b)²/Σ a²b². Millions of pairs take seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from kan_engine.numerics.work import charge_enumeration

Array = np.ndarray
Kind = Literal["sum", "product"]
BLOCK = 128  # expressions on the left at a time; a block of floats is some 20 MB


@dataclass(frozen=True, order=True)
class Pair:
    """Two expressions, and the share of the squared target that they leave."""

    left_over: float
    kind: Kind
    first: int
    second: int


def rank_pairs(
    values: Float[Array, "expressions rows"],
    target: Float[Array, " rows"],
    weights: Float[Array, " rows"],
    levels: Sequence[range],
    max_left: int,
    max_pairs: int,
) -> list[Pair]:
    """Return the best pairs of one of the first ``max_left`` expressions and any other.

    Args:
        values: Of all expressions.
        target: To explain.
        weights: Of the rows.
        levels: Indices of the expressions of 0, 1, 2, … operations. Longer pairs fit noise better, so that
            every pair of levels has its own best pairs.
        max_left: How many expressions are tried on the left.
        max_pairs: How many pairs of each kind and of each pair of levels to return.
    """
    root = np.sqrt(weights / (float(weights.max()) or 1.0))
    # Rows enter by the roots of their weights, and vectors have length 1: products are then cosines
    unit_target = target * root
    unit_target = unit_target / (np.linalg.norm(unit_target) or 1.0)
    unit = _normalize(values * root)
    plain = _normalize(values)
    pairs_by_level: dict[tuple[str, int, int], list[Pair]] = {}
    # Pairs of each two levels compete among themselves only, since longer pairs fit noise better
    for number, level in enumerate(levels):
        for start in range(level.start, min(level.stop, max_left), BLOCK):
            block = slice(start, min(level.stop, max_left, start + BLOCK))
            for kind, scores in _score_block(unit, plain, unit_target, root, block):
                for right_number, right in enumerate(levels):
                    best = _take_best(scores[:, right.start : right.stop], kind, block, right, max_pairs)
                    pairs_by_level.setdefault((kind, number, right_number), []).extend(best)
    return [pair for pairs in pairs_by_level.values() for pair in sorted(pairs)[:max_pairs]]


def rank_corrections(
    values: Float[Array, "expressions rows"],
    target: Float[Array, " rows"],
    weights: Float[Array, " rows"],
    levels: Sequence[range],
    constant: int,
    max_pairs: int,
) -> list[Pair]:
    """Return the expressions that correlate best with the target: those of small corrections of a constant.

    Args:
        values, target, weights, levels: As for ``rank_pairs``.
        constant: Index of a constant expression, with which they are paired.
        max_pairs: How many to return of each level.
    """
    share = weights / weights.sum()
    # Squared weighted correlations: the constant of the pair takes the means
    deviations = target - share @ target
    centered_values = values - (values @ share)[:, None]
    with np.errstate(all="ignore"):
        explained_shares = (centered_values @ (share * deviations)) ** 2 / (centered_values**2 @ share)
    left_over = 1 - np.nan_to_num(explained_shares, nan=0.0) / (float(share @ deviations**2) or 1.0)
    return [
        Pair(float(left_over[place]), "sum", constant, int(place))
        for level in levels
        for place in level.start + np.argsort(left_over[level.start : level.stop], kind="stable")[:max_pairs]
    ]


def _take_best(
    scores: Float[Array, "left right"], kind: Kind, block: slice, right: range, max_pairs: int
) -> list[Pair]:
    count = min(max_pairs, scores.size)
    if not count:
        return []
    best = np.argpartition(scores, -count, axis=None)[-count:]
    rows, columns = np.unravel_index(best, scores.shape)
    return [
        Pair(1 - float(scores[i, j]), kind, block.start + int(i), right.start + int(j))
        for i, j in zip(rows, columns, strict=True)
    ]


def _normalize(values: Float[Array, "expressions rows"]) -> Float[Array, "expressions rows"]:
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.where(norms > 0, norms, 1.0), dtype=np.float32)


def _score_block(
    unit: Float[Array, "expressions rows"],
    plain: Float[Array, "expressions rows"],
    unit_target: Float[Array, " rows"],
    root: Float[Array, " rows"],
    block: slice,
) -> Iterator[tuple[Kind, Float[Array, "left right"]]]:
    """Explained shares of the pairs of a block with all expressions."""
    # Normal equations of two unit vectors; nearly parallel ones explain no more than the better of them
    single = unit @ unit_target.astype(np.float32)
    angles = unit[block] @ unit.T
    charge_enumeration(values=angles.size * unit.shape[1])
    p, q = single[block, None], single[None, :]
    with np.errstate(all="ignore"):
        apart = 1 - angles**2
        sums = np.where(apart > 1e-3, (p**2 + q**2 - 2 * p * q * angles) / apart, np.maximum(p**2, q**2))
    yield "sum", np.nan_to_num(sums, nan=-1.0)
    # A product has one coefficient, so that its share is a squared cosine under the weights
    with np.errstate(all="ignore"):
        weighted_values = plain[block] * (unit_target * root).astype(np.float32)
        squares = plain[block] ** 2 * (root**2).astype(np.float32)
        products = (weighted_values @ plain.T) ** 2 / (squares @ (plain**2).T)
    yield "product", np.nan_to_num(products, nan=-1.0, posinf=-1.0)
