"""Searches for a law of the solution of partial differential equations, with the law search for tables."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from kan_engine import Contest, Data, Encoding, Expression, Feature, Limits, Standardizer
from service.schemas.training import TrainRequest
from service.schemas.training_plan import Plan
from worker.data.preparation import Portion, Prepared
from worker.search.context import Run
from worker.search.law_search import exact_law

SECONDS = 10.0  # time limit of the search
TARGET = "the solution"  # placeholder for the dataset id and the target, which a solution does not have


def hunted_law(fit: Data, validation: Data, should_stop: Callable[[], bool]) -> Expression | None:
    """Search for a formula that is exact to rounding error; None if none is found.

    Args:
        fit: Columns, and the values of one unknown.
        validation: The same at other points.
        should_stop: Once it returns true, the search ends.
    """
    data, until = _prepared(fit, validation), time.monotonic() + SECONDS
    run = Run(
        data=data,
        request=data.plan.request,
        names=data.names,
        inputs=Standardizer.fit(data.training.encoded),
        generator=torch.Generator().manual_seed(0),
        report=_untold,
        should_stop=lambda: should_stop() or time.monotonic() > until,
        contest=Contest.closed(),
        limits=Limits(),
    )
    return exact_law(run)


def _prepared(fit: Data, validation: Data) -> Prepared:
    """Convert points and values to the prepared rows of a table."""
    columns = {name: np.concatenate([own, validation[0][name]]) for name, own in fit[0].items()}
    values = np.concatenate([fit[1], validation[1]])
    features = tuple(
        Feature(name=name, type="number", min=float(v.min()), max=float(v.max()), fill=float(np.median(v)))
        for name, v in columns.items()
    )
    rows = Portion(
        encoded=np.stack(list(columns.values()), 1), y=values, targets=values, weights=np.ones(len(values))
    )
    request = TrainRequest(dataset_id=TARGET, target=TARGET, task="regression")
    return Prepared(
        plan=Plan(request, {}, len(values)),
        encoding=Encoding.of(features),
        rows=rows,
        fit_count=len(fit[1]),
        validation_count=len(validation[1]),
        classes=None,
        class_weights=None,
        warnings=(),
        numbers=np.arange(len(values)),
    )


def _untold(stage: str, fraction: float, message: str, error: float | None = None) -> None:
    """Ignore progress: the solver reports that of the job."""
