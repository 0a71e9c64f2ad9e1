"""Tests of products of two inputs: they find inputs that act only together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32, Int

from kan_engine.data.screening.basis import InputBasis
from kan_engine.data.screening.thresholds import ScreeningThresholds


class ProductTests:
    """Products of the first and second functions of all pairs of inputs.

    All pairs of thousands of inputs are a few matrix products.

    Args:
        bases: Functions of the inputs.
        candidates: Places of the inputs that may take part.
        root: Roots of the shares of the rows.
        thresholds: Decision numbers.
    """

    def __init__(
        self,
        bases: Sequence[InputBasis],
        candidates: Int[np.ndarray, " candidates"],
        root: Float[np.ndarray, " rows"],
        thresholds: ScreeningThresholds,
    ) -> None:
        self._root, self._thresholds = root.astype(np.float32)[:, None], thresholds
        self._bases, self._candidates = bases, candidates

    @property
    def count(self) -> int:
        """Number of tests."""
        sizes = [values.shape[1] for values in self._functions]
        return sum(a * b for i, a in enumerate(sizes) for b in sizes[i:])

    def find_strongest(
        self, residual: Float[np.ndarray, "rows outputs"]
    ) -> Iterator[tuple[float, int, int, Float[np.ndarray, " rows"]]]:
        """Yield what products explain of the residual, their pairs and themselves, the largest first.

        The products are centred, times the roots of the shares of the rows.
        """
        found: list[tuple[float, int, int, int, int]] = []
        for first, second, variances in self._pairs:
            shares = self._measure_shares(first, second, variances, residual)
            flat = shares.ravel()
            rest = max(0, len(flat) - self._thresholds.max_product_candidates)
            largest = np.argpartition(flat, rest)[rest:] if len(flat) else np.zeros(0, int)
            found += [(-float(flat[n]), first, second, *divmod(int(n), shares.shape[1])) for n in largest]
        for share, first, second, i, j in sorted(found)[: self._thresholds.max_product_candidates]:
            values = (self._functions[first][:, i] * self._functions[second][:, j]).astype(float)
            values = values / self._root[:, 0]
            centred = values - self._root[:, 0] * (self._root[:, 0] @ values)
            yield -share, int(self._places[first][i]), int(self._places[second][j]), centred

    def _measure_shares(
        self,
        first: int,
        second: int,
        variances: Float32[np.ndarray, "one other"],
        residual: Float[np.ndarray, "rows outputs"],
    ) -> Float32[np.ndarray, "one other"]:
        """Squares that the products explain of the residual, over all outputs."""
        one, other = self._functions[first], self._functions[second]
        shares = np.zeros_like(variances)
        for output in residual.T.astype(np.float32):
            shares += ((one * (output[:, None] / self._root)).T @ other) ** 2
        shares /= variances
        return shares

    @cached_property
    def _chosen(
        self,
    ) -> list[tuple[Int[np.ndarray, " inputs"], Float32[np.ndarray, "rows inputs functions"]]]:
        found = []
        for basis in self._bases:
            chosen = np.isin(basis.places, self._candidates)
            if (
                basis.values.shape[2] == 1
            ):  # squares are at most (1 - q)/q, where the rarer value has the share q
                squares = ((basis.values[:, :, 0] / self._root) ** 2).max(0)
                chosen &= squares <= 1 / self._thresholds.min_flag_share - 1
            found.append((basis.places[chosen], basis.values[:, chosen, :2]))
        return found

    @cached_property
    def _functions(self) -> list[Float32[np.ndarray, "rows inputs"]]:
        """The first functions of the inputs of all bases, and the second of those that have some."""
        ones = np.concatenate([values[:, :, 0] for _, values in self._chosen], 1)
        twos = [values[:, :, 1] for _, values in self._chosen if values.shape[2] > 1]
        return [np.ascontiguousarray(values) for values in (ones, *twos)]

    @cached_property
    def _places(self) -> list[Int[np.ndarray, " inputs"]]:
        ones = np.concatenate([places for places, _ in self._chosen])
        return [ones, *(places for places, values in self._chosen if values.shape[2] > 1)]

    @cached_property
    def _pairs(self) -> list[tuple[int, int, Float32[np.ndarray, "one other"]]]:
        """Numbers of two sets of functions, and variances of their products; infinite where not tested."""
        found = []
        for first in range(len(self._functions)):
            for second in range(first, len(self._functions)):
                one, other = self._functions[first], self._functions[second]
                variances = ((one / self._root) ** 2).T @ (other**2) - (one.T @ other) ** 2
                places, others = self._places[first], self._places[second]
                is_tested = places[:, None] < others if first == second else places[:, None] != others
                found.append((first, second, np.where(is_tested & (variances > 1e-3), variances, np.inf)))
        return found
