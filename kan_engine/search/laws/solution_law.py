"""Searches for a law of the solution of partial differential equations, with the law search for tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kan_engine.data.encoding import Encoding
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.evaluation import Expression
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.inference.optimism import OptimismCorrection
from kan_engine.search.config import SearchConfig
from kan_engine.search.context import SearchContext
from kan_engine.search.laws.find_law import search_exact_law


def find_exact_law(
    fit: LabelledRows,
    validation: LabelledRows,
    callbacks: Callbacks,
    *,
    law_of_solution_seconds: float = 10.0,
) -> Expression | None:
    """Search for a formula that is exact to rounding error; None if none is found.

    Args:
        fit: Points with the values of one unknown.
        validation: Other points.
        callbacks: Once ``should_stop`` returns true, the search ends; its work is limited as well.
        law_of_solution_seconds: Work of the search for the law of a solved equation.
    """
    config = SearchConfig()
    limited_callbacks = callbacks.limit_work(law_of_solution_seconds)
    run = SearchContext.create(_make_data(fit, validation), config, limited_callbacks)
    return search_exact_law(replace(run, contest=OptimismCorrection.create_closed()))


def _make_data(fit: LabelledRows, validation: LabelledRows) -> TrainingData:
    """Convert points and values to the rows of a table."""
    rows = fit.append(validation)
    return TrainingData(
        encoding=Encoding.fit(dict(rows.columns), dict.fromkeys(rows.names, "number")),
        target="solution",
        rows=rows,
        fit_count=len(fit),
        validation_count=len(validation),
        numbers=np.arange(len(rows)),
    )
