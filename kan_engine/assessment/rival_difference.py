"""Where two formulas differ most, as one condition on a column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate, variables


@dataclass(frozen=True, kw_only=True)
class Difference:
    """By how much a formula differs from the best one.

    Attributes:
        mean: Mean absolute difference at the rows, in units of the target.
        column: They differ most where this column is beyond an end; None where no column tells.
        above, below: That end; the other is None.
        there: Mean absolute difference beyond the end.
    """

    mean: float
    column: str | None = None
    above: float | None = None
    below: float | None = None
    there: float | None = None

    def rename(self, names: Mapping[str, str]) -> Difference:
        """The same with these names of columns; others stay."""
        return self if self.column is None else replace(self, column=names.get(self.column, self.column))


def find_difference(
    best: Expression, rival: Expression, rows: LabelledRows, *, min_ratio: float = 1.5, max_rows: int = 10_000
) -> Difference | None:
    """The difference of a rival from the best formula, and where it is largest; None if it is not finite.

    Args:
        best: A formula.
        rival: Another one.
        rows: Where they are compared.
        min_ratio: By how much the difference beyond an end exceeds the mean to be told.
        max_rows: Of a sample of them.
    """
    rows = rows.sample(max_rows, 0)
    with np.errstate(all="ignore"):
        apart = np.abs(evaluate(best, rows.columns) - evaluate(rival, rows.columns))
    if not len(apart) or not np.isfinite(apart).all():
        return None
    mean = float(apart.mean())
    names = sorted({*variables(best), *variables(rival)})
    ends = [end for name in names for end in _measure_ends(name, rows.columns[name], apart)]
    largest = max(ends, key=lambda end: end.there or 0.0, default=None)
    if largest is None or (largest.there or 0.0) < min_ratio * mean:
        return Difference(mean=mean)
    return largest


def _measure_ends(
    name: str, values: Float[np.ndarray, " rows"], apart: Float[np.ndarray, " rows"], share: float = 0.2
) -> Iterator[Difference]:
    """The mean difference in the lowest and in the highest rows of a column that has numbers."""
    # A fifth of the rows at either end, so that a mean over them is no accident of single rows
    low, high = np.quantile(values, (share, 1 - share))
    if not values.min() < low < high < values.max():
        return
    mean, is_low, is_high = float(apart.mean()), values < low, values > high
    yield Difference(mean=mean, column=name, below=float(low), there=float(apart[is_low].mean()))
    yield Difference(mean=mean, column=name, above=float(high), there=float(apart[is_high].mean()))
