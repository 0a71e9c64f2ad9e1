"""Pictures of models and of studies, and the numbers behind them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.db.repositories import TrainedModels, TrainingJobs
from service.db.repositories.job_parts import JobParts
from service.db.session import Sessions
from service.db.tables import Dataset, Job, JobStatus, Model
from service.errors import Conflict, NotFound
from service.plots.confusion import draw_confusion
from service.plots.effects import draw_effects
from service.plots.history import draw_history
from service.plots.importance import draw_importance
from service.plots.parity import draw_parity, draw_residuals
from service.plots.probabilities import draw_probabilities
from service.plots.sheet import Subject
from service.plots.study import Axis, Trained, draw_error
from service.schemas.study import StudyRequest
from service.svg import Theme

Figures = Mapping[str, Any]
ALONG_AXIS = ("grid", "grid_schedule", "seed")
AXES: dict[str, Axis] = {"error_by_grid": "grid", "error_by_parameters": "parameters"}


def read_figures(reference: str, sessions: Sessions) -> dict[str, Any]:
    """The numbers behind the pictures of a model.

    Raises:
        NotFound: There is no such model.
        Conflict: It has no such numbers.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        return {"model_id": model.id, **_kept(model)}


def draw_plot(reference: str, name: str, sessions: Sessions, theme: Theme) -> str:
    """A picture of a model by its name.

    Raises:
        NotFound: There is no such model, or no such picture.
        Conflict: The model lacks what is to be drawn.
    """
    with sessions.read() as session:
        model = TrainedModels(session).get(reference)
        if name not in PLOTS:
            raise _unknown_plot(name, PLOTS)
        figures = {} if name == "history" else _kept(model)
    return PLOTS[name](model, figures, theme)


def _history(model: Model, figures: Figures, theme: Theme) -> str:
    history = [entry for entry in model.record.get("history") or () if entry.get("loss") is not None]
    if not history:
        detail = f"no steps of a training were recorded for model {model.id}; train a network to have some"
        raise Conflict("no_history", detail)
    return draw_history(history, _subject(model, figures, theme), theme)


def _parity(model: Model, figures: Figures, theme: Theme) -> str:
    draw = draw_parity if figures["parity"] is not None else draw_confusion
    return draw(figures, _subject(model, figures, theme), theme)


def _residuals(model: Model, figures: Figures, theme: Theme) -> str:
    draw = draw_residuals if figures["parity"] is not None else draw_probabilities
    return draw(figures, _subject(model, figures, theme), theme)


def _effects(model: Model, figures: Figures, theme: Theme) -> str:
    if not figures["effects"]:
        detail = (
            f"the network of model {model.id} reads no feature, or its job ended before any was looked at"
        )
        raise Conflict("no_figures", f"{detail}; a longer max_seconds leaves more time")
    return draw_effects(figures["effects"], _subject(model, figures, theme), theme)


def _importance(model: Model, figures: Figures, theme: Theme) -> str:
    return draw_importance(figures["importance"], _subject(model, figures, theme), theme)


PLOTS: dict[str, Callable[[Model, Figures, Theme], str]] = {
    "history": _history,
    "parity": _parity,
    "residuals": _residuals,
    "effects": _effects,
    "importance": _importance,
}


def _kept(model: Model) -> dict[str, Any]:
    if model.figures is None:
        detail = (
            f"model {model.id} came from a file, or was trained before such numbers were kept; "
            "train it again, or change its formula, to have them"
        )
        raise Conflict("no_figures", detail)
    return model.figures


def _subject(model: Model, figures: Figures, theme: Theme) -> Subject:
    return Subject(
        name=theme.say("{name}, version {version}", name=model.name, version=model.version),
        target=model.target,
        units=model.record.get("units") or {},
        measured_on=figures.get("measured_on", "hold-out"),
        metrics=model.record.get("metrics") or {},
    )


def draw_study_plot(job_id: str, name: str, sessions: Sessions, theme: Theme) -> str:
    """A picture of a study by its name.

    Raises:
        NotFound: There is no such job, or no such picture.
        Conflict: The job is no study, has not ended, or varied no grid.
    """
    with sessions.read() as session:
        job = TrainingJobs(session).get(job_id)
        if name not in AXES:
            raise _unknown_plot(name, AXES)
        request = _study_of(job)
        jobs = JobParts(session, job).trainings()
        models = TrainedModels(session).of_jobs([training.id for training in jobs])
        trainings = [
            trained
            for training in jobs
            if (model := models.get(training.id)) is not None
            and (trained := _trained(request, training, model)) is not None
        ]
        metric = _metric(list(models.values()))
        dataset = session.get(Dataset, request.dataset_id)
    title = theme.say("Study of {target}", target=request.target)
    if dataset:
        title = theme.say("Study of {target} in {dataset}", target=request.target, dataset=dataset.name)
    axis = AXES[name]
    if len({training.grid for training in trainings}) < 2:
        detail = (
            f"the trainings of study {job_id} that have a model and an error on hold-out rows do not differ "
            "in their grid; vary network.grid, such as [3, 5, 10, 20]"
        )
        raise Conflict("no_plot", detail)
    is_squared = metric == "rmse"
    told = "RMSE" if is_squared else "log loss"
    return draw_error(trainings, axis, title=title, metric=told, theme=theme, has_slope=is_squared)


def _study_of(job: Job) -> StudyRequest:
    if job.kind != "study":
        detail = f"job {job.id} is of the kind {job.kind}; these pictures are of studies"
        raise Conflict("no_plot", detail)
    if not JobStatus(job.status).is_final:
        detail = f"study {job.id} has not ended, its status is {job.status}; wait for its end"
        raise Conflict("no_plot", detail, job_status=job.status)
    return StudyRequest.model_validate(job.request)


def _metric(models: list[Model]) -> str:
    return "log_loss" if any("log_loss" in model.record["metrics"] for model in models) else "rmse"


def _trained(request: StudyRequest, job: Job, model: Model) -> Trained | None:
    """What a training came to; None without an error that can be drawn."""
    metrics, network = model.record["metrics"], model.record["network"]
    error = metrics.get("rmse", metrics.get("log_loss"))
    if not error:
        return None
    return Trained(
        settings=", ".join(_settings(request, job)),
        grid=network["grid"],
        order=network["order"],
        parameters=network["parameters"],
        error=float(error),
    )


def _settings(request: StudyRequest, job: Job) -> Iterator[str]:
    """What a training was made with that others of its study were not, but for the grid and the seed."""
    for path in request.paths:
        value: Any = job.request
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, dict):
            yield from (f"{name} = {part}" for name, part in value.items() if name not in ALONG_AXIS)
        elif (name := path.rpartition(".")[2]) not in ALONG_AXIS:
            yield f"{name} = {value}"


def _unknown_plot(name: str, known: Mapping[str, Any]) -> NotFound:
    return NotFound("plot_not_found", f"there is no picture {name[:100]!r}; there are {', '.join(known)}")
