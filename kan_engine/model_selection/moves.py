"""The way to a network for a table without a known law, which the validation rows decide.

A climb: from a middling start one setting is changed at a time, and a change that lowers the validation
loss is made again; it begins with brief trainings. What wins is then trained several times side by side, as
one network whose outputs are their mean (Lakshminarayanan et al., "Simple and scalable predictive uncertainty
estimation using deep ensembles", NIPS 2017, section 2.4). Budgets are estimated seconds and not
measured ones: the same job takes the same way on every machine.
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

Change = Callable[[Trial], Trial | None]  # None where there is nothing left to change

STRICTNESS = ((0.01, 1e-4), (0.1, 1e-3), (0.3, 1e-2), (1.0, 1e-1), (3.0, 1.0))  # weight decay, smoothness
MIDDLING = 1  # of these
BEGINNING = 0.1  # seconds until a network stands on its grids
LENGTHENED = 3  # times as many epochs, or as few


@dataclass(frozen=True, kw_only=True)
class Task(Climb):
    """What is to be learnt, and what the client has decided about it.

    Args:
        training: The loss, and what was asked for of the training.
    """

    training: TrainingConfig


def first_trial(task: Task) -> Trial:
    """The first network of the climb."""
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
    """What to try, one after the other; each again as long as it pays."""

    def longer(trial: Trial) -> Trial | None:
        """More epochs once all else is settled: what is best of brief trainings mostly stays the best."""
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
    """Whether a trial learns more of every row: it is less strict, or trained for longer."""
    one, two = (each.training for each in (trial, other))
    return one.weight_decay < two.weight_decay or one.steps > two.steps


def climbing_seconds(trial: Trial, task: Task) -> float:
    """Estimated time of a step of the climb; what stands alone is trained once per fold."""
    times = FOLDS if task.is_crossed and trial.config.groups == 1 else 1
    return times * estimated_seconds(trial, task.rows)


def estimated_seconds(trial: Trial, rows: int) -> float:
    """Estimated time of a training by Adam, on one core."""
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
    """The winner's settings, for as many networks side by side as the time allows, or as were asked for."""
    for groups in range(task.groups, 0, -1):
        more = side_by_side(best, groups)
        if is_within_reach(more, task):
            return more
    return side_by_side(best, task.restarts or 1) if task.is_crossed else best


def is_within_reach(trial: Trial, task: Task, *, is_passing: bool = False) -> bool:
    """Whether a network is not too large to be trained as long as the first one; it may be for less long.

    Args:
        trial: The network.
        task: What bounds it.
        is_passing: Whether it does not outlive the climb.
    """
    epochs = max(task.epochs, trial.training.steps)
    longest = replace(trial, training=replace(trial.training, steps=epochs))
    is_lean_enough = is_lean(trial.config.width, _terms(trial), is_passing=is_passing)
    return is_lean_enough and estimated_seconds(longest, task.rows) <= task.seconds


def fixed_trials(task: Task) -> Iterator[Trial]:
    """Networks of one small shape: by the method that was asked for, or by second order where that is cheap.

    On data without noise the errors of second order are smaller by orders of magnitude.
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
    """The trial with so many networks instead of those it has; one that has no hidden nodes stays alone."""
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
    """A third of the epochs: noise and rows of another kind are learnt last."""
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
    """One hidden layer less; without any, the network is additive and stands alone."""
    config = trial.config
    if len(config.width) == 2:
        return None
    width = (*config.width[:-2], config.width[-1])
    groups = config.groups if len(width) > 2 else 1
    return replace(trial, config=replace(config, width=width, groups=groups))


def _additive(trial: Trial) -> Trial | None:
    """No hidden layer at all, which may suit where one less does not."""
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
