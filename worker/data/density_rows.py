"""Rows of one or two columns for a density estimate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from kan_engine import Encoding, Feature
from kan_engine.data.splitting import split_rows
from kan_engine.density.search import check_density_rows
from kan_engine.density.thresholds import DensityThresholds
from service.schemas.training import TrainRequest
from service.storage.stored_table import StoredTable


@dataclass(frozen=True, eq=False)
class DensityRows:
    """Training and hold-out rows of one or two columns.

    Attributes:
        names: Names of the columns.
        training: Values of the training rows [n, d].
        weights: Weights of the training rows [n].
        test: Values of the hold-out rows [m, d].
        warnings: What was left out, and why.
    """

    names: list[str]
    training: Float[np.ndarray, "rows columns"]
    weights: Float[np.ndarray, " rows"]
    test: Float[np.ndarray, "test columns"]
    warnings: tuple[str, ...]

    @cached_property
    def encoding(self) -> Encoding:
        """The columns as numbers, without a transformation."""
        columns = zip(self.names, self.training.T, strict=True)
        return Encoding.from_features(Feature.fit(name, values, "number") for name, values in columns)

    @property
    def evaluation_values(self) -> Float[np.ndarray, "rows columns"]:
        """Rows that figures and formulas are measured on: the hold-out rows, or else the training rows."""
        return self.test if len(self.test) else self.training

    @property
    def evaluation_split(self) -> str:
        """Name of the rows in ``evaluation_values``: ``hold-out`` or ``training``."""
        return "hold-out" if len(self.test) else "training"


def read_density_rows(
    table: StoredTable, request: TrainRequest, min_distinct_share: float, thresholds: DensityThresholds
) -> DensityRows:
    """Read and split the columns of a density.

    Rows with a missing value or the weight 0 are left out.

    Args:
        table: The dataset.
        request: The training.
        min_distinct_share: Share of distinct values among the training rows below which a warning reports
            repeated values.

    Raises:
        InvalidData: There are too few rows, a column is constant over the training rows, or two columns are
            collinear.
    """
    names = list(request.features or ())
    values = np.stack([table.column(name).astype(float) for name in names], axis=1)
    weights = table.column(request.weight).astype(float) if request.weight else np.ones(len(values))
    # Complete rows only: a row with a missing coordinate is no point of the joint density
    present = np.flatnonzero(np.isfinite(values).all(1) & (weights > 0))
    split = request.split
    column = split.column if split.kind == "column" else None
    sides = split_rows(
        kind=split.kind,
        y=values[present, 0],
        task="regression",
        test_fraction=split.test_fraction,
        seed=split.seed,
        column=column,
        test=split.test,
        columns={column: table.column(column)[present]} if column is not None else {},
    )
    fit, test = present[sides.train_rows], present[sides.test_rows]
    check_density_rows(values[fit], names, thresholds)
    warnings = []
    if len(present) < len(values):
        warnings.append(
            f"{len(values) - len(present)} rows with a missing value or the weight 0 are left out"
        )
    warnings += [
        _repetition_warning(name, values[fit, place], min_distinct_share) for place, name in enumerate(names)
    ]
    return DensityRows(names, values[fit], weights[fit], values[test], tuple(filter(None, warnings)))


def _repetition_warning(name: str, values: Float[np.ndarray, " rows"], min_distinct_share: float) -> str:
    """Return a warning if the values of a column repeat, else an empty string."""
    # A continuous distribution has no ties, so many of them mean discrete or rounded values
    distinct = len(np.unique(values))
    if distinct >= min_distinct_share * len(values):
        return ""
    return (
        f"column {name!r} has {distinct} distinct values in {len(values)} rows: it is discrete or "
        "rounded, and its density smooths over the steps"
    )


def mean_or_none(values: Float[np.ndarray, " rows"]) -> float | None:
    """Return the mean of values, or None if there are none or one of them is not finite."""
    return float(values.mean()) if len(values) and np.isfinite(values).all() else None
