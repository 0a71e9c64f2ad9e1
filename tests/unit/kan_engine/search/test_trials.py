"""Trials: what is tried, what is not tried again, and what is given up."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from kan_engine import (
    KAN,
    KANConfig,
    TargetScaler,
    TrainingConfig,
    TrainingStep,
    Trial,
)
from kan_engine.formulas.callbacks import Callbacks, TrialReport
from kan_engine.model_selection.moves import SelectionTask, estimate_seconds
from kan_engine.model_selection.trials import TrialResult, UnscaledRows
from kan_engine.search.context import SearchContext
from kan_engine.search.networks.search_rows import SearchRows
from kan_engine.search.networks.trials import EarlyStopping, TrialRunner, split_step
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS as LIMITS
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config

X = np.random.default_rng(0).uniform(-1, 1, (40, 1))
ROWS = UnscaledRows(
    scaled=lambda quantile: torch.from_numpy(X),
    targets=torch.from_numpy(X**2),
    weights=torch.ones(40).double(),
)
TASK = SelectionTask(inputs=1, outputs=1, rows=4_000, training=TrainingConfig())
FEW = replace(TASK, rows=40)
LINE = Trial(
    config=KANConfig(width=(1, 1), grid_size=3),
    training=TrainingConfig(optimizer="adam", steps=2),
    quantile=False,
)


def trials(
    reports: list[str] | None = None, *, tried: list[TrialReport] | None = None, is_over: bool = False
) -> TrialRunner:
    request = request_for(split={"kind": "none"})
    data = prepare_data(table_of(x=X[:, 0], y=X[:, 0] ** 2), request)
    callbacks = Callbacks(
        report=lambda stage, share, message, error=None: None if reports is None else reports.append(message),
        record_trial=lambda trial: None if tried is None else tried.append(trial),
        should_stop=lambda: is_over,
    )
    run = SearchContext.create(data, make_search_config(request), callbacks)
    scales = (run.inputs, run.inputs)
    grounds = SearchRows(
        data=data, fit=ROWS, validation=ROWS, everything=ROWS, scales=scales, scaler=TargetScaler.fit(X**2)
    )
    return TrialRunner(run, grounds)


def steps(count: int) -> Trial:
    return replace(LINE, training=replace(LINE.training, steps=count))


def trained(loss: float, optimizer: str = "levenberg_marquardt") -> TrialResult:
    return TrialResult(trial=LINE, network=KAN(LINE.config), loss=loss, history=(), optimizer=optimizer)


def behind(optimizer: Any, loss: float, best: TrialResult | None, step: int = LIMITS.min_steps) -> bool:
    """Whether a trial by this optimizer is given up with this loss."""
    told = EarlyStopping(replace(LINE, training=replace(LINE.training, optimizer=optimizer)), best, LIMITS)
    for number in range(step + 1):
        told.update(TrainingStep(number, 3, loss, loss))
    return told.is_hopeless


def test_every_trial_is_reported_with_its_settings_and_error() -> None:
    tried: list[TrialReport] = []
    runner = trials(tried=tried)
    found = [runner.run(steps(count)) for count in (2, 3)]
    assert [(trial.width, trial.grid, trial.steps) for trial in tried] == [((1, 1), 3, 2), ((1, 1), 3, 3)]
    assert [trial.error for trial in tried] == [(2 * each.loss) ** 0.5 for each in found]


def test_an_ensemble_is_reported_by_the_shape_of_one_of_its_networks() -> None:
    tried: list[TrialReport] = []
    config = KANConfig(width=(1, 6, 1), grid_size=3, groups=3)
    trials(tried=tried).run(replace(LINE, config=config))
    assert tried[0].width == (1, 2, 1)


def test_what_was_tried_is_not_worth_another_try() -> None:
    tried = trials()
    assert tried.is_admissible(LINE, TASK)
    tried.run(LINE)
    assert not tried.is_admissible(LINE, TASK)


def test_a_trial_that_would_go_beyond_the_estimated_time_is_not_worth_it() -> None:
    time = estimate_seconds(steps(3), TASK.rows)
    assert trials().is_admissible(steps(3), replace(TASK, seconds=time))
    assert not trials().is_admissible(steps(3), replace(TASK, seconds=0.99 * time))


def test_estimated_time_that_was_spent_is_gone() -> None:
    tried = trials()
    tried.run_step(steps(2), TASK)
    task = replace(TASK, seconds=estimate_seconds(steps(4), TASK.rows))
    assert not tried.is_admissible(steps(3), task)


def test_nothing_is_worth_it_once_the_time_is_over() -> None:
    assert not trials(is_over=True).is_admissible(LINE, TASK)


def test_the_best_of_several_has_the_lowest_loss() -> None:
    tried = trials()
    losses = [tried.run(steps(count)).loss for count in (1, 40)]
    assert losses[1] < losses[0]
    assert trials().run_best([steps(1), steps(40)]).loss == losses[1]  # type: ignore[union-attr]


def test_folds_that_were_held_out_in_two_parts_are_joined() -> None:
    tried, count = trials(), FEW.thresholds.fold_count
    parts = [tried.cross_validate(LINE, held, FEW) for held in (range(2), range(2, count))]
    whole, joined = tried.cross_validate(LINE, range(count), FEW), tried.join_folds(*parts)
    assert whole.fold_losses is not None
    assert joined.fold_losses is not None
    assert parts[0].fold_losses is not None
    assert parts[0].fold_losses.isnan().any()
    assert torch.equal(joined.fold_losses.isnan(), whole.fold_losses.isnan())
    assert joined.expected_loss == pytest.approx(float(joined.fold_losses.mean()))


@pytest.mark.parametrize(("is_over", "keeps_last"), [(True, True), (False, False)])
def test_a_network_is_not_trained_again_without_time_or_after_the_choice_of_its_best_step(
    is_over: bool, keeps_last: bool
) -> None:
    trial = replace(LINE, training=replace(LINE.training, keep_last=keeps_last))
    known = replace(trained(0.1), trial=trial)
    assert trials(is_over=is_over).retrain(known) is known.network


def test_a_network_trained_again_on_all_rows_lacks_the_pruned_edges() -> None:
    trial = replace(LINE, training=replace(LINE.training, keep_last=True))
    known = replace(trained(0.1), trial=trial)
    assert trials().retrain(known).edge_count == 1
    known.network.stack[0].mask[:] = False
    assert trials().retrain(known).edge_count == 0


def test_few_rows_all_judge_a_step_of_the_climb_by_networks_that_have_not_seen_them() -> None:
    found = trials().run_step(steps(40), FEW)
    assert found.folds_loss is not None
    assert found.expected_loss == found.folds_loss != found.loss


@pytest.mark.parametrize(("count", "parts"), [(40, 1), (1_000_000, 2)])
def test_a_step_that_takes_long_is_split_by_its_folds(count: int, parts: int) -> None:
    split = split_step(steps(count), FEW)
    assert len(split) == parts
    assert [fold for _, held in split for fold in held] == list(range(FEW.climb_fold_count))


def test_of_many_rows_the_validation_rows_judge_a_step_of_the_climb() -> None:
    found = trials().run_step(steps(40), TASK)
    assert found.folds_loss is None
    assert found.expected_loss == found.loss


def test_of_no_trials_there_is_no_best() -> None:
    assert trials().run_best([]) is None


def test_the_first_trial_is_made_even_if_the_time_is_over() -> None:
    reports: list[str] = []
    best = trials(reports, is_over=True).run_best([steps(5), steps(6)])
    assert best is not None
    assert best.trial == steps(5)
    assert len(reports) == 1


def test_every_step_of_a_trial_is_told_with_its_shape_and_loss() -> None:
    reports: list[str] = []
    trials(reports).run(steps(2))
    assert [message.partition(": loss")[0] for message in reports] == [
        "KAN [1, 1], step 1",
        "KAN [1, 1], step 2",
    ]


def test_a_trial_far_behind_the_best_is_given_up() -> None:
    assert behind("levenberg_marquardt", 1.01 * LIMITS.max_loss_factor, trained(1.0))


@pytest.mark.parametrize(
    ("loss", "best", "step"),
    [
        (0.99 * LIMITS.max_loss_factor, trained(1.0), LIMITS.min_steps),
        (100.0, trained(1.0), LIMITS.min_steps - 1),
        (100.0, None, LIMITS.min_steps),
    ],
    ids=["not far behind", "few steps", "the first"],
)
def test_a_trial_that_may_still_win_goes_on(loss: float, best: TrialResult | None, step: int) -> None:
    assert not behind("levenberg_marquardt", loss, best, step)


@pytest.mark.parametrize("optimizers", [("adam", "levenberg_marquardt"), ("levenberg_marquardt", "adam")])
def test_a_trial_is_never_given_up_where_it_or_the_best_is_by_adam(optimizers: tuple[str, str]) -> None:
    assert not behind(optimizers[0], 100.0, trained(1.0, optimizers[1]))


def test_a_trial_was_once_close_enough_if_it_is_no_longer() -> None:
    told = EarlyStopping(replace(LINE, training=TrainingConfig()), trained(1.0), LIMITS)
    for number in range(LIMITS.min_steps + 1):
        told.update(TrainingStep(number, 3, 100.0 if number else 1.0, 100.0 if number else 1.0))
    assert not told.is_hopeless


def test_a_trial_is_not_given_up_on_a_coarse_grid_of_its_schedule() -> None:
    told = EarlyStopping(replace(LINE, training=TrainingConfig(grid_schedule=(3, 6))), trained(1.0), LIMITS)
    for number in range(3 * LIMITS.min_steps):
        told.update(TrainingStep(number, 3, 100.0, 100.0))
    assert not told.is_hopeless
    for number in range(LIMITS.min_steps + 1):
        told.update(TrainingStep(number, 6, 100.0, 100.0))
    assert told.is_hopeless
