"""The fit of a selected network to more rows than choices are made on, as long as that lowers its error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log

from torch import Tensor

from kan_engine.model_selection.budget import allot_climb_seconds
from kan_engine.model_selection.moves import estimate_seconds
from kan_engine.model_selection.trials import Trial, TrialResult
from kan_engine.search.context import SearchContext
from kan_engine.search.networks.search_rows import SearchRows
from kan_engine.search.networks.trials import TrialRunner


@dataclass(frozen=True)
class FurtherFit:
    """A network, how many rows it is fitted to, and a warning where these are not all."""

    best: TrialResult
    rows: int
    warnings: tuple[str, ...] = ()


def fit_further_rows(
    best: TrialResult, trials: TrialRunner, grounds: SearchRows, run: SearchContext
) -> FurtherFit:
    """Fit the selected network to ever more rows of the reserve.

    Each fit has about ``row_growth_factor`` times the rows of the one before. It is the last one if the
    validation error falls by less than a standard error of its paired differences: the error of a network
    falls ever more slowly with its rows, so still more of them would gain less. The time is estimated and not
    measured, so that a job fits the same rows on every machine, unless its time is over.

    Args:
        best: The selected network, fitted to the fit rows.
        trials: Trains networks.
        grounds: The rows.
        run: The search context.
    """
    data, fitted = run.data, len(run.data.fit)
    if data.reserve is None:
        return FurtherFit(best, fitted)
    judge, kind = grounds.validation.rows(best.trial), best.trial.training.loss
    losses = judge.losses(best.network, kind)
    for count in _list_sizes(fitted, fitted + len(data.reserve), run.thresholds.row_growth_factor):
        trial = _fit_into_time(best, fitted, count, run)
        grown = None if trial is None else trials.train_on(grounds.make_fit_rows(count), trial)
        if grown is None or trials.is_time_over:
            why = "more would take too long; increase max_seconds"
            return FurtherFit(best, fitted, _explain(fitted, why, run))
        fresh = judge.losses(grown.network, kind)
        gain, chance = _measure_gain(losses, fresh, judge.weights)
        if gain > 0:
            best, losses, fitted = grown, fresh, count
        if gain <= chance:
            why = "more lower its error on the validation rows by less than a standard error"
            return FurtherFit(best, fitted, _explain(fitted, why, run))
    return FurtherFit(best, fitted, _explain(fitted, "a job reads no more into memory", run))


def _list_sizes(least: int, most: int, factor: float) -> list[int]:
    """Numbers of rows above the least, up to the most, that grow by equal factors of about this size."""
    steps = max(1, round(log(most / least) / log(factor)))
    return [round(least * (most / least) ** (step / steps)) for step in range(1, steps + 1)]


def _fit_into_time(best: TrialResult, fitted: int, count: int, run: SearchContext) -> Trial | None:
    """The trial of the same network for more rows; None if that would take too long.

    Minibatch training takes fewer epochs then: it reads at least half as many rows as before, since each of
    them is read less often.
    """
    limits, data, optimizer = run.thresholds.selection, run.data, best.optimizer
    seconds = allot_climb_seconds(run.config.max_seconds, data.rows.x.size, limits)
    trial = replace(best.trial, training=replace(best.trial.training, optimizer=optimizer))
    if optimizer != "adam":
        taken = replace(trial, training=replace(trial.training, steps=max(1, len(best.history))))
        return trial if estimate_seconds(taken, count, limits, optimizer) <= seconds else None
    epochs = trial.training.steps
    affordable = int(epochs * min(1.0, seconds / estimate_seconds(trial, count, limits)))
    if 2 * affordable * count < epochs * fitted:
        return None
    return replace(trial, training=replace(trial.training, steps=affordable))


def _measure_gain(before: Tensor, after: Tensor, weights: Tensor) -> tuple[float, float]:
    """The mean by which the loss of the rows falls, and its standard error."""
    gains = (before - after) * (weights / weights.mean())
    return float(gains.mean()), float(gains.std() / len(gains) ** 0.5)


def _explain(fitted: int, why: str, run: SearchContext) -> tuple[str, ...]:
    total = run.data.available_count - len(run.data.validation)
    return (
        ()
        if fitted == total
        else (f"the network was fitted to {fitted:,} of {total:,} training rows: {why}",)
    )
