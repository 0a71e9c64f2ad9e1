"""Checks that differential equations pose a problem that can be solved within the limits of cost."""

from collections.abc import Mapping
from math import nan

from kan_engine import DifferentialProblem, DistillationPlan, InvalidEquation
from service.db.tables import Dataset
from service.documents.column_report import NUMBER_TYPES, read_reports
from service.documents.equations import plan_network, read_problem, typeset_equations
from service.errors import ErrorEntry, Invalid
from service.operations.jobs.cost_estimate import estimate_grid, estimate_shape, refuse_too_costly
from service.operations.jobs.limits import AdmissionLimits
from service.operations.jobs.validation_errors import Mistake, Mistakes, Path, refuse_mistakes
from service.schemas.equations import MAX_SPLINE_ORDER, SolveRequest, TypesetOut, TypesetRequest
from service.settings import Settings
from service.strict_json import pointer

NO_VALUES = nan, nan

Ranges = Mapping[str, tuple[float, float] | None]
"""Lowest and highest value of every measured column; None for a column without numbers."""


def check_problem(
    request: SolveRequest, dataset: Dataset | None, settings: Settings, limits: AdmissionLimits
) -> None:
    """Check that the equations can be solved.

    Args:
        request: The equations.
        dataset: The measurements, if they are a dataset.
        settings: The operator's limits of a network.
        limits: The other limits.

    Raises:
        Invalid: The equations cannot be solved; the error names the wrong part and the remedy.
    """
    ranges = _find_ranges(request, dataset)
    refuse_mistakes(_check_measurements(request, ranges))
    try:
        problem = read_problem(request, [name for name in request.unknowns if name in ranges])
    except InvalidEquation as error:
        raise _make_refusal(error) from error
    if request.hidden is None:
        refuse_mistakes(_check_grid(request, problem, limits))
        grid, order = request.network.grid, request.network.order
        grid_and_order = None if grid == "auto" else grid, None if order == "auto" else order
        refuse_too_costly(estimate_grid(problem, *grid_and_order), settings, request.max_seconds)
        return
    refuse_too_costly(estimate_grid(problem, None, None), settings, request.max_seconds)
    shape = plan_network(request, problem, request.hidden)
    refuse_mistakes(_check_shape(problem, shape))
    refuse_too_costly(estimate_shape(shape), settings, request.max_seconds)


def typeset(request: TypesetRequest) -> TypesetOut:
    """Typeset equations, with the names that a job takes.

    Raises:
        Invalid: A job would refuse a name.
    """
    try:
        return typeset_equations(request)
    except InvalidEquation as error:
        raise _make_refusal(error) from error


def _make_refusal(error: InvalidEquation) -> Invalid:
    """The error with its place: the path of the text and the character in it, counted from 1."""
    character = None if error.place is None else error.place + 1
    entry = ErrorEntry(error.code, str(error), {"pointer": pointer(list(error.path))}, character)
    return Invalid(error.code, str(error), errors=[entry])


def _find_ranges(request: SolveRequest, dataset: Dataset | None) -> Ranges:
    if dataset is not None:
        return {
            column.name: (column.range or NO_VALUES) if column.type in NUMBER_TYPES else None
            for column in read_reports(dataset.columns)
        }
    columns = request.measurements.columns if request.measurements else None
    present = {name: [v for v in values if v is not None] for name, values in (columns or {}).items()}
    return {name: (min(values), max(values)) if values else None for name, values in present.items()}


def _check_measurements(request: SolveRequest, ranges: Ranges) -> Mistakes:
    if request.measurements is None:
        return
    path: Path = ["measurements"]
    columns = request.measurements.columns
    if columns and len({len(values) for values in columns.values()}) > 1:
        yield "ragged_columns", [*path, "columns"], "the columns have different lengths; give all the same"
    for name in request.independent:
        if name not in ranges:
            yield (
                "missing_columns",
                path,
                f"the measurements lack the column {name!r}, the independent variable",
            )
    if not any(name in ranges for name in request.unknowns):
        names = ", ".join(map(repr, request.unknowns))
        yield "missing_columns", path, f"the measurements have none of the columns {names}"
    for name in [*request.independent, *request.unknowns]:
        if name in ranges and ranges[name] is None:
            yield "invalid_type", path, f"the measurements of {name!r} are not numbers"
    for name in request.independent:
        span, ends = ranges.get(name), request.domain.get(name)
        if span is not None and ends is not None and not (ends[0] <= span[0] and span[1] <= ends[1]):
            detail = (
                f"{name!r} was measured from {span[0]:g} to {span[1]:g}, outside its domain "
                f"[{ends[0]:g}, {ends[1]:g}]; widen the domain, or leave these rows out"
            )
            yield "invalid_domain", ["domain", name], detail


def _check_grid(request: SolveRequest, problem: DifferentialProblem, limits: AdmissionLimits) -> Mistakes:
    order, grid = request.network.order, request.network.grid
    highest = max(problem.order(axis) for axis in range(len(problem.independent)))
    if order != "auto" and order <= highest:
        yield _make_order_mistake(order, highest)
    if grid != "auto":
        count = len(problem.unknowns) * (grid + (7 if order == "auto" else order)) ** len(problem.independent)
        if count > limits.max_equation_coefficients:
            limit = f"{limits.max_equation_coefficients:,}"
            detail = f"this grid has {count:,} coefficients, the limit is {limit}; use a coarser grid"
            yield "cost_too_high", ["network", "grid"], detail


def _check_shape(
    problem: DifferentialProblem, shape: DistillationPlan, *, max_equation_points: int = 100_000
) -> Mistakes:
    """Yield what keeps a network of this shape from representing the solution.

    Args:
        max_equation_points: At which a network of a given shape is fitted to the solution.
    """
    highest = problem.highest_derivative
    if highest >= MAX_SPLINE_ORDER:
        detail = (
            f"derivatives of order {highest} need splines of order {highest + 1} in every layer, but the "
            f"highest order is {MAX_SPLINE_ORDER}; leave hidden out"
        )
        yield "invalid_config", ["network", "hidden"], detail
    elif shape.order <= highest:
        yield _make_order_mistake(shape.order, highest)
    if shape.rows > max_equation_points:
        detail = (
            f"this grid is fitted at {shape.rows:,} points, the limit is {max_equation_points:,}; "
            "use a coarser grid"
        )
        yield "cost_too_high", ["network", "grid"], detail


def _make_order_mistake(order: int, highest: int) -> Mistake:
    detail = (
        f"splines of order {order} have no continuous derivative of order {highest}; "
        f"use {highest + 1} or more"
    )
    return "invalid_config", ["network", "order"], detail
