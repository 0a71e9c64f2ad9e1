"""Rows of one or two columns for a density."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kan_engine import Encoding, Feature, InvalidData
from service.schemas.training import TrainRequest
from service.storage.stored_table import Table
from worker.data.splitting import split_rows

LEAST_ROWS = 20
ON_A_LINE = 1 - 1e-12  # correlation of two columns that are one
FEW_VALUES = 0.5  # share of different values among the rows, below which they are told to repeat


@dataclass(frozen=True, eq=False)
class DensityRows:
    """Rows of one or two columns: those to fit on and those to report on.

    Attributes:
        names: Of the columns.
        training: Their values [n, d].
        weights: What each training row counts.
        test: Values of the hold-out rows.
        warnings: What was left out, and why.
    """

    names: list[str]
    training: np.ndarray
    weights: np.ndarray
    test: np.ndarray
    warnings: tuple[str, ...]

    @cached_property
    def encoding(self) -> Encoding:
        """The columns as they are."""
        columns = zip(self.names, self.training.T, strict=True)
        return Encoding.of(Feature.fit(name, values, "number") for name, values in columns)

    @property
    def measured(self) -> np.ndarray:
        """Rows that pictures and formulas are measured on."""
        return self.test if len(self.test) else self.training

    @property
    def measured_on(self) -> str:
        """Which these are."""
        return "hold-out" if len(self.test) else "training"


def density_rows(table: Table, request: TrainRequest) -> DensityRows:
    """Read the columns of a density; rows without a value of each, or with the weight 0, are left out.

    Raises:
        InvalidData: There are too few rows, a column does not vary over those to fit on, or two columns lie
            on a line.
    """
    names = list(request.features or ())
    values = np.stack([table.column(name).astype(float) for name in names], axis=1)
    weights = table.column(request.weight).astype(float) if request.weight else np.ones(len(values))
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
    if len(fit) < LEAST_ROWS:
        raise InvalidData(
            f"{len(fit)} rows are left to fit a density to, and it needs {LEAST_ROWS}; upload more"
        )
    for name, column_values in zip(names, values[fit].T, strict=True):
        if not column_values.min() < column_values.max():
            raise InvalidData(f"column {name!r} does not vary over the rows to learn from", column=name)
    if len(names) > 1 and abs(np.corrcoef(values[fit].T)[0, 1]) > ON_A_LINE:
        raise InvalidData(
            f"columns {names[0]!r} and {names[1]!r} lie on a line, and have no density together; "
            "leave one out",
            column=names[1],
        )
    warnings = []
    if len(present) < len(values):
        warnings.append(f"{len(values) - len(present)} rows without a value, or of weight 0, are left out")
    warnings += [_of_steps(name, values[fit, place]) for place, name in enumerate(names)]
    return DensityRows(names, values[fit], weights[fit], values[test], tuple(filter(None, warnings)))


def _of_steps(name: str, values: np.ndarray) -> str:
    """A warning for a column whose values repeat."""
    distinct = len(np.unique(values))
    if distinct >= FEW_VALUES * len(values):
        return ""
    return (
        f"column {name!r} has {distinct} different values in {len(values)} rows: it is counted or "
        "rounded, and its density smooths over the steps"
    )


def mean_or_none(values: np.ndarray) -> float | None:
    """The mean of what is told of rows; None without any, or where it is told of not all of them."""
    return float(values.mean()) if len(values) and np.isfinite(values).all() else None
