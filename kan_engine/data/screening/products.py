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
        candidates: list[tuple[float, int, int, int, int]] = []
        for group, other_group, variances in self._pairs:
            shares = self._measure_shares(group, other_group, variances, residual)
            # Only the largest shares are sorted: there are millions of pairs
            flat = shares.ravel()
            offset = max(0, len(flat) - self._thresholds.max_product_candidates)
            largest = np.argpartition(flat, offset)[offset:] if len(flat) else np.zeros(0, int)
            candidates += [
                (-float(flat[n]), group, other_group, *divmod(int(n), shares.shape[1])) for n in largest
            ]
        for share, group, other_group, i, j in sorted(candidates)[: self._thresholds.max_product_candidates]:
            # Functions carry a root of the share each, and their product shall carry one
            values = (self._functions[group][:, i] * self._functions[other_group][:, j]).astype(float)
            values = values / self._root[:, 0]
            deviations = values - self._root[:, 0] * (self._root[:, 0] @ values)
            yield -share, int(self._places[group][i]), int(self._places[other_group][j]), deviations

    def _measure_shares(
        self,
        group: int,
        other_group: int,
        variances: Float32[np.ndarray, "one other"],
        residual: Float[np.ndarray, "rows outputs"],
    ) -> Float32[np.ndarray, "one other"]:
        """Squares that the products explain of the residual, over all outputs."""
        functions, other_functions = self._functions[group], self._functions[other_group]
        shares = np.zeros_like(variances)
        for output in residual.T.astype(np.float32):
            shares += ((functions * (output[:, None] / self._root)).T @ other_functions) ** 2
        shares /= variances
        return shares

    @cached_property
    def _chosen(
        self,
    ) -> list[tuple[Int[np.ndarray, " inputs"], Float32[np.ndarray, "rows inputs functions"]]]:
        selection = []
        for basis in self._bases:
            mask = np.isin(basis.places, self._candidates)
            if (
                basis.values.shape[2] == 1
            ):  # squares are at most (1 - q)/q, where the rarer value has the share q
                # A product with a rare value rests on a few rows
                squares = ((basis.values[:, :, 0] / self._root) ** 2).max(0)
                mask &= squares <= 1 / self._thresholds.min_flag_share - 1
            selection.append((basis.places[mask], basis.values[:, mask, :2]))
        return selection

    @cached_property
    def _functions(self) -> list[Float32[np.ndarray, "rows inputs"]]:
        """The first functions of the inputs of all bases, and the second of those that have some."""
        first_functions = np.concatenate([values[:, :, 0] for _, values in self._chosen], 1)
        second_functions = [values[:, :, 1] for _, values in self._chosen if values.shape[2] > 1]
        return [np.ascontiguousarray(values) for values in (first_functions, *second_functions)]

    @cached_property
    def _places(self) -> list[Int[np.ndarray, " inputs"]]:
        all_places = np.concatenate([places for places, _ in self._chosen])
        return [all_places, *(places for places, values in self._chosen if values.shape[2] > 1)]

    @cached_property
    def _pairs(self) -> list[tuple[int, int, Float32[np.ndarray, "one other"]]]:
        """Numbers of two sets of functions, and variances of their products; infinite where not tested."""
        pairs = []
        for group in range(len(self._functions)):
            for other_group in range(group, len(self._functions)):
                functions, other_functions = self._functions[group], self._functions[other_group]
                # Weighted variance of a product of centred functions: E[f²g²] - E[fg]²
                variances = ((functions / self._root) ** 2).T @ (other_functions**2) - (
                    functions.T @ other_functions
                ) ** 2
                places, other_places = self._places[group], self._places[other_group]
                is_tested = (
                    places[:, None] < other_places
                    if group == other_group
                    else places[:, None] != other_places
                )
                pairs.append(
                    (group, other_group, np.where(is_tested & (variances > 1e-3), variances, np.inf))
                )
        return pairs
