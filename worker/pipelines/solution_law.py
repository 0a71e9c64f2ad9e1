"""A law behind the solution of partial differential equations, hunted as one behind a table."""

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

SECONDS = 10.0  # that it may take
TARGET = "the solution"  # no name of a client


def hunted_law(fit: Data, validation: Data, should_stop: Callable[[], bool]) -> Expression | None:
    """A formula that is as good as exact, or None.

    Args:
        fit: Columns, and the values of one unknown.
        validation: The same at other points.
        should_stop: Once true, nothing is found any more.
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
    """Points and values as rows of a table that is prepared already."""
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
    """The solver tells what the job is at."""
