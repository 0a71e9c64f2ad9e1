"""A request to solve differential equations, as the engine reads and typesets it."""

from collections.abc import Collection

from kan_engine import DifferentialProblem, DistillationPlan, InvalidEquation, parse_problem
from kan_engine.differential.jets import SymbolTable
from kan_engine.differential.notation.typesetting import typeset_equation
from kan_engine.differential.problem_parser import check_names
from kan_engine.differential.thresholds import (
    DEFAULT_DISTILLATION,
    DEFAULT_LIMITS,
    DistillationThresholds,
    EquationLimits,
)
from kan_engine.expressions.printing.mathml import to_mathml
from service.schemas.equations import SolveRequest, TypesetLineOut, TypesetOut, TypesetRequest

_MOST_LATEX = 3_000  # characters; a longer equation is not for reading


def read_problem(
    request: SolveRequest, measured_names: Collection[str] = (), *, limits: EquationLimits = DEFAULT_LIMITS
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
        measured=list(measured_names),
        limits=limits,
    )


def plan_network(
    request: SolveRequest,
    problem: DifferentialProblem,
    hidden_layers: list[int],
    *,
    thresholds: DistillationThresholds = DEFAULT_DISTILLATION,
) -> DistillationPlan:
    """Plan the training of a network with these inner layers on the solution."""
    network = request.network
    return DistillationPlan.from_problem(
        problem,
        hidden_layers,
        grid=None if network.grid == "auto" else network.grid,
        order=None if network.order == "auto" else network.order,
        is_second_order=request.training.optimizer == "gauss_newton",
        thresholds=thresholds,
    )


def typeset_equations(request: TypesetRequest, *, limits: EquationLimits = DEFAULT_LIMITS) -> TypesetOut:
    """Typeset every line; a wrong line has the reason instead.

    Raises:
        InvalidEquation: A name is none, or has two meanings.
    """
    names = tuple(request.independent), tuple(request.unknowns), tuple(request.parameters)
    check_names(*names, limits=limits)
    return TypesetOut(
        equations=[_typeset_line(text, SymbolTable(*names, limits)) for text in request.equations],
        conditions=[_typeset_line(text, SymbolTable(*names, limits)) for text in request.conditions],
    )


def _typeset_line(text: str, words: SymbolTable) -> TypesetLineOut:
    try:
        latex = typeset_equation(text, words)
    except InvalidEquation as error:
        character = None if error.place is None else error.place + 1
        return TypesetLineOut(latex=None, mathml=None, detail=str(error), character=character)
    mathml = to_mathml(latex) if len(latex) <= _MOST_LATEX else None
    return TypesetLineOut(latex=latex, mathml=mathml, detail=None, character=None)
