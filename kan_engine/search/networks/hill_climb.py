"""Hill climb over network settings, and a prediction of its next steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, runtime_checkable

from kan_engine.model_selection.moves import (
    SelectionTask,
    final_trial,
    first_trial,
    generate_fixed_trials,
    is_more_flexible,
    list_moves,
    replicate_for_folds,
)
from kan_engine.model_selection.trials import Trial, TrialResult
from kan_engine.search.networks.trials import ClimbBudget, TrialRunner, make_folds_subtask, make_step_subtasks
from kan_engine.search.serialization import read_expected_loss
from kan_engine.search.subtasks import Subtask, SubtaskCache
from kan_engine.search.thresholds import SearchThresholds


@runtime_checkable
class EvaluatedTrial(Protocol):
    """A trial with its expected loss on fresh rows."""

    @property
    def trial(self) -> Trial: ...  # noqa: D102
    @property
    def expected_loss(self) -> float: ...  # noqa: D102


J_co = TypeVar("J_co", bound=EvaluatedTrial, covariant=True)


@runtime_checkable
class StepRunner(Protocol[J_co]):
    """Runs the steps of a hill climb."""

    @property
    def thresholds(self) -> SearchThresholds: ...  # noqa: D102
    def is_admissible(self, trial: Trial, task: SelectionTask) -> bool: ...  # noqa: D102
    def run_step(self, trial: Trial, task: SelectionTask) -> J_co: ...  # noqa: D102


def tune_network(trials: TrialRunner, task: SelectionTask) -> TrialResult:
    """Select the settings of the network to serve where no law is known, and train it.

    The hill climb starts from medium settings. Its best trial is trained again as several networks side by
    side. A single second-order network, stopped at the lowest validation loss, must be far better than the
    result of the climb. On data without noise it is better by orders of magnitude.
    """
    best = trials.run_best(generate_fixed_trials(task))
    if task.training.optimizer not in ("auto", "adam"):
        assert best is not None  # noqa: S101 - a requested optimizer is always tried
        return best
    climbed = run_hill_climb(trials, task)
    if best is not None and climbed.expected_loss >= trials.thresholds.min_second_order_gain * best.loss:
        return best
    last = final_trial(climbed.trial, task)
    if trials.is_time_over or (last == climbed.trial and not task.is_cross_validated):
        return climbed
    if task.is_cross_validated:
        return _complete_folds(trials, climbed, last, task)
    more = trials.run_final(last)
    return more if more.loss <= trials.thresholds.selection_bias_factor * climbed.loss else climbed


def _complete_folds(
    trials: TrialRunner, climbed: TrialResult, last: Trial, task: SelectionTask
) -> TrialResult:
    """Train the network to serve; cross-validate its settings on the folds that the climb left out."""
    rest = range(task.climb_fold_count, task.thresholds.fold_count)
    if rest:
        trial = replicate_for_folds(climbed.trial, len(rest), task)
        more = trials.run_final(last, [make_folds_subtask(trial, rest)])
        if not trials.is_time_over:
            climbed = trials.join_folds(climbed, trials.cross_validate(trial, rest, task))
    else:
        more = trials.run_final(last)
    return replace(more, fold_losses=climbed.fold_losses, folds_loss=climbed.folds_loss)


def run_hill_climb(trials: StepRunner[J_co], task: SelectionTask) -> J_co:
    """Apply changes of the settings as long as any of them lowers the expected loss.

    In a tie the less constrained network is taken: the final network learns from more rows.
    """
    limits, before = trials.thresholds, None
    top = trials.run_step(first_trial(task), task)
    lowest = top.expected_loss
    open_changes = list(list_moves(task))
    while top is not before:
        before = top
        for change in tuple(open_changes):
            while (trial := change(top.trial)) is not None and trials.is_admissible(trial, task):
                trained = trials.run_step(trial, task)
                if trained.expected_loss > limits.max_retry_loss_factor * lowest:
                    open_changes.remove(change)
                tie = limits.tie_factor
                allowed = tie if is_more_flexible(trial, top.trial) else 1 / tie
                if trained.expected_loss > allowed * lowest:
                    break
                top, lowest = trained, min(lowest, trained.expected_loss)
    return top


def predict_subtasks(
    parts: SubtaskCache, task: SelectionTask, losses: dict[str, float], thresholds: SearchThresholds
) -> list[Subtask]:
    """Predict the unfinished steps of the climb, in the order in which it will need them.

    Simulates the climb: a finished step counts with its loss, any other is assumed to change nothing.

    Args:
        parts: Finished subtasks.
        task: The task of the climb.
        losses: Known losses by subtask key; missing ones are read and added.
        thresholds: Those of the search.
    """
    guesses = _DryRun(parts, losses, thresholds)
    run_hill_climb(guesses, task)
    return guesses.unknown


@dataclass(frozen=True)
class _EstimatedTrial:
    trial: Trial
    expected_loss: float


class _DryRun:
    """A step runner that trains nothing and collects the unfinished subtasks."""

    def __init__(self, parts: SubtaskCache, losses: dict[str, float], thresholds: SearchThresholds) -> None:
        self._parts, self._losses, self.thresholds = parts, losses, thresholds
        self._budget, self._lowest = ClimbBudget(), float("inf")
        self.unknown: list[Subtask] = []

    def is_admissible(self, trial: Trial, task: SelectionTask) -> bool:
        return len(self.unknown) < self.thresholds.max_predicted_subtasks and self._budget.allows(trial, task)

    def run_step(self, trial: Trial, task: SelectionTask) -> _EstimatedTrial:
        self._budget.spend(trial, task)
        parts = make_step_subtasks(trial, task, self.thresholds)
        losses = [self._lookup_loss(part) for part in parts]
        known = [loss for loss in losses if loss is not None]
        if len(known) < len(parts):
            self.unknown += [part for part, loss in zip(parts, losses, strict=True) if loss is None]
            is_first = self._lowest == float("inf")
            assumed = 1.0 if is_first else self.thresholds.assumed_loss_factor * self._lowest
            return _EstimatedTrial(trial, assumed)
        loss = sum(known) / len(known)
        self._lowest = min(self._lowest, loss)
        return _EstimatedTrial(trial, loss)

    def _lookup_loss(self, part: Subtask) -> float | None:
        if part.key not in self._losses and (known := self._parts.peek(part)) is not None:
            self._losses[part.key] = read_expected_loss(known)
        return self._losses.get(part.key)
