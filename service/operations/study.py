"""What a study may ask for: every training of it is checked as if it had been submitted alone."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from service.db.tables import Dataset
from service.errors import Invalid
from service.operations.admission import refuse_hopeless, refuse_too_long
from service.operations.mistakes import Mistakes, refuse
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
            refuse_too_long(training.max_seconds, settings)
            refuse_hopeless(training, dataset, settings)
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


def _of_training(error: Invalid, combination: dict[str, Any]) -> Invalid:
    detail = f"the training with {combination} cannot be done: {error.detail}"
    return Invalid(error.code, detail, errors=error.errors, **error.extra)
