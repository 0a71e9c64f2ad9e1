"""Plots of studies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kan_engine.drawing.svg import Theme
from service.db.repositories import Jobs, TrainedModels
from service.db.repositories.subtasks import JobSubtasks
from service.db.session import Sessions
from service.db.tables import Dataset, Job, JobStatus, Model
from service.documents.plots import STUDY_PLOTS, StudyPlot
from service.errors import Conflict, NotFound
from service.rendering import charts
from service.schemas.study import StudyRequest, TrainingSummary, summarize_training

AXIS_SETTINGS = ("grid", "grid_schedule", "seed")


def draw_study_plot(job_id: str, name: str, sessions: Sessions, theme: Theme) -> str:
    """Draw the plot of a study with this name, as SVG.

    Raises:
        NotFound: There is no such job, or no such plot.
        Conflict: The job is not a study, has not finished, or its trainings do not differ in their grid.
    """
    with sessions.read() as session:
        job = Jobs(session).get(job_id)
        if name not in STUDY_PLOTS:
            detail = f"there is no plot {name[:100]!r}; the plots are {', '.join(STUDY_PLOTS)}"
            raise NotFound("plot_not_found", detail)
        request = _read_study(job)
        jobs = JobSubtasks(session, job).trainings()
        models = TrainedModels(session).find_by_jobs([training.id for training in jobs])
        pairs = [(training, models[training.id]) for training in jobs if training.id in models]
        dataset = session.get(Dataset, request.dataset_id)
    title = theme.say("Study of {target}", target=request.goal)
    if dataset:
        title = theme.say("Study of {target} in {dataset}", target=request.goal, dataset=dataset.name)
    view = _make_view(STUDY_PLOTS[name], [model for _, model in pairs])
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


def _make_view(plot: StudyPlot, models: list[Model]) -> charts.StudyView:
    has_classes = any("log_loss" in model.record["metrics"] for model in models)
    return charts.StudyView(
        across=plot.across,
        up=plot.up,
        metric="log loss" if has_classes else "RMSE",
        has_slope=plot.up == "error" and not has_classes,
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
