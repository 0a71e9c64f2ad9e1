"""Trials: networks that are trained in turn, their time budget and their progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable

from kan_engine import (
    AUTO_STARTS,
    FEW_ROWS,
    Step,
    Task,
    Trained,
    Trial,
    climbing_seconds,
    cross_validate,
    final_trial,
    is_within_reach,
    run_trial,
)
from service.schemas.training import TrainRequest
from worker.execution.subtasks import Part
from worker.search.context import Run
from worker.search.search_rows import Grounds
from worker.search.trial_serialization import trained_from_bytes, trained_to_bytes

HOPELESS, PATIENT_STEPS = 1.1, 15  # of the best loss, above which a trial is stopped after these steps


def climbing_part(trial: Trial, task: Task) -> Part:
    """Describe a step of the hill climb as a subtask: cross-validation where the task asks for it."""
    return Part("folds", trial.to_dict()) if task.is_crossed else training_part(trial)


def training_part(trial: Trial) -> Part:
    """Describe a training judged by the validation rows as a subtask."""
    return Part("network", trial.to_dict())


def has_stages(request: TrainRequest) -> bool:
    """Whether one network is refined through several requested grids, each of which is reported."""
    schedule = request.training.grid_schedule
    return request.network.hidden != "auto" and schedule != "auto" and len(schedule) > 1


class Budget:
    """The trials of a hill climb, and their estimated seconds."""

    def __init__(self) -> None:
        self.tried: set[Trial] = set()
        self._spent = 0.0

    def allows(self, trial: Trial, task: Task) -> bool:
        """Whether a trial is new, not too large, and within the estimated time of the climb."""
        spent = self._spent + climbing_seconds(trial, task)
        is_small = is_within_reach(trial, task, is_passing=task.is_crossed)
        return trial not in self.tried and is_small and spent <= task.climb_seconds

    def spend(self, trial: Trial, task: Task) -> None:
        """Record a step of the climb."""
        self.tried.add(trial)
        self._spent += climbing_seconds(trial, task)


class Trials:
    """Trains networks in turn while time remains.

    Every trial has its own random numbers, so its result does not depend on the worker or the order.

    Args:
        run: The search context.
        grounds: The rows.
    """

    def __init__(self, run: Run, grounds: Grounds) -> None:
        self._run, self._grounds = run, grounds
        self._best: Trained | None = None
        self._budget = Budget()
        self._keeps_stages = has_stages(run.request)
        self._seconds: dict[Trial, dict[int, float]] = {}

    def seconds(self, grid: int) -> float:
        """Time of all trainings until their last step on a grid, or their end if they did not reach it."""
        return sum(taken.get(grid, max(taken.values())) for taken in self._seconds.values() if taken)

    @property
    def is_over(self) -> bool:
        """Whether the job has to stop."""
        return self._run.should_stop()

    def is_worth_it(self, trial: Trial, task: Task) -> bool:
        """Whether a trial is new and fits into the remaining time."""
        return self._budget.allows(trial, task) and not self.is_over

    def best_of(self, trials: Iterable[Trial]) -> Trained | None:
        """Run trials while time remains, at least the first; return the best, or None without trials."""
        best: Trained | None = None
        for trial in trials:
            if best is not None and self.is_over:
                break
            trained = self.run(trial)
            best = trained if best is None else min(best, trained, key=lambda found: found.loss)
        return best

    def climb(self, trial: Trial, task: Task) -> Trained:
        """Train and judge a network as a step of the hill climb."""
        self._budget.spend(trial, task)
        if not task.is_crossed:
            return self.run(trial)
        return self._part(climbing_part(trial, task), lambda: self._crossed(trial, task))

    def run(self, trial: Trial) -> Trained:
        """Train a network and judge it by the validation rows."""
        self._budget.tried.add(trial)
        if trial.training.optimizer == "adam" and not self._keeps_stages:
            # never stopped early, so the result does not depend on earlier trials
            trained = self._part(training_part(trial), lambda: self._trained(trial))
        else:
            trained = self._trained(trial)
        if self._best is None or trained.loss < self._best.loss:
            self._best = trained
        return trained

    def _part(self, part: Part, work: Callable[[], Trained]) -> Trained:
        """Run or load a subtask, with the validation errors that it records."""
        contest = self._run.contest
        before = contest.count

        def write(trained: Trained) -> bytes:
            return trained_to_bytes(trained, self._grounds, contest.entries(before))

        def read(data: bytes) -> Trained:
            trained, entries = trained_from_bytes(data)
            contest.extend(entries)
            return trained

        return self._run.parts.result(part, work, write=write, read=read)

    def _crossed(self, trial: Trial, task: Task) -> Trained:
        return cross_validate(
            trial,
            self._grounds.everything,
            self._run.folds,
            members=final_trial(trial, task).config.groups,
            generator=self._run.fresh_generator(),
            should_stop=lambda: self.is_over,
            on_step=self._teller(trial),
        )

    def _trained(self, trial: Trial) -> Trained:
        behind = _Behind(trial, self._best)
        tell = self._teller(trial)
        seconds, started = self._seconds.setdefault(trial, {}), time.perf_counter()

        def on_step(step: Step) -> None:
            seconds[step.grid_size] = time.perf_counter() - started
            behind.on_step(step)
            tell(step)

        return run_trial(
            trial,
            self._grounds.fit,
            self._grounds.validation,
            generator=self._run.fresh_generator(),
            starts=self._starts,
            keeps_stages=self._keeps_stages,
            should_stop=lambda: behind.is_hopeless or self.is_over,
            on_step=on_step,
        )

    def _teller(self, trial: Trial) -> Callable[[Step], None]:
        share = 0.4 + 0.3 * (1 - 0.8 ** len(self._budget.tried))  # the number of trials is unknown
        return self.watch(f"KAN {list(trial.config.width)}", (share - 0.06, share))

    @property
    def _starts(self) -> int:
        """Coarse starts of a second-order training; with many rows bad minima are rare, and starts slow."""
        asked = self._run.request.training.restarts
        if asked != "auto":
            return asked
        return AUTO_STARTS if len(self._grounds.fit.weights) <= FEW_ROWS else 1

    def watch(self, what: str, shares: tuple[float, float]) -> Callable[[Step], None]:
        """A callback that reports steps as progress between two fractions of the job."""
        low, high = shares

        def tell(step: Step) -> None:
            share = low + (high - low) * step.number / (step.number + 20)  # the number of steps is unknown
            message = f"{what}, step {step.number + 1}: loss {step.validation_loss:.3g}"
            self._run.report("train", share, message, self._error(step))

        return tell

    def _error(self, step: Step) -> float | None:
        """The RMSE of a regression (the loss is half the mean square), else the loss; None if not finite."""
        loss, is_regression = step.validation_loss, self._run.data.classes is None
        if not math.isfinite(loss):
            return None
        return math.sqrt(2 * loss) if is_regression else loss


class _Behind:
    """Ends a trial whose loss is far above that of the best one.

    Applies only on the last grid, since a trial that is worse on coarse grids may end better. Does not apply
    to Adam, whose loss says little about the final one while the learning rate is high.
    """

    def __init__(self, trial: Trial, best: Trained | None) -> None:
        is_told = best is not None and trial.training.optimizer != "adam" and best.optimizer != "adam"
        self._limit = HOPELESS * best.loss if best is not None and is_told else float("inf")
        self._last_grid = (trial.config.grid_size, *trial.training.grid_schedule)[-1]
        self._lowest, self._steps = float("inf"), 0

    def on_step(self, step: Step) -> None:
        self._steps += step.grid_size == self._last_grid
        self._lowest = min(self._lowest, step.validation_loss)

    @property
    def is_hopeless(self) -> bool:
        return self._steps > PATIENT_STEPS and self._lowest > self._limit
