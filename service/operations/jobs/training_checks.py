"""Checks that a dataset suits a training job, from its column report alone."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from math import ceil
from types import MappingProxyType

from kan_engine.cost import sparse_optimizers
from kan_engine.data.labels import class_name
from service.documents.column_report import NUMBER_TYPES, ColumnReport, explain_unreadable
from service.documents.training_plan import TrainingPlan, explain_unusable_numbers
from service.errors import format_names
from service.operations.jobs import density_checks
from service.operations.jobs.form_checks import check_form
from service.operations.jobs.limits import AdmissionLimits
from service.operations.jobs.validation_errors import Mistakes, Path, refuse_mistakes
from service.operations.jobs.wish_checks import check_wishes
from service.schemas.training import TrainRequest

MAX_ERROR_RATIO = 1e8  # of the errors of two rows: a weight must not vanish beside another in float64

NO_UNITS: Mapping[str, str] = MappingProxyType({})


def check_training(
    request: TrainRequest,
    columns: list[ColumnReport],
    rows: int,
    limits: AdmissionLimits,
    *,
    units: Mapping[str, str] = NO_UNITS,
) -> TrainingPlan:
    """Check a request against a dataset with these columns; returns the plan of the training.

    Raises:
        Invalid: With every mistake found; its code is that of the first.
    """
    plan = TrainingPlan(request, {column.name: column for column in columns}, rows, units)
    refuse_mistakes(_check_columns_exist(plan))
    checks: list[Callable[[TrainingPlan], Mistakes]] = [
        _check_types,
        partial(_check_target, limits=limits),
        _check_features,
        _check_weight,
        _check_target_error,
        _check_grid_schedule,
        _check_options,
        partial(_check_split, limits=limits),
        _check_class_weights,
        check_wishes,
    ]
    if plan.request.task == "density":
        checks = [
            partial(density_checks.check_columns, limits=limits),
            _check_weight,
            density_checks.check_options,
            partial(density_checks.check_network, limits=limits),
        ]
    refuse_mistakes(mistake for find in checks for mistake in find(plan))
    check_form(plan)
    return plan


def _check_columns_exist(plan: TrainingPlan) -> Mistakes:
    request = plan.request
    references: list[tuple[Path, str | None]] = [(["target"], request.target), (["weight"], request.weight)]
    references += [(["target_error"], request.target_error)]
    references += [(["must_use", place], name) for place, name in enumerate(request.must_use or [])]
    references += [(["features", place], name) for place, name in enumerate(request.features or [])]
    references += [(["types", name], name) for name in request.types]
    references += [(["monotone", name], name) for name in request.monotone or {}]
    references += [(["split", "column"], request.split.column)]
    references += [(["per_group", "column"], request.per_group.column)] if request.per_group else []
    for path, name in references:
        if name is not None and name not in plan.reports:
            columns = format_names(list(plan.reports))
            yield "unknown_column", path, f"there is no column {name!r}; the columns are {columns}"


def _check_types(plan: TrainingPlan) -> Mistakes:
    for name, requested_type in plan.request.types.items():
        fault = explain_unreadable(plan.reports[name], requested_type)
        if fault is not None:
            yield "invalid_type", ["types", name], fault


def _check_target(plan: TrainingPlan, limits: AdmissionLimits) -> Mistakes:
    path: Path = ["target"]
    name, kind, classes = repr(plan.request.target), plan.types[plan.request.goal], plan.target.distinct
    if plan.usable_rows == 0:
        yield "target_all_missing", path, f"the target {name} has no values; choose another column"
    elif classes < 2:
        yield "target_constant", path, f"the target {name} has one value in all rows; choose another column"
    elif kind == "datetime":
        yield "target_not_usable", path, f"the target {name} is a time; upload it as a number"
    elif plan.task == "regression" and kind not in (*NUMBER_TYPES, "boolean"):
        detail = f"the target {name} is {kind}, but regression needs a number; choose the task classification"
        yield "target_not_numeric", path, detail
    elif plan.task == "regression" and (reason := explain_unusable_numbers(plan.target)):
        yield "target_not_usable", path, f"the target {name} {reason}; upload it in another unit"
    elif plan.usable_rows < limits.min_rows:
        detail = f"only {plan.usable_rows} rows have a target, the minimum is {limits.min_rows}; upload more"
        yield "too_few_rows", path, detail
    elif plan.task == "classification" and classes > plan.training_rows:
        detail = (
            f"the target {name} has {classes} classes, but there are {plan.training_rows} training rows; "
            "choose another target or merge classes"
        )
        yield "more_classes_than_rows", path, detail


def _check_features(plan: TrainingPlan) -> Mistakes:
    if not plan.features:
        detail = (
            "no column can be a feature: constants and free text are not used; "
            "upload a table with further columns, or give a column another type"
        )
        yield "no_features", ["features"], detail
    elif (
        0
        < (max_values := _count_guaranteed_values(plan))
        <= plan.usable_rows - plan.training_rows
        < plan.usable_rows
    ):
        detail = (
            f"the fullest feature may have only {max_values} values in the {plan.usable_rows} rows with a "
            "target, and the hold-out may take all of these; upload a table with fewer missing values"
        )
        yield "no_features", ["features"], detail
    previous_names: set[str] = set()
    for place, name in enumerate(plan.request.features or []):
        path: Path = ["features", place]
        if name in plan.roles:
            yield (
                "feature_has_other_role",
                path,
                f"column {name!r} is the {plan.roles[name]}; leave it out here",
            )
        elif name in previous_names:
            yield "duplicate_feature", path, f"column {name!r} is listed twice; keep one"
        elif plan.reports[name].missing == plan.rows:
            yield "feature_all_missing", path, f"column {name!r} has no values; leave it out"
        elif plan.reports[name].distinct == 1 and not plan.reports[name].missing:
            yield "feature_constant", path, f"column {name!r} has one value in all rows; leave it out"
        elif reason := explain_unusable_numbers(plan.reports[name]):
            yield "feature_not_usable", path, f"column {name!r} {reason}; upload it in another unit"
        previous_names.add(name)


def _count_guaranteed_values(plan: TrainingPlan) -> int:
    """Number of values that the fullest feature has at least in the rows with a target."""
    return max(plan.usable_rows - report.missing for report in plan.features)


def _check_weight(plan: TrainingPlan) -> Mistakes:
    name = plan.request.weight
    if name is None:
        return
    report = plan.reports[name]
    if name == plan.request.target:
        problem = f"column {name!r} is the target and cannot be the weight; name another column or none"
    elif report.type not in NUMBER_TYPES:
        problem = f"weights must be numbers, column {name!r} is {report.type}; name another or none"
    elif report.missing:
        problem = f"every row needs a weight, column {name!r} lacks {report.missing}; 0 leaves a row out"
    elif report.range and report.range[0] < 0:
        problem = f"weights must be 0 or more, the minimum of {name!r} is {report.min}; name another column"
    elif report.range and report.range[1] <= 0:
        problem = f"all weights in column {name!r} are 0; make some positive, or name no weight column"
    else:
        return
    yield "invalid_weight", ["weight"], problem


def _check_target_error(plan: TrainingPlan) -> Mistakes:
    name = plan.request.target_error
    if name is None:
        return
    report = plan.reports[name]
    if plan.task != "regression":
        problem = "errors of the target belong to regression; omit target_error, or name a weight column"
    elif name == plan.request.target:
        problem = f"column {name!r} is the target and cannot be its error; name another column or none"
    elif report.type not in NUMBER_TYPES:
        problem = f"errors must be numbers, column {name!r} is {report.type}; name another or none"
    elif report.missing:
        problem = f"every row needs an error, column {name!r} lacks {report.missing}; fill or drop these rows"
    elif report.range and report.range[0] <= 0:
        problem = (
            f"errors must be positive, the minimum of {name!r} is {report.min}; correct or drop such rows"
        )
    elif report.range and report.range[1] > MAX_ERROR_RATIO * report.range[0]:
        problem = (
            f"errors in {name!r} go from {report.min} to {report.max}, by more than {MAX_ERROR_RATIO:g}: the "
            "most precise rows alone would count; drop rows or name another column"
        )
    else:
        return
    yield "invalid_target_error", ["target_error"], problem


def _check_grid_schedule(plan: TrainingPlan) -> Mistakes:
    """Check that the schedule goes from coarse to fine and begins with the requested grid."""
    schedule, grid = plan.request.training.grid_schedule, plan.request.network.grid
    path: Path = ["training", "grid_schedule"]
    if schedule == "auto":
        return
    if any(fine <= coarse for coarse, fine in pairwise(schedule)):
        yield "invalid_grid_schedule", path, f"grid sizes must grow from entry to entry, got {schedule}"
    elif grid not in ("auto", schedule[0]):
        detail = f"the schedule must begin with network.grid, which is {grid}, got {schedule[0]}"
        yield "invalid_grid_schedule", path, detail


def _check_options(plan: TrainingPlan) -> Mistakes:
    training, split = plan.request.training, plan.request.split
    able = sparse_optimizers()
    if training.lamb not in ("auto", 0) and training.optimizer not in ("auto", *able):
        others = " or ".join(able)
        detail = f"{training.optimizer} cannot minimise the sparsity penalty; use {others}, or lamb 0"
        yield "invalid_optimizer", ["training", "optimizer"], detail
    if plan.task == "regression" and training.class_weight is not None:
        detail = "class weights belong to classification; remove them, or name a weight column"
        yield "class_weight_without_classes", ["training", "class_weight"], detail
    if plan.task == "regression" and split.kind == "stratified":
        detail = "a stratified split needs classes; use the kind random for regression"
        yield "stratified_without_classes", ["split", "kind"], detail
    if "kernel" in plan.request.baselines:
        detail = "a kernel estimate belongs to the task density; name linear, mlp or boosting"
        yield "kernel_without_density", ["baselines"], detail


def _check_split(plan: TrainingPlan, limits: AdmissionLimits) -> Mistakes:
    """Check the split by the number of rows of each side, before any row is read."""
    split, rows = plan.request.split, plan.usable_rows
    if split.kind == "column":
        yield from _check_split_column(plan)
    if split.kind in ("column", "none") or rows < limits.min_rows:
        return
    test_rows = ceil(split.test_fraction * rows)
    if rows - test_rows < limits.min_training_rows and (plan.task == "regression" or split.kind != "tail"):
        detail = (
            f"a test_fraction of {split.test_fraction:g} of {rows} rows leaves {rows - test_rows} training "
            f"rows, the minimum is {limits.min_training_rows}; lower it"
        )
        yield "invalid_test_fraction", ["split", "test_fraction"], detail
    elif plan.task == "classification" and split.kind == "stratified":
        yield from _check_strata(plan, test_rows)


def _check_split_column(plan: TrainingPlan) -> Mistakes:
    name = plan.request.split.column
    path: Path = ["split", "column"]
    if name == plan.request.target:
        yield "invalid_split_column", path, "the target cannot choose the held-out rows; name another column"
    elif name is not None and plan.reports[name].type == "datetime":
        detail = (
            f"the times in column {name!r} cannot be test values; sort the rows and use the kind tail, "
            "or upload a column that names the held-out rows"
        )
        yield "invalid_split_column", path, detail


def _check_strata(plan: TrainingPlan, test_rows: int) -> Mistakes:
    path: Path = ["split", "kind"]
    classes = plan.target.distinct
    alone = [top.value for top in plan.target.top if top.count < 2]
    if alone:
        detail = (
            f"the class {class_name(alone[0])!r} has one row, but a stratified split needs two; "
            "use the kind random, or leave such rows out"
        )
        yield "class_too_small", path, detail
    elif classes > min(test_rows, plan.usable_rows - test_rows):
        detail = (
            f"a stratified split needs a row of each of the {classes} classes on both sides, but there are "
            f"{test_rows} hold-out rows and {plan.usable_rows - test_rows} training rows; "
            "change test_fraction, or use the kind random"
        )
        yield "invalid_test_fraction", ["split", "test_fraction"], detail


def _check_class_weights(plan: TrainingPlan) -> Mistakes:
    """Check that class weights name classes of the target, if the report lists all classes."""
    weights, top = plan.request.training.class_weight, plan.target.top
    is_known = len(top) > 0 and len(top) == plan.target.distinct and plan.task == "classification"
    if not isinstance(weights, dict) or not is_known:
        return
    classes = [class_name(entry.value) for entry in top]
    for name in weights:
        if name not in classes and not any(label.endswith("…") for label in classes):
            detail = (
                f"there is no class {name!r} in the target; the classes are {format_names(sorted(classes))}"
            )
            yield "unknown_class", ["training", "class_weight", name], detail
