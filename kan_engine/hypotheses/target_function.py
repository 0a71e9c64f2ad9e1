"""The function that hypotheses are tested on: evaluated at rows of a table and at recombinations of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

Rows = Float[np.ndarray, "rows inputs"]


@dataclass(frozen=True, eq=False)
class TargetFunction:
    """A function of rows, and the rows around which it is examined.

    Attributes:
        evaluate: Values [rows] of rows [rows, inputs]; NaN where undefined.
        x: Rows of a table. The function is not examined far from them.
        places: Inputs of each column, by name: several for a category.
        numbers: Names of the columns that are numbers.
    """

    evaluate: Callable[[Rows], Float[np.ndarray, " rows"]]
    x: Rows
    places: Mapping[str, tuple[int, ...]]
    numbers: frozenset[str]

    @cached_property
    def values(self) -> Float[np.ndarray, " rows"]:
        """Values at the rows."""
        return self.evaluate(self.x)

    @cached_property
    def spread(self) -> float:
        """Standard deviation of the values, the unit of all errors."""
        return float(np.nanstd(self.values)) or 1.0

    @cached_property
    def median(self) -> float:
        """Median of the values."""
        return float(np.nanmedian(self.values))

    @cached_property
    def usual_deviation(self) -> float:
        """Median distance of the values from their median."""
        return float(np.nanmedian(np.abs(self.values - self.median))) or self.spread

    @cached_property
    def scales(self) -> Float[np.ndarray, " inputs"]:
        """Standard deviation of every input, the unit of all steps; 1 for a constant."""
        scales = self.x.std(0)
        return np.where(scales > 0, scales, 1.0)

    def select(self, names: Sequence[str]) -> list[int]:
        """Inputs of some columns."""
        return [place for name in names for place in self.places[name]]

    def mix(self, rows: Rows, names: Sequence[str], others: Rows) -> Rows:
        """Rows with the values of some columns from other rows."""
        mixed, places = rows.copy(), self.select(names)
        mixed[:, places] = others[:, places]
        return mixed

    def is_near(self, rows: Rows, *, reach: float = 1.5, share: float = 0.95) -> Bool[np.ndarray, " rows"]:
        """Whether rows lie where the table has rows: columns that depend on each other do not mix freely.

        Args:
            rows: Rows that are not of the table.
            reach: Largest distance to the nearest row of the table, as a factor of the usual one.
            share: Of the rows of the table, whose nearest neighbours are not farther than the usual distance.
        """
        places = self.select(list(self.places))
        tree, usual = self._neighbours
        distances = tree.query((rows / self.scales)[:, places])[0]
        # Beyond the ranges of the columns, splines go on as they please
        is_inside = ((rows >= self.x.min(0)) & (rows <= self.x.max(0)))[:, places].all(1)
        return np.asarray(is_inside & (distances <= reach * np.quantile(usual, share)))

    @cached_property
    def _neighbours(self) -> tuple[cKDTree, Float[np.ndarray, " rows"]]:
        points = np.unique((self.x / self.scales)[:, self.select(list(self.places))], axis=0)
        tree = cKDTree(points)
        # The nearest neighbour of a point but itself
        return tree, tree.query(points, k=2)[0][:, -1] if len(points) > 1 else np.ones(1)

    def slopes(self, rows: Rows, names: Sequence[str], step: float = 1e-4) -> Float[np.ndarray, "rows names"]:
        """Derivatives in columns of numbers by central differences, per standard deviation of the column."""
        slopes = np.empty((len(rows), len(names)))
        for number, name in enumerate(names):
            (place,) = self.places[name]
            shift = np.zeros(rows.shape[1])
            shift[place] = step * self.scales[place]
            slopes[:, number] = (self.evaluate(rows + shift) - self.evaluate(rows - shift)) / (2 * step)
        return slopes
