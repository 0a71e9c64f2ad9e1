"""What a dataset must have for a training job, known from its column report alone."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from service.errors import Invalid
from service.schemas.jobs import TrainRequest
from service.schemas.plan import NUMBERS, Plan, Report
from service.strict_json import pointer

Path = list[str | int]
Mistakes = Iterator[tuple[str, Path, str]]  # code, path in the request, what is wrong and what to do

MIN_ROWS = 5
NAMED = 20  # column names that a message lists at most
READABLE_AS = {
    "number": ("number", "integer", "category"),
    "integer": ("integer", "number", "category"),
    "boolean": ("boolean", "number", "integer", "category"),
    "category": ("category", "text"),
    "text": ("text", "category"),
    "datetime": ("datetime",),
}


def check(request: TrainRequest, columns: list[Report], rows: int) -> Plan:
    """The plan for a request on a dataset with these columns.

    Raises:
        Invalid: With every mistake that was found; the code is the first one's.
    """
    plan = Plan(request, {column["name"]: column for column in columns}, rows)
    _refuse(_unknown_columns(plan))
    checks: list[Callable[[Plan], Mistakes]] = [
        _of_types,
        _of_target,
        _of_features,
        _of_weight,
        _of_grid,
        _of_options,
    ]
    _refuse(mistake for find in checks for mistake in find(plan))
    return plan


def _refuse(mistakes: Mistakes) -> None:
    found = [{"pointer": pointer(path), "code": code, "detail": detail} for code, path, detail in mistakes]
    if found:
        more = f" (and {len(found) - 1} more, see errors)" if len(found) > 1 else ""
        raise Invalid(found[0]["code"], found[0]["detail"] + more, errors=found)


def _unknown_columns(plan: Plan) -> Mistakes:
    request = plan.request
    named: list[tuple[Path, str | None]] = [(["target"], request.target), (["weight"], request.weight)]
    named += [(["features", place], name) for place, name in enumerate(request.features or [])]
    named += [(["types", name], name) for name in request.types]
    named += [(["split", "column"], request.split.column)]
    for path, name in named:
        if name is not None and name not in plan.reports:
            yield "unknown_column", path, f"there is no column {name!r}; {_listed(list(plan.reports))}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"the columns are {', '.join(map(repr, names[:NAMED]))}{more}"


def _of_types(plan: Plan) -> Mistakes:
    for name, wanted in plan.request.types.items():
        report = plan.reports[name]
        is_two_valued = wanted == "boolean" and report["distinct"] == 2 and report["type"] in NUMBERS
        if wanted not in READABLE_AS[report["type"]] and not is_two_valued:
            known = " or ".join(READABLE_AS[report["type"]])
            detail = f"column {name!r} is {report['type']} and cannot be read as {wanted}; possible: {known}"
            yield "invalid_type", ["types", name], detail


def _of_target(plan: Plan) -> Mistakes:
    path: Path = ["target"]
    name, kind, classes = repr(plan.request.target), plan.types[plan.request.target], plan.target["distinct"]
    if plan.usable_rows == 0:
        yield "target_all_missing", path, f"the target {name} has no values; choose another column"
    elif classes < 2:
        yield "target_constant", path, f"the target {name} has one value in all rows: nothing to learn"
    elif kind == "datetime":
        yield "target_not_usable", path, f"the target {name} is a time; upload it as a number"
    elif plan.task == "regression" and kind not in (*NUMBERS, "boolean"):
        detail = f"the target {name} is {kind} and regression needs a number; choose the task classification"
        yield "target_not_numeric", path, detail
    elif plan.usable_rows < MIN_ROWS:
        detail = f"only {plan.usable_rows} rows have a target, at least {MIN_ROWS} are needed; upload more"
        yield "too_few_rows", path, detail
    elif plan.task == "classification" and classes > plan.training_rows:
        detail = (
            f"the target {name} has {classes} classes and there are {plan.training_rows} rows to learn from; "
            "choose another target or merge classes"
        )
        yield "more_classes_than_rows", path, detail


def _of_features(plan: Plan) -> Mistakes:
    if not plan.features:
        yield "no_features", ["features"], "no column is left to learn from: all others are constant or text"
    named = plan.request.features or []
    for place, name in enumerate(named):
        path: Path = ["features", place]
        if name in plan.roles:
            yield (
                "feature_has_other_role",
                path,
                f"column {name!r} is the {plan.roles[name]}; leave it out here",
            )
        elif name in named[:place]:
            yield "duplicate_feature", path, f"column {name!r} is listed twice; keep one"
        elif plan.reports[name]["missing"] == plan.rows:
            yield "feature_all_missing", path, f"column {name!r} has no values; leave it out"
        elif plan.types[name] == "datetime":
            yield "feature_not_usable", path, f"column {name!r} is a time; upload it as a number"


def _of_weight(plan: Plan) -> Mistakes:
    name = plan.request.weight
    if name is None:
        return
    report = plan.reports[name]
    if name == plan.request.target:
        problem = f"column {name!r} is the target; it cannot weigh the rows as well"
    elif report["type"] not in NUMBERS:
        problem = f"weights must be numbers, column {name!r} is {report['type']}"
    elif report["missing"]:
        problem = f"every row needs a weight, column {name!r} lacks {report['missing']}"
    elif report["min"] < 0 or report["max"] <= 0:
        problem = f"weights must be positive or 0, {name!r} goes from {report['min']} to {report['max']}"
    else:
        return
    yield "invalid_weight", ["weight"], problem


def _of_grid(plan: Plan) -> Mistakes:
    """A schedule goes from coarse to fine, and begins at the grid that was asked for."""
    schedule, grid = plan.request.training.grid_schedule, plan.request.network.grid
    path: Path = ["training", "grid_schedule"]
    if schedule == "auto":
        return
    if any(fine <= coarse for coarse, fine in pairwise(schedule)):
        yield "invalid_grid_schedule", path, f"grid sizes must grow from entry to entry, got {schedule}"
    elif grid not in ("auto", schedule[0]):
        detail = f"the schedule must begin with network.grid, which is {grid}, got {schedule[0]}"
        yield "invalid_grid_schedule", path, detail


def _of_options(plan: Plan) -> Mistakes:
    training, split = plan.request.training, plan.request.split
    if training.optimizer == "levenberg_marquardt" and training.lamb not in ("auto", 0):
        detail = "levenberg_marquardt cannot minimise the sparsity penalty; use adam or lbfgs, or lamb 0"
        yield "invalid_optimizer", ["training", "optimizer"], detail
    if plan.task == "regression" and training.class_weight is not None:
        detail = "class weights belong to classification; remove them, or name a weight column"
        yield "class_weight_without_classes", ["training", "class_weight"], detail
    if plan.task == "regression" and split.kind == "stratified":
        detail = "a stratified split needs classes; use the kind random for a number"
        yield "stratified_without_classes", ["split", "kind"], detail
    if split.column == plan.request.target:
        detail = "the target cannot choose the held-out rows; name another column"
        yield "invalid_split_column", ["split", "column"], detail
