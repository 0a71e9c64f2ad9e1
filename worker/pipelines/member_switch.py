"""The next version of a model in which another member answers, or another compact network; no training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kan_engine import Predictor, TrainingData, from_json
from kan_engine.search.assembly import Model, compute_answer_bounds
from kan_engine.search.compact_member import make_compact_member
from service.documents.answering_member import Members
from service.schemas.members import FormulaMemberOut, make_formula_member, read_formula_member
from service.schemas.model_document import ModelDocument
from service.schemas.revision import SymbolicRequest
from worker.execution.outcome import Outcome, SourceModel
from worker.pipelines.model_outcome import make_revised_outcome
from worker.pipelines.search_plan import SearchPlan
from worker.results.members import describe_networks_beside
from worker.results.symbolic_document import finite_ends


def change_networks(predictor: Predictor, changes: SymbolicRequest, data: TrainingData) -> Predictor:
    """The predictor with the requested compact network; the line or the compact one answer if requested."""
    compact, linear = predictor.compact, predictor.linear
    if changes.serve is not None:
        compact = compact and replace(compact, serves=changes.serve == "compact")
        linear = linear and replace(linear, serves=changes.serve == "linear")
    if compact is not None and changes.compact is not None:
        compact = make_compact_member(
            compact.path,
            predictor,
            data,
            changes.compact.max_edges,
            serves=compact.serves,
        )
    return replace(predictor, compact=compact, linear=linear)


def switch_member(
    revises: SourceModel,
    predictor: Predictor,
    plan: SearchPlan,
    data: TrainingData,
    should_stop: Callable[[], bool],
) -> Outcome:
    """Measure the member that answers now; formulas and networks stay as they are.

    Args:
        revises: The model.
        predictor: Its networks, from ``change_networks``.
        plan: The plan of its training.
        data: The rows.
        should_stop: Ends the figures early.
    """
    symbolic = _switch_formula(revises, data)
    answering = Members.build(predictor, symbolic)
    model = Model(predictor=predictor, formula=answering.formula, serving=answering.serving)
    members = {
        **describe_networks_beside(predictor, data, plan.config.thresholds.max_log_odds),
        **_describe_formula(revises.model.record, symbolic),
    }
    record = ModelDocument(**revises.model.record | {"members": members})
    return make_revised_outcome(revises, model, record, symbolic, plan, data, should_stop)


def _switch_formula(revises: SourceModel, data: TrainingData) -> Mapping[str, Any] | None:
    """The formulas with the bounds within which they answer; None without formulas."""
    symbolic, serve = revises.model.symbolic, revises.model.changes.serve
    if symbolic is None:
        return None
    within = symbolic.get("serves_within") if serve is None else None
    if serve == "formula":
        trees = [from_json(output["tree"]) for output in symbolic["outputs"]]
        within = finite_ends(compute_answer_bounds(trees, data))
    unbounded = {name: value for name, value in symbolic.items() if name != "serves_within"}
    return unbounded if within is None else unbounded | {"serves_within": list(within)}


def _describe_formula(
    record: Mapping[str, Any], symbolic: Mapping[str, Any] | None
) -> dict[str, FormulaMemberOut]:
    """The entry of the formula, whose metrics are those of the earlier version."""
    if symbolic is None:
        return {}
    member = (record.get("members") or {}).get("formula")
    if member is None:
        return {"formula": read_formula_member(symbolic)}
    return {"formula": make_formula_member(symbolic, member["metrics"], member["fidelity"])}
