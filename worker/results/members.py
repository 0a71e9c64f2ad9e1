"""``members`` of the record of a model: its compact network, its line and its formula."""

from __future__ import annotations

from kan_engine import Predictor, TrainingData
from kan_engine.assessment.member_metrics import measure_fidelity, measure_member
from kan_engine.inference.linear_network import classify_linear_network
from kan_engine.search.assembly import Model
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS
from service.schemas.formulas import SymbolicDocument
from service.schemas.members import CompactMemberOut, LinearMemberOut, RecordedMember
from worker.results.compact_member import describe_compact_member
from worker.results.formula_member import describe_formula_member


def describe_networks_beside(
    predictor: Predictor, data: TrainingData, max_log_odds: float
) -> dict[str, CompactMemberOut | LinearMemberOut]:
    """Describe the compact network and the line beside the accurate network, as far as there are any."""
    members: dict[str, CompactMemberOut | LinearMemberOut] = {
        **describe_compact_member(predictor, data, max_log_odds)
    }
    member, line = predictor.linear, predictor.linear_predictor
    if member is not None and line is not None:
        members["linear"] = LinearMemberOut(
            metrics=measure_member(line, data.test, data),
            kind=classify_linear_network(line.network, line.outputs),
            serves=member.serves,
            fidelity=measure_fidelity(predictor, line, data.test.x, max_log_odds),
        )
    return members


def describe_members(
    model: Model,
    symbolic: SymbolicDocument | None,
    data: TrainingData,
    max_log_odds: float = DEFAULT_THRESHOLDS.max_log_odds,
) -> dict[str, RecordedMember]:
    """Describe the members beside the accurate network; empty if there are none."""
    members: dict[str, RecordedMember] = {**describe_networks_beside(model.predictor, data, max_log_odds)}
    if model.formula is None or symbolic is None:
        return members
    metrics = measure_member(model.formula, data.test, data)
    return members | describe_formula_member(
        symbolic, metrics, model.predictor, model.formula, data.test.x, max_log_odds
    )
