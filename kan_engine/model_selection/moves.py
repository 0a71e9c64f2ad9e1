"""The moves of the hill climb that selects a network for a table without a known law.

The climb starts from medium settings and changes one setting at a time. A move that lowers the validation
loss is repeated. The first trainings are short. The best settings are then trained as an ensemble: several
parallel networks in one, whose outputs are averaged (Lakshminarayanan et al., "Simple and scalable predictive
uncertainty estimation using deep ensembles", NIPS 2017, section 2.4). Budgets are estimated and not measured
seconds, so that a job makes the same moves on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from kan_engine.cost import Workload
from kan_engine.model_selection.budget import COARSEST, FIXED_STEPS, FOLDS, Climb, is_lean
from kan_engine.model_selection.trials import Trial
from kan_engine.network.kan import KANConfig
from kan_engine.training.config import TrainingConfig
from kan_engine.training.penalty import Penalty

Change = Callable[[Trial], Trial | None]  # None if the trial cannot be changed further

STRICTNESS = ((0.01, 1e-4), (0.1, 1e-3), (0.3, 1e-2), (1.0, 1e-1), (3.0, 1.0))  # weight decay, smoothness
MIDDLING = 1  # index of the level of the first trial
BEGINNING = 0.1  # to build a network and its grids
LENGTHENED = 3  # by which a move lengthens or shortens a training


@dataclass(frozen=True, kw_only=True)
class Task(Climb):
    """The budget of a climb, with the requested training settings.

    Args:
        training: The loss and the requested settings.
    """

    training: TrainingConfig


def first_trial(task: Task) -> Trial:
    """Return the first trial of the climb: medium regularization and, if not requested, few epochs."""
    training = replace(
        task.training,
        optimizer="adam",
        batch_size=task.first.batch_rows,
        steps=task.steps or -(-task.epochs // LENGTHENED),
        patience=task.epochs,
        keep_last=True,
    )
    return _strict(Trial(config=_config(task.first, task), training=training, quantile=True), MIDDLING)


def changes(task: Task) -> tuple[Change, ...]:
    """Return the moves in the order in which to try them; each is repeated while it lowers the loss."""

    def longer(trial: Trial) -> Trial | None:
        """Train for more epochs, as the last move: the best of short trainings mostly stays the best."""
        steps = min(LENGTHENED * trial.training.steps, task.epochs)
        is_longer = steps > trial.training.steps
        return replace(trial, training=replace(trial.training, steps=steps)) if is_longer else None

    is_free = task.grid is None and not task.training.grid_schedule
    coarser: tuple[Change, ...] = (_coarser,) if is_free else ()
    shapes = (_shallower, _additive, *coarser, _affine, _wider)
    if task.steps:
        return (_smoother, _rougher, *shapes)
    return (_smoother, _rougher, _shorter, *shapes, longer)


def is_freer(trial: Trial, other: Trial) -> bool:
    """Whether a trial fits the rows more closely: it has a lower weight decay or more epochs."""
    one, two = (each.training for each in (trial, other))
    return one.weight_decay < two.weight_decay or one.steps > two.steps


def climbing_seconds(trial: Trial, task: Task) -> float:
    """Return the estimated time of a step of the climb; a single network is trained once per fold."""
    times = FOLDS if task.is_crossed and trial.config.groups == 1 else 1
    return times * estimated_seconds(trial, task.rows)


def estimated_seconds(trial: Trial, rows: int) -> float:
    """Return the estimated time of a training by Adam on one core."""
    config = trial.config
    work = Workload(
        width=config.width,
        terms=_terms(trial),
        rows=rows,
        is_sparse=trial.training.lamb > 0,
        groups=config.groups,
        batch_rows=trial.training.batch_size,
    )
    return BEGINNING + work.seconds("adam") * trial.training.steps


def final_trial(best: Trial, task: Task) -> Trial:
    """Return the best settings with as many parallel networks as the limits allow.

    If they allow none, the trial of a cross-validated climb gets the requested number of networks or one;
    that of another climb stays as it is.
    """
    for groups in range(task.groups, 0, -1):
        more = side_by_side(best, groups)
        if is_within_reach(more, task):
            return more
    return side_by_side(best, task.restarts or 1) if task.is_crossed else best


def is_within_reach(trial: Trial, task: Task, *, is_passing: bool = False) -> bool:
    """Whether a network is small enough, and the time allows to train it for as many epochs as the first.

    Args:
        trial: The network.
        task: The limits.
        is_passing: Whether the network is discarded after the climb.
    """
    epochs = max(task.epochs, trial.training.steps)
    longest = replace(trial, training=replace(trial.training, steps=epochs))
    is_lean_enough = is_lean(trial.config.width, _terms(trial), is_passing=is_passing)
    return is_lean_enough and estimated_seconds(longest, task.rows) <= task.seconds


def fixed_trials(task: Task) -> Iterator[Trial]:
    """Yield trials of the fixed, small shape, by the requested method or by a cheap second-order one.

    On data without noise the errors of second-order methods are smaller by orders of magnitude.
    """
    is_asked = task.training.optimizer not in ("auto", "adam")
    if not is_asked and (task.training.optimizer == "adam" or not task.is_fixed_tried):
        return
    training = replace(
        task.training,
        optimizer=task.training.optimizer if is_asked else "levenberg_marquardt",
        steps=task.steps or FIXED_STEPS,
    )
    for quantile in (False, True):
        yield Trial(config=_config(task.fixed, task), training=training, quantile=quantile)


def side_by_side(trial: Trial, groups: int) -> Trial:
    """Return the trial with this number of parallel networks; a network without hidden nodes stays single."""
    config = trial.config
    if len(config.width) == 2:
        return trial
    inner = (nodes // config.groups * groups for nodes in config.width[1:-1])
    width = (config.width[0], *inner, config.width[-1])
    return replace(trial, config=replace(config, width=width, groups=groups))


def _config(work: Workload, task: Task) -> KANConfig:
    grid = work.terms - task.order - 1
    return KANConfig(width=work.width, grid_size=grid, order=task.order, groups=work.groups)


def _terms(trial: Trial) -> int:
    return trial.config.grid_size + trial.config.order + 1


def _shorter(trial: Trial) -> Trial | None:
    """Train for a third of the epochs: a network fits noise and atypical rows last."""
    steps = trial.training.steps // LENGTHENED
    return replace(trial, training=replace(trial.training, steps=steps)) if steps else None


def _strict(trial: Trial, strictness: int) -> Trial:
    decay, smoothness = STRICTNESS[strictness]
    training = replace(trial.training, weight_decay=decay, penalty=Penalty(smoothness=smoothness))
    return replace(trial, training=training)


def _strictness(trial: Trial) -> int:
    return STRICTNESS.index((trial.training.weight_decay, trial.training.penalty.smoothness))


def _smoother(trial: Trial) -> Trial | None:
    place = _strictness(trial) + 1
    return _strict(trial, place) if place < len(STRICTNESS) else None


def _rougher(trial: Trial) -> Trial | None:
    place = _strictness(trial) - 1
    return _strict(trial, place) if place >= 0 else None


def _shallower(trial: Trial) -> Trial | None:
    """Remove one hidden layer; without any, the network is additive and single."""
    config = trial.config
    if len(config.width) == 2:
        return None
    width = (*config.width[:-2], config.width[-1])
    groups = config.groups if len(width) > 2 else 1
    return replace(trial, config=replace(config, width=width, groups=groups))


def _additive(trial: Trial) -> Trial | None:
    """Remove all hidden layers: this may lower the loss even if removing a single one does not."""
    fewer = _shallower(trial)
    return fewer and (_additive(fewer) or fewer)


def _wider(trial: Trial) -> Trial | None:
    config = trial.config
    if len(config.width) == 2:
        return None
    width = (config.width[0], *(2 * nodes for nodes in config.width[1:-1]), config.width[-1])
    return replace(trial, config=replace(config, width=width))


def _affine(trial: Trial) -> Trial | None:
    return replace(trial, quantile=False) if trial.quantile else None


def _coarser(trial: Trial) -> Trial | None:
    config = trial.config
    if config.grid_size // 2 < COARSEST:
        return None
    return replace(trial, config=replace(config, grid_size=config.grid_size // 2))
