"""Searches for a law of the solution of partial differential equations, with the law search for tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kan_engine import (
    Callbacks,
    ColumnsAndTarget,
    Encoding,
    Expression,
    LabelledRows,
    OptimismCorrection,
    SearchConfig,
    TrainingData,
    search_exact_law,
)
from kan_engine.search.context import SearchContext

TIMEOUT_S = 10.0  # time limit of the search


def find_exact_law(
    fit: ColumnsAndTarget, validation: ColumnsAndTarget, should_stop: Callable[[], bool]
) -> Expression | None:
    """Search for a formula that is exact to rounding error; None if none is found.

    Args:
        fit: Columns, and the values of one unknown.
        validation: The same at other points.
        should_stop: Once it returns true, the search ends.
    """
    until = time.monotonic() + TIMEOUT_S
    callbacks = Callbacks(should_stop=lambda: should_stop() or time.monotonic() > until, clock=time.monotonic)
    run = SearchContext.create(_make_data(fit, validation), SearchConfig(), callbacks)
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
