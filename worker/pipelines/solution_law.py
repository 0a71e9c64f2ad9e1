"""Searches for a law of the solution of partial differential equations, with the law search for tables."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from kan_engine import (
    ColumnsAndTarget,
    Encoding,
    Expression,
    Feature,
    FormulaConstraints,
    OptimismCorrection,
    Standardizer,
)
from kan_engine.data.labelled_rows import LabelledRows
from service.schemas.training import TrainRequest
from service.schemas.training_plan import TrainingPlan
from worker.data.preparation import PreparedData
from worker.search.context import SearchContext
from worker.search.law_search import search_exact_law

TIMEOUT_S = 10.0  # time limit of the search
# Placeholder for the dataset id and the target, which a solution does not have
PLACEHOLDER_NAME = "the solution"


def find_exact_law(
    fit: ColumnsAndTarget, validation: ColumnsAndTarget, should_stop: Callable[[], bool]
) -> Expression | None:
    """Search for a formula that is exact to rounding error; None if none is found.

    Args:
        fit: Columns, and the values of one unknown.
        validation: The same at other points.
        should_stop: Once it returns true, the search ends.
    """
    data, until = _make_data(fit, validation), time.monotonic() + TIMEOUT_S
    run = SearchContext(
        data=data,
        request=data.plan.request,
        names=data.names,
        inputs=Standardizer.fit(data.training.x),
        generator=torch.Generator().manual_seed(0),
        report=_ignore_progress,
        should_stop=lambda: should_stop() or time.monotonic() > until,
        contest=OptimismCorrection.create_closed(),
        limits=FormulaConstraints(),
    )
    return search_exact_law(run)


def _make_data(fit: ColumnsAndTarget, validation: ColumnsAndTarget) -> PreparedData:
    """Convert points and values to the prepared rows of a table."""
    columns = {name: np.concatenate([own, validation[0][name]]) for name, own in fit[0].items()}
    values = np.concatenate([fit[1], validation[1]])
    features = tuple(
        Feature(name=name, type="number", min=float(v.min()), max=float(v.max()), fill=float(np.median(v)))
        for name, v in columns.items()
    )
    rows = LabelledRows(
        x=np.stack(list(columns.values()), 1), y=values, weights=np.ones(len(values)), names=tuple(columns)
    )
    request = TrainRequest(dataset_id=PLACEHOLDER_NAME, target=PLACEHOLDER_NAME, task="regression")
    return PreparedData(
        plan=TrainingPlan(request, {}, len(values)),
        encoding=Encoding.from_features(features),
        rows=rows,
        fit_count=len(fit[1]),
        validation_count=len(validation[1]),
        classes=None,
        class_weights=None,
        warnings=(),
        numbers=np.arange(len(values)),
    )


def _ignore_progress(stage: str, fraction: float, message: str, error: float | None = None) -> None:
    """Ignore progress: the solver reports that of the job."""
