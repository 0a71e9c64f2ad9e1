"""The pipeline of a training job, without the database: from a table and a request to a model and record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from kan_engine import (
    Callbacks,
    Predictor,
    SearchConfig,
    SearchResult,
    SubtaskCache,
    find_model,
    load,
    read_attached,
    read_metadata,
    save,
)
from kan_engine.assessment.thresholds import AssessmentThresholds
from kan_engine.formulas.callbacks import TrialReport, ignore_trial
from kan_engine.inference.decision_rule import Decision
from kan_engine.search.assembly import assemble_predictor
from kan_engine.search.config import PerGroup
from kan_engine.search.serialization import collect_errors, restore_result, to_metadata
from service.schemas.baselines import Baseline, is_matched, make_baseline_name
from service.schemas.training import TrainRequest
from service.storage.stored_table import StoredTable
from worker.data.preparation import PreparedData, prepare_search
from worker.evaluation.baselines import run_baselines
from worker.evaluation.thresholds import BaselineThresholds
from worker.execution.outcome import READ_ERRORS, CheckpointUnreadable, JobProgress, Outcome, SourceModel
from worker.execution.search_recorder import SearchRecorder
from worker.execution.stage_timer import StageTimer
from worker.pipelines.density import run_density
from worker.pipelines.model_outcome import make_outcome
from worker.pipelines.preview import Preview
from worker.pipelines.revision import revise_model
from worker.pipelines.search_config import make_search_config
from worker.pipelines.thresholds import DEFAULT_PIPELINE, PipelineThresholds
from worker.results.grid_stages import measure_grids
from worker.results.records import FittedBaseline, GridStage, ModelRecord
from worker.results.serialization import to_json


def run_pipeline(
    table: StoredTable,
    request: TrainRequest,
    *,
    report: Callable[[JobProgress], None] = lambda _: None,
    record_trial: Callable[[TrialReport], None] = ignore_trial,
    recorder: SearchRecorder | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    resume: bytes | None = None,
    checkpoint: Callable[[bytes], None] = lambda _: None,
    revises: SourceModel | None = None,
    parts: SubtaskCache | None = None,
    publish: Callable[[Outcome], None] | None = None,
    without: frozenset[str] = frozenset(),
    thresholds: PipelineThresholds = DEFAULT_PIPELINE,
) -> Outcome:
    """Prepare rows, search and train a network, extract formulas and measure; or revise a model.

    Args:
        table: The dataset.
        request: The training.
        report: Takes the progress. It is called often: the receiver decides what to store.
        record_trial: Takes every network that was tried.
        recorder: Takes the steps of the search; None for nobody.
        should_stop: Once it returns true, the best network so far is used, and ``cut_by`` names the stage.
        resume: The last checkpoint of an earlier run of the same job; None without one.
        checkpoint: Called once, when the network is found, with what a later run can resume from.
        revises: The model that a symbolic job revises.
        parts: Results of the search's subtasks, which other workers may compute.
        publish: Takes the best model so far, if the training takes longer than seconds; None for none.
        without: Names of strategies of the search that are left out, to measure what they buy.
        thresholds: Decision numbers, except those of the search.

    Raises:
        CheckpointUnreadable: Another version of the service has written ``resume``.
        InvalidData: No model can be trained on the rows.
        TrainingDiverged: The loss is not finite.
    """
    watch = StageTimer(report, should_stop)
    if request.task == "density":
        return run_density(table, request, watch, thresholds)
    with watch.stage("prepare", 0.0, "reading the table"):
        config = make_search_config(request, revises.model.changes.forbid if revises else ())
        data = prepare_search(table, request, config)
        config = replace(config, form=data.plan.form, per_group=_read_groups(request), without=without)
        if parts is not None and data.screening is not None:
            parts.select_features([feature.name for feature in data.encoding.features])
    preview = Preview(data, config, publish if revises is None else None, thresholds)
    recorder = recorder or SearchRecorder()
    callbacks = Callbacks(
        report=preview.publish_after(watch.report),
        record_trial=record_trial,
        record_step=recorder.record_step,
        record_end=recorder.record_end,
        should_stop=preview.publish_before(watch.should_stop),
        clock=time.monotonic,
        keep=preview.keep,
    )
    if revises is not None and not revises.model.needs_new_network:
        with watch.stage("symbolic", 0.1, "changing the formula"):
            outcome = revise_model(revises, data, config, callbacks, thresholds)
        timed_record = replace(outcome.record, timings=watch.seconds)
        return replace(outcome, record=timed_record, cut_by=watch.cut_by)
    if resume is None:
        preview.publish_if_due()
        predictor, result, decision, grids = _find_model(data, config, callbacks, parts, watch, thresholds)
        if watch.cut_by is None:
            checkpoint(_make_checkpoint(result, predictor, decision, grids))
    else:
        predictor, result, decision, grids = _read_checkpoint(resume, config.thresholds.assessment)
    outcome = make_outcome(result, predictor, decision, data, config, watch, thresholds, grids)
    record = outcome.record
    assert isinstance(record, ModelRecord)  # noqa: S101 - no revised one
    with watch.stage("baselines", 0.95, "fitting the baselines"):
        record = _add_baselines(
            record,
            result.network.parameter_count,
            data,
            predictor.decision_weights,
            watch.should_stop,
            thresholds.baselines,
        )
    return replace(outcome, record=replace(record, timings=watch.seconds), cut_by=watch.cut_by)


def _read_groups(request: TrainRequest) -> PerGroup | None:
    per_group = request.per_group
    group_constants = None if per_group is None or per_group.own is None else tuple(per_group.own)
    return None if per_group is None else PerGroup(column=per_group.column, own=group_constants)


def _find_model(
    data: PreparedData,
    config: SearchConfig,
    callbacks: Callbacks,
    parts: SubtaskCache | None,
    watch: StageTimer,
    thresholds: PipelineThresholds,
) -> tuple[Predictor, SearchResult, Decision | None, list[GridStage]]:
    with watch.stage("train", 0.05, "looking for a structure"):
        result = find_model(data, config, callbacks, parts)
        grids = measure_grids(result, data, config.thresholds, thresholds.metrics)
    predictor, decision = assemble_predictor(result, data, config.thresholds, max_curves=config.max_curves)
    return predictor, result, decision, grids


def _make_checkpoint(
    result: SearchResult, predictor: Predictor, decision: Decision | None, grids: list[GridStage]
) -> bytes:
    """The artifact of a network that was found, with what a later run needs besides."""
    stages = [to_json(stage) for stage in grids]
    metadata = to_metadata(result) | {"decision": decision and asdict(decision), "grids": stages}
    return save(predictor, metadata, collect_errors(result))


def _read_checkpoint(
    data: bytes, thresholds: AssessmentThresholds
) -> tuple[Predictor, SearchResult, Decision | None, list[GridStage]]:
    """The inverse of ``_make_checkpoint``."""
    try:
        predictor, metadata = load(data), read_metadata(data)
        result = restore_result(metadata, predictor, read_attached(data), thresholds)
        decision = metadata["decision"] and Decision(**metadata["decision"])
        return predictor, result, decision, [GridStage(**stage) for stage in metadata["grids"]]
    except READ_ERRORS as error:
        raise CheckpointUnreadable(f"{type(error).__name__}: {error}") from error


def _add_baselines(
    record: ModelRecord,
    size: int,
    data: PreparedData,
    decision_weights: tuple[float, ...] | None,
    should_stop: Callable[[], bool],
    thresholds: BaselineThresholds,
) -> ModelRecord:
    """Fit the baselines, and for the network on every grid those with a matched number of parameters.

    Args:
        size: Number of parameters of the network.
    """
    request = data.plan.request

    def run(baselines: Sequence[Baseline], parameters: int) -> dict[str, FittedBaseline]:
        return run_baselines(
            baselines,
            data.training,
            data.test,
            fit_count=data.fit_count,
            kan_parameters=parameters,
            classes=data.classes,
            class_weights=data.class_weights,
            decision_weights=decision_weights,
            seed=request.seed,
            should_stop=should_stop,
            thresholds=thresholds,
        )

    if not request.baselines:
        return replace(record, baselines={})
    matched_mlps = {
        make_baseline_name(baseline): baseline for baseline in request.baselines if is_matched(baseline)
    }
    model_baselines = run(request.baselines, size)
    if not matched_mlps:
        return replace(record, baselines=model_baselines)
    results = {size: {name: entry for name, entry in model_baselines.items() if name in matched_mlps}}
    stages = record.grids or ()
    for stage in stages:
        if stage.parameters not in results:  # the last grid is usually that of the final network
            results[stage.parameters] = run(list(matched_mlps.values()), stage.parameters)
    grids = [replace(stage, baselines=results[stage.parameters]) for stage in stages]
    return replace(record, baselines=model_baselines, grids=grids)
