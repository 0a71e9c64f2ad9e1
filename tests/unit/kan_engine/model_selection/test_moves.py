"""The climb: where it starts, what it changes, and that it keeps to what was asked for and to its time."""

from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from kan_engine.model_selection.moves import (
    SelectionTask,
    climb_step_seconds,
    estimate_seconds,
    final_trial,
    first_trial,
    generate_fixed_trials,
    is_more_flexible,
    list_moves,
    replicate_networks,
)
from kan_engine.model_selection.thresholds import DEFAULT_SELECTION as LIMITS
from kan_engine.model_selection.trials import Trial
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.training.config import TrainingConfig
from kan_engine.training.penalty import Penalty

ENDLESS = 1e9  # seconds
SPARSE = TrainingConfig(lamb=1e-3)


def task(**known: Any) -> SelectionTask:
    usual = {"inputs": 5, "outputs": 1, "rows": 3_000, "training": TrainingConfig(), "seconds": ENDLESS}
    given = {**usual, **known}
    return SelectionTask(**given, is_sparse=given["training"].lamb > 0)


def climbed(start: Trial, change: str, asked: SelectionTask) -> list[Trial]:
    """The trials that one change leads to, made again and again."""
    step = next(step for step in list_moves(asked) if step.__name__ == change)
    found = [start]
    while (trial := step(found[-1])) is not None and len(found) < 20:
        found.append(trial)
    return found[1:]


def strictness(trial: Trial) -> tuple[float, float]:
    return trial.training.weight_decay, trial.training.penalty.smoothness


def test_the_climb_starts_with_two_networks_side_by_side_by_adam_on_quantiles() -> None:
    trial = first_trial(task())
    assert (trial.config.groups, trial.training.optimizer, trial.quantile) == (
        LIMITS.initial_groups,
        "adam",
        True,
    )
    assert (trial.config.width[0], trial.config.width[-1]) == (5, 1)


@pytest.mark.parametrize(
    ("rows", "batch"),
    [
        (10, LIMITS.min_batch_rows),
        (LIMITS.batches_per_epoch * 64, 64),
        (LIMITS.batches_per_epoch * 120, 128),
        (LIMITS.large_table_rows, LIMITS.max_batch_rows),
        (LIMITS.large_table_rows + 1, LIMITS.large_table_batch_rows),
        (10_000_000, LIMITS.large_table_batch_rows),
    ],
)
def test_batches_grow_with_the_rows_within_bounds(rows: int, batch: int) -> None:
    assert first_trial(task(rows=rows)).training.batch_size == batch


@pytest.mark.parametrize(
    ("rows", "epochs"), [(10, LIMITS.max_epochs), (16_000, 26), (10_000_000, LIMITS.min_epochs)]
)
def test_epochs_fall_with_the_rows_within_bounds(rows: int, epochs: int) -> None:
    assert task(rows=rows).epochs == epochs


def test_the_climb_begins_with_brief_trainings_and_lengthens_them_to_the_longest() -> None:
    start, asked = first_trial(task()), task()
    lengths = [trial.training.steps for trial in climbed(start, "train_longer", asked)]
    assert start.training.steps == -(-asked.epochs // LIMITS.epochs_factor)
    assert lengths == [asked.epochs]


def test_the_length_of_a_training_that_was_asked_for_is_not_changed() -> None:
    asked = task(steps=9)
    tried = [trial for change in list_moves(asked) if (trial := change(first_trial(asked))) is not None]
    assert {trial.training.steps for trial in tried} == {9}


def test_little_time_leaves_fewer_epochs() -> None:
    brief = task(rows=20_000, seconds=3.0)
    trial = first_trial(brief)
    assert 1 < trial.training.steps < first_trial(task(rows=20_000)).training.steps
    assert estimate_seconds(trial, brief.rows) <= brief.seconds


def test_there_is_an_epoch_however_little_time_there_is() -> None:
    assert first_trial(task(rows=10_000_000, seconds=0.0)).training.steps == 1


@pytest.mark.parametrize("lamb", [0.0, 1e-3])
def test_training_is_as_long_as_was_asked_for_whatever_it_takes(lamb: float) -> None:
    asked = task(steps=77, seconds=0.0, training=TrainingConfig(lamb=lamb))
    assert first_trial(asked).training.steps == 77


def test_patience_is_never_shorter_than_the_training() -> None:
    training = first_trial(task(rows=10)).training
    assert training.patience >= training.steps


def test_the_order_and_the_grid_are_those_that_were_asked_for() -> None:
    config = first_trial(task(order=2, grid=11)).config
    assert (config.order, config.grid_size) == (2, 11)


def test_the_loss_that_was_asked_for_is_minimised_by_every_trial() -> None:
    asked = task(training=TrainingConfig(loss="softmax"), outputs=3)
    trials = [first_trial(asked), *generate_fixed_trials(asked), final_trial(first_trial(asked), asked)]
    assert {trial.training.loss for trial in trials} == {"softmax"}


@pytest.mark.parametrize(("restarts", "groups"), [(1, 1), (2, 2), (5, LIMITS.initial_groups)])
def test_no_more_networks_are_tried_than_were_asked_for(restarts: int, groups: int) -> None:
    assert first_trial(task(restarts=restarts)).config.groups == groups


@pytest.mark.parametrize(("restarts", "groups"), [(None, LIMITS.max_groups), (1, 1), (3, 3), (7, 7)])
def test_as_many_networks_as_were_asked_for_stand_side_by_side_in_the_end(
    restarts: int | None, groups: int
) -> None:
    asked = task(restarts=restarts)
    assert final_trial(first_trial(asked), asked).config.groups == groups


def test_a_sparse_network_stays_alone() -> None:
    asked = task(training=SPARSE, restarts=4)
    start = first_trial(asked)
    assert [start.config.groups, final_trial(start, asked).config.groups] == [1, 1]


def test_networks_side_by_side_are_as_wide_as_the_one_was() -> None:
    start = first_trial(task())
    more = replicate_networks(start, 6)
    assert more.config.groups == 6
    assert [6 * nodes for nodes in start.config.width[1:-1]] == [
        start.config.groups * nodes for nodes in more.config.width[1:-1]
    ]
    assert replicate_networks(more, start.config.groups) == start


def test_a_network_without_hidden_nodes_stays_alone() -> None:
    trial = replace(first_trial(task()), config=KANConfig(width=(5, 1)))
    assert replicate_networks(trial, 4) == trial


def test_the_last_training_grows_as_far_as_the_time_allows() -> None:
    start = first_trial(task())
    enough = estimate_seconds(replicate_networks(start, 5), 3_000)
    assert final_trial(start, task(seconds=enough)).config.groups == 5


def test_the_last_training_is_that_of_the_winner_where_there_is_no_time_for_more() -> None:
    start = first_trial(task())
    assert final_trial(start, task(seconds=0.0)) == start


def test_the_last_training_has_no_layer_with_more_weights_than_are_lean() -> None:
    start = first_trial(task())
    wide = replace(start, config=replace(start.config, width=(5, 256, 128, 1)))
    config = final_trial(wide, task(restarts=50)).config
    kept = KAN(config).stack[1].weight.numel()
    grown = KAN(replicate_networks(wide, config.groups + 1).config).stack[1].weight.numel()
    assert kept <= LIMITS.max_layer_weights < grown


def test_smoothing_and_decay_rise_to_the_strictest_and_end_there() -> None:
    trials = climbed(first_trial(task()), "_strengthen_regularization", task())
    assert [strictness(trial) for trial in trials] == list(LIMITS.regularization_levels[2:])


def test_smoothing_and_decay_fall_to_the_least_strict_and_end_there() -> None:
    trials = climbed(first_trial(task()), "_weaken_regularization", task())
    assert [strictness(trial) for trial in trials] == [LIMITS.regularization_levels[0]]


def test_layers_are_left_out_until_the_network_is_additive_and_alone() -> None:
    start = first_trial(task())
    configs = [trial.config for trial in climbed(start, "_remove_layer", task())]
    first, *_ = start.config.width[1:]
    assert [(config.width, config.groups) for config in configs] == [
        ((5, first, 1), start.config.groups),
        ((5, 1), 1),
    ]


def test_grids_are_halved_down_to_the_coarsest() -> None:
    grids = [trial.config.grid_size for trial in climbed(first_trial(task()), "_halve_grid", task())]
    assert grids == [LIMITS.min_grid]


@pytest.mark.parametrize("asked", [{"grid": 8}, {"training": TrainingConfig(grid_schedule=(3, 8))}])
def test_a_grid_that_was_asked_for_is_not_changed(asked: dict[str, Any]) -> None:
    known = task(**asked)
    start = first_trial(known)
    tried = [trial for change in list_moves(known) if (trial := change(start)) is not None]
    assert {trial.config.grid_size for trial in tried} == {start.config.grid_size}


def test_quantiles_are_given_up_once() -> None:
    assert [trial.quantile for trial in climbed(first_trial(task()), "_use_affine_scale", task())] == [False]


def test_hidden_layers_are_doubled() -> None:
    start = first_trial(task())
    wider = next(iter(climbed(start, "_double_width", task())))
    assert wider.config.width == (5, *(2 * nodes for nodes in start.config.width[1:-1]), 1)
    assert wider.config.groups == start.config.groups


def test_a_network_without_hidden_nodes_grows_no_wider_and_no_shallower() -> None:
    additive = replace(first_trial(task()), config=KANConfig(width=(5, 1)))
    assert climbed(additive, "_double_width", task()) == climbed(additive, "_remove_layer", task()) == []


def test_a_trial_is_freer_if_it_is_less_strict_or_longer_than_another() -> None:
    start = first_trial(task())
    freer = {change.__name__: change(start) for change in list_moves(task())}
    assert {name for name, trial in freer.items() if trial and is_more_flexible(trial, start)} == {
        "_weaken_regularization",
        "train_longer",
    }


def test_all_hidden_layers_are_left_out_at_once() -> None:
    trials = climbed(first_trial(task()), "_make_additive", task())
    assert [(trial.config.width, trial.config.groups) for trial in trials] == [((5, 1), 1)]


def test_a_step_of_the_climb_without_networks_side_by_side_takes_as_many_trainings_as_there_are_folds() -> (
    None
):
    crossed, whole = task(rows=1_000), task()
    additive = replace(first_trial(crossed), config=KANConfig(width=(5, 1)))
    for known, times in ((crossed, crossed.climb_fold_count), (whole, 1)):
        expected = times * estimate_seconds(additive, known.rows)
        assert climb_step_seconds(additive, known) == pytest.approx(expected)


@pytest.mark.parametrize("place", [0, 1, 2, 3, 5, 6, 7, 8])
def test_one_setting_is_changed_at_a_time(place: int) -> None:
    start = first_trial(task())
    changed = list_moves(task())[place](start)
    assert changed is not None
    settings = [
        (trial.config.width, trial.config.grid_size, strictness(trial), trial.training.steps, trial.quantile)
        for trial in (start, changed)
    ]
    assert sum(before != after for before, after in zip(*settings, strict=True)) == 1


def test_twice_the_epochs_take_twice_the_time_once_a_training_has_begun() -> None:
    trial = first_trial(task())
    twice = replace(trial, training=replace(trial.training, steps=2 * trial.training.steps))
    times = [estimate_seconds(each, 2_000) - LIMITS.setup_seconds for each in (trial, twice)]
    assert times[1] == pytest.approx(2 * times[0])


def test_a_price_of_sparsity_takes_time() -> None:
    trial = first_trial(task())
    sparse = replace(trial, training=replace(trial.training, lamb=1e-3))
    assert estimate_seconds(sparse, 2_000) > estimate_seconds(trial, 2_000)


def test_more_networks_side_by_side_take_more_time_but_less_than_one_as_wide() -> None:
    trial = replicate_networks(first_trial(task()), 1)
    more = replicate_networks(trial, 8)
    one = replace(more, config=replace(more.config, groups=1))
    times = [estimate_seconds(each, 2_000) for each in (trial, more, one)]
    assert times == sorted(set(times))


def test_small_tables_are_tried_by_second_order_on_both_scales() -> None:
    trials = list(generate_fixed_trials(task()))
    assert [trial.quantile for trial in trials] == [False, True]
    assert {(trial.training.optimizer, trial.training.steps) for trial in trials} == {
        ("levenberg_marquardt", LIMITS.fixed_steps)
    }


@pytest.mark.parametrize(
    "asked",
    [
        {"training": TrainingConfig(optimizer="adam")},
        {"training": SPARSE},
        {"rows": 1_000_000, "seconds": 60.0},
        {"inputs": 500, "seconds": 60.0},
    ],
)
def test_second_order_is_not_tried_where_it_is_costly_or_not_wanted(asked: dict[str, Any]) -> None:
    assert list(generate_fixed_trials(task(**asked))) == []


@pytest.mark.parametrize("optimizer", ["levenberg_marquardt", "lbfgs"])
def test_a_method_that_was_asked_for_is_tried_whatever_it_costs(optimizer: Any) -> None:
    training = TrainingConfig(optimizer=optimizer)
    trials = generate_fixed_trials(task(rows=10_000_000, seconds=0.0, training=training))
    assert [trial.training.optimizer for trial in trials] == [optimizer] * 2


def test_fixed_shapes_have_the_grid_the_order_and_the_steps_that_were_asked_for() -> None:
    trial = next(iter(islice(generate_fixed_trials(task(grid=5, order=2, steps=9)), 1)))
    assert (trial.config.grid_size, trial.config.order, trial.training.steps) == (5, 2, 9)


def test_a_price_that_was_asked_for_is_paid_by_fixed_shapes() -> None:
    price = Penalty(ridge=1e-4)
    assert {
        trial.training.penalty
        for trial in generate_fixed_trials(task(training=TrainingConfig(penalty=price)))
    } == {price}
