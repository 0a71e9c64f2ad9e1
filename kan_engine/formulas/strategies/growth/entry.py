"""A fitted formula of a search with its errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import (
    Expression,
    Parameter,
    children,
    count_nodes,
    parametrize_floats,
    rebuild,
)
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.core.coarse_fit import FittedConstants, compute_fresh_losses, measure_mean_square
from kan_engine.formulas.core.program import Program


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


def make_entry(form: Expression, program: Program, fitted: FittedConstants, rows: LabelledRows) -> Entry:
    """The entry of a form whose constants were fitted."""
    losses = compute_fresh_losses(program, fitted, rows)
    tree = _bind_measured(form, fitted.values)
    return Entry(tree, count_nodes(tree), float(losses.mean()), fitted.mean_square, fitted.predicted, losses)


def measure_formula(tree: Expression, rows: LabelledRows) -> Entry:
    """The entry of a formula with the constants that it has."""
    form, constants = parametrize_floats(tree)
    program, values = Program(form, rows.columns, len(constants)), np.array(constants)
    predicted = program.run(values)
    fitted = FittedConstants(values, predicted, measure_mean_square(predicted, rows))
    return make_entry(form, program, fitted, rows)


def _bind_measured(tree: Expression, values: np.ndarray) -> Expression:
    """The form with its parameters as measured numbers."""
    if isinstance(tree, Parameter):
        return make_measured(float(values[tree.index]))
    parts = children(tree)
    return rebuild(tree, [_bind_measured(part, values) for part in parts]) if parts else tree
