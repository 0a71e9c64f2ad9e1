"""Rows near those of a table, at which its formulas must stay reasonable."""

from __future__ import annotations

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.expressions.measured_constants import SMALLEST
from kan_engine.formulas.core.constant_fitting import Columns

ROUNDING = 1e-12  # of values of a formula, over the largest one


class CheckRows:
    """Rows of a table with one value each moved within the range of its column.

    A formula with a pole between the rows has small errors at all of them. Here it does not.

    Args:
        table: The table.
        count: Number of rows; at most four per row of the table.
        overshoot: How far a value may lie beyond the range of the target, over that range.
        generator: Draws the rows and values.
        ends: Further rows, at which formulas must be finite.
    """

    def __init__(
        self,
        table: LabelledRows,
        count: int,
        overshoot: float,
        generator: np.random.Generator,
        ends: Columns | None = None,
    ) -> None:
        self._ends = ends
        rows, columns, target = len(table), table.columns, table.y
        count = min(count, 4 * rows)
        # Each row is a copy of a row of the table in which one column gets a value between two of its values
        sources, changed_columns = (
            generator.integers(0, rows, count),
            generator.integers(0, len(columns), count),
        )
        self._columns = {name: values[sources] for name, values in columns.items()}
        for place, (name, values) in enumerate(columns.items()):
            is_changed = changed_columns == place
            start, end = (values[generator.integers(0, rows, int(is_changed.sum()))] for _ in range(2))
            share = generator.uniform(0, 1, len(start)) if len(np.unique(values)) > 2 else 0.0
            self._columns[name][is_changed] = start + share * (end - start)
        # A constant target still leaves room for rounding errors
        low, high = float(target.min()), float(target.max())
        reach = overshoot * (high - low) + max(SMALLEST, ROUNDING * max(abs(low), abs(high)))
        self._low, self._high = low - reach, high + reach

    def accept(self, tree: Expression) -> bool:
        """Whether a formula is finite at all rows, and not far outside the range of the target."""
        values = evaluate(tree, self._columns)
        is_inside = np.isfinite(values) & (values >= self._low) & (values <= self._high)
        return bool(is_inside.all()) and self.is_defined_at_ends(tree)

    def is_defined_at_ends(self, tree: Expression) -> bool:
        """Whether a formula is finite at the further rows."""
        return self._ends is None or bool(np.isfinite(evaluate(tree, self._ends)).all())
