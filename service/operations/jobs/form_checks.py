"""Checks of the form that a training fits beside its search."""

from kan_engine.forms.template import InvalidForm
from service.documents.training_plan import NUMBER_TYPES, TrainingPlan
from service.errors import ErrorEntry, Invalid
from service.operations.jobs.validation_errors import Path
from service.strict_json import pointer


def check_form(plan: TrainingPlan) -> None:
    """Check that the form can be fitted to the columns of the dataset.

    Raises:
        Invalid: It cannot; the error names the character or the constant.
    """
    if plan.request.form is None:
        return
    if plan.task != "regression":
        raise _refuse("a form gives a number; choose a numeric target, or the task regression", ["form"])
    try:
        form = plan.form
    except InvalidForm as error:
        path: Path = ["form"] if error.constant is None else ["constants", error.constant]
        raise _refuse(str(error), path, error.place) from error
    assert form is not None  # noqa: S101 - the request has one
    for name in form.columns:
        if plan.types[name] not in (*NUMBER_TYPES, "boolean"):
            raise _refuse(f"column {name!r} is {plan.types[name]}, but a form takes numbers", ["form"])
        if plan.request.features is not None and name not in plan.request.features:
            raise _refuse(f"the form uses column {name!r}; add it to features", ["form"])
        if plan.reports[name].distinct < 2:
            raise _refuse(f"column {name!r} has one value in all rows; hold a constant instead", ["form"])


def _refuse(detail: str, path: Path, place: int | None = None) -> Invalid:
    character = None if place is None else place + 1
    entry = ErrorEntry("invalid_form", detail, {"pointer": pointer(path)}, character)
    told = detail if character is None else f"{detail} (character {character})"
    return Invalid("invalid_form", told, errors=[entry])
