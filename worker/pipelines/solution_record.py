"""The record of the model of a solution: residuals, estimated coefficients, warnings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from kan_engine import Estimate, Predictor, Solution
from kan_engine.differential.networks.solution_network import SolutionNetwork
from service.documents.model_summary import describe_features, describe_network
from service.schemas.equations import SolveRequest
from service.schemas.model_document import HistoryPoint, ModelDocument, ParameterEstimate, Residual, Split

if TYPE_CHECKING:
    from kan_engine.differential.solution import Violation

NORMAL_95 = 1.959964  # half-width of a 95 % confidence interval, in standard errors


def make_solution_record(
    request: SolveRequest, predictor: Predictor, network: SolutionNetwork
) -> ModelDocument:
    """Return the record of the model."""
    solution, (equations, conditions) = network.solution, network.violations
    return ModelDocument(
        features=describe_features(predictor.encoding),
        outputs=request.unknowns,
        ignored_columns=request.unknowns,
        network=describe_network(predictor.network, predictor.inputs, predictor.outputs, network.optimizer),
        formula_of="law",
        metrics={
            "equation_residual": max(violation.relative for violation in equations),
            "condition_residual": max((violation.relative for violation in conditions), default=0.0),
            "estimated_error": network.error,
        },
        residuals={
            "equations": _list_residuals(request.equations, equations),
            "conditions": _list_residuals(
                [condition.residual for condition in request.conditions], conditions
            ),
        },
        parameters={estimate.name: _make_estimate(estimate) for estimate in solution.estimates},
        split=Split(kind="none", seed=None, training_rows=0, validation_rows=0, test_rows=0),
        history=[
            HistoryPoint(step=step, grid=entry.grid, error=entry.error)
            for step, entry in enumerate(network.history, 1)
        ],
        warnings=[
            *_short_domain_warnings(request, solution),
            *network.warnings,
            *_uncertain_estimate_warnings(solution.estimates),
        ],
    )


def _make_estimate(estimate: Estimate) -> ParameterEstimate:
    """Return an estimated parameter with its standard error and 95 % confidence interval."""
    value, error = estimate.value, estimate.standard_error
    if not math.isfinite(error):
        return ParameterEstimate(value=value, standard_error=None, interval=None)
    interval = [value - NORMAL_95 * error, value + NORMAL_95 * error]
    return ParameterEstimate(value=value, standard_error=error, interval=interval)


def _uncertain_estimate_warnings(estimates: Sequence[Estimate]) -> list[str]:
    """Return a warning about parameters whose error the measurements do not determine."""
    names = [estimate.name for estimate in estimates if not math.isfinite(estimate.standard_error)]
    if not names:
        return []
    return [
        f"the measurements do not determine the error of {', '.join(names)}: other values fit equally well, "
        "or there are no more measurements than parameters"
    ]


def _list_residuals(texts: Sequence[str], violations: Iterable[Violation]) -> list[Residual]:
    return [
        Residual(residual=text, largest=violation.largest, rms=violation.rms, relative=violation.relative)
        for text, violation in zip(texts, violations, strict=True)
    ]


def _short_domain_warnings(request: SolveRequest, solution: Solution) -> list[str]:
    """Return a warning for each variable in which the solution ends before the end of its domain."""
    return [
        f"the solution ends at {name} = {high:g}: beyond it predictions are extrapolated; raise max_seconds "
        "to continue it"
        for name, (_, high) in zip(request.independent, solution.problem.domain, strict=True)
        if high < request.domain[name][1]
    ]
