"""Trials: networks that are trained in turn, their time budget and their progress."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import torch

from kan_engine.cost import trains_in_batches
from kan_engine.formulas.callbacks import TrialReport
from kan_engine.model_selection.moves import (
    SelectionTask,
    climb_step_seconds,
    final_trial,
    is_affordable,
    replicate_for_folds,
)
from kan_engine.model_selection.trials import (
    Trial,
    TrialResult,
    UnscaledRows,
    average_known_losses,
    cross_validate,
    run_trial,
    train_on_all_rows,
)
from kan_engine.network.kan import KAN
from kan_engine.search.context import SearchContext
from kan_engine.search.networks.search_rows import SearchRows
from kan_engine.search.serialization import (
    deserialize_network,
    deserialize_trained,
    serialize_network,
    serialize_trained,
)
from kan_engine.search.subtasks import Subtask
from kan_engine.search.thresholds import SearchThresholds
from kan_engine.training.loop import TrainingStep


def split_step(
    trial: Trial, task: SelectionTask, *, min_split_seconds: float = 2.0
) -> list[tuple[Trial, range]]:
    """Split a long step of a cross-validated climb by its folds, so that two workers share it.

    Each part has the parallel networks that its folds need.

    Of a short step, the start in another process would take as long as is saved.

    Args:
        min_split_seconds: Estimated seconds of a cross-validated step of the climb from which it is split.
    """
    count = task.climb_fold_count
    part_size = count if climb_step_seconds(trial, task) < min_split_seconds else -(-count // 2)
    fold_ranges = range(part_size), range(part_size, count)
    return [(replicate_for_folds(trial, len(part), task), part) for part in fold_ranges if part]


def make_step_subtasks(trial: Trial, task: SelectionTask) -> list[Subtask]:
    """Describe a step of the hill climb as subtasks: a cross-validation where the task asks for it."""
    if not task.is_cross_validated:
        return [make_training_subtask(trial)]
    return [make_folds_subtask(*part) for part in split_step(trial, task)]


def make_folds_subtask(trial: Trial, folds: Sequence[int]) -> Subtask:
    """Describe a cross-validation that holds out these folds as a subtask."""
    return Subtask("folds", {"trial": trial.to_dict(), "held": list(folds)})


def make_training_subtask(trial: Trial) -> Subtask:
    """Describe a training judged by the validation rows as a subtask."""
    return Subtask("network", trial.to_dict())


def make_retraining_subtask(trial: Trial) -> Subtask:
    """Describe a training on all rows, of a network without pruned edges, as a subtask."""
    return Subtask("retraining", trial.to_dict())


class ClimbBudget:
    """The trials of a hill climb, and their estimated seconds."""

    def __init__(self) -> None:
        self.tried: set[Trial] = set()
        self._spent = 0.0

    def allows(self, trial: Trial, task: SelectionTask) -> bool:
        """Whether a trial is new, not too large, and within the estimated time of the climb."""
        seconds = self._spent + climb_step_seconds(trial, task)
        largest = trial  # the best step is cross-validated on all folds
        if task.is_cross_validated:
            largest = replicate_for_folds(trial, task.thresholds.fold_count, task)
        is_small = is_affordable(largest, task, is_passing=task.is_cross_validated)
        return trial not in self.tried and is_small and seconds <= task.climb_seconds

    def spend(self, trial: Trial, task: SelectionTask) -> None:
        """Record a step of the climb."""
        self.tried.add(trial)
        self._spent += climb_step_seconds(trial, task)


class TrialRunner:
    """Trains networks in turn while time remains.

    Every trial has its own random numbers, so its result does not depend on the worker or the order.

    Args:
        run: The search context.
        grounds: The rows.
    """

    def __init__(self, run: SearchContext, search_rows: SearchRows) -> None:
        self._run, self._grounds = run, search_rows
        self.thresholds = run.thresholds
        self._best: TrialResult | None = None
        self._budget = ClimbBudget()
        self._keeps_stages = run.config.has_stages
        self._seconds: dict[Trial, dict[int, float]] = {}

    def measure_seconds(self, grid: int) -> float:
        """Time of all trainings until their last step on a grid, or their end if they did not reach it."""
        return sum(seconds.get(grid, max(seconds.values())) for seconds in self._seconds.values() if seconds)

    @property
    def is_time_over(self) -> bool:
        """Whether the job has to stop."""
        return self._run.should_stop()

    def is_admissible(self, trial: Trial, task: SelectionTask) -> bool:
        """Whether a trial is new and fits into the remaining time."""
        return self._budget.allows(trial, task) and not self.is_time_over

    def run_best(self, trials: Iterable[Trial]) -> TrialResult | None:
        """Run trials while time remains, at least the first; return the best, or None without trials."""
        best: TrialResult | None = None
        for trial in trials:
            if best is not None and self.is_time_over:
                break
            result = self.run(trial)
            best = result if best is None else min(best, result, key=lambda entry: entry.loss)
        return best

    def run_step(self, trial: Trial, task: SelectionTask) -> TrialResult:
        """Train and judge a network as a step of the hill climb."""
        self._budget.spend(trial, task)
        if not task.is_cross_validated:
            return self.run(trial)
        first_part, *other_parts = split_step(trial, task)
        with self._run.parts.prefetch(lambda: [make_folds_subtask(*part) for part in other_parts]):
            result = self.cross_validate(*first_part, task)
        for part in other_parts:
            result = self.join_folds(result, self.cross_validate(*part, task))
        result = replace(result, trial=trial)
        self._record(result)
        return result

    def cross_validate(self, trial: Trial, folds: Sequence[int], task: SelectionTask) -> TrialResult:
        """Judge a trial by cross-validation that holds out these folds."""
        part = make_folds_subtask(trial, folds)
        return self._run_subtask(part, lambda: self._cross_validate(trial, folds, task))

    def join_folds(self, base: TrialResult, extension: TrialResult) -> TrialResult:
        """The first of two results that are cross-validated on different folds, with the losses of both."""
        assert base.fold_losses is not None  # noqa: S101 - both are cross-validated
        assert extension.fold_losses is not None  # noqa: S101
        losses, weights = base.fold_losses, self._grounds.everything.weights
        # Folds are disjoint, so at most one of both has a loss for a row
        losses = torch.where(losses.isnan(), extension.fold_losses, losses)
        return replace(base, fold_losses=losses, folds_loss=average_known_losses(losses, weights))

    def run(self, trial: Trial) -> TrialResult:
        """Train a network and judge it by the validation rows."""
        self._budget.tried.add(trial)
        if trains_in_batches(trial.training.optimizer) and not self._keeps_stages:
            # never stopped early, so the result does not depend on earlier trials
            result = self._run_subtask(make_training_subtask(trial), lambda: self._train(trial))
        else:
            result = self._train(trial)
        if self._best is None or result.loss < self._best.loss:
            self._best = result
        self._record(result)
        return result

    def _record(self, result: TrialResult) -> None:
        """Report the settings of a trial and its error on new rows."""
        error = self._to_reported_error(result.expected_loss)
        if error is None:
            return
        config, training = result.trial.config, result.trial.training
        inner_width = (nodes // config.groups for nodes in config.width[1:-1])
        trial = TrialReport(
            kind="network",
            width=(config.width[0], *inner_width, config.width[-1]),
            grid=result.trial.last_grid,
            error=error,
            optimizer=result.optimizer,
            steps=training.steps,
            weight_decay=training.weight_decay,
            quantile=result.trial.quantile,
        )
        self._run.record_trial(trial)

    def run_final(self, trial: Trial, then: Sequence[Subtask] = ()) -> TrialResult:
        """Train and judge the network to serve, while others train it on all rows or do what follows."""
        again = [make_retraining_subtask(trial)] if self._run.data.reserve is None else []
        with self._run.parts.prefetch(lambda: [*again, *then]):
            return self.run(trial)

    def retrain(self, result: TrialResult) -> KAN:
        """Train the selected network again on all rows; return it unchanged if that is impossible.

        The end of a training that returned its best step by validation loss cannot be determined without
        validation rows. Beside a reserve of rows the validation rows would hardly add to the others.
        """
        is_last_kept = result.trial.training.keep_last
        if self.is_time_over or not is_last_kept or self._run.data.reserve is not None:
            return result.network
        # A network without pruned edges may have been trained in advance by another worker
        is_pruned = result.network.edge_count < KAN(result.trial.config).edge_count
        network = self.train_on_all_rows(result.trial, result.network if is_pruned else None)
        return result.network if self.is_time_over else network

    def train_on_all_rows(self, trial: Trial, template: KAN | None = None) -> KAN:
        """Train what pruning left on all rows; an unpruned network is loaded if another worker trained it."""
        run, search_rows = self._run, self._grounds

        def work() -> KAN:
            return train_on_all_rows(
                trial,
                search_rows.everything,
                template=template,
                generator=run.make_generator(),
                should_stop=run.should_stop,
                on_step=self.make_step_reporter("training on all training rows", (0.75, 0.86)),
            )

        if template is not None:
            return work()
        return run.parts.get_or_compute(
            make_retraining_subtask(trial),
            work,
            write=lambda network: serialize_network(network, trial, search_rows),
            read=deserialize_network,
        )

    def _run_subtask(self, part: Subtask, work: Callable[[], TrialResult]) -> TrialResult:
        """Run or load a subtask, with the validation errors that it records."""
        optimism = self._run.contest
        before = optimism.count

        def write(result: TrialResult) -> bytes:
            return serialize_trained(result, self._grounds, optimism.export_errors(before))

        def read(data: bytes) -> TrialResult:
            result, entries = deserialize_trained(data, self.thresholds.training)
            optimism.append_errors(entries)
            return result

        return self._run.parts.get_or_compute(part, work, write=write, read=read)

    def _cross_validate(self, trial: Trial, folds: Sequence[int], task: SelectionTask) -> TrialResult:
        return cross_validate(
            trial,
            self._grounds.everything,
            self._run.cross_validation.folds,
            folds,
            members=final_trial(trial, task).config.groups,
            generator=self._run.make_generator(folds[0]),
            should_stop=lambda: self.is_time_over,
            on_step=self._make_reporter(trial),
        )

    def train_on(self, fit: UnscaledRows, trial: Trial) -> TrialResult:
        """Train a network on other fit rows and judge it by the same validation rows."""
        return self._train(trial, fit)

    def _train(self, trial: Trial, fit: UnscaledRows | None = None) -> TrialResult:
        early_stopping = EarlyStopping(trial, self._best, self.thresholds)
        report = self._make_reporter(trial)
        seconds, start = self._seconds.setdefault(trial, {}), self._run.clock()

        def record_step(step: TrainingStep) -> None:
            seconds[step.grid_size] = self._run.clock() - start
            early_stopping.update(step)
            report(step)

        return run_trial(
            trial,
            fit or self._grounds.fit,
            self._grounds.validation,
            generator=self._run.make_generator(),
            starts=self._start_count,
            keeps_stages=self._keeps_stages,
            should_stop=lambda: early_stopping.is_hopeless or self.is_time_over,
            on_step=record_step,
        )

    def _make_reporter(self, trial: Trial) -> Callable[[TrainingStep], None]:
        share = 0.4 + 0.3 * (1 - 0.8 ** len(self._budget.tried))  # the number of trials is unknown
        return self.make_step_reporter(f"KAN {list(trial.config.width)}", (share - 0.06, share))

    @property
    def _start_count(self) -> int:
        """Coarse starts of a second-order training; with many rows bad minima are rare, and starts slow."""
        restarts = self._run.config.restarts
        if restarts is not None:
            return restarts
        limits = self._run.thresholds
        return (
            limits.training.auto_starts if len(self._grounds.fit.weights) <= limits.max_rows_for_starts else 1
        )

    def make_step_reporter(self, what: str, shares: tuple[float, float]) -> Callable[[TrainingStep], None]:
        """A callback that reports steps as progress between two fractions of the job."""
        low, high = shares

        def report_step(step: TrainingStep) -> None:
            share = low + (high - low) * step.number / (step.number + 20)  # the number of steps is unknown
            message = f"{what}, step {step.number + 1}: loss {step.validation_loss:.3g}"
            self._run.report("train", share, message, self._to_reported_error(step.validation_loss))

        return report_step

    def _to_reported_error(self, loss: float) -> float | None:
        """The RMSE of a regression (the loss is half the mean square), else the loss.

        None if the loss is not positive and finite: the loss to expect of odd rows may be negative.
        """
        if not 0 < loss < math.inf:
            return None
        return math.sqrt(2 * loss) if self._run.data.classes is None else loss


class EarlyStopping:
    """Ends a trial whose loss is far above that of the best one.

    Applies only on the last grid, since a trial that is worse on coarse grids may end better. Does not apply
    to batches, whose loss says little about the final one while the learning rate is high.
    """

    def __init__(self, trial: Trial, best: TrialResult | None, thresholds: SearchThresholds) -> None:
        self._limit = float("inf")
        names = trial.training.optimizer, "auto" if best is None else best.optimizer
        if best is not None and not any(map(trains_in_batches, names)):
            self._limit = thresholds.max_loss_factor * best.loss
        self._min_steps = thresholds.min_steps
        self._last_grid = trial.last_grid
        self._lowest, self._steps = float("inf"), 0

    def update(self, step: TrainingStep) -> None:
        """Record a step."""
        self._steps += step.grid_size == self._last_grid
        self._lowest = min(self._lowest, step.validation_loss)

    @property
    def is_hopeless(self) -> bool:
        """Whether the loss on the last grid is still above the limit."""
        return self._steps > self._min_steps and self._lowest > self._limit
