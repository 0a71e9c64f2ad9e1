"""The fit of a selected network to more rows than choices are made on, as long as that lowers its error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log

from jaxtyping import Float
from torch import Tensor

from kan_engine.cost import trains_in_batches
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
    best: TrialResult,
    trials: TrialRunner,
    search_rows: SearchRows,
    run: SearchContext,
    *,
    row_growth_factor: int = 3,
) -> FurtherFit:
    """Fit the selected network to ever more rows of the reserve.

    Each fit has about ``row_growth_factor`` times the rows of the one before. It is the last one if the
    validation error falls by less than a standard error of its paired differences: the error of a network
    falls ever more slowly with its rows, so still more of them would gain less. The time is estimated and not
    measured, so that a job fits the same rows on every machine, unless its time is over.

    Args:
        best: The selected network, fitted to the fit rows.
        trials: Trains networks.
        search_rows: The rows.
        run: The search context.
        row_growth_factor: Of the rows of a large table from one fit of the selected network to the next. All
            fits together take half as long again as the last.
    """
    data, fit_count = run.data, len(run.data.fit)
    if data.reserve is None:
        return FurtherFit(best, fit_count)
    judge, kind = search_rows.validation.rows(best.trial), best.trial.training.loss
    losses = judge.losses(best.network, kind)
    for count in _list_sizes(fit_count, fit_count + len(data.reserve), row_growth_factor):
        trial = _fit_into_time(best, fit_count, count, run)
        candidate = None if trial is None else trials.train_on(search_rows.make_fit_rows(count), trial)
        if candidate is None or trials.is_time_over:
            why = "more would take too long; increase max_seconds"
            return FurtherFit(best, fit_count, _explain(fit_count, why, run))
        fresh = judge.losses(candidate.network, kind)
        gain, chance = _measure_gain(losses, fresh, judge.weights)
        if gain > 0:
            best, losses, fit_count = candidate, fresh, count
        if gain <= chance:
            why = "more lower its error on the validation rows by less than a standard error"
            return FurtherFit(best, fit_count, _explain(fit_count, why, run))
    return FurtherFit(best, fit_count, _explain(fit_count, "a job reads no more into memory", run))


def _list_sizes(min_count: int, max_count: int, factor: float) -> list[int]:
    """Numbers of rows above the least, up to the most, that grow by equal factors of about this size."""
    steps = max(1, round(log(max_count / min_count) / log(factor)))
    return [round(min_count * (max_count / min_count) ** (step / steps)) for step in range(1, steps + 1)]


def _fit_into_time(best: TrialResult, fit_count: int, count: int, run: SearchContext) -> Trial | None:
    """The trial of the same network for more rows; None if that would take too long.

    Minibatch training takes fewer epochs then: it reads at least half as many rows as before, since each of
    them is read less often.
    """
    limits, data, optimizer = run.thresholds.selection, run.data, best.optimizer
    seconds = allot_climb_seconds(run.config.max_seconds, data.rows.x.size, limits)
    trial = replace(best.trial, training=replace(best.trial.training, optimizer=optimizer))
    if not trains_in_batches(optimizer):
        timed_trial = replace(trial, training=replace(trial.training, steps=max(1, len(best.history))))
        return trial if estimate_seconds(timed_trial, count, limits, optimizer) <= seconds else None
    epochs = trial.training.steps
    affordable = int(epochs * min(1.0, seconds / estimate_seconds(trial, count, limits)))
    if 2 * affordable * count < epochs * fit_count:
        return None
    return replace(trial, training=replace(trial.training, steps=affordable))


def _measure_gain(
    before: Float[Tensor, " batch"], after: Float[Tensor, " batch"], weights: Float[Tensor, " batch"]
) -> tuple[float, float]:
    """The mean by which the loss of the rows falls, and its standard error."""
    gains = (before - after) * (weights / weights.mean())
    return float(gains.mean()), float(gains.std() / len(gains) ** 0.5)


def _explain(fit_count: int, why: str, run: SearchContext) -> tuple[str, ...]:
    total = run.data.available_count - len(run.data.validation)
    return (
        ()
        if fit_count == total
        else (f"the network was fitted to {fit_count:,} of {total:,} training rows: {why}",)
    )
