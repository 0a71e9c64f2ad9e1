"""Training of larger networks, where no law explains the data or a shape was requested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.cost import Workload, affordable_grids
from kan_engine.data.training_data import TrainingData
from kan_engine.model_selection.budget import allot_climb_seconds
from kan_engine.model_selection.moves import SelectionTask
from kan_engine.model_selection.trials import (
    TrialResult,
    generate_requested_trials,
    prune_result,
)
from kan_engine.search.config import SearchConfig
from kan_engine.search.context import SearchContext
from kan_engine.search.networks.further_rows import fit_further_rows
from kan_engine.search.networks.hill_climb import predict_subtasks, tune_network
from kan_engine.search.networks.search_rows import SearchRows
from kan_engine.search.networks.trials import TrialRunner
from kan_engine.search.result import GridStage, SearchResult
from kan_engine.search.subtasks import Subtask
from kan_engine.training.config import TrainingConfig
from kan_engine.training.device import choose_device
from kan_engine.training.losses import loss_per_row


def train_network(run: SearchContext, then: Sequence[Subtask] = ()) -> SearchResult:
    """Select the network with the lowest validation loss, then train it on all training rows.

    Args:
        run: The search context.
        then: Subtasks that will be needed afterwards.
    """
    search_rows, config = SearchRows.prepare(run), run.config
    trials = TrialRunner(run, search_rows)
    with run.parts.prefetch(lambda: then):
        if config.hidden is None:
            task = make_task(run)
            losses: dict[str, float] = {}
            with run.parts.prefetch(lambda: predict_subtasks(run.parts, task, losses, run.thresholds)):
                best = tune_network(trials, task)
        else:
            best = _train_requested_shape(trials, config.hidden, run)
    further = fit_further_rows(best, trials, search_rows, run)
    best = further.best
    stages = best.stages
    if config.prune and not run.should_stop():
        run.report("prune", 0.72, "pruning the network")
        best = prune_result(
            best,
            search_rows.fit,
            search_rows.validation,
            input_sets=run.column_wishes,
            should_stop=run.should_stop,
            thresholds=run.thresholds.selection,
        )
    network, scaler = trials.retrain(best), search_rows.scaler
    return SearchResult(
        network=network,
        judged=best.network,
        inputs=search_rows.scales[best.trial.quantile],
        scaler=scaler,
        history=best.history,
        optimizer=best.optimizer,
        device=best.device,
        errors=_measure_errors(best, search_rows, run),
        warnings=further.warnings,
        fitted_rows=further.rows,
        stages=tuple(GridStage(stage, trials.measure_seconds(stage.stack[0].grid_size)) for stage in stages),
    )


def _measure_errors(
    best: TrialResult, search_rows: SearchRows, run: SearchContext
) -> Float[np.ndarray, " rows"]:
    """Out-of-sample errors on the training rows, NaN for other rows.

    Training minimises half a squared error, or a log loss; see ``kan_engine.assessment.comparison``.
    Errors on the rows that selected the network are too small. They are scaled to the level expected on
    fresh rows.
    """
    unit = np.sqrt(2) * search_rows.scaler.std[0] if search_rows.scaler is not None else 1.0
    if best.fold_losses is not None:
        return np.asarray(best.fold_losses.clamp(min=0).sqrt().numpy() * unit)
    judge = search_rows.validation.rows(best.trial)
    with torch.no_grad():
        losses = loss_per_row(best.trial.training.loss, best.network(judge.x), judge.targets)
    errors = np.full(len(run.data.training), np.nan)
    validation_errors = losses.sqrt().numpy() * unit
    corrected_errors = run.contest.correct_errors(validation_errors)
    # The correction sorts the errors, so rows take over its level alone; it is infinite without errors
    with np.errstate(all="ignore"):
        optimism = np.sqrt(np.mean(corrected_errors**2) / np.mean(validation_errors**2))
    errors[len(run.data.fit) :] = validation_errors * (optimism if 1 < optimism < np.inf else 1.0)
    return errors


def _train_requested_shape(
    trials: TrialRunner, inner_width: tuple[int, ...], run: SearchContext
) -> TrialResult:
    """Train networks of the requested shape and return the best."""
    data, config, limits = run.data, run.config, run.thresholds.selection
    training, order = _make_training_config(data, config), config.order
    width = (data.fit.x.shape[1], *inner_width, data.output_count)
    schedule = training.grid_schedule
    grid = schedule[0] if schedule else config.grid or 5
    if not schedule and config.grid is None:
        # Without a requested grid the network is refined as far as rows and time allow
        grids = affordable_grids(width, order, len(data.fit), limits.cost)
        training = replace(training, grid_schedule=grids)
        grid = training.grid_schedule[0]
    finest = max((grid, *training.grid_schedule))
    # The finest grid is the largest work and decides the device
    work = Workload(width=width, terms=finest + order + 1, rows=len(data.fit), batch_rows=training.batch_size)
    training = replace(training, device=choose_device(config.device, work, training.thresholds))
    result = trials.run_best(generate_requested_trials(width, grid, order, training, len(data.fit), limits))
    assert result is not None  # noqa: S101 - there is at least one trial
    return result


def make_task(run: SearchContext) -> SelectionTask:
    """The learning task: sizes of the data and settings of the search.

    The first network decides the device of all: whoever trains one of them as a subtask uses the same.
    """
    data, config, limits = run.data, run.config, run.thresholds.selection
    training = _make_training_config(data, config)
    schedule = training.grid_schedule
    task = SelectionTask(
        inputs=data.fit.x.shape[1],
        outputs=data.output_count,
        rows=len(data.fit),
        training=training,
        order=config.order,
        grid=schedule[0] if schedule else config.grid,
        steps=config.steps,
        restarts=config.restarts,
        is_sparse=training.lamb > 0,
        seconds=allot_climb_seconds(config.max_seconds, data.rows.x.size, limits),
        thresholds=limits,
    )
    device = choose_device(config.device, task.first_workload, training.thresholds)
    return replace(task, training=replace(training, device=device))


def _make_training_config(data: TrainingData, search_config: SearchConfig) -> TrainingConfig:
    config = TrainingConfig(
        loss=data.loss,
        optimizer=search_config.optimizer,
        grid_schedule=search_config.grid_schedule or (),
        steps=search_config.steps or 60,
        lamb=search_config.lamb or 0.0,
        thresholds=search_config.thresholds.training,
    )
    if not search_config.has_stages:
        return config
    # Training must reach every grid
    return replace(config, patience=config.steps * len(config.grid_schedule))
