"""Hill climb over network settings, and a prediction of its next steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from kan_engine import Task, Trained, Trial, changes, final_trial, first_trial, fixed_trials, is_freer
from worker.execution.subtasks import Part, Parts
from worker.search.trial_serialization import expected_loss
from worker.search.trials import Budget, Trials, climbing_part

FAR = 1.5  # of losses, by which a second-order network must be better; see ``tune_network``
TIE = 1.02  # between losses of networks that count as equally good
LOST = 1.25  # of losses, above which a change is not tried again
LUCK = 1.1  # by which fewer networks may seem better on validation rows than more networks
GUESS = 1.1  # of an unfinished step to the lowest loss: neither the best nor beyond a retry
MOST_GUESSES = 16


class Judged(Protocol):
    """A trial with its expected loss on fresh rows."""

    @property
    def trial(self) -> Trial: ...  # noqa: D102
    @property
    def expected_loss(self) -> float: ...  # noqa: D102


J_co = TypeVar("J_co", bound=Judged, covariant=True)


class Climber(Protocol[J_co]):
    """Runs the steps of a hill climb."""

    def is_worth_it(self, trial: Trial, task: Task) -> bool: ...  # noqa: D102
    def climb(self, trial: Trial, task: Task) -> J_co: ...  # noqa: D102


def tuned(trials: Trials, task: Task) -> Trained:
    """Select the settings of the network to serve where no law is known, and train it.

    The hill climb starts from medium settings. Its best trial is trained again as several networks side by
    side. A single second-order network, stopped at the lowest validation loss, must be far better than the
    result of the climb. On data without noise it is better by orders of magnitude.
    """
    best = trials.best_of(fixed_trials(task))
    if task.training.optimizer not in ("auto", "adam"):
        assert best is not None  # noqa: S101 - a requested optimizer is always tried
        return best
    climbed = climbed_to(trials, task)
    if best is not None and climbed.expected_loss >= FAR * best.loss:
        return best
    last = final_trial(climbed.trial, task)
    if trials.is_over or (last == climbed.trial and not task.is_crossed):
        return climbed
    more = trials.run(last)
    if task.is_crossed:
        return replace(more, fold_losses=climbed.fold_losses, folds_loss=climbed.folds_loss)
    return more if more.loss <= LUCK * climbed.loss else climbed


def climbed_to(trials: Climber[J_co], task: Task) -> J_co:
    """Apply changes of the settings as long as any of them lowers the expected loss.

    In a tie the less constrained network is taken: the final network learns from more rows.
    """
    top, before = trials.climb(first_trial(task), task), None
    lowest = top.expected_loss
    open_changes = list(changes(task))
    while top is not before:
        before = top
        for change in tuple(open_changes):
            while (trial := change(top.trial)) is not None and trials.is_worth_it(trial, task):
                trained = trials.climb(trial, task)
                if trained.expected_loss > LOST * lowest:
                    open_changes.remove(change)
                allowed = TIE if is_freer(trial, top.trial) else 1 / TIE
                if trained.expected_loss > allowed * lowest:
                    break
                top, lowest = trained, min(lowest, trained.expected_loss)
    return top


def probable_parts(parts: Parts, task: Task, losses: dict[str, float]) -> list[Part]:
    """Predict the unfinished steps of the climb, in the order in which it will need them.

    Simulates the climb: a finished step counts with its loss, any other is assumed to change nothing.

    Args:
        parts: Finished subtasks.
        task: The task of the climb.
        losses: Known losses by subtask key; missing ones are read and added.
    """
    guesses = _Guesses(parts, losses)
    climbed_to(guesses, task)
    return guesses.unknown


@dataclass(frozen=True)
class _Guess:
    trial: Trial
    expected_loss: float


class _Guesses:
    """A step runner that trains nothing and collects the unfinished subtasks."""

    def __init__(self, parts: Parts, losses: dict[str, float]) -> None:
        self._parts, self._losses = parts, losses
        self._budget, self._lowest = Budget(), float("inf")
        self.unknown: list[Part] = []

    def is_worth_it(self, trial: Trial, task: Task) -> bool:
        return len(self.unknown) < MOST_GUESSES and self._budget.allows(trial, task)

    def climb(self, trial: Trial, task: Task) -> _Guess:
        self._budget.spend(trial, task)
        part = climbing_part(trial, task)
        loss = self._loss(part)
        if loss is None:
            self.unknown.append(part)
            return _Guess(trial, GUESS * self._lowest if self._lowest < float("inf") else 1.0)
        self._lowest = min(self._lowest, loss)
        return _Guess(trial, loss)

    def _loss(self, part: Part) -> float | None:
        if part.key not in self._losses and (known := self._parts.peek(part)) is not None:
            self._losses[part.key] = expected_loss(known)
        return self._losses.get(part.key)
