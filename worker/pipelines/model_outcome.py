"""What a search found, with the records and pictures from which the documents of a model are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kan_engine import Predictor, SearchConfig, SearchResult, save
from kan_engine.inference.decision_rule import Decision
from kan_engine.search.assembly import assemble_model
from worker.data.preparation import PreparedData
from worker.execution.outcome import Outcome
from worker.execution.stage_timer import StageTimer
from worker.pipelines.thresholds import PipelineThresholds
from worker.results.figures import compute_figures
from worker.results.member_metrics import measure_answering_member
from worker.results.members import describe_members
from worker.results.model_record import make_record
from worker.results.network_pictures import describe_networks
from worker.results.records import GridStage
from worker.results.symbolic_document import make_symbolic_document


def make_outcome(
    result: SearchResult,
    predictor: Predictor,
    decision: Decision | None,
    data: PreparedData,
    config: SearchConfig,
    watch: StageTimer,
    thresholds: PipelineThresholds,
    grids: Sequence[GridStage] = (),
) -> Outcome:
    """Measure a model on the hold-out rows and draw it; its record has no baselines yet."""
    request = data.plan.request
    with watch.stage("evaluate", 0.9, "measuring on the hold-out rows"):
        model = assemble_model(
            result,
            predictor,
            decision,
            data,
            seed=request.seed,
            thresholds=config.thresholds,
        )
        symbolic = None if model.report is None else make_symbolic_document(model.report, data.encoding)
        measures = measure_answering_member(model, data, thresholds.metrics)
        max_points = thresholds.max_history_points
        record = make_record(result, measures, model.report, data, grids, max_history_points=max_points)
        members = describe_members(model, symbolic, data, config.thresholds.max_log_odds)
    with watch.stage("symbolic", 0.92, "looking for functions that fit the activations"):
        picture = describe_networks(predictor, data, watch.should_stop)
    with watch.stage("figures", 0.94, "drawing what the model has learnt"):
        figures = compute_figures(model.answering, data, picture, watch.should_stop, thresholds.figures)
    return Outcome(
        artifact=save(model.predictor),
        record=replace(record, members=members, timings=watch.seconds),
        symbolic=symbolic,
        edges=picture,
        task=data.task,
        figures=figures,
        cut_by=watch.cut_by,
    )
