"""RivalsPredictor: predicts by all formulas that may be the law, each as much as it is probable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import Expression, add, evaluate, mul
from kan_engine.inference.formula_predictor import FormulaPredictor
from kan_engine.inference.predictor import Columns


@dataclass(frozen=True, kw_only=True, eq=False)
class RivalsPredictor(FormulaPredictor):
    """The mean of several formulas; ``trees`` has it as one formula.

    Args:
        rivals: The formulas.
        shares: Their probabilities; they add up to 1.
    """

    rivals: tuple[Expression, ...]
    shares: tuple[float, ...]

    @staticmethod
    def average(
        formula: FormulaPredictor, rivals: Sequence[tuple[Expression, float | None]]
    ) -> RivalsPredictor | None:
        """The mean of a model's formula and its rivals, with the residuals of the formula.

        Args:
            formula: Predicts by the best formula.
            rivals: All formulas, that one among them, with their probabilities; what is left for none of them
                is left out.

        Returns:
            None if a probability is not known.
        """
        weighted_trees = [(tree, probability) for tree, probability in rivals if probability is not None]
        if len(weighted_trees) < len(rivals):
            return None
        total = sum(probability for _, probability in weighted_trees)
        shares = tuple(probability / total for _, probability in weighted_trees)
        values: dict[str, Any] = {
            field.name: getattr(formula, field.name) for field in fields(FormulaPredictor)
        }
        mean = add(*(mul(share, tree) for share, (tree, _) in zip(shares, weighted_trees, strict=True)))
        trees = tuple(tree for tree, _ in weighted_trees)
        return RivalsPredictor(**values | {"trees": (mean,)}, rivals=trees, shares=shares)

    def widen(self, margin: float, columns: Columns) -> Float[np.ndarray, " rows"]:
        """Half the width of the interval at every row: wider by as much as the rivals disagree.

        The variance of the residuals grows by that of the rivals.
        """
        encoded_rows = self._encode(columns)
        rows = {column.name: encoded_rows[:, place] for place, column in self._input_columns}
        with np.errstate(all="ignore"):
            # Variance of the rivals about their mean, each with its probability
            values = np.stack([evaluate(tree, rows) * np.ones(len(encoded_rows)) for tree in self.rivals])
            shares = np.array(self.shares)[:, None]
            variance = (shares * (values - (shares * values).sum(0)) ** 2).sum(0)
            residual_variance = float(np.mean(self.residuals**2))
            return (
                np.asarray(margin * np.sqrt(1 + variance / residual_variance))
                if residual_variance
                else margin + np.sqrt(variance)
            )
