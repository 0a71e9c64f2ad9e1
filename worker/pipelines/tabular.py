"""The pipeline of a training job, without the database: from a table and a request to a model and record."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from kan_engine import Callbacks, TrainingData, find_model
from service.schemas.baselines import Baseline, is_matched, make_baseline_name
from service.schemas.model_document import FittedBaseline
from service.schemas.training import TrainRequest
from service.storage.stored_table import StoredTable
from worker.evaluation.baselines import run_baselines
from worker.execution.job_callbacks import JobCallbacks
from worker.execution.outcome import Outcome, SourceModel
from worker.execution.stage_timer import StageTimer
from worker.pipelines.density import run_density
from worker.pipelines.model_outcome import make_outcome
from worker.pipelines.preview import Preview
from worker.pipelines.revision import revise_model
from worker.pipelines.search_plan import SearchPlan, make_plan, prepare_rows
from worker.pipelines.thresholds import DEFAULT_PIPELINE, PipelineThresholds
from worker.pipelines.trained_network import TrainedNetwork
from worker.results.grid_stages import measure_grids


def run_pipeline(
    table: StoredTable,
    request: TrainRequest,
    job: JobCallbacks | None = None,
    revises: SourceModel | None = None,
    *,
    without: frozenset[str] = frozenset(),
    thresholds: PipelineThresholds = DEFAULT_PIPELINE,
) -> Outcome:
    """Prepare rows, search and train a network, extract formulas and measure; or revise a model.

    Args:
        table: The dataset.
        request: The training.
        job: Callbacks.
        revises: The model that a symbolic job revises.
        without: Names of strategies of the search that are left out, to measure what they buy.
        thresholds: Decision numbers, except those of the search.

    Raises:
        CheckpointUnreadable: Another version of the service has written the checkpoint to resume from.
        InvalidData: No model can be trained on the rows.
        TrainingDiverged: The loss is not finite.
    """
    job = job or JobCallbacks()
    watch = StageTimer(job.report, job.should_stop)
    if request.task == "density":
        outcome = run_density(table, request, watch, thresholds)
    else:
        with watch.stage("prepare", 0.0, "reading the table"):
            forbidden = revises.model.changes.forbid if revises else ()
            plan = make_plan(table, request, thresholds, forbidden_functions=forbidden, without=without)
            data = prepare_rows(table, plan)
        if data.screening is not None:
            job.parts.select_features([feature.name for feature in data.encoding.features])
        callbacks = _make_callbacks(job, watch)
        if revises is not None and not revises.model.needs_new_network:
            with watch.stage("symbolic", 0.1, "changing the formula"):
                outcome = revise_model(revises, plan, data, callbacks)
        else:
            outcome = _train_model(plan, data, job, callbacks, watch)
    return replace(outcome.update(timings=watch.seconds), cut_by=watch.cut_by)


def _make_callbacks(job: JobCallbacks, watch: StageTimer) -> Callbacks:
    return Callbacks(
        report=watch.report,
        record_trial=job.record_trial,
        record_step=job.recorder.record_step,
        record_end=job.recorder.record_end,
        should_stop=watch.should_stop,
        clock=time.monotonic,
    )


def _train_model(
    plan: SearchPlan, data: TrainingData, job: JobCallbacks, callbacks: Callbacks, watch: StageTimer
) -> Outcome:
    """Search, measure, and compare with the baselines; from a checkpoint the search is left out."""
    if job.resume is None:
        preview = Preview(plan, data, job.publish)
        preview.publish_if_due()
        with watch.stage("train", 0.05, "looking for a structure"):
            result = find_model(data, plan.config, preview.observe(callbacks), job.parts)
            grids = measure_grids(result, data, plan.config.thresholds)
        trained = TrainedNetwork.assemble(result, plan, data, grids)
        if watch.cut_by is None:
            job.checkpoint(trained.to_checkpoint())
    else:
        trained = TrainedNetwork.from_checkpoint(job.resume, plan.config.thresholds.assessment)
    outcome = make_outcome(trained, plan, data, watch)
    with watch.stage("baselines", 0.95, "fitting the baselines"):
        return _add_baselines(outcome, trained, plan, data, watch.should_stop)


def _add_baselines(
    outcome: Outcome,
    trained: TrainedNetwork,
    plan: SearchPlan,
    data: TrainingData,
    should_stop: Callable[[], bool],
) -> Outcome:
    """Fit the baselines, and for the network on every grid those with a matched number of parameters."""
    record, size = outcome.record, trained.result.network.parameter_count

    def run(baselines: Sequence[Baseline], parameters: int) -> dict[str, FittedBaseline]:
        return run_baselines(
            baselines,
            data.training,
            data.test,
            fit_count=data.fit_count,
            kan_parameters=parameters,
            classes=data.classes,
            class_weights=data.class_weights,
            decision_weights=trained.predictor.decision_weights,
            seed=plan.config.seed,
            should_stop=should_stop,
            thresholds=plan.thresholds.baselines,
        )

    requested = plan.request.baselines
    if not requested:
        return outcome.update(baselines={})
    baselines, grids = run(requested, size), record.grids
    matched_mlps = {make_baseline_name(entry): entry for entry in requested if is_matched(entry)}
    if matched_mlps:
        results = {size: {name: entry for name, entry in baselines.items() if name in matched_mlps}}
        for stage in trained.grids:
            if stage.parameters not in results:  # the last grid is usually that of the final network
                results[stage.parameters] = run([*matched_mlps.values()], stage.parameters)
        grids = [stage.model_copy(update={"baselines": results[stage.parameters]}) for stage in trained.grids]
    return outcome.update(baselines=baselines, grids=grids)
