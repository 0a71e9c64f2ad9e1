"""Checks that a density can be trained on a dataset, from its column report alone."""

from service.documents.column_report import NUMBER_TYPES
from service.documents.training_plan import TrainingPlan
from service.errors import format_names
from service.operations.jobs.limits import AdmissionLimits
from service.operations.jobs.validation_errors import Mistakes, Path
from service.schemas.baselines import make_baseline_name
from service.schemas.options.training import TrainingOptions

MAX_COLUMNS = 2  # the dimensions that the engine estimates


def check_columns(plan: TrainingPlan, limits: AdmissionLimits) -> Mistakes:
    """Check for one or two columns of numbers and no target."""
    request, names = plan.request, plan.request.features or []
    if request.target is not None:
        detail = "a density has no target; leave it out, and name its one or two columns in features"
        yield "density_has_no_target", ["target"], detail
    if not 1 <= len(names) <= MAX_COLUMNS:
        detail = f"a density has one or two number columns, but features names {len(names)}; name one or two"
        yield "density_columns", ["features"], detail
        return
    for place, name in enumerate(names):
        path: Path = ["features", place]
        yield from _check_column(plan, name, path, limits, is_repeated=name in names[:place])


def _check_column(
    plan: TrainingPlan, name: str, path: Path, limits: AdmissionLimits, *, is_repeated: bool
) -> Mistakes:
    report, kind = plan.reports[name], plan.types[name]
    if is_repeated:
        yield "duplicate_feature", path, f"column {name!r} is listed twice; keep one"
    elif name in plan.roles:
        yield "feature_has_other_role", path, f"column {name!r} is the {plan.roles[name]}; leave it out here"
    elif kind not in NUMBER_TYPES:
        detail = f"column {name!r} is {kind}, but a density needs numbers; name a column of numbers"
        yield "density_not_numeric", path, detail
    elif report.distinct < 2:
        yield "feature_constant", path, f"column {name!r} has one value in all rows; leave it out"
    elif plan.rows - report.missing < limits.min_density_rows:
        detail = (
            f"column {name!r} has {plan.rows - report.missing} values, but a density needs at least "
            f"{limits.min_density_rows}; upload more rows"
        )
        yield "too_few_rows", path, detail


def check_options(plan: TrainingPlan) -> Mistakes:
    """Check that no option is set that does not apply to a density."""
    request, usual = plan.request, TrainingOptions()
    for name in TrainingOptions.model_fields:
        if getattr(request.training, name) != getattr(usual, name):
            detail = (
                f"a density is fitted by maximum likelihood, which does not use training.{name}; leave it out"
            )
            yield "not_for_densities", ["training", name], detail
    for name in ("target_error", "must_use", "max_constants", "functions", "monotone", "bounds"):
        if getattr(request, name) is not None:
            yield "not_for_densities", [name], f"{name} does not apply to a density; leave it out"
    if request.units == "enforce":
        yield "not_for_densities", ["units"], "units of a density are only printed; leave units out"
    if request.split.kind == "stratified":
        detail = "a stratified split needs classes; use the kind random for a density"
        yield "stratified_without_classes", ["split", "kind"], detail
    names = [make_baseline_name(baseline) for baseline in request.baselines if baseline != "kernel"]
    if names:
        detail = f"a density is compared with a kernel estimate, not with {format_names(names)}; name kernel"
        yield "not_for_densities", ["baselines"], detail


def check_network(plan: TrainingPlan, limits: AdmissionLimits) -> Mistakes:
    """Check that the network can represent the logarithm of a density."""
    network, columns = plan.request.network, len(plan.request.features or ())
    low, high = limits.min_density_order, limits.max_density_order
    if not low <= network.order <= high:
        detail = f"the splines of a density need an order from {low} to {high}, got {network.order}"
        yield "not_for_densities", ["network", "order"], detail
    max_layers = max(0, columns - 1)  # hidden layers
    if network.hidden != "auto" and len(network.hidden) > max_layers:
        detail = (
            "a density of one column has no hidden layer, one of two columns has at most one; "
            "leave hidden out"
        )
        yield "not_for_densities", ["network", "hidden"], detail
