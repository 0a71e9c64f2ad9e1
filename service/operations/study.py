"""What a study may ask for: every training of it is checked as if it had been submitted alone."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from service.db.tables import Dataset
from service.errors import Invalid
from service.operations.cost import estimate, refuse_too_costly
from service.operations.mistakes import Mistakes, refuse
from service.operations.training_checks import check
from service.schemas.study import SHARED, StudyRequest
from service.schemas.training import TrainRequest
from service.settings import Settings


def check_study(request: StudyRequest, dataset: Dataset, settings: Settings) -> None:
    """Nothing, if each of its trainings could be submitted.

    Raises:
        Invalid: There are too many, or one of them cannot be done; it says which.
    """
    if request.count > settings.max_study_trainings:
        detail = (
            f"the study would make {request.count} trainings, and may make {settings.max_study_trainings}; "
            "vary fewer settings, or try fewer values"
        )
        entry = {"pointer": "#/vary", "code": "study_too_large", "detail": detail}
        raise Invalid("study_too_large", detail, errors=[entry], limit=settings.max_study_trainings)
    refuse(_shared(request))
    for combination in request.combinations():
        training = _read(request, combination)
        try:
            refuse(_too_long(training, settings))
            plan = check(training, dataset.columns, dataset.rows)
            refuse_too_costly(estimate(plan), settings, training.max_seconds)
        except Invalid as error:
            raise _of_training(error, combination) from None


def _shared(request: StudyRequest) -> Mistakes:
    for path in request.vary:
        if path.split(".")[0] in SHARED:
            detail = f"{path} is the same for all trainings of a study; submit a study for each"
            yield "invalid_setting", ["vary", path], detail


def _read(request: StudyRequest, combination: dict[str, Any]) -> TrainRequest:
    try:
        return request.training_with(combination)
    except ValidationError as error:
        refuse(_invalid_settings(error, combination))
        raise


def _invalid_settings(error: ValidationError, combination: dict[str, Any]) -> Iterator[Any]:
    for entry in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(map(str, entry["loc"]))
        path = next((path for path in combination if place.startswith(path) or path.startswith(place)), None)
        detail = f"no training has {combination}: {place}: {entry['msg']}"
        yield "invalid_setting", ["vary", *([path] if path else [])], detail


def _too_long(training: TrainRequest, settings: Settings) -> Mistakes:
    limit = settings.max_job_seconds
    if training.max_seconds > limit:
        detail = f"max_seconds may be at most {limit:g} here, got {training.max_seconds:g}"
        yield "max_seconds_too_large", ["max_seconds"], detail


def _of_training(error: Invalid, combination: dict[str, Any]) -> Invalid:
    detail = f"the training with {combination} cannot be done: {error.detail}"
    return Invalid(error.code, detail, errors=error.errors, **error.extra)
