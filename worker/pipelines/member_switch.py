"""The next version of a model in which another member answers, or another compact network; no training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kan_engine import Predictor, SearchConfig, from_json, save
from kan_engine.inference.decision_rule import choose_decision
from kan_engine.search.assembly import Model, compute_answer_bounds
from kan_engine.search.compact_member import make_compact_member
from service.documents.answering_member import Members
from service.schemas.members import FormulaMemberOut, make_formula_member, read_formula_member
from service.schemas.revision import SymbolicRequest
from worker.data.preparation import PreparedData
from worker.execution.outcome import Outcome, SourceModel
from worker.pipelines.thresholds import PipelineThresholds
from worker.results.figures import compute_figures
from worker.results.member_metrics import measure_answering_member
from worker.results.members import describe_networks_beside
from worker.results.network_pictures import describe_compact_network
from worker.results.records import RevisedRecord
from worker.results.symbolic_document import finite_ends


def change_networks(
    predictor: Predictor, changes: SymbolicRequest, data: PreparedData, config: SearchConfig
) -> Predictor:
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
            thresholds=config.thresholds,
        )
    return replace(predictor, compact=compact, linear=linear)


def switch_member(
    revises: SourceModel,
    predictor: Predictor,
    data: PreparedData,
    config: SearchConfig,
    should_stop: Callable[[], bool],
    thresholds: PipelineThresholds,
) -> Outcome:
    """Measure the member that answers now; formulas and networks stay as they are.

    Args:
        revises: The model.
        predictor: Its networks, from ``change_networks``.
        data: The rows.
        config: Settings of the search.
        should_stop: Ends the figures early.
        thresholds: Decision numbers.
    """
    symbolic = _switch_formula(revises, data)
    members = Members.build(predictor, symbolic)
    model = Model(predictor=predictor, formula=members.formula, serving=members.serving)
    edges = describe_changed_edges(revises, predictor, data, should_stop)
    record = RevisedRecord(
        earlier=revises.model.record,
        members={
            **describe_networks_beside(predictor, data, config.thresholds.max_log_odds),
            **_describe_formula(revises.model.record, symbolic),
        },
    )
    return Outcome(
        artifact=save(predictor),
        record=add_measures(record, model, data, thresholds),
        symbolic=symbolic,
        edges=edges,
        task=data.task,
        figures=compute_figures(model.answering, data, edges, should_stop, thresholds.figures),
    )


def add_measures(
    record: RevisedRecord, model: Model, data: PreparedData, thresholds: PipelineThresholds
) -> RevisedRecord:
    """Add the metrics of the member that answers; those of an unchanged classifier stay."""
    was_accurate = not record.earlier.get("network_metrics")
    if data.classes is None:
        measures = measure_answering_member(model, data, thresholds.metrics)
        return replace(
            record,
            metrics=measures.metrics,
            training_metrics=measures.training_metrics,
            network_metrics=measures.network_metrics,
        )
    if was_accurate and model.answering is model.predictor:
        return record
    decision = replace(choose_decision(model.answering, data), weights=model.answering.decision_weights)
    measures = measure_answering_member(replace(model, decision=decision), data, thresholds.metrics)
    return replace(
        record,
        metrics=measures.metrics,
        training_metrics=measures.training_metrics,
        network_metrics=measures.network_metrics,
        per_class=measures.per_class,
        threshold=measures.threshold,
        decision=measures.decision,
    )


def describe_changed_edges(
    revises: SourceModel, predictor: Predictor, data: PreparedData, should_stop: Callable[[], bool]
) -> dict[str, Any]:
    """The edges of the model, with those of another compact network if one was requested."""
    edges = revises.model.edges
    if revises.model.changes.compact is None:
        return edges
    return edges | describe_compact_network(predictor, data, should_stop)


def _switch_formula(revises: SourceModel, data: PreparedData) -> Mapping[str, Any] | None:
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
