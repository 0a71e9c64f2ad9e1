"""Searches for a law of the solution of partial differential equations, with the law search for tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kan_engine.data.encoding import Encoding
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.training_data import TrainingData
from kan_engine.expressions.evaluation import Expression
from kan_engine.formulas.core.constant_fitting import ColumnsAndTarget
from kan_engine.inference.optimism import OptimismCorrection
from kan_engine.search.callbacks import Callbacks
from kan_engine.search.config import SearchConfig
from kan_engine.search.context import SearchContext
from kan_engine.search.laws.find_law import search_exact_law


def find_exact_law(
    fit: ColumnsAndTarget, validation: ColumnsAndTarget, callbacks: Callbacks
) -> Expression | None:
    """Search for a formula that is exact to rounding error; None if none is found.

    Args:
        fit: Columns, and the values of one unknown.
        validation: The same at other points.
        callbacks: Once ``should_stop`` returns true, the search ends; the clock limits its time.
    """
    config = SearchConfig()
    until = callbacks.clock() + config.thresholds.law_of_solution_seconds
    limited = replace(callbacks, should_stop=lambda: callbacks.should_stop() or callbacks.clock() > until)
    run = SearchContext.create(_make_data(fit, validation), config, limited)
    return search_exact_law(replace(run, contest=OptimismCorrection.create_closed()))


def _make_data(fit: ColumnsAndTarget, validation: ColumnsAndTarget) -> TrainingData:
    """Convert points and values to the rows of a table."""
    columns = {name: np.concatenate([own, validation[0][name]]) for name, own in fit[0].items()}
    values = np.concatenate([fit[1], validation[1]])
    return TrainingData(
        encoding=Encoding.fit(columns, dict.fromkeys(columns, "number")),
        target="solution",
        rows=LabelledRows(
            x=np.stack(list(columns.values()), 1),
            y=values,
            weights=np.ones(len(values)),
            names=tuple(columns),
        ),
        fit_count=len(fit[1]),
        validation_count=len(validation[1]),
        numbers=np.arange(len(values)),
    )
