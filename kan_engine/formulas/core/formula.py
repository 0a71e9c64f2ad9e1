"""A closed form with its error and its description length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import NO_CONSTRAINTS, FormulaConstraints
from kan_engine.expressions.evaluation import (
    Expression,
    TreeJson,
    complexity,
    from_json,
    to_json,
)
from kan_engine.formulas.core.constant_fitting import ParametricForm, compute_rmse, refit_constants
from kan_engine.formulas.core.constant_snapping import finalize_formula, to_form
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.core.thresholds import MAX_EXACT_ERROR, MAX_REFIT_STEPS


class StoredFormula(TypedDict):
    """A ``Formula`` as JSON."""

    tree: TreeJson
    error: float | None
    bits: float | None
    probability: NotRequired[float]


@dataclass(frozen=True)
class Formula:
    """A closed form in the columns of the client.

    Attributes:
        error: Validation RMSE over the spread of the target.
        bits: Description length of the data; only differences between formulas on the same rows are
            meaningful.
        probability: That it is the law up to its constants, among the rivals of a search; None if unknown.
    """

    tree: Expression
    error: float
    bits: float = 0.0
    probability: float | None = None

    @staticmethod
    def measure(
        tree: Expression,
        fit: LabelledRows,
        validation: LabelledRows,
        limits: FormulaConstraints = NO_CONSTRAINTS,
    ) -> Formula:
        """Compute the error on the validation rows and the description length of all rows."""
        error = compute_rmse(ParametricForm(tree, np.array([])), validation) / validation.spread
        bits = description_length(to_form(tree), fit.append(validation))
        return Formula(tree, error, bits + limits.excess_bits(tree, is_exact=error < MAX_EXACT_ERROR))

    @staticmethod
    def refit(
        tree: Expression,
        fit: LabelledRows,
        validation: LabelledRows,
        limits: FormulaConstraints = NO_CONSTRAINTS,
    ) -> Formula:
        """Refit the measured constants of a tree, snap them and simplify the formula."""
        form = refit_constants(to_form(tree), fit, iterations=MAX_REFIT_STEPS)
        tree = finalize_formula(form, fit, validation, limits.forbidden)
        return Formula.measure(tree, fit, validation, limits)

    def to_dict(self) -> StoredFormula:
        """The formula as JSON; an error or length that is not finite is null."""
        error, bits = (value if np.isfinite(value) else None for value in (self.error, self.bits))
        document: StoredFormula = {"tree": to_json(self.tree), "error": error, "bits": bits}
        return document if self.probability is None else {**document, "probability": self.probability}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Formula:
        """The inverse of ``to_dict``; null becomes infinity, also where an older version stored no bits."""
        error, bits = (np.inf if data.get(name) is None else data[name] for name in ("error", "bits"))
        return Formula(from_json(data["tree"]), error, bits, data.get("probability"))

    @property
    def complexity(self) -> int:
        """Number of nodes of the tree."""
        return complexity(self.tree)
