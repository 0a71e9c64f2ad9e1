"""Checks of the wishes about formulas and networks, from the column report alone."""

from kan_engine.expressions.function_sets import FUNCTION_NAMES
from kan_engine.units.unit import read_unit
from service.documents.column_report import NUMBER_TYPES
from service.documents.training_plan import TrainingPlan
from service.errors import format_names
from service.operations.jobs.validation_errors import Mistakes, Path


def check_wishes(plan: TrainingPlan) -> Mistakes:
    """Check that wishes name features and functions, and do not contradict each other."""
    yield from _check_must_use(plan)
    yield from _check_functions(plan)
    yield from _check_monotone(plan)
    yield from _check_bounds(plan)
    yield from _check_units(plan)


def _check_must_use(plan: TrainingPlan) -> Mistakes:
    features, columns = {report.name for report in plan.features}, set[str]()
    for place, name in enumerate(plan.request.must_use or []):
        path: Path = ["must_use", place]
        if name in columns:
            yield "invalid_wish", path, f"column {name!r} is listed twice; keep one"
        elif name not in features:
            role = plan.roles.get(
                name, "no feature: it is constant, free text, an id, or not listed in features"
            )
            yield (
                "invalid_wish",
                path,
                f"column {name!r} is {role}; name features only, or list it in features",
            )
        columns.add(name)
    must_use, symbolic = plan.request.must_use or [], plan.request.symbolic
    if symbolic is not None and symbolic.max_complexity is not None:
        min_complexity = 2 * len(columns) - 1  # the columns and the operators between them
        if must_use and symbolic.max_complexity < min_complexity:
            detail = (
                f"a formula of {len(columns)} columns has a complexity of at least {min_complexity}, but "
                f"max_complexity is {symbolic.max_complexity}; raise it, or name fewer columns"
            )
            yield "invalid_wish", ["must_use"], detail


def _check_functions(plan: TrainingPlan) -> Mistakes:
    for place, name in enumerate(plan.request.functions or []):
        if name not in FUNCTION_NAMES:
            detail = (
                f"there is no function {name!r}; functions names some of {format_names(list(FUNCTION_NAMES))}"
            )
            yield "unknown_function", ["functions", place], detail


def _check_monotone(plan: TrainingPlan) -> Mistakes:
    monotone, features = plan.request.monotone, {report.name for report in plan.features}
    if not monotone:
        return
    if plan.task != "regression":
        detail = "only a number rises or falls with a column; omit monotone, or choose the task regression"
        yield "invalid_wish", ["monotone"], detail
    for name in monotone:
        kind = plan.types[name]
        if name not in features:
            detail = f"column {name!r} is no feature; name features only, or list it in features"
            yield "invalid_wish", ["monotone", name], detail
        elif kind not in (*NUMBER_TYPES, "boolean"):
            detail = f"column {name!r} is {kind}, whose values have no order; name columns of numbers"
            yield "invalid_wish", ["monotone", name], detail
    if plan.request.network.hidden not in ("auto", []):
        detail = "monotone networks are sums of curves without hidden nodes; omit hidden, or give []"
        yield "invalid_wish", ["network", "hidden"], detail


def _check_bounds(plan: TrainingPlan) -> Mistakes:
    bounds = plan.request.bounds
    if bounds is None:
        return
    if plan.task != "regression":
        yield (
            "invalid_wish",
            ["bounds"],
            "bounds belong to a number; omit them, or choose the task regression",
        )
        return
    (low, high), ends = bounds.ends, plan.target.range
    if ends is not None and (ends[1] < low or ends[0] > high):
        detail = f"all values of the target lie outside the bounds: they go from {ends[0]:g} to {ends[1]:g}"
        yield "invalid_wish", ["bounds"], f"{detail}; correct the bounds"


def _check_units(plan: TrainingPlan) -> Mistakes:
    names = {plan.target.name, *(report.name for report in plan.features)}
    is_known = any(name in names and read_unit(text) is not None for name, text in plan.units.items())
    if plan.request.units == "enforce" and not is_known:
        detail = (
            "no column of this training has a known unit, so none can be enforced; upload the table with "
            "units, or omit units"
        )
        yield "invalid_wish", ["units"], detail
