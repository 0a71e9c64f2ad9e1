"""Which member of a model answers: a line, a formula, a compact network, or the most accurate one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.comparison import (
    choose_simplest,
    describe_formula_gain,
    is_far_better,
)
from kan_engine.compact.path import CompactNetwork, CompactPath
from kan_engine.expressions.evaluation import is_affine
from kan_engine.expressions.measured_constants import count_constants
from kan_engine.inference.decision_rule import choose_decision
from kan_engine.inference.network_member import NetworkMember
from kan_engine.inference.predictor import Predictor
from kan_engine.search.compact_member import measure_compact_errors
from kan_engine.search.config import Member
from kan_engine.search.context import SearchContext
from kan_engine.search.networks.linear_model import (
    count_numbers,
    find_linear_model,
    name_linear_model,
)
from kan_engine.search.result import SearchResult

CLEAR_STANDARD_ERRORS = 2.0
MIN_CHECKED_ROWS = 20  # fewer training rows hardly show which member is best


def choose_member(result: SearchResult, run: SearchContext) -> SearchResult:
    """Add the linear member to a result, and choose the member that answers.

    With ``auto`` it is the one with the best out-of-sample error, or the simplest one within a standard error
    of it: a line or a consistent formula, whichever has fewer fitted numbers, then another formula, a network
    of few curves, and a larger one. What is not the line must be two standard errors better than it. A
    requested network answers itself. With ``accurate`` a formula answers that is clearly better.
    """
    config, weights = run.config, run.data.training.weights
    has_line = config.serve == "linear" or not (config.constraints.monotone or config.is_alone)
    # The line may be the network of the result itself, where nothing else was better
    line = None if not has_line else result if result.is_straight else find_linear_model(run)
    answers: Member
    match config.serve:
        case "auto" if config.is_automatic and len(result.errors):
            # All but the line were selected on the same rows and must be clearly better than it
            answers = choose_simplest(
                _collect_errors(result, line, run), weights, margins={"linear": CLEAR_STANDARD_ERRORS}
            )
        case "auto" | "accurate":
            is_better = config.is_automatic and is_formula_better(result, run)
            answers = "formula" if is_better else "accurate"
        case choice:
            answers = choice
    member = None if line is None else _make_linear_member(line, run)
    outcome = replace(result, answers=answers, linear=member)
    return outcome.add_warnings(*_describe_choice(outcome, line, run))


def is_formula_better(result: SearchResult, run: SearchContext, *, few_rows_rmse_ratio: float = 0.1) -> bool:
    """Whether the first formula predicts better than the network, as far as errors of both are known.

    The errors of a formula are measured with its constants refitted per fold. That its form was selected on
    the same rows is ignored if there are no objections, or if its RMSE is far lower. With too few rows for
    its constants, the formula must be better by more than any selection bias among forms.

    Args:
        few_rows_rmse_ratio: Of RMSEs, below which even a formula with many constants is better.
    """
    evidence, errors, network_errors = result.evidence, result.formula_errors, result.errors
    if evidence is None or not len(errors) or not len(network_errors):
        return False
    # That the rows cannot tell laws apart is no objection to predictions
    against = evidence.objections.keys() - {"rows_cannot_tell"}
    limits, weights = run.thresholds.assessment, run.data.training.weights
    if "too_many_constants" in against:
        limits = replace(limits, clear_rmse_ratio=few_rows_rmse_ratio)
    is_known = result.form is not None or not against  # the form of a client was not selected
    # With few rows the gain may be no larger than its standard error, so the RMSEs decide
    return is_far_better(errors, network_errors, weights, limits) or (
        is_known and run.cross_validation.is_better(errors, network_errors)
    )


def _collect_errors(
    result: SearchResult, line: SearchResult | None, run: SearchContext
) -> dict[Member, Float[np.ndarray, " rows"]]:
    """The out-of-sample errors of the members as far as they are known, the simplest first.

    A formula that is consistent with the rows, or the client's, is simpler than a line of more numbers.
    """
    # Simplest first: among members within a standard error of the best, the first one answers
    errors: dict[Member, np.ndarray] = {} if line is None else {"linear": line.errors}
    evidence = result.evidence
    is_sound = evidence is None or (evidence.verdict != "weak" and evidence.soundness != "violated")
    if is_sound and len(result.formula_errors):
        is_known = result.form is not None or (evidence is not None and evidence.verdict == "consistent")
        is_simpler = line is not None and count_constants(result.formulas[0][0].tree) < count_numbers(line)
        of_formula: dict[Member, np.ndarray] = {"formula": result.formula_errors}
        errors = of_formula | errors if is_known and is_simpler else errors | of_formula
    if (
        result.compact is not None
        and result.compact.select(run.config.max_curves).network is not result.network
    ):
        errors["compact"] = measure_compact_errors(result.compact, run)
    if line is not result:
        errors["accurate"] = result.errors
    return {name: values for name, values in errors.items() if len(values)}


def _make_linear_member(line: SearchResult, run: SearchContext) -> NetworkMember:
    """A line as a member, with its errors or its decision rule."""
    # NaN marks rows that no model predicted out of sample
    errors = line.errors[~np.isnan(line.errors)]
    (step,) = line.history[-1:]
    entry = CompactNetwork(
        network=line.network, curve_count=max(1, line.network.edge_count), loss=float(step.validation_loss)
    )
    member = NetworkMember(
        path=CompactPath(networks=(entry,), inputs=line.inputs, scaler=line.scaler),
        selected=0,
        residuals=np.zeros(0) if run.data.classes is not None else np.sort(errors[np.isfinite(errors)]),
    )
    if run.data.classes is None:
        return member
    predictor = Predictor.from_training(run.data, line.judged, line.inputs, None)
    return replace(member, decision_weights=choose_decision(predictor, run.data).weights)


def _describe_choice(result: SearchResult, line: SearchResult | None, run: SearchContext) -> list[str]:
    """What a reader must know of the choice."""
    rows, weights = len(run.data.training), run.data.training.weights
    messages = [f"{rows} rows are too few to check a model"] if rows < MIN_CHECKED_ROWS else []
    name = None
    if result.answers == "formula" and result.formulas and is_affine(result.formulas[0][0].tree):
        name = "a straight line"
    elif line is not None and (
        result.answers == "linear" or (result.answers == "accurate" and line is result)
    ):
        name = name_linear_model(line)
    was_chosen = run.config.serve in ("auto", "accurate") and not result.has_exact_formulas
    if name is not None and was_chosen:
        messages.append(f"{name} is enough: no other model predicts rows left out better by more than chance")
    elif not run.config.is_automatic and is_formula_better(result, run):
        gain = describe_formula_gain(result.formula_errors, result.errors, weights)
        messages.append(f"{gain}; predict by the formula")
    return messages
