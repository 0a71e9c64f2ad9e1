"""Least squares for all pairs of ends and all shapes at once, from products of matrices.

α·e_i·P + β·e_j·S has two unknowns for every shape S and every pair of ends e_i and e_j, with P = 1 - S for a
transition and P = 1 for a pulse. All normal equations follow from sums of e_i·e_j, e_i·e_j·S and e_i·e_j·S²
over the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows


@dataclass(frozen=True)
class Match:
    """A pair of ends with a shape.

    Attributes:
        shape: Index of the shape.
        first, second: Indices of the ends e_i and e_j; None for an end at 0.
        coefficients: α and β; 0 for an end at 0.
        left: Weighted mean squared error over the square of the largest target.
    """

    shape: int
    first: int | None
    second: int | None
    coefficients: tuple[float, float]
    left: float


def match_products(
    rows: LabelledRows,
    ends: Float[np.ndarray, "rows ends"],
    shapes: Float[np.ndarray, "rows shapes"],
    *,
    is_pulse: bool,
    keep: int,
    min_new: float = 1e-4,
) -> list[Match]:
    """Return the best matches α·e_i·P + β·e_j·S, of both ends, of the first and of the second.

    Args:
        rows: With the target to match.
        ends: Values of the ends.
        shapes: Values of the shapes.
        is_pulse: Whether P = 1, where the second end is never at 0; else P = 1 - S.
        keep: Number of matches of each kind, with the best shape for every pair of ends.
        min_new: Squared share of a column that must be independent of the other one.
    """
    # Squares of huge values would overflow
    size, top = (np.where(part > 0, part, 1.0) for part in (np.abs(ends).max(0), np.abs(rows.y).max()))
    sums = _Sums.compute(rows.with_target(rows.y / top), ends / size, shapes, is_pulse=is_pulse)
    unit = top / size
    first_squares, second_squares = (
        sums.first[:, :, None],
        sums.second[:, None, :],
    )  # [shapes, ends, 1], [shapes, 1, ends]
    onto_first, onto_second = sums.onto_first[:, :, None], sums.onto_second[:, None, :]
    # The solutions of the normal equations of every pair, where its columns are independent
    determinant = first_squares * second_squares - sums.across**2
    safe = np.where(determinant > min_new * first_squares * second_squares, determinant, np.inf)
    with np.errstate(all="ignore"):  # ends that are tiny in most rows
        alpha = (second_squares * onto_first - sums.across * onto_second) / safe
        beta = (first_squares * onto_second - sums.across * onto_first) / safe
        gains = np.where(alpha * beta != 0, alpha * onto_first + beta * onto_second, 0.0)
        # With one end at 0 there is one column, and its coefficient alone
        alone = sums.onto_first / sums.first, sums.onto_second / sums.second
        of_first, of_second = alone[0] * sums.onto_first, alone[1] * sums.onto_second
    matches = [
        Match(k, i, j, (float(alpha[k, i, j] * unit[i]), float(beta[k, i, j] * unit[j])), error)
        for (k, i, j), error in _select(gains, sums.whole, keep)
    ]
    for (k, j), error in _select(of_second, sums.whole, keep):
        matches.append(Match(k, None, j, (0.0, float(alone[1][k, j] * unit[j])), error))
    if not is_pulse:
        for (k, i), error in _select(of_first, sums.whole, keep):
            matches.append(Match(k, i, None, (float(alone[0][k, i] * unit[i]), 0.0), error))
    return matches


@dataclass(frozen=True, eq=False)
class _Sums:
    """Weighted means of products of the columns e_i·P and e_j·S with each other and with the target."""

    first: Float[np.ndarray, "shapes ends"]
    second: Float[np.ndarray, "shapes ends"]
    across: Float[np.ndarray, "shapes ends ends"]
    onto_first: Float[np.ndarray, "shapes ends"]
    onto_second: Float[np.ndarray, "shapes ends"]
    whole: float

    @staticmethod
    def compute(
        rows: LabelledRows,
        e: Float[np.ndarray, "rows ends"],
        shapes: Float[np.ndarray, "rows shapes"],
        *,
        is_pulse: bool,
    ) -> _Sums:
        weights = rows.weights / rows.weights.sum()
        count, s = e.shape[1], shapes.T * weights  # [shapes, rows]
        # Products of all ends, from which three matrix products make the sums over rows for every shape
        products = (e[:, :, None] * e[:, None, :]).reshape(len(e), -1)
        once = (s @ products).reshape(-1, count, count)
        twice = ((s * shapes.T) @ products).reshape(-1, count, count)
        squares = np.broadcast_to(weights @ e**2, (len(s), count))
        once_own, second_squares = (np.diagonal(part, axis1=1, axis2=2) for part in (once, twice))
        onto_all, onto_second = e.T @ (weights * rows.y), s @ (e * rows.y[:, None])
        total = float(weights @ rows.y**2)
        if is_pulse:
            onto_first = np.broadcast_to(onto_all, onto_second.shape)
            return _Sums(squares, second_squares, once, onto_first, onto_second, total)
        # With P = 1 - S the sums of e_i·P follow from those without S, with S and with S²
        first_squares = squares - 2 * once_own + second_squares
        return _Sums(first_squares, second_squares, once - twice, onto_all - onto_second, onto_second, total)


def match_logarithms(
    rows: LabelledRows,
    ends: Float[np.ndarray, "rows ends"],
    shapes: Float[np.ndarray, "rows shapes"],
    *,
    keep: int,
    min_new: float = 1e-4,
) -> list[Match]:
    """Return the best matches (α + e_i)·(1 - S) + (β + e_j)·S, each pair of ends with its best shape.

    Args:
        rows: With a logarithm as their target.
        ends: Logarithms of the ends.
        shapes: Values of the shapes.
        keep: Number of matches.
        min_new: See ``match_products``.
    """
    weights, s = rows.weights / rows.weights.sum(), shapes.T
    p, count = 1 - s, ends.shape[1]
    # The matrix of the normal equations depends on the shape alone, their right sides on the ends
    first_squares, across, second_squares = (p * p) @ weights, (p * s) @ weights, (s * s) @ weights
    determinant = first_squares * second_squares - across**2
    safe = np.where(determinant > min_new * first_squares * second_squares, determinant, np.inf)
    top = float(np.abs(rows.y).max()) or 1.0
    gains, solutions = np.empty((len(s), count, count)), np.empty((2, len(s), count, count))
    total = float(weights @ rows.y**2)
    for i in range(count):
        for j in range(count):
            residual = rows.y - ends[:, i] * p - ends[:, j] * s
            onto_first, onto_second = (residual * p) @ weights, (residual * s) @ weights
            alpha = (second_squares * onto_first - across * onto_second) / safe
            beta = (first_squares * onto_second - across * onto_first) / safe
            solutions[:, :, i, j] = alpha, beta
            gains[:, i, j] = total - (residual**2) @ weights + alpha * onto_first + beta * onto_second
    return [
        Match(k, i, j, (float(solutions[0, k, i, j]), float(solutions[1, k, i, j])), error / top**2)
        for (k, i, j), error in _select(gains, total, keep)
    ]


def _select(
    gains: Float[np.ndarray, "shapes ..."], total: float, keep: int
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yield the indices of the largest gains [shapes, …] and what they leave, one for every place."""
    gains = np.nan_to_num(gains, posinf=0.0)
    # The best shape for every pair of ends; pairs compete by it
    best = gains.argmax(0)
    largest = np.take_along_axis(gains, best[None], 0)[0]
    for place in np.argsort(-largest, axis=None, kind="stable")[:keep]:
        if gain := float(largest.flat[place]):
            indices = map(int, np.unravel_index(place, largest.shape))
            yield (int(best.flat[place]), *indices), total - gain
