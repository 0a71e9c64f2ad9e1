"""Trials: which networks are tried, how one is trained, and what pruning may cost."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from kan_engine.model_selection.thresholds import DEFAULT_SELECTION as LIMITS
from kan_engine.model_selection.trials import (
    Trial,
    TrialResult,
    UnscaledRows,
    cross_validate,
    generate_requested_trials,
    prune_result,
    run_trial,
    train_on_all_rows,
)
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.training.loop import TrainingConfig, TrainingStep
from kan_engine.training.thresholds import DEFAULT_TRAINING
from tests.support.engine.networks import uniform_rows

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]

BRIEF = TrainingConfig(steps=8, patience=8)
BY_ADAM = TrainingConfig(optimizer="adam", steps=30, batch_size=16, patience=30, keep_last=True)


def inputs(rows: int = 80, *, seed: int = 0) -> UnscaledRows:
    """sin(3a) with an idle b; the quantile scale stands for any other one."""
    x = uniform_rows(rows, 2, seed=seed)
    ones = torch.ones(rows, dtype=torch.float64)
    return UnscaledRows(
        scaled=lambda quantile: x.pow(3) if quantile else x, targets=torch.sin(3 * x[:, :1]), weights=ones
    )


def trial(
    width: tuple[int, ...] = (2, 3, 1), *, quantile: bool = False, training: TrainingConfig = BRIEF
) -> Trial:
    return Trial(config=KANConfig(width=width, grid_size=4), training=training, quantile=quantile)


def trained(chosen: Trial) -> TrialResult:
    return run_trial(chosen, inputs(), inputs(40, seed=1), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def fitted() -> TrialResult:
    return trained(trial((2, 1)))


@pytest.fixture(scope="module")
def by_adam() -> TrialResult:
    return trained(trial((2, 4, 1), training=BY_ADAM))


def on_all(trained: TrialResult, rows: UnscaledRows, **calls: Any) -> KAN:
    generator = torch.Generator().manual_seed(0)
    return train_on_all_rows(trained.trial, rows, generator=generator, template=trained.network, **calls)


def test_the_loss_of_every_validation_row_is_heard_after_every_step() -> None:
    heard: list[torch.Tensor] = []
    judges = replace(inputs(30, seed=1), on_losses=heard.append)
    trained = run_trial(trial(), inputs(), judges, generator=torch.Generator().manual_seed(0))
    assert min(float(losses.mean()) for losses in heard) == pytest.approx(trained.loss)
    assert [float(losses.mean()) for losses in heard[: len(trained.history)]] == pytest.approx(
        [step.validation_loss for step in trained.history]
    )
    assert {len(losses) for losses in heard} == {30}


def test_a_trial_with_several_starts_ends_on_the_grid_that_was_asked_for() -> None:
    chosen = trial((2, 1, 1))
    judges = inputs(40, seed=1)
    result = run_trial(chosen, inputs(), judges, generator=torch.Generator().manual_seed(0), starts=2)
    assert {step.grid_size for step in result.history} == {chosen.config.grid_size}
    assert chosen.config.grid_size > DEFAULT_TRAINING.trial_grid_size


@pytest.mark.parametrize("quantile", [False, True])
def test_a_trial_sees_the_rows_on_its_own_scale(quantile: bool) -> None:
    own = inputs().rows(trial(quantile=quantile)).x
    assert torch.equal(own, inputs().scaled(quantile))


def test_a_trained_network_comes_with_its_validation_loss_and_history(fitted: TrialResult) -> None:
    assert fitted.loss == inputs(40, seed=1).rows(fitted.trial).loss(fitted.network, "squared")
    assert fitted.loss == min(step.validation_loss for step in fitted.history)
    assert fitted.optimizer == "levenberg_marquardt"


def test_every_step_of_a_trial_is_told() -> None:
    told: list[TrainingStep] = []
    result = run_trial(
        trial((2, 1)), inputs(), inputs(seed=1), generator=torch.Generator(), on_step=told.append
    )
    assert tuple(told) == result.history


def test_a_trial_ends_after_the_step_in_which_it_is_told_to() -> None:
    result = run_trial(
        trial(), inputs(), inputs(seed=1), generator=torch.Generator(), should_stop=lambda: True
    )
    assert len(result.history) == 1


FOLDS = torch.arange(80) % 4


def crossed(
    width: tuple[int, ...],
    groups: int = 1,
    *,
    members: int = 1,
    held: Sequence[int] = range(4),
    **changes: Any,
) -> TrialResult:
    config = KANConfig(width=width, grid_size=4, groups=groups)
    return cross_validate(
        Trial(config=config, training=replace(BY_ADAM, steps=8), quantile=False),
        replace(inputs(), **changes),
        FOLDS,
        held,
        members=members,
        generator=torch.Generator().manual_seed(0),
    )


@pytest.mark.parametrize(("width", "groups"), [((2, 1), 1), ((2, 8, 1), 4), ((2, 16, 8, 1), 8)])
def test_targets_of_a_fold_do_not_reach_the_network_that_it_judges(
    width: tuple[int, ...], groups: int
) -> None:
    plain = crossed(width, groups)
    targets = inputs().targets.clone()
    targets[FOLDS == 0] += 100
    changed = crossed(width, groups, targets=targets)
    assert all(
        torch.equal(one.weight, other.weight)
        for one, other in zip(plain.network.stack, changed.network.stack, strict=True)
    )
    assert changed.loss > 1_000 > plain.loss
    assert changed.expected_loss > 1_000 > plain.expected_loss


@pytest.mark.parametrize(("width", "groups"), [((2, 1), 1), ((2, 8, 1), 4)])
def test_rows_of_folds_that_are_not_held_out_are_learnt_and_not_judged(
    width: tuple[int, ...], groups: int
) -> None:
    plain = crossed(width, groups, held=(1, 3))
    targets = inputs().targets.clone()
    targets[FOLDS == 0] += 100
    changed = crossed(width, groups, held=(1, 3), targets=targets)
    assert plain.fold_losses is not None
    assert plain.fold_losses.isnan().tolist() == [fold in (0, 2) for fold in FOLDS.tolist()]
    assert plain.expected_loss < 1
    assert not torch.equal(plain.network.stack[0].weight, changed.network.stack[0].weight)


def test_targets_of_other_folds_reach_a_network() -> None:
    targets = inputs().targets.clone()
    targets[FOLDS == 1] += 100
    first, second = (
        found.network.stack[0].weight
        for found in (crossed((2, 8, 1), 4), crossed((2, 8, 1), 4, targets=targets))
    )
    assert not torch.equal(first, second)


def test_a_weight_of_a_row_counts_in_the_loss_of_all_folds() -> None:
    targets, weights = inputs().targets.clone(), inputs().weights.clone()
    targets[0] += 100
    weights[0] = 0
    assert crossed((2, 1), targets=targets).expected_loss > 10
    assert crossed((2, 1), targets=targets, weights=weights).expected_loss < 1


def test_more_members_are_expected_to_be_better_as_far_as_two_agree_less_than_one_with_itself() -> None:
    losses = [crossed((2, 16, 1), 8, members=members).expected_loss for members in (1, 2, 8)]
    assert losses[0] > losses[1] > losses[2] > 0
    assert losses[0] - losses[2] == pytest.approx((losses[0] - losses[1]) * (1 - 1 / 8) * 2)


@pytest.mark.parametrize(
    ("rows", "optimizer", "scales"),
    [
        (LIMITS.max_rows_for_both_scales, "adam", [True, False]),
        (LIMITS.max_rows_for_both_scales + 1, "adam", [True]),
        (LIMITS.max_rows_for_both_scales + 1, "levenberg_marquardt", [True, False]),
        (LIMITS.max_rows_for_both_scales + 1, "auto", [True, False]),  # few weights: second order is cheap
        (10**9, "auto", [True]),
    ],
)
def test_a_shape_that_was_asked_for_is_tried_on_both_scales_but_by_adam_on_many_rows(
    rows: int, optimizer: Any, scales: list[bool]
) -> None:
    trials = list(
        generate_requested_trials(
            (2, 7, 1), 6, 2, replace(BRIEF, optimizer=optimizer), rows, thresholds=LIMITS
        )
    )
    assert {(trial.config.width, trial.config.grid_size, trial.config.order) for trial in trials} == {
        ((2, 7, 1), 6, 2)
    }
    assert [trial.quantile for trial in trials] == scales


def test_a_network_is_kept_as_it_was_on_every_grid_of_its_schedule() -> None:
    config = KANConfig(width=(2, 1), grid_size=2)
    training = TrainingConfig(optimizer="levenberg_marquardt", grid_schedule=(2, 4, 8), steps=4)
    trial = Trial(config=config, training=training, quantile=False)
    generator = torch.Generator().manual_seed(0)
    found = run_trial(trial, inputs(), inputs(40, seed=1), generator=generator, keeps_stages=True)
    assert [stage.stack[0].grid_size for stage in found.stages] == [2, 4, 8]
    judge = inputs(40, seed=1).rows(trial)
    for stage in found.stages:
        on_grid = [step for step in found.history if step.grid_size == stage.stack[0].grid_size]
        assert judge.loss(stage, "squared") == min(step.validation_loss for step in on_grid)


def test_what_the_validation_rows_do_not_miss_is_pruned(fitted: TrialResult) -> None:
    pruned = prune_result(fitted, inputs(), inputs(40, seed=1), thresholds=LIMITS)
    assert pruned.network.edge_count < fitted.network.edge_count
    assert pruned.loss <= LIMITS.max_pruning_loss_ratio * fitted.loss
    assert pruned.loss == inputs(40, seed=1).rows(fitted.trial).loss(pruned.network, "squared")
    assert pruned.history == fitted.history


def test_a_network_whose_edges_are_all_missed_stays(fitted: TrialResult) -> None:
    strict = replace(LIMITS, max_pruning_loss_ratio=0.0)
    assert prune_result(fitted, inputs(), inputs(40, seed=1), thresholds=strict) is fitted


def test_pruning_that_drops_nothing_is_not_refitted(
    monkeypatch: pytest.MonkeyPatch, fitted: TrialResult
) -> None:
    monkeypatch.setattr("kan_engine.model_selection.trials.train", None)
    lowest = replace(LIMITS, pruning_thresholds=(0.0,))
    assert prune_result(fitted, inputs(), inputs(40, seed=1), thresholds=lowest) is fitted


def test_an_output_never_loses_all_its_edges() -> None:
    x = uniform_rows(60, 2)
    # The second output hardly varies, so its edges fall below the threshold of their layer.
    targets = torch.cat([torch.sin(3 * x[:, :1]), 1e-6 * x[:, 1:]], 1)
    rows = UnscaledRows(scaled=lambda _: x, targets=targets, weights=torch.ones(60, dtype=torch.float64))
    result = run_trial(trial((2, 2)), rows, rows, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        result.network.layers[0].weight[:, :, 1] = 0.0
    lenient = replace(LIMITS, max_pruning_loss_ratio=float("inf"))
    assert prune_result(result, rows, rows, thresholds=lenient) is result


def test_a_refit_after_pruning_stops_when_it_is_told_to(fitted: TrialResult) -> None:
    looks = []

    def should_stop() -> bool:
        looks.append(True)
        return True

    prune_result(fitted, inputs(), inputs(40, seed=1), should_stop=should_stop, thresholds=LIMITS)
    assert 1 <= len(looks) <= len(LIMITS.pruning_thresholds)  # one step for each refit


def test_after_pruning_a_network_of_first_order_is_not_trained_again(
    monkeypatch: pytest.MonkeyPatch, by_adam: TrialResult
) -> None:
    monkeypatch.setattr("kan_engine.model_selection.trials.train", None)
    lenient = replace(LIMITS, max_pruning_loss_ratio=float("inf"))
    pruned = prune_result(by_adam, inputs(), inputs(40, seed=1), thresholds=lenient)
    assert pruned.network.edge_count < by_adam.network.edge_count
    assert pruned.loss == inputs(40, seed=1).rows(by_adam.trial).loss(pruned.network, "squared")


def test_training_on_all_rows_learns_from_those_that_were_held_out(by_adam: TrialResult) -> None:
    others = inputs(40, seed=1)
    shifted = replace(others, targets=others.targets + 1)
    losses = [
        shifted.rows(by_adam.trial).loss(network, "squared")
        for network in (on_all(by_adam, shifted), by_adam.network)
    ]
    assert losses[0] < 0.05
    assert losses[1] > 0.3


def test_training_on_all_rows_begins_afresh(by_adam: TrialResult) -> None:
    networks = [
        on_all(trained, inputs())
        for trained in (by_adam, replace(by_adam, network=KAN(by_adam.network.config)))
    ]
    assert torch.equal(networks[0].stack[0].weight, networks[1].stack[0].weight)


def test_training_on_all_rows_leaves_the_network_given_as_it_is(by_adam: TrialResult) -> None:
    before = by_adam.network.stack[0].weight.detach().clone()
    assert on_all(by_adam, inputs()) is not by_adam.network
    assert torch.equal(by_adam.network.stack[0].weight, before)


def test_training_on_all_rows_keeps_pruned_edges_away(by_adam: TrialResult) -> None:
    network = KAN.from_header(by_adam.network.to_header())
    network.load_state_dict(by_adam.network.state_dict())
    network.stack[0].mask[1] = False
    trained = on_all(replace(by_adam, network=network), inputs())
    assert not trained.stack[0].mask[1].any()


def test_every_step_on_all_rows_is_told(by_adam: TrialResult) -> None:
    told: list[TrainingStep] = []
    on_all(by_adam, inputs(), on_step=told.append)
    assert [step.number for step in told] == list(range(BY_ADAM.steps))
