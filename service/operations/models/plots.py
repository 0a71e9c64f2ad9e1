"""Plots of models, and their data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from pydantic import JsonValue
from sqlalchemy.orm import Session

from kan_engine.drawing.svg import Theme
from service.db.repositories import ModelEvaluations, TrainedModels
from service.db.session import Sessions
from service.db.tables import Model
from service.documents.plots import PLOTS
from service.errors import NotFound
from service.operations.models.evaluations import REFERENCE
from service.operations.models.rows import SAMPLE
from service.rendering.charts.model_numbers import ModelNumbers, Subject


def read_figures(reference: str, sessions: Sessions) -> dict[str, JsonValue]:
    """The data of the plots of a model.

    Raises:
        NotFound: There is no such model.
        Conflict: The model has no such data.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        figures = _read_numbers(model).figures
    shown = {name: part for name, part in figures.items() if name not in (REFERENCE, SAMPLE)}
    return {"model_id": model.id, **shown}


def draw_plot(reference: str, name: str, sessions: Sessions, theme: Theme) -> str:
    """Draw the plot of a model with this name, as SVG.

    Raises:
        NotFound: There is no such model, or no such plot.
        Conflict: The model does not have the data of the plot.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        if name not in PLOTS:
            detail = f"there is no plot {name[:100]!r}; the plots are {', '.join(PLOTS)}"
            raise NotFound("plot_not_found", detail)
        evaluations = _read_evaluations(model, session) if name == "evaluations" else ()
        numbers = _read_numbers(model, evaluations)
    # Imported with the first picture: Matplotlib takes a second
    chart = import_module(f"service.rendering.charts.{name}")
    picture: str = chart.draw(numbers, _make_subject(model, numbers, theme), theme)
    return picture


def _read_evaluations(
    model: Model, session: Session, *, max_drawn_evaluations: int = 200
) -> list[Mapping[str, Any]]:
    """The newest measurements of a model on other rows.

    Args:
        max_drawn_evaluations: In a picture, the newest.
    """
    newest = ModelEvaluations(session, model.id).page(limit=max_drawn_evaluations)
    results = [{**row.result, "by": row.by} for row in reversed(newest)]
    return [result for result in results if result["error"] is not None]


def _read_numbers(model: Model, evaluations: Sequence[Mapping[str, Any]] = ()) -> ModelNumbers:
    return ModelNumbers(
        model_id=model.id,
        task=model.task,
        history=model.record.get("history") or (),
        evaluations=evaluations,
        stored_figures=model.figures,
    )


def _make_subject(model: Model, numbers: ModelNumbers, theme: Theme) -> Subject:
    return Subject(
        name=theme.say("{name}, version {version}", name=model.name, version=model.version),
        target=model.target,
        units=model.record.get("units") or {},
        measured_on=(numbers.stored_figures or {}).get("measured_on", "hold-out"),
        metrics=model.record.get("metrics") or {},
    )
