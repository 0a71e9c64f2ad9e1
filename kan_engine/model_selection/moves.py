"""The moves of the hill climb that selects a network for a table without a known law.

The climb starts from medium settings and changes one setting at a time. A move that lowers the validation
loss is repeated. The first trainings are short. The best settings are then trained as an ensemble: several
parallel networks in one, whose outputs are averaged (Lakshminarayanan et al., "Simple and scalable predictive
uncertainty estimation using deep ensembles", NIPS 2017, section 2.4). Budgets are estimated and not measured
seconds, so that a job makes the same moves on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import wraps

from kan_engine.cost import Workload
from kan_engine.model_selection.budget import ClimbLimits, is_size_allowed
from kan_engine.model_selection.thresholds import DEFAULT_SELECTION, SelectionThresholds
from kan_engine.model_selection.trials import Trial
from kan_engine.network.kan import KANConfig
from kan_engine.training.config import TrainingConfig
from kan_engine.training.penalty import Penalty

Move = Callable[[Trial], Trial | None]  # None if the trial cannot be changed further


@dataclass(frozen=True, kw_only=True)
class SelectionTask(ClimbLimits):
    """The budget of a climb, with the requested training settings.

    Args:
        training: The loss and the requested settings.
    """

    training: TrainingConfig


def first_trial(task: SelectionTask, *, initial_regularization: int = 1) -> Trial:
    """Return the first trial of the climb: medium regularization and, if not requested, few epochs.

    Args:
        initial_regularization: Index of the level of the first trial.
    """
    training = replace(
        task.training,
        optimizer="adam",
        batch_size=task.first_workload.batch_rows,
        learning_rate=_scale_rate(task),
        steps=task.steps or -(-task.epochs // task.thresholds.epochs_factor),
        patience=task.epochs,
        keep_last=True,
    )
    return _set_regularization(
        Trial(config=_build_config(task.first_workload, task), training=training, quantile=True),
        initial_regularization,
        task.thresholds,
    )


def _scale_rate(
    task: SelectionTask, *, batch_rows_of_first_rate: int = 32, max_rate_factor: float = 3.0
) -> float:
    """The learning rate for the batch size.

    Args:
        batch_rows_of_first_rate: At which the learning rate is that of a training; it grows with the root of
            the batch size, as the noise of its gradient falls (Krizhevsky, arXiv:1404.5997). So batches of
            128 rows are as accurate as those of 32, with a quarter of the updates.
        max_rate_factor: Of the learning rate.
    """
    factor = math.sqrt(task.first_workload.batch_rows / batch_rows_of_first_rate)
    return task.training.learning_rate * min(factor, max_rate_factor)


def list_moves(task: SelectionTask) -> tuple[Move, ...]:
    """Return the moves in the order in which to try them; each is repeated while it lowers the loss."""

    def train_longer(trial: Trial) -> Trial | None:
        """Train for more epochs, as the last move: the best of short trainings mostly stays the best."""
        steps = min(task.thresholds.epochs_factor * trial.training.steps, task.epochs)
        is_longer = steps > trial.training.steps
        return replace(trial, training=replace(trial.training, steps=steps)) if is_longer else None

    def bind(move: Callable[[Trial, SelectionThresholds], Trial | None]) -> Move:
        @wraps(move)
        def bound(trial: Trial) -> Trial | None:
            return move(trial, task.thresholds)

        return bound

    is_free = task.grid is None and not task.training.grid_schedule
    coarser = (bind(_halve_grid),) if is_free else ()
    shapes = (_remove_layer, _make_additive, *coarser, _use_affine_scale, _double_width)
    regularization = bind(_strengthen_regularization), bind(_weaken_regularization)
    if task.steps:
        return (*regularization, *shapes)
    return (*regularization, bind(_shorten_training), *shapes, train_longer)


def is_more_flexible(trial: Trial, reference: Trial) -> bool:
    """Whether a trial fits the rows more closely: it has a lower weight decay or more epochs."""
    training, reference_training = (entry.training for entry in (trial, reference))
    return (
        training.weight_decay < reference_training.weight_decay or training.steps > reference_training.steps
    )


def climb_step_seconds(trial: Trial, task: SelectionTask) -> float:
    """Return the estimated time of a step of the climb; a single network is trained once per fold."""
    is_repeated = task.is_cross_validated and trial.config.groups == 1
    times = task.climb_fold_count if is_repeated else 1
    return times * estimate_seconds(trial, task.rows, task.thresholds)


def estimate_seconds(
    trial: Trial, rows: int, thresholds: SelectionThresholds = DEFAULT_SELECTION, method: str = "adam"
) -> float:
    """Return the estimated time of a training on one core."""
    config = trial.config
    work = Workload(
        width=config.width,
        terms=_terms_per_edge(trial),
        rows=rows,
        is_sparse=trial.training.lamb > 0,
        groups=config.groups,
        batch_rows=trial.training.batch_size,
        cost=thresholds.cost,
    )
    return thresholds.setup_seconds + work.seconds(method) * trial.training.steps


def replicate_for_folds(trial: Trial, count: int, task: SelectionTask) -> Trial:
    """Return a step of a cross-validated climb with the parallel networks that ``count`` folds need."""
    return replicate_networks(trial, trial.config.groups // task.climb_fold_count * count)


def final_trial(best: Trial, task: SelectionTask) -> Trial:
    """Return the best settings with as many parallel networks as the limits allow.

    If they allow none, the trial of a cross-validated climb gets the requested number of networks or one;
    that of another climb stays as it is.
    """
    for groups in range(task.groups, 0, -1):
        ensemble = replicate_networks(best, groups)
        if is_affordable(ensemble, task):
            return ensemble
    return replicate_networks(best, task.restarts or 1) if task.is_cross_validated else best


def is_affordable(trial: Trial, task: SelectionTask, *, is_passing: bool = False) -> bool:
    """Whether a network is small enough, and the time allows to train it for as many epochs as the first.

    Args:
        trial: The network.
        task: The limits.
        is_passing: Whether the network is discarded after the climb.
    """
    epochs = max(task.epochs, trial.training.steps)
    longest = replace(trial, training=replace(trial.training, steps=epochs))
    is_lean_enough = is_size_allowed(
        trial.config.width, _terms_per_edge(trial), is_passing=is_passing, thresholds=task.thresholds
    )
    return is_lean_enough and estimate_seconds(longest, task.rows, task.thresholds) <= task.seconds


def generate_fixed_trials(task: SelectionTask) -> Iterator[Trial]:
    """Yield trials of the fixed, small shape, by the requested method or by a cheap second-order one.

    On data without noise the errors of second-order methods are smaller by orders of magnitude.
    """
    is_asked = task.training.optimizer not in ("auto", "adam")
    if not is_asked and (task.training.optimizer == "adam" or not task.is_second_order_tried):
        return
    training = replace(
        task.training,
        optimizer=task.training.optimizer if is_asked else "levenberg_marquardt",
        steps=task.steps or task.thresholds.fixed_steps,
    )
    for quantile in (False, True):
        yield Trial(config=_build_config(task.small_workload, task), training=training, quantile=quantile)


def replicate_networks(trial: Trial, groups: int) -> Trial:
    """Return the trial with this number of parallel networks; a network without hidden nodes stays single."""
    config = trial.config
    if len(config.width) == 2:
        return trial
    inner = (nodes // config.groups * groups for nodes in config.width[1:-1])
    width = (config.width[0], *inner, config.width[-1])
    return replace(trial, config=replace(config, width=width, groups=groups))


def _build_config(work: Workload, task: SelectionTask) -> KANConfig:
    grid = work.terms - task.order - 1
    return KANConfig(width=work.width, grid_size=grid, order=task.order, groups=work.groups)


def _terms_per_edge(trial: Trial) -> int:
    return trial.config.grid_size + trial.config.order + 1


def _shorten_training(trial: Trial, thresholds: SelectionThresholds) -> Trial | None:
    """Train for a third of the epochs: a network fits noise and atypical rows last."""
    steps = trial.training.steps // thresholds.epochs_factor
    return replace(trial, training=replace(trial.training, steps=steps)) if steps else None


def _set_regularization(trial: Trial, strictness: int, thresholds: SelectionThresholds) -> Trial:
    decay, smoothness = thresholds.regularization_levels[strictness]
    training = replace(trial.training, weight_decay=decay, penalty=Penalty(smoothness=smoothness))
    return replace(trial, training=training)


def _regularization_index(trial: Trial, thresholds: SelectionThresholds) -> int:
    level = trial.training.weight_decay, trial.training.penalty.smoothness
    return thresholds.regularization_levels.index(level)


def _strengthen_regularization(trial: Trial, thresholds: SelectionThresholds) -> Trial | None:
    place = _regularization_index(trial, thresholds) + 1
    is_last = place == len(thresholds.regularization_levels)
    return None if is_last else _set_regularization(trial, place, thresholds)


def _weaken_regularization(trial: Trial, thresholds: SelectionThresholds) -> Trial | None:
    place = _regularization_index(trial, thresholds) - 1
    return _set_regularization(trial, place, thresholds) if place >= 0 else None


def _remove_layer(trial: Trial) -> Trial | None:
    """Remove one hidden layer; without any, the network is additive and single."""
    config = trial.config
    if len(config.width) == 2:
        return None
    width = (*config.width[:-2], config.width[-1])
    groups = config.groups if len(width) > 2 else 1
    return replace(trial, config=replace(config, width=width, groups=groups))


def _make_additive(trial: Trial) -> Trial | None:
    """Remove all hidden layers: this may lower the loss even if removing a single one does not."""
    fewer = _remove_layer(trial)
    return fewer and (_make_additive(fewer) or fewer)


def _double_width(trial: Trial) -> Trial | None:
    config = trial.config
    if len(config.width) == 2:
        return None
    width = (config.width[0], *(2 * nodes for nodes in config.width[1:-1]), config.width[-1])
    return replace(trial, config=replace(config, width=width))


def _use_affine_scale(trial: Trial) -> Trial | None:
    return replace(trial, quantile=False) if trial.quantile else None


def _halve_grid(trial: Trial, thresholds: SelectionThresholds) -> Trial | None:
    config = trial.config
    if config.grid_size // 2 < thresholds.min_grid:
        return None
    return replace(trial, config=replace(config, grid_size=config.grid_size // 2))
