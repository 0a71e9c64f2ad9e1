"""The climb to the network that serves where no law is known, and a guess at its next steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from kan_engine import Task, Trained, Trial, changes, final_trial, first_trial, fixed_trials, is_freer
from worker.execution.subtasks import Part, Parts
from worker.search.trial_serialization import expected_loss
from worker.search.trials import Budget, Trials, climbing_part

FAR = 1.5  # factor of losses by which one network of second order has to win: see ``tuned``
TIE = 1.02  # factor between losses of networks that count as equally good
LOST = 1.25  # factor of losses by which a change of the climb is never worth another try
LUCK = 1.1  # by which the loss of few networks may be below that of more: it is more who do well elsewhere
GUESS = 1.1  # factor of losses that a change is taken to end with before anyone knows: neither top nor lost
MOST_GUESSES = 16


class Judged(Protocol):
    """A trial and what is expected of it on fresh rows."""

    @property
    def trial(self) -> Trial: ...  # noqa: D102
    @property
    def expected_loss(self) -> float: ...  # noqa: D102


J_co = TypeVar("J_co", bound=Judged, covariant=True)


class Climber(Protocol[J_co]):
    """Who makes the trials of a climb."""

    def is_worth_it(self, trial: Trial, task: Task) -> bool: ...  # noqa: D102
    def climb(self, trial: Trial, task: Task) -> J_co: ...  # noqa: D102


def tuned(trials: Trials, task: Task) -> Trained:
    """A climb from a middling start, and the winner's settings for several networks side by side.

    A single network of second order, which stops where the validation rows like it most, has to be far
    better than what was climbed to: on data without noise it is, by orders of magnitude.
    """
    best = trials.best_of(fixed_trials(task))
    if task.training.optimizer not in ("auto", "adam"):
        assert best is not None  # noqa: S101 - what was asked for is always tried
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
    """Change after change as long as any of them pays.

    In a tie the freer network is taken: what serves will have more rows to learn from.
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
    """Steps of the climb that nobody has made yet, those first that it will come to first.

    The climb is gone through in thought: where a step is known it counts, else it is taken to change nothing.

    Args:
        parts: What is known.
        task: What the climb is for.
        losses: Of known steps by their keys; what is missing is read and added.
    """
    guesses = _Guesses(parts, losses)
    climbed_to(guesses, task)
    return guesses.unknown


@dataclass(frozen=True)
class _Guess:
    trial: Trial
    expected_loss: float


class _Guesses:
    """Stands in for ``Trials``, and trains nothing."""

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
