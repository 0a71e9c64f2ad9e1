"""Separability: whether a function is a sum, a product or another composition of functions of fewer columns.

All errors are those of the best function with the property, measured on recombined rows. Let f(a, b) be the
function of two groups of columns, and a, a′, b, b′ from rows of the table:

- f = g + h: D = f(a, b) - f(a, b′) - f(a′, b) + f(a′, b′) is 0; E[D²]/4 is the variance that no sum explains
  (superset importance; R. Liu and A. B. Owen, JASA 101, 2006).
- f = c + g·h: the 2×2 matrix of f - c has rank 1; its second singular value is what no product explains.
- f = F(g, h): ∂f/∂a : ∂f/∂b is a product of a function of a and one of b (KAN 2.0, arXiv:2408.10205,
  sec. 4.4); the error is the smallest change of the slopes after which it is one.
- f = F(g(a), b): the direction of ∂f/∂a does not depend on b (ibid.).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.sparse.csgraph import connected_components

from kan_engine.hypotheses.target_function import Rows, TargetFunction

Mode = Literal["sum", "product"]
Groups = tuple[tuple[str, ...], ...]
Corners = Float[np.ndarray, "blocks 2 2"]


@dataclass(frozen=True, kw_only=True)
class Separability:
    """The finest groups of columns into which a function separates.

    Attributes:
        mode: Whether the function is a sum or a product of functions of the groups.
        groups: Groups of columns; a single one if it does not separate.
        error: Of the best sum or product, as a share of the spread of the function.
        offset: Constant beside the product.
    """

    mode: Mode
    groups: Groups
    error: float
    offset: float = 0.0


def find_separability(
    function: TargetFunction, mode: Mode, *, tolerance: float = 0.02, seed: int = 0, blocks: int = 200
) -> Separability:
    """Find the finest groups whose functions add up to a function, or multiply to it.

    Columns are in one group if they interact, or if both interact with a third.

    Args:
        function: The function.
        mode: Whether sums or products are looked for.
        tolerance: Largest share of the spread that is no interaction.
        seed: Of the recombined rows.
        blocks: Number of 2×2 blocks of rows per pair of columns.
    """
    names = list(function.places)
    pairs = list(combinations(range(len(names)), 2))
    rng = np.random.default_rng(seed)
    corners = [_draw_corners(function, [names[i]], [names[j]], rng, blocks) for i, j in pairs]
    offsets = _list_offsets(function, corners, tolerance) if mode == "product" else [0.0]
    results = []
    for offset in offsets:
        interact = np.zeros((len(names), len(names)), dtype=bool)
        for (i, j), block in zip(pairs, corners, strict=True):
            interact[i, j] = not _measure(block, mode, offset) <= tolerance * function.spread
        count, labels = connected_components(interact, directed=False)
        groups = tuple(
            tuple(name for name, label in zip(names, labels, strict=True) if label == group)
            for group in range(count)
        )
        error = measure_separability(function, groups, mode, offset=offset, seed=seed)
        results.append(Separability(mode=mode, groups=groups, error=error, offset=offset))
    # A product without a constant beside it comes first
    return max(results, key=lambda found: len(found.groups) if found.error <= tolerance else 1)


def measure_separability(
    function: TargetFunction,
    groups: Groups,
    mode: Mode,
    *,
    offset: float = 0.0,
    seed: int = 0,
    blocks: int = 500,
) -> float:
    """Error of the best sum or product of functions of some groups, as a share of the spread; NaN if unknown.

    Args:
        function: The function.
        groups: Groups of all its columns.
        mode: Whether a sum or a product.
        offset: Constant beside the product.
        seed: Of the recombined rows.
        blocks: Number of 2×2 blocks of rows per group.
    """
    if len(groups) < 2:
        return 0.0
    rng = np.random.default_rng(seed + 1)
    squares = []
    for group in groups:
        others = [name for name in function.places if name not in group]
        squares.append(_measure(_draw_corners(function, group, others, rng, blocks), mode, offset) ** 2)
    # Every interaction of two groups is measured twice
    return float(np.sqrt(np.sum(squares) / 2)) / function.spread


def measure_composition(
    function: TargetFunction,
    first: Sequence[str],
    second: Sequence[str],
    *,
    seed: int = 0,
    blocks: int = 200,
) -> float:
    """How far a function of numbers is from F(g(first) + h(second)), as a share of its slopes."""
    rng = np.random.default_rng(seed + 2)
    rows = _draw_rows(function, first, second, rng, blocks)
    u = _draw_slopes(function, rows, first)
    v = _draw_slopes(function, rows, second)
    # Both groups act through one value each, whose slopes are p and q
    turned = v.swapaxes(1, 2)
    bends = [_second_singular_value(slopes.reshape(-1, *slopes.shape[2:])) ** 2 for slopes in (u, turned)]
    p, q = _project(u), _project(turned).swapaxes(1, 2)
    with np.errstate(all="ignore"):
        # p/q is a product; its error is moved back into the slopes with the least change
        mixed = _mix_corners(np.log(np.abs(p / q)))
        levers = p * q / np.hypot(p, q)
        squares = mixed**2 / (1 / levers**2).sum((1, 2))
    # Where the signs are no product, one slope has to pass through 0
    is_odd = np.sign(p * q).prod((1, 2)) < 0
    squares = np.where(is_odd, np.minimum(np.abs(p), np.abs(q)).min((1, 2)) ** 2, np.nan_to_num(squares))
    squares += sum(bend.reshape(-1, 2).mean(1) for bend in bends)
    return _relative_size(squares, (p**2 + q**2).mean((1, 2)))


def measure_one_variable(
    function: TargetFunction, names: Sequence[str], *, seed: int = 0, blocks: int = 200
) -> float:
    """How far a function is from one that depends on some columns of numbers through one value of them.

    That is F(g(names), others). The share of their slopes that changes its direction with the other columns.
    """
    others = [name for name in function.places if name not in names]
    rng = np.random.default_rng(seed + 3)
    rows = _draw_rows(function, names, others, rng, blocks)[:, 0]
    slopes = _draw_slopes(function, rows, names)
    return _relative_size(_second_singular_value(slopes) ** 2, (slopes**2).sum((1, 2)) / 2)


def _draw_corners(
    function: TargetFunction,
    first: Sequence[str],
    second: Sequence[str],
    rng: np.random.Generator,
    blocks: int,
) -> Corners:
    """Values where two rows of the table exchange columns; blocks far from the table are left out."""
    rows = _draw_rows(function, first, second, rng, blocks)
    values = function.evaluate(rows.reshape(-1, rows.shape[-1])).reshape(-1, 2, 2)
    return np.asarray(values[np.isfinite(values).all((1, 2))])


def _draw_rows(
    function: TargetFunction,
    first: Sequence[str],
    second: Sequence[str],
    rng: np.random.Generator,
    blocks: int,
) -> Float[np.ndarray, "blocks 2 2 inputs"]:
    base, a, b = (function.x[rng.integers(len(function.x), size=blocks)] for _ in range(3))
    corners = [
        function.mix(function.mix(base, first, left), second, right)
        for left in (base, a)
        for right in (base, b)
    ]
    is_near = np.all([function.is_near(corner) for corner in corners], axis=0)
    return np.asarray(np.stack(corners, 1)[is_near].reshape(-1, 2, 2, base.shape[1]))


def _draw_slopes(
    function: TargetFunction, rows: Float[np.ndarray, "*dims inputs"], names: Sequence[str]
) -> Float[np.ndarray, "*dims names"]:
    """Slopes of asinh of the function, which has the same groups of columns, but no few huge slopes."""
    flat: Rows = rows.reshape(-1, rows.shape[-1])
    heights = (function.evaluate(flat) - function.median) / function.usual_deviation
    slopes = function.slopes(flat, names) / np.hypot(1.0, heights)[:, None]
    return np.asarray(np.nan_to_num(slopes).reshape(*rows.shape[:-1], len(names)))


def _measure(corners: Corners, mode: Mode, offset: float, min_blocks: int = 20) -> float:
    """Root mean square of what no sum, or no product, explains; NaN if too few blocks are known."""
    if len(corners) < min_blocks:
        return float("nan")
    if mode == "sum":
        return float(np.sqrt(np.mean(_mix_corners(corners) ** 2) / 4))
    return float(np.sqrt(np.mean(_second_singular_value(corners - offset) ** 2)))


def _list_offsets(
    function: TargetFunction, corners: Sequence[Corners], tolerance: float, reach: float = 10.0
) -> list[float]:
    """0, and for each pair of columns the constant beside which the function is most nearly a product.

    Args:
        function: The function.
        corners: Blocks of each pair of columns.
        tolerance: Pairs that interact less are sums, which are products beside an infinite constant.
        reach: Largest constant, as a factor of the largest value.
    """
    offsets, largest = [0.0], reach * float(np.nanmax(np.abs(function.values)))
    for block in corners:
        determinants = np.linalg.det(block)
        mixed = _mix_corners(block)
        total = float(mixed @ mixed)
        # The determinant of f - c is linear in c
        offset = float(determinants @ mixed) / total if total > 0 else 0.0
        if _measure(block, "sum", 0.0) > tolerance * function.spread and abs(offset) < largest:
            offsets.append(offset)
    return offsets


def _mix_corners(corners: Corners) -> Float[np.ndarray, " blocks"]:
    """Mixed differences, which are 0 for a sum."""
    return np.asarray(corners[:, 0, 0] - corners[:, 0, 1] - corners[:, 1, 0] + corners[:, 1, 1])


def _second_singular_value(matrices: Float[np.ndarray, "blocks 2 columns"]) -> Float[np.ndarray, " blocks"]:
    """0 for a single column, whose rows are multiples of each other."""
    if matrices.shape[-1] < 2 or not len(matrices):
        return np.zeros(len(matrices))
    return np.asarray(np.linalg.svd(matrices, compute_uv=False)[:, 1])


def _project(slopes: Float[np.ndarray, "blocks values others names"]) -> Corners:
    """Slopes of a group as signed numbers: along one direction for each value of the group."""
    # The direction is that of the longest slope, whatever the other columns are
    longest = np.linalg.norm(slopes, axis=-1).argmax(2)
    directions = np.take_along_axis(slopes, longest[:, :, None, None], 2)
    directions = directions / np.maximum(np.linalg.norm(directions, axis=-1, keepdims=True), 1e-300)
    return np.asarray((slopes * directions).sum(-1))


def _relative_size(
    squares: Float[np.ndarray, " blocks"], sizes: Float[np.ndarray, " blocks"], min_blocks: int = 20
) -> float:
    if len(squares) < min_blocks:
        return float("nan")
    total = float(sizes.mean())
    return float(np.sqrt(squares.mean() / total)) if total > 0 else 0.0
