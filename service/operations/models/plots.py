"""Plots of models and of studies, and their data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import JsonValue
from sqlalchemy.orm import Session

from kan_engine.drawing.svg import Theme
from service.db.repositories import Jobs, ModelEvaluations, TrainedModels
from service.db.repositories.subtasks import JobSubtasks
from service.db.session import Sessions
from service.db.tables import Dataset, Job, JobStatus, Model
from service.errors import Conflict, NotFound
from service.operations.models.evaluations import REFERENCE
from service.operations.models.rows import SAMPLE
from service.operations.prediction.limits import DEFAULT_PREDICTION
from service.rendering import charts
from service.schemas.study import StudyRequest, TrainingSummary, summarize_training

PlotData = Mapping[str, Any]
AXIS_SETTINGS = ("grid", "grid_schedule", "seed")
STUDY_PLOTS = ("error_by_grid", "error_by_parameters", "time_by_grid")


def read_figures(reference: str, sessions: Sessions) -> dict[str, JsonValue]:
    """The data of the plots of a model.

    Raises:
        NotFound: There is no such model.
        Conflict: The model has no such data.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        figures = {
            name: part for name, part in _load_figures(model).items() if name not in (REFERENCE, SAMPLE)
        }
        return {"model_id": model.id, **figures}


def draw_plot(reference: str, name: str, sessions: Sessions, theme: Theme) -> str:
    """Draw the plot of a model with this name, as SVG.

    Raises:
        NotFound: There is no such model, or no such plot.
        Conflict: The model does not have the data of the plot.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        if name not in PLOTS:
            raise _make_unknown_plot_error(name, PLOTS)
        figures = _load_evaluations(session, model) if name == "evaluations" else {}
        if name not in ("history", "evaluations"):
            figures = _load_figures(model)
    return PLOTS[name](model, figures, theme)


def _draw_history(model: Model, figures: PlotData, theme: Theme) -> str:
    steps = model.record.get("history") or ()
    history = [entry for entry in steps if entry.get("loss", entry.get("error")) is not None]
    if not history:
        detail = f"model {model.id} has no recorded training steps; train a network to record them"
        raise Conflict("no_history", detail)
    return charts.draw_history(history, _make_subject(model, figures, theme), theme)


def _draw_density(model: Model, figures: PlotData, theme: Theme) -> str:
    if figures.get("density") is None:
        raise _make_no_plot_error(model, "it is not a density")
    return charts.draw_density(figures, _make_subject(model, figures, theme), theme)


def _draw_solution(model: Model, figures: PlotData, theme: Theme) -> str:
    if figures.get("solution") is None:
        raise _make_no_plot_error(model, "it is not a solution of equations")
    return charts.draw_solution(figures, _make_subject(model, figures, theme), theme)


def _draw_parity(model: Model, figures: PlotData, theme: Theme) -> str:
    _require_column(model)
    draw = charts.draw_parity if figures["parity"] is not None else charts.draw_confusion
    return draw(figures, _make_subject(model, figures, theme), theme)


def _draw_residuals(model: Model, figures: PlotData, theme: Theme) -> str:
    _require_column(model)
    draw = charts.draw_residuals if figures["parity"] is not None else charts.draw_probabilities
    return draw(figures, _make_subject(model, figures, theme), theme)


def _draw_effects(model: Model, figures: PlotData, theme: Theme) -> str:
    _require_column(model)
    if not figures["effects"]:
        detail = (
            f"the network of model {model.id} uses no feature, or its job ended before it computed any effect"
        )
        raise Conflict("no_figures", f"{detail}; train again with a longer max_seconds")
    return charts.draw_effects(figures["effects"], _make_subject(model, figures, theme), theme)


def _draw_importance(model: Model, figures: PlotData, theme: Theme) -> str:
    _require_column(model)
    return charts.draw_importance(figures["importance"], _make_subject(model, figures, theme), theme)


def _draw_evaluations(model: Model, figures: PlotData, theme: Theme) -> str:
    if not figures["evaluations"]:
        detail = f"model {model.id} has no evaluation with an error; POST /models/{{id}}/evaluate makes one"
        raise Conflict("no_evaluations", detail)
    return charts.draw_evaluations(figures["evaluations"], _make_subject(model, figures, theme), theme)


def _require_column(model: Model) -> None:
    """Refuse a model that does not predict a column of a table."""
    if model.task == "density":
        raise _make_no_plot_error(model, "it is a density, which has no true values and no features")
    if model.task == "equation":
        raise _make_no_plot_error(model, "it solves equations and has no table with true values")


def _make_no_plot_error(model: Model, why: str) -> Conflict:
    return Conflict("no_figures", f"model {model.id} does not have this plot: {why}; choose another plot")


PLOTS: dict[str, Callable[[Model, PlotData, Theme], str]] = {
    "history": _draw_history,
    "parity": _draw_parity,
    "residuals": _draw_residuals,
    "effects": _draw_effects,
    "importance": _draw_importance,
    "density": _draw_density,
    "solution": _draw_solution,
    "evaluations": _draw_evaluations,
}


def _load_evaluations(session: Session, model: Model) -> dict[str, Any]:
    """The newest evaluations of a model, the oldest of them first."""
    newest = ModelEvaluations(session, model.id).page(limit=DEFAULT_PREDICTION.max_drawn_evaluations)
    results = [{**row.result, "by": row.by} for row in reversed(newest)]
    return {"evaluations": [entry for entry in results if entry["error"] is not None]}


def _load_figures(model: Model) -> dict[str, JsonValue]:
    if model.figures is None:
        detail = (
            f"model {model.id} was imported, or trained by a version that did not keep the data of plots; "
            "train it again, or change its formula, to compute them"
        )
        raise Conflict("no_figures", detail)
    return model.figures


def _make_subject(model: Model, figures: PlotData, theme: Theme) -> charts.Subject:
    return charts.Subject(
        name=theme.say("{name}, version {version}", name=model.name, version=model.version),
        target=model.target,
        units=model.record.get("units") or {},
        measured_on=figures.get("measured_on", "hold-out"),
        metrics=model.record.get("metrics") or {},
    )


def draw_study_plot(job_id: str, name: str, sessions: Sessions, theme: Theme) -> str:
    """Draw the plot of a study with this name, as SVG.

    Raises:
        NotFound: There is no such job, or no such plot.
        Conflict: The job is not a study, has not finished, or its trainings do not differ in their grid.
    """
    with sessions.read() as session:
        job = Jobs(session).get(job_id)
        if name not in STUDY_PLOTS:
            raise _make_unknown_plot_error(name, STUDY_PLOTS)
        request = _read_study(job)
        jobs = JobSubtasks(session, job).trainings()
        models = TrainedModels(session).find_by_jobs([training.id for training in jobs])
        pairs = [(training, models[training.id]) for training in jobs if training.id in models]
        dataset = session.get(Dataset, request.dataset_id)
    title = theme.say("Study of {target}", target=request.goal)
    if dataset:
        title = theme.say("Study of {target} in {dataset}", target=request.goal, dataset=dataset.name)
    view = _make_view(name, [model for _, model in pairs])
    trainings = [point for pair in pairs for point in _list_training_results(request, *pair)]
    points = [point for point in trainings if view.y(point) is not None]
    if len({view.x(point) for point in points}) < 2:
        detail = (
            f"the trainings of study {job_id} with a model and data to plot do not differ in their grid; "
            "vary network.grid, such as [3, 5, 10, 20]"
        )
        raise Conflict("no_plot", detail)
    if view.across == "parameters" and (
        mlps := [mlp for _, model in pairs for mlp in _list_mlp_results(request, model)]
    ):
        points = [
            replace(point, settings=", ".join(filter(None, ("KAN", point.settings)))) for point in points
        ]
        points += mlps
    return charts.draw_study(points, view, title=title, theme=theme)


def _make_view(name: str, models: list[Model]) -> charts.StudyView:
    has_classes = any("log_loss" in model.record["metrics"] for model in models)
    is_error = name != "time_by_grid"
    return charts.StudyView(
        across="parameters" if name == "error_by_parameters" else "grid",
        up="error" if is_error else "seconds",
        metric="log loss" if has_classes else "RMSE",
        has_slope=is_error and not has_classes,
    )


def _read_study(job: Job) -> StudyRequest:
    if job.kind != "study":
        detail = f"job {job.id} is of the kind {job.kind}; only studies have these plots"
        raise Conflict("no_plot", detail)
    if not JobStatus(job.status).is_final:
        detail = f"study {job.id} has not ended, its status is {job.status}; wait for its end"
        raise Conflict("no_plot", detail, job_status=job.status)
    return StudyRequest.model_validate(job.request)


def _list_training_results(request: StudyRequest, job: Job, model: Model) -> Iterator[charts.StudyTraining]:
    """The result of a training on each of its grids; none without an error to plot."""
    settings, network = ", ".join(_list_varied_settings(request, job)), model.record["network"]
    for grid, summary in _list_grid_results(request, model):
        if error := _error_metric(summary.metrics):
            yield charts.StudyTraining(
                settings=settings,
                grid=grid or network["grid"],
                order=network["order"],
                parameters=summary.parameters,
                error=error,
                seconds=summary.seconds,
            )


def _list_mlp_results(request: StudyRequest, model: Model) -> Iterator[charts.StudyTraining]:
    """The results of the MLP baselines of a training."""
    for _, summary in _list_grid_results(request, model):
        for baseline in summary.baselines.values():
            if "hidden" in baseline and (error := _error_metric(baseline["metrics"])):
                yield charts.StudyTraining(
                    "MLP", grid=0, order=None, parameters=baseline["parameters"], error=error
                )


def _list_grid_results(request: StudyRequest, model: Model) -> Iterator[tuple[int | None, TrainingSummary]]:
    """The result on each grid that a network was refined through, or that of the final network."""
    for grid in request.grids if request.refine else [None]:
        if (summary := summarize_training(model.record, grid)) is not None:
            yield grid, summary


def _error_metric(metrics: Mapping[str, Any]) -> float | None:
    error: float | None = metrics.get("rmse", metrics.get("log_loss"))
    return error


def _list_varied_settings(request: StudyRequest, job: Job) -> Iterator[str]:
    """The varied settings of a training, as text, without the grid and the seed."""
    for path in request.paths:
        value: Any = job.request
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, dict):
            yield from (f"{name} = {part}" for name, part in value.items() if name not in AXIS_SETTINGS)
        elif (name := path.rpartition(".")[2]) not in AXIS_SETTINGS:
            yield f"{name} = {value}"


def _make_unknown_plot_error(name: str, plots: Iterable[str]) -> NotFound:
    return NotFound("plot_not_found", f"there is no plot {name[:100]!r}; the plots are {', '.join(plots)}")
