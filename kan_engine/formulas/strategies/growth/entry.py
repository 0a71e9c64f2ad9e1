"""A fitted formula of a search with its errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, count_nodes
from kan_engine.formulas.core.constant_fitting import ParametricForm, Residuals
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.formulas.core.losses import measure_error_growth


@dataclass(eq=False)
class Entry:
    """A fitted formula.

    Attributes:
        tree: With its constants as numbers.
        size: Number of its nodes.
        error: Leave-one-out mean squared error.
        mean_square: Mean squared error.
        predicted: Its values.
        losses: Leave-one-out squared errors.
        visits: How often its changes were tried.
    """

    tree: Expression
    size: int
    error: float
    mean_square: float
    predicted: np.ndarray
    losses: np.ndarray
    visits: int = 0


def make_entry(residuals: Residuals, constants: Float[np.ndarray, " constants"]) -> Entry:
    """The entry of a form with these constants."""
    # Leave-one-out residuals to first order: each row's residual grows by its leverage
    losses = (residuals.compute(constants) * measure_error_growth(residuals.differentiate(constants))) ** 2
    tree = ParametricForm(residuals.form.tree, constants).bind_measured()
    error, prediction = residuals.measure(constants), residuals.predict(constants)
    return Entry(tree, count_nodes(tree), float(losses.mean()), error, prediction, losses)


def measure_formula(tree: Expression, rows: LabelledRows) -> Entry:
    """The entry of a formula with the constants that it has."""
    form = to_form(tree)
    return make_entry(Residuals(form, rows), form.values)
