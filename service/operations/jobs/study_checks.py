"""Checks of a study: each of its trainings is checked as if submitted alone."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from service.db.tables import Dataset
from service.errors import Invalid
from service.operations.jobs.cost_estimate import refuse_too_long, refuse_untrainable
from service.operations.jobs.limits import AdmissionLimits
from service.operations.jobs.validation_errors import Mistakes, refuse_mistakes
from service.schemas.options.training import MAX_GRIDS
from service.schemas.study import GRID_PATH, SHARED_SETTINGS, StudyRequest
from service.schemas.training import TrainRequest
from service.settings import Settings


def check_study(request: StudyRequest, dataset: Dataset, settings: Settings, limits: AdmissionLimits) -> None:
    """Check that each training of the study could be submitted.

    Raises:
        Invalid: There are too many trainings, or one of them is invalid; the error says which.
    """
    if request.count > settings.max_study_trainings:
        detail = (
            f"the study would make {request.count} trainings, the limit is {settings.max_study_trainings}; "
            "vary fewer settings, or try fewer values"
        )
        limit = settings.max_study_trainings
        raise Invalid.make_at("study_too_large", detail, {"pointer": "#/vary"}, limit=limit)
    refuse_mistakes(_check_shared_settings(request))
    if request.refine:
        refuse_mistakes(_check_grids(request))
    for combination in request.combinations():
        training = _read_training(request, combination)
        if request.refine:
            refuse_mistakes(_check_refinement(request, combination))
        try:
            refuse_too_long(training.max_seconds, settings)
            refuse_untrainable(training, dataset, settings, limits)
        except Invalid as error:
            raise _make_training_error(error, combination) from None


def _check_shared_settings(request: StudyRequest) -> Mistakes:
    for path in request.vary:
        if path.split(".")[0] in SHARED_SETTINGS:
            detail = f"{path} is the same for all trainings of a study; submit a study for each"
            yield "invalid_setting", ["vary", path], detail


def _check_grids(request: StudyRequest) -> Mistakes:
    """Check the grids that a network is refined through."""
    grids = request.vary.get(GRID_PATH, [])
    if any(type(grid) is not int or grid < 1 for grid in grids):
        yield (
            "invalid_setting",
            ["vary", GRID_PATH],
            f"a network is refined through whole numbers, got {grids}",
        )
    elif len(set(grids)) < 2:
        detail = "refine takes one network through several grids; vary network.grid, such as [3, 5, 10]"
        yield "invalid_setting", ["refine"], detail
    elif len(set(grids)) > MAX_GRIDS:
        detail = f"a network is refined through at most {MAX_GRIDS} grids, got {len(set(grids))}"
        yield "invalid_setting", ["vary", GRID_PATH], detail


def _check_refinement(request: StudyRequest, combination: dict[str, Any]) -> Mistakes:
    """Check the settings of a network that is refined through several grids."""
    training = request.make_single_training(combination)
    if training.training.grid_schedule != "auto":
        detail = "refine takes the grid_schedule from the values of network.grid; leave one of the two out"
        yield "invalid_setting", ["training", "grid_schedule"], detail
    if training.network.hidden == "auto":
        detail = (
            "refine needs a shape, since a search would find another for every grid; give hidden, such as [5]"
        )
        yield "invalid_setting", ["network", "hidden"], detail


def _read_training(request: StudyRequest, combination: dict[str, Any]) -> TrainRequest:
    try:
        return request.make_training(combination)
    except ValidationError as error:
        refuse_mistakes(_list_invalid_settings(error, combination))
        raise


def _list_invalid_settings(error: ValidationError, combination: dict[str, Any]) -> Iterator[Any]:
    for entry in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(map(str, entry["loc"]))
        path = next((path for path in combination if place.startswith(path) or path.startswith(place)), None)
        is_unknown = entry["type"] == "extra_forbidden"
        reason = "there is no such setting; correct its name" if is_unknown else entry["msg"]
        detail = f"no training has {combination}: {place}: {reason}"
        yield "invalid_setting", ["vary", *([path] if path else [])], detail


def _make_training_error(error: Invalid, combination: dict[str, Any]) -> Invalid:
    detail = f"the training with {combination} is invalid: {error.detail}"
    return Invalid(error.code, detail, errors=error.errors, **error.extra)
