"""``members`` of the record of a model: its compact network and its formula."""

from __future__ import annotations

from kan_engine.search.assembly import Model
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS
from service.schemas.members import CompactMemberOut, FormulaMemberOut
from worker.data.preparation import PreparedData
from worker.results.compact_member import describe_compact_member
from worker.results.formula_member import describe_formula_member
from worker.results.member_metrics import measure_member
from worker.results.symbolic_document import SymbolicDocument


def describe_members(
    model: Model,
    symbolic: SymbolicDocument | None,
    data: PreparedData,
    max_log_odds: float = DEFAULT_THRESHOLDS.max_log_odds,
) -> dict[str, CompactMemberOut | FormulaMemberOut]:
    """Describe the members beside the accurate network; empty if there are none."""
    members: dict[str, CompactMemberOut | FormulaMemberOut] = {
        **describe_compact_member(model.predictor, data, max_log_odds)
    }
    if model.formula is None or symbolic is None:
        return members
    metrics = measure_member(model.formula, data.test, data)
    return members | describe_formula_member(
        symbolic, metrics, model.predictor, model.formula, data.test.x, max_log_odds
    )
