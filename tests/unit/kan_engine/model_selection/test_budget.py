"""What is said of a climb before there is a network holds for every network that it may come to."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from kan_engine.cost import Workload
from kan_engine.model_selection.budget import (
    ClimbLimits,
    allot_climb_seconds,
    choose_batch_rows,
    is_size_allowed,
)
from kan_engine.model_selection.moves import (
    SelectionTask,
    estimate_seconds,
    final_trial,
    first_trial,
    generate_fixed_trials,
    is_affordable,
    list_moves,
)
from kan_engine.model_selection.thresholds import DEFAULT_SELECTION
from kan_engine.model_selection.thresholds import DEFAULT_SELECTION as LIMITS
from kan_engine.model_selection.trials import Trial
from kan_engine.training.config import TrainingConfig

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

MILLION = {"inputs": 20, "rows": 640_000, "seconds": 45.0}
SMALL = {"inputs": 8, "rows": 600, "seconds": 45.0}
TASKS: dict[str, dict[str, Any]] = {
    "small": SMALL,
    "tiny": {"inputs": 1, "rows": 8, "seconds": 45.0},
    "large": MILLION,
    "wide": {"inputs": 2000, "rows": 6_400, "seconds": 45.0},
    "patient": SMALL | {"seconds": 3_600.0},
    "hasty": MILLION | {"seconds": 0.01},
    "single": SMALL | {"restarts": 1},
    "many": SMALL | {"restarts": 12},
    "on a grid": SMALL | {"grid": 20},
    "sparse": SMALL | {"training": TrainingConfig(lamb=0.1)},
}


def task(**body: Any) -> SelectionTask:
    training = body.get("training", TrainingConfig())
    return SelectionTask(**{"outputs": 1} | body | {"training": training, "is_sparse": training.lamb > 0})


def workload(trial: Trial, rows: int) -> Workload:
    config, training = trial.config, trial.training
    return Workload(
        width=config.width,
        terms=config.grid_size + config.order + 1,
        rows=rows,
        is_sparse=training.lamb > 0,
        groups=config.groups,
        batch_rows=training.batch_size,
    )


def reached(on: SelectionTask) -> Iterator[Trial]:
    """Every trial to which changes that the time allows lead, and what would be the last after each.

    How strict a trial is and how inputs are scaled does not change what it costs.
    """
    reaches = partial(is_affordable, task=on, is_passing=on.is_cross_validated)
    waiting, seen = [first_trial(on)], set()
    while waiting:
        trial = waiting.pop()
        yield trial
        yield final_trial(trial, on)
        for change in list_moves(on):
            changed = change(trial)
            if changed is not None and reaches(changed):
                plain = replace(changed.training, weight_decay=trial.training.weight_decay)
                plain = replace(plain, penalty=trial.training.penalty)
                changed = replace(changed, training=plain, quantile=True)
                if changed not in seen:
                    seen.add(changed)
                    waiting.append(changed)


@pytest.mark.parametrize("name", TASKS)
def test_no_network_of_a_climb_takes_more_memory_than_the_largest(name: str) -> None:
    on = task(**TASKS[name])
    most = max(work.memory_bytes("adam") for work in (on.first_workload, *on.largest_workloads()))
    assert max(workload(trial, on.rows).memory_bytes("adam") for trial in reached(on)) <= most


@pytest.mark.parametrize("name", TASKS)
def test_the_largest_network_of_a_climb_is_not_far_beyond_what_it_may_come_to(name: str) -> None:
    on = task(**TASKS[name])
    most = max(work.features for work in (on.first_workload, *on.largest_workloads()))
    assert max(workload(trial, on.rows).features for trial in reached(on)) >= most / 2


@pytest.mark.parametrize("name", TASKS)
def test_a_climb_begins_with_the_network_that_was_said(name: str) -> None:
    on = task(**TASKS[name])
    assert workload(first_trial(on), on.rows) == on.first_workload


@pytest.mark.parametrize("name", [name for name in TASKS if name != "hasty"])
def test_the_first_network_takes_half_of_the_time_at_most(name: str) -> None:
    on = task(**TASKS[name])
    assert estimate_seconds(first_trial(on), on.rows) <= on.seconds / 2


def test_without_time_the_first_network_sees_every_row_once() -> None:
    assert first_trial(task(**MILLION | {"seconds": 1e-6})).training.steps == 1


def test_epochs_that_were_asked_for_are_taken() -> None:
    assert first_trial(task(**MILLION, steps=77)).training.steps == 77


def test_second_order_is_tried_on_both_scales_where_it_is_cheap() -> None:
    assert [trial.quantile for trial in generate_fixed_trials(task(inputs=2, rows=100))] == [False, True]


@pytest.mark.parametrize("body", [MILLION, SMALL | {"training": TrainingConfig(optimizer="adam")}])
def test_second_order_is_not_tried_where_it_is_costly_or_another_method_was_asked_for(
    body: dict[str, Any],
) -> None:
    assert list(generate_fixed_trials(task(**body))) == []


def test_the_second_order_that_was_asked_for_is_tried_whatever_it_costs() -> None:
    asked = TrainingConfig(optimizer="levenberg_marquardt")
    trials = list(generate_fixed_trials(task(**MILLION | {"training": asked})))
    assert {trial.training.optimizer for trial in trials} == {"levenberg_marquardt"}


def test_as_many_networks_stand_side_by_side_as_were_asked_for() -> None:
    on = task(**SMALL, restarts=3)
    assert final_trial(first_trial(on), on).config.groups == 3


@pytest.mark.parametrize(("restarts", "groups"), [(None, 1), (3, 3)])
def test_where_there_is_no_time_one_network_serves_or_as_many_as_were_asked_for(
    restarts: int | None, groups: int
) -> None:
    on = task(**SMALL | {"seconds": 0.01}, restarts=restarts)
    assert final_trial(first_trial(on), on).config.groups == groups


def test_where_there_is_no_time_for_more_the_network_of_the_climb_serves() -> None:
    on = task(**SMALL | {"rows": 3_000, "seconds": 0.01})
    assert final_trial(first_trial(on), on) == first_trial(on)


@pytest.mark.parametrize("name", ["patient", "large"])
def test_a_climb_widens_no_network_beyond_what_is_lean(name: str) -> None:
    on = task(**TASKS[name] | {"seconds": 1e9})
    widest = [(trial.config.width, trial.config.grid_size + 4) for trial in reached(on)]
    is_allowed = partial(is_size_allowed, is_passing=on.is_cross_validated, thresholds=DEFAULT_SELECTION)
    assert all(is_allowed(*size) for size in widest)


def test_what_serves_is_lean_even_if_the_climb_went_wider() -> None:
    on = task(**SMALL | {"seconds": 1e9})
    last = [final_trial(trial, on) for trial in reached(on)]
    assert all(
        is_size_allowed(trial.config.width, trial.config.grid_size + 4, thresholds=DEFAULT_SELECTION)
        for trial in last
    )


@pytest.mark.parametrize(
    ("rows", "lamb", "expected"), [(2_000, 0.0, True), (2_001, 0.0, False), (9, 0.1, False)]
)
def test_few_rows_are_judged_by_folds_unless_one_network_is_to_be_sparse(
    rows: int, lamb: float, expected: bool
) -> None:
    on = task(**SMALL | {"rows": rows, "training": TrainingConfig(lamb=lamb)})
    assert on.is_cross_validated is expected
    assert (on.climb_seconds > on.seconds) is expected


def test_a_climb_leaves_time_to_measure_many_values_but_never_takes_none() -> None:
    few, many, most = (allot_climb_seconds(300.0, values) for values in (1_000, 20_000_000, 10**12))
    assert few == pytest.approx(LIMITS.climb_time_share * 300, rel=1e-3)
    assert few > many > most == LIMITS.climb_time_share * 150


def test_folds_are_tried_with_as_many_networks_whatever_serves_in_the_end() -> None:
    assert {first_trial(task(**SMALL, restarts=count)).config.groups for count in (1, 3, 12)} == {
        task(**SMALL).climb_fold_count * LIMITS.initial_groups
    }


@pytest.mark.parametrize(("rows", "expected"), [(50, LIMITS.fold_count), (600, 6), (1_600, 2)])
def test_steps_are_compared_on_as_many_folds_as_their_rows_require(rows: int, expected: int) -> None:
    assert task(**SMALL | {"rows": rows}).climb_fold_count == expected


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        ((2000, LIMITS.max_hidden_nodes, 1), True),
        ((2, LIMITS.max_hidden_nodes + 1, 1), False),
        ((2, 256, 128, 1), True),
        ((2, 256, 256, 1), False),
        ((2, 1), True),
    ],
)
def test_it_is_lean_to_have_few_hidden_nodes_and_few_weights_between_them(
    width: tuple[int, ...], expected: bool
) -> None:
    assert is_size_allowed(width, 12, thresholds=DEFAULT_SELECTION) is expected


def test_batches_grow_with_the_rows_in_powers_of_two() -> None:
    assert [choose_batch_rows(rows, thresholds=LIMITS) for rows in (8, 1_000, 4_000, 50_000, 200_000)] == [
        64,
        128,
        512,
        512,
        1024,
    ]


def test_more_time_reaches_larger_networks() -> None:
    brief, long = (ClimbLimits(inputs=20, outputs=1, rows=640_000, seconds=time) for time in (10.0, 200.0))
    largest = [max(sum(work.width) for work in climb.largest_workloads()) for climb in (brief, long)]
    assert largest[0] < largest[1]
