"""The outcome of a job: a model, measured and drawn, with the records from which its documents are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kan_engine import TrainingData, save
from kan_engine.inference.decision_rule import choose_decision
from kan_engine.search.assembly import Model, assemble_model
from service.schemas.formulas import SymbolicDocument
from service.schemas.model_document import ModelDocument
from worker.evaluation.model_metrics import measure_answering_member
from worker.execution.outcome import Outcome, SourceModel
from worker.execution.stage_timer import StageTimer
from worker.pipelines.search_plan import SearchPlan
from worker.pipelines.trained_network import TrainedNetwork
from worker.results.figures import compute_figures
from worker.results.members import describe_members
from worker.results.model_record import make_record
from worker.results.network_pictures import describe_compact_network, describe_networks
from worker.results.symbolic_document import make_symbolic_document


def make_outcome(trained: TrainedNetwork, plan: SearchPlan, data: TrainingData, watch: StageTimer) -> Outcome:
    """Measure a model on the hold-out rows and draw it; its record has no baselines yet."""
    config, limits, seed = plan.config, plan.thresholds, plan.config.seed
    with watch.stage("evaluate", 0.9, "measuring on the hold-out rows"):
        model = assemble_model(
            trained.result,
            trained.predictor,
            trained.decision,
            data,
            seed=seed,
            thresholds=config.thresholds,
        )
        symbolic = None if model.report is None else make_symbolic_document(model.report, data.encoding)
        record = make_record(
            trained.result,
            measure_answering_member(model, data),
            model.report,
            plan.request,
            data,
            trained.grids,
            max_history_points=limits.max_history_points,
        )
        members = describe_members(model, symbolic, data, config.thresholds.max_log_odds)
    with watch.stage("symbolic", 0.92, "looking for functions that fit the activations"):
        picture = describe_networks(trained.predictor, data, watch.should_stop)
    with watch.stage("figures", 0.94, "drawing what the model has learnt"):
        figures = compute_figures(model.answering, data, picture, seed, watch.should_stop, limits.figures)
    return Outcome(
        artifact=save(model.predictor),
        record=record.model_copy(update={"members": members, "timings": watch.seconds}),
        symbolic=symbolic,
        edges=picture,
        task=data.task,
        figures=figures,
    )


def make_revised_outcome(
    revises: SourceModel,
    model: Model,
    record: ModelDocument,
    symbolic: SymbolicDocument | Mapping[str, Any] | None,
    plan: SearchPlan,
    data: TrainingData,
    should_stop: Callable[[], bool],
) -> Outcome:
    """Measure the member that answers and draw it; edges and other networks are those of the earlier model.

    Args:
        revises: The earlier model.
        model: The next version.
        record: Its record, without metrics.
        symbolic: Its formulas, or the stored document if they stay as they are.
        plan: The plan of its training.
        data: Its rows.
        should_stop: Ends the figures early.
    """
    edges, limits = revises.model.edges, plan.thresholds
    if revises.model.changes.compact is not None:
        edges = edges | describe_compact_network(model.predictor, data, should_stop)
    return Outcome(
        artifact=save(model.predictor),
        record=_add_measures(record, model, data),
        symbolic=symbolic,
        edges=edges,
        task=data.task,
        figures=compute_figures(model.answering, data, edges, plan.config.seed, should_stop, limits.figures),
    )


def _add_measures(record: ModelDocument, model: Model, data: TrainingData) -> ModelDocument:
    """Add the metrics of the member that answers; those of an unchanged classifier stay."""
    names = ["metrics", "training_metrics", "network_metrics"]
    if data.classes is not None:
        if not record.network_metrics and model.answering is model.predictor:
            return record
        decision = choose_decision(model.answering, data)
        model = replace(model, decision=replace(decision, weights=model.answering.decision_weights))
        names += ["per_class", "threshold", "decision"]
    fields = measure_answering_member(model, data).to_fields()
    # None keeps what the earlier version has
    return record.model_copy(update={name: fields[name] for name in names if fields[name] is not None})
