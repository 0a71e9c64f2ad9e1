"""Checks of the form that a training fits beside its search."""

from kan_engine.data.thresholds import DEFAULT_DATA
from kan_engine.formulas.forms.template import InvalidForm
from service.documents.column_report import NUMBER_TYPES
from service.documents.training_plan import TrainingPlan
from service.errors import ErrorEntry, Invalid
from service.operations.jobs.validation_errors import Path
from service.strict_json import pointer


def check_form(plan: TrainingPlan) -> None:
    """Check that the form can be fitted to the columns of the dataset.

    Raises:
        Invalid: It cannot; the error names the character or the constant.
    """
    _check_groups(plan)
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
    grouping = plan.request.per_group
    if grouping is not None and form.functions:
        raise _refuse("constants per group need a form without unknown functions", ["per_group"])
    if grouping is not None and not form.constants:
        raise _refuse("constants per group need a form with constants that are fitted", ["per_group"])
    for place, name in enumerate((grouping and grouping.own) or ()):
        if name not in form.constants:
            detail = f"the form has no constant {name!r} that is fitted"
            raise _refuse(detail, ["per_group", "own", place])
    for name in form.columns:
        if plan.types[name] not in (*NUMBER_TYPES, "boolean"):
            raise _refuse(f"column {name!r} is {plan.types[name]}, but a form takes numbers", ["form"])
        if plan.request.features is not None and name not in plan.request.features:
            raise _refuse(f"the form uses column {name!r}; add it to features", ["form"])
        if plan.reports[name].distinct < 2:
            raise _refuse(f"column {name!r} has one value in all rows; hold a constant instead", ["form"])


def _check_groups(plan: TrainingPlan) -> None:
    """Check that the column of the groups names groups.

    Raises:
        Invalid: It does not.
    """
    grouping = plan.request.per_group
    if grouping is None:
        return
    name = repr(grouping.column)
    path: Path = ["per_group", "column"]
    if plan.task != "regression":
        raise _refuse("constants per group need a numeric target", ["per_group"])
    if grouping.column in plan.roles:
        raise _refuse(f"column {name} is the {plan.roles[grouping.column]} and cannot name groups", path)
    if plan.request.features is not None and grouping.column not in plan.request.features:
        raise _refuse(f"column {name} names the groups; add it to features", path)
    max_groups, count = DEFAULT_DATA.max_category_columns, plan.reports[grouping.column].distinct
    if not 2 <= count <= max_groups:
        raise _refuse(f"column {name} has {count} values; there may be 2 to {max_groups} groups", path)


def _refuse(detail: str, path: Path, place: int | None = None) -> Invalid:
    character = None if place is None else place + 1
    entry = ErrorEntry("invalid_form", detail, {"pointer": pointer(path)}, character)
    message = detail if character is None else f"{detail} (character {character})"
    return Invalid("invalid_form", message, errors=[entry])
