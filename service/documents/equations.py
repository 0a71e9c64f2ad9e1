"""A request to solve differential equations, as the engine reads it."""

from collections.abc import Collection

from kan_engine import DifferentialProblem, DistillationPlan, parse_problem
from kan_engine.differential.thresholds import (
    DEFAULT_DISTILLATION,
    DEFAULT_LIMITS,
    DistillationThresholds,
    EquationLimits,
)
from service.schemas.equations import SolveRequest


def read_problem(
    request: SolveRequest, measured: Collection[str] = (), *, limits: EquationLimits = DEFAULT_LIMITS
) -> DifferentialProblem:
    """Parse the equations, given the names of the measured unknowns.

    Raises:
        InvalidEquation: A part is invalid.
    """
    return parse_problem(
        independent=request.independent,
        unknowns=request.unknowns,
        domain=request.domain,
        equations=request.equations,
        conditions=[condition.source for condition in request.conditions],
        coefficients=list(request.parameters),
        measured=list(measured),
        limits=limits,
    )


def plan_network(
    request: SolveRequest,
    problem: DifferentialProblem,
    hidden: list[int],
    *,
    thresholds: DistillationThresholds = DEFAULT_DISTILLATION,
) -> DistillationPlan:
    """Plan the training of a network with these inner layers on the solution."""
    network = request.network
    return DistillationPlan.from_problem(
        problem,
        hidden,
        grid=None if network.grid == "auto" else network.grid,
        order=None if network.order == "auto" else network.order,
        is_second_order=request.training.optimizer == "gauss_newton",
        thresholds=thresholds,
    )
