"""A target as a factor times a function of fewer or other variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import ONE, Expression, Variable, evaluate, mul, substitute
from kan_engine.expressions.simplification.simplify import simplify
from kan_engine.formulas.core.constant_fitting import Array, Columns

MAX_GROUP_INPUTS = 8
"""Columns among which groups are searched."""
MAX_ENUMERATED_INPUTS = 4
"""Columns or groups of which all short formulas are tried."""


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """y = factor · g(groups).

    Attributes:
        groups: Expressions of the variables of g, by name; an unchanged column keeps its name.
        factor: Factor of the target.
    """

    groups: Mapping[str, Expression]
    factor: Expression = ONE

    def reduce_data(self, rows: LabelledRows) -> LabelledRows:
        """Return the values of the groups and of g, without rows where factor and target are 0.

        These tell nothing of g. Where the factor alone is 0, g is infinite, and no law fits it. The weights,
        whose mean is 1, weight errors of y as those of the rows do.
        """
        factors, is_usable = self._evaluate_factor(rows)
        if not is_usable.all():
            rows, factors = rows[is_usable], factors[is_usable]
        groups = {name: evaluate(tree, rows.columns) for name, tree in self.groups.items()}
        with np.errstate(all="ignore"):
            # An error of g is one of y over the factor, so that weights grow by the square of the factor
            scale = float(np.abs(factors).max()) or 1.0  # squares of factors over decades overflow
            squares = np.square(factors / scale) * rows.weights
            mean = float(squares.mean()) or 1.0
            unit_error = None if rows.unit_error is None else rows.unit_error / (scale * mean**0.5)
            return LabelledRows.from_columns(groups, rows.y / factors, squares / mean, unit_error)

    def select_factors(self, rows: LabelledRows) -> Float[Array, " _"]:
        """Return the factor of these rows."""
        factors, is_usable = self._evaluate_factor(rows)
        return np.asarray(factors[is_usable])

    def _evaluate_factor(self, rows: LabelledRows) -> tuple[Float[Array, " rows"], Bool[Array, " rows"]]:
        """The factor of every row, and which rows tell something of g."""
        factors = np.broadcast_to(evaluate(self.factor, rows.columns), rows.y.shape)
        return factors, (factors != 0) | (rows.y != 0)

    def expand_law(self, tree: Expression, columns: Columns) -> Expression:
        """Convert a law in the groups to a law in the columns, simplified for their values."""
        replacements: dict[Expression, Expression] = {Variable(n): t for n, t in self.groups.items()}
        return simplify(mul(self.factor, substitute(tree, replacements)), columns)

    def compose(self, groups: Mapping[str, Expression], factor: Expression) -> Reduction:
        """Apply a further reduction, given in the variables of g, after this one."""
        replacements: dict[Expression, Expression] = {Variable(n): t for n, t in self.groups.items()}
        return Reduction(
            groups={name: substitute(tree, replacements) for name, tree in groups.items()},
            factor=mul(self.factor, substitute(factor, replacements)),
        )
