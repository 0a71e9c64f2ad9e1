"""Checks of the wishes about formulas and networks, from the column report alone."""

from kan_engine.expressions.function_sets import FUNCTION_NAMES
from service.documents.training_plan import TrainingPlan
from service.errors import format_names
from service.operations.jobs.validation_errors import Mistakes, Path


def check_wishes(plan: TrainingPlan) -> Mistakes:
    """Check that wishes name features and functions, and do not contradict each other."""
    yield from _check_must_use(plan)
    yield from _check_functions(plan)


def _check_must_use(plan: TrainingPlan) -> Mistakes:
    features, seen = {report.name for report in plan.features}, set[str]()
    for place, name in enumerate(plan.request.must_use or []):
        path: Path = ["must_use", place]
        if name in seen:
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
        seen.add(name)
    wished, symbolic = plan.request.must_use or [], plan.request.symbolic
    if symbolic is not None and symbolic.max_complexity is not None:
        least = 2 * len(seen) - 1  # the columns and the operators between them
        if wished and symbolic.max_complexity < least:
            detail = (
                f"a formula of {len(seen)} columns has a complexity of at least {least}, but max_complexity "
                f"is {symbolic.max_complexity}; raise it, or name fewer columns"
            )
            yield "invalid_wish", ["must_use"], detail


def _check_functions(plan: TrainingPlan) -> Mistakes:
    for place, name in enumerate(plan.request.functions or []):
        if name not in FUNCTION_NAMES:
            detail = (
                f"there is no function {name!r}; functions names some of {format_names(list(FUNCTION_NAMES))}"
            )
            yield "unknown_function", ["functions", place], detail
