"""The rows of a table as every search takes them: numbers, a target and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Shaped


@dataclass(frozen=True)
class LabelledRows:
    """Rows with a target, as everything takes them that fits or judges formulas.

    Attributes:
        x: Encoded columns.
        y: Numbers, or the index of the class of every row.
        weights: Weight of every row.
        names: Variable of every column, as formulas name it.
        unit_error: Known standard deviation of the target in a row of weight 1, if the weights are inverse
            squared errors; None if the noise is not known.
    """

    x: Float[np.ndarray, "rows columns"]
    y: Float[np.ndarray, " rows"]
    weights: Float[np.ndarray, " rows"]
    names: tuple[str, ...]
    unit_error: float | None = None

    @staticmethod
    def from_columns(
        columns: Mapping[str, Shaped[np.ndarray, " rows"]],
        y: Float[np.ndarray, " rows"],
        weights: Float[np.ndarray, " rows"] | None = None,
        unit_error: float | None = None,
    ) -> LabelledRows:
        """Rows of columns by variable, each of which stays contiguous; all count the same unless told."""
        # Column-major order, since formulas read whole columns
        x = np.empty((len(y), len(columns)), order="F")
        for place, values in enumerate(columns.values()):
            x[:, place] = values
        return LabelledRows(x, y, np.ones(len(y)) if weights is None else weights, tuple(columns), unit_error)

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: slice | Shaped[np.ndarray, " selected"]) -> LabelledRows:
        """Select rows: a view for a slice, a copy for an array of row numbers."""
        return replace(self, x=self.x[rows], y=self.y[rows], weights=self.weights[rows])

    @cached_property
    def columns(self) -> Mapping[str, Float[np.ndarray, " rows"]]:
        """The columns by variable, as formulas take them: views."""
        return {name: self.x[:, place] for place, name in enumerate(self.names)}

    @property
    def classes(self) -> Int[np.ndarray, " rows"]:
        """Index of the class of every row."""
        return self.y.astype(int)

    @property
    def sigma(self) -> Float[np.ndarray, " rows"] | None:
        """Known standard deviation of the target in every row, in its units; None if it is not known."""
        return None if self.unit_error is None else self.unit_error / np.sqrt(self.weights)

    @cached_property
    def unequal_weights(self) -> Float[np.ndarray, " rows"] | None:
        """The weights; None if all are equal, where a plain mean is faster than a weighted one."""
        return self.weights if (self.weights != self.weights[:1]).any() else None

    @cached_property
    def relative_weights(self) -> Float[np.ndarray, " rows"]:
        """The weights over their mean."""
        return np.asarray(self.weights / self.weights.mean())

    @cached_property
    def roots(self) -> Float[np.ndarray, " rows"]:
        """Square roots of the weights, by which residuals are multiplied."""
        return np.asarray(np.sqrt(self.weights))

    @cached_property
    def spread(self) -> float:
        """Weighted standard deviation of the target; 1 if it does not vary."""
        weights = self.unequal_weights
        if weights is None:
            return float(np.std(self.y)) or 1.0
        # About the weighted mean, as a weighted fit has it
        deviations = self.y - np.average(self.y, weights=weights)
        return float(np.sqrt(np.average(deviations**2, weights=weights))) or 1.0

    def with_target(self, y: Float[np.ndarray, " rows"]) -> LabelledRows:
        """The same rows with another target."""
        return replace(self, y=y)

    def reweigh(self, factors: Float[np.ndarray, " rows"]) -> LabelledRows:
        """The same rows with their weights times these factors."""
        return replace(self, weights=self.weights * factors)

    def select_columns(self, places: Sequence[int]) -> LabelledRows:
        """The same rows with these columns alone."""
        return replace(self, x=self.x[:, list(places)], names=tuple(self.names[place] for place in places))

    def append(self, rows: LabelledRows) -> LabelledRows:
        """These rows and then those of another part of the same table."""
        x, y, weights = (
            np.concatenate([getattr(part, name) for part in (self, rows)]) for name in ("x", "y", "weights")
        )
        return replace(self, x=x, y=y, weights=weights)

    def sample(self, max_rows: int, seed: int | np.random.Generator) -> LabelledRows:
        """Draw at most ``max_rows`` rows at random, in their order."""
        return self if len(self) <= max_rows else self[self.draw_places(max_rows, seed)]

    def draw_places(self, max_rows: int, seed: int | np.random.Generator) -> Int[np.ndarray, " drawn"]:
        """The places of the rows that ``sample`` draws.

        Every n-th row would be biased where the rows have a periodic pattern.
        """
        if len(self) <= max_rows:
            return np.arange(len(self))
        return np.sort(np.random.default_rng(seed).choice(len(self), max_rows, replace=False))


def weigh_by_errors(
    sigma: Float[np.ndarray, " rows"], rows: Int[np.ndarray, " some"]
) -> tuple[Float[np.ndarray, " rows"], float]:
    """Weights of rows with these standard deviations, and the deviation of a row of weight 1.

    The weights are 1/sigma², scaled so that their mean over the given rows is 1: weights count rows, too.
    """
    # Relative to the smallest error, so that no power overflows
    smallest = float(sigma.min())
    relative = (smallest / sigma) ** 2  # at most 1, whatever the units
    mean = float(relative[rows].mean())
    return relative / mean, smallest / mean**0.5
