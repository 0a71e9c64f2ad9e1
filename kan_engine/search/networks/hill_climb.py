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
    def trial(self) -> Trial:
        """Settings of the network."""
        ...

    @property
    def expected_loss(self) -> float:
        """Estimated loss on fresh rows."""
        ...


J_co = TypeVar("J_co", bound=EvaluatedTrial, covariant=True)


@runtime_checkable
class StepRunner(Protocol[J_co]):
    """Runs the steps of a hill climb."""

    @property
    def thresholds(self) -> SearchThresholds:
        """Decision numbers of the search."""
        ...

    def is_admissible(self, trial: Trial, task: SelectionTask) -> bool:
        """Whether a trial is new and within the budget."""
        ...

    def run_step(self, trial: Trial, task: SelectionTask) -> J_co:
        """Evaluate a trial."""
        ...


def tune_network(
    trials: TrialRunner, task: SelectionTask, *, min_second_order_gain: float = 1.5
) -> TrialResult:
    """Select the settings of the network to serve where no law is known, and train it.

    The hill climb starts from medium settings. Its best trial is trained again as several networks side by
    side. A single second-order network, stopped at the lowest validation loss, must be far better than the
    result of the climb. On data without noise it is better by orders of magnitude.

    Args:
        min_second_order_gain: Of losses, by which a second-order network must be better than the climb: on
            data without noise it is better by orders of magnitude.
    """
    best = trials.run_best(generate_fixed_trials(task))
    if task.training.optimizer not in ("auto", "adam"):
        assert best is not None  # noqa: S101 - a requested optimizer is always tried
        return best
    climb_result = run_hill_climb(trials, task)
    if best is not None and climb_result.expected_loss >= min_second_order_gain * best.loss:
        return best
    ensemble_trial = final_trial(climb_result.trial, task)
    if trials.is_time_over or (ensemble_trial == climb_result.trial and not task.is_cross_validated):
        return climb_result
    if task.is_cross_validated:
        return _complete_folds(trials, climb_result, ensemble_trial, task)
    ensemble = trials.run_final(ensemble_trial)
    return (
        ensemble
        if ensemble.loss <= trials.thresholds.selection_bias_factor * climb_result.loss
        else climb_result
    )


def _complete_folds(
    trials: TrialRunner, climb_result: TrialResult, ensemble_trial: Trial, task: SelectionTask
) -> TrialResult:
    """Train the network to serve; cross-validate its settings on the folds that the climb left out."""
    other_folds = range(task.climb_fold_count, task.thresholds.fold_count)
    if other_folds:
        trial = replicate_for_folds(climb_result.trial, len(other_folds), task)
        ensemble = trials.run_final(ensemble_trial, [make_folds_subtask(trial, other_folds)])
        if not trials.is_time_over:
            climb_result = trials.join_folds(climb_result, trials.cross_validate(trial, other_folds, task))
    else:
        ensemble = trials.run_final(ensemble_trial)
    return replace(ensemble, fold_losses=climb_result.fold_losses, folds_loss=climb_result.folds_loss)


def run_hill_climb(
    trials: StepRunner[J_co],
    task: SelectionTask,
    *,
    tie_factor: float = 1.02,
    max_retry_loss_factor: float = 1.03,
) -> J_co:
    """Apply changes of the settings as long as any of them lowers the expected loss.

    In a tie the less constrained network is taken: the final network learns from more rows.

    Args:
        tie_factor: Between losses of networks that count as equally good.
        max_retry_loss_factor: Of losses, above which a change is not tried again.
    """
    before = None
    top = trials.run_step(first_trial(task), task)
    lowest = top.expected_loss
    open_changes = list(list_moves(task))
    while top is not before:
        before = top
        for change in tuple(open_changes):
            while (trial := change(top.trial)) is not None and trials.is_admissible(trial, task):
                candidate = trials.run_step(trial, task)
                if candidate.expected_loss > max_retry_loss_factor * lowest:
                    open_changes.remove(change)
                loss_ratio = tie_factor if is_more_flexible(trial, top.trial) else 1 / tie_factor
                if candidate.expected_loss > loss_ratio * lowest:
                    break
                top, lowest = candidate, min(lowest, candidate.expected_loss)
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

    def is_admissible(self, trial: Trial, task: SelectionTask, *, max_predicted_subtasks: int = 16) -> bool:
        """Whether steps may still be predicted.

        Args:
            max_predicted_subtasks: Steps of the climb that other workers may do in advance.
        """
        return len(self.unknown) < max_predicted_subtasks and self._budget.allows(trial, task)

    def run_step(
        self, trial: Trial, task: SelectionTask, *, assumed_loss_factor: float = 1.1
    ) -> _EstimatedTrial:
        """Return the stored loss of a step, or assume one and note the step as unfinished.

        Args:
            assumed_loss_factor: Of an unfinished step to the lowest loss: neither the best nor beyond a
                retry.
        """
        self._budget.spend(trial, task)
        parts = make_step_subtasks(trial, task)
        losses = [self._lookup_loss(part) for part in parts]
        known_losses = [loss for loss in losses if loss is not None]
        if len(known_losses) < len(parts):
            self.unknown += [part for part, loss in zip(parts, losses, strict=True) if loss is None]
            is_first = self._lowest == float("inf")
            assumed_loss = 1.0 if is_first else assumed_loss_factor * self._lowest
            return _EstimatedTrial(trial, assumed_loss)
        loss = sum(known_losses) / len(known_losses)
        self._lowest = min(self._lowest, loss)
        return _EstimatedTrial(trial, loss)

    def _lookup_loss(self, part: Subtask) -> float | None:
        if part.key not in self._losses and (data := self._parts.peek(part)) is not None:
            self._losses[part.key] = read_expected_loss(data)
        return self._losses.get(part.key)
