from typing import Any

import pytest

from service.documents.column_report import ColumnReport
from service.documents.training_plan import TrainingPlan
from service.errors import Invalid
from service.operations.jobs.cost_estimate import (
    Cost,
    count_encoded_inputs,
    estimate_cost,
    refuse_too_costly,
)
from service.operations.jobs.limits import DEFAULT_COSTS
from service.settings import Settings
from tests.support.factories import column
from tests.support.tables import request_for

GiB = 2**30


def cost(inputs: int = 8, rows: int = 1000, target: ColumnReport | None = None, **body: Any) -> Cost:
    """The estimate for a table of so many columns of numbers, and a target."""
    columns = [*(column(f"x{place}") for place in range(inputs)), target or column("y")]
    return estimate_cost(
        TrainingPlan(request_for(**body), {report.name: report for report in columns}, rows),
        costs=DEFAULT_COSTS,
    )


def wide(hidden: list[int]) -> dict[str, Any]:
    """What asks for a shape on the grid of the search."""
    return {"network": {"hidden": hidden, "grid": 8}, "training": {"optimizer": "adam"}}


def refusal(found: Cost, max_seconds: float = 300, **settings: Any) -> Invalid:
    with pytest.raises(Invalid) as caught:
        refuse_too_costly(found, Settings(**settings), max_seconds)
    return caught.value


def test_parameters_are_counted_per_edge() -> None:
    assert cost(network={"hidden": [10], "grid": 3}).parameters == (8 * 10 + 10 * 1) * (3 + 3 + 1)


def test_the_finest_grid_of_a_schedule_counts() -> None:
    named = cost(network={"hidden": [2]}, training={"grid_schedule": [3, 20]})
    assert named.parameters == cost(network={"hidden": [2], "grid": 20}).parameters


def test_a_grid_left_to_us_is_the_finest_that_the_rows_allow() -> None:
    free, finest = (cost(rows=100_000, network={"hidden": [2]} | grid) for grid in ({}, {"grid": 20}))
    assert free.parameters == finest.parameters


def test_a_free_shape_has_the_weights_of_the_smallest_network_and_the_memory_of_the_largest() -> None:
    free, small, large = (cost(rows=3_200, **body) for body in ({}, {"max_seconds": 0.1}, wide([256, 128])))
    assert (free.layers, free.parameters) == (3, small.parameters)
    assert small.memory_bytes < free.memory_bytes == large.memory_bytes + DEFAULT_COSTS.search_overhead_bytes


@pytest.mark.parametrize(("optimizer", "hidden"), [("levenberg_marquardt", [10]), ("lbfgs", [10])])
def test_a_free_shape_by_an_optimizer_that_was_asked_for_has_the_cost_of_the_one_that_is_tried(
    optimizer: str, hidden: list[int]
) -> None:
    training = {"optimizer": optimizer}
    free = cost(training=training)
    assert free == cost(training=training, network={"hidden": hidden, "grid": 8})


def test_the_finest_grid_of_a_schedule_counts_for_a_free_shape() -> None:
    coarse, fine = (cost(training={"grid_schedule": [3, finest]}) for finest in (5, 40))
    assert fine.memory_bytes > coarse.memory_bytes


def test_sparsity_leaves_one_network_to_the_search() -> None:
    sparse, plain = (cost(training={"optimizer": "adam", "lamb": lamb}) for lamb in (0.1, 0))
    assert sparse.parameters < plain.parameters


@pytest.mark.parametrize(
    "network", [{"hidden": [10**9]}, {"hidden": [10], "grid": 10**9}, {"hidden": [1] * 100}]
)
def test_too_large_a_network_is_refused_with_the_estimate(network: dict[str, Any]) -> None:
    refused = refusal(cost(network=network))
    assert refused.code == "cost_too_high"
    assert refused.extra["estimate"]["parameters"] > 0
    assert refused.extra["limit"]["parameters"] == Settings().max_parameters


@pytest.mark.parametrize(
    ("network", "remedy"),
    [
        ({"hidden": [1] * 2_000}, "(at most 32); give hidden fewer layers"),
        ({"hidden": [10**15]}, "; lower hidden or grid, or use fewer features or rows"),
        ({"hidden": [10**9] * 40}, "; give hidden fewer layers; lower hidden or grid"),
    ],
)
def test_the_remedy_is_for_what_is_too_much(network: dict[str, Any], remedy: str) -> None:
    assert remedy in refusal(cost(network=network)).detail


def test_too_many_values_are_refused_for_their_memory() -> None:
    body = {"network": {"hidden": [10]}}
    refused = refusal(cost(inputs=2000, rows=10_000_000, **body))
    assert "bytes of memory" in refused.detail
    assert refused.extra["estimate"]["memory_bytes"] > 30 * GiB  # the values of the hold-out rows alone


def test_a_wide_table_without_a_requested_shape_costs_what_the_kept_columns_cost() -> None:
    wide, narrow = (cost(inputs, rows=2000) for inputs in (2000, 100))
    assert wide.parameters == narrow.parameters
    assert narrow.memory_bytes < wide.memory_bytes < 4 * GiB


@pytest.mark.parametrize(
    ("inputs", "rows", "body"),
    [
        (8, 20_640, {"network": {"hidden": [10], "grid": 3}}),  # the example of the contract
        (20, 1_000_000, {}),
        (20, 1_000_000, {"network": {"hidden": [10], "grid": 5}, "baselines": ["linear", "mlp", "boosting"]}),
        (20, 1_000_000, {"training": {"optimizer": "lbfgs", "lamb": 0.1}}),
        (2000, 10_000, {}),
    ],
)
def test_what_the_service_is_for_is_admitted(inputs: int, rows: int, body: dict[str, Any]) -> None:
    refuse_too_costly(cost(inputs, rows, **body), Settings(), max_seconds=300)


@pytest.mark.parametrize(
    ("few", "many"),
    [
        ({"baselines": ["linear"]}, {"baselines": ["linear", {"kind": "mlp", "hidden": [512] * 5}]}),
        (
            {"baselines": [{"kind": "mlp", "parameters": 1_000}]},
            {"baselines": [{"kind": "mlp", "parameters": 1_000_000}]},
        ),
    ],
)
def test_a_large_mlp_is_charged_for_its_weights(few: dict[str, Any], many: dict[str, Any]) -> None:
    small, large = (cost(2, 100_000, network={"hidden": [2]}, **body).memory_bytes for body in (few, many))
    assert large > small + 20 * 1_000_000


def test_a_network_that_is_kept_on_every_grid_is_charged_for_all_of_them() -> None:
    network = {"hidden": [1000], "grid": 10}
    options = {"optimizer": "adam"}
    one = cost(20, 1_000, network=network | {"grid": 40}, training=options)
    all_grids = cost(20, 1_000, network=network, training=options | {"grid_schedule": [10, 20, 40]})
    assert all_grids.memory_bytes > one.memory_bytes + 8 * 21_000 * (14 + 24 + 44) // 2


def test_a_million_rows_stay_below_two_gibibytes() -> None:
    assert cost(20, 1_000_000).memory_bytes < 2 * GiB


def test_ten_times_the_rows_fit_into_the_memory_of_a_job_since_not_all_are_read() -> None:
    small, large = (cost(20, rows).memory_bytes for rows in (1_000_000, 10_000_000))
    assert 2 * small < large < Settings().max_memory_bytes


def test_a_step_takes_as_long_whatever_the_rows_that_choices_are_not_made_on() -> None:
    reading = DEFAULT_COSTS.value_seconds * 21 * 1_000_000
    small, large = (
        cost(20, rows, network={"hidden": [10], "grid": 5}).seconds for rows in (1_000_000, 2_000_000)
    )
    assert large == pytest.approx(small + reading, rel=0.01)


def test_the_second_order_is_charged_for_its_matrices() -> None:
    network = {"hidden": [40], "grid": 20}
    found = cost(100, 1_000, network=network, training={"optimizer": "levenberg_marquardt"})
    assert found.memory_bytes > 5 * 8 * found.parameters**2
    assert cost(100, 1_000, network=network).memory_bytes < 8 * found.parameters**2  # takes the first order


def test_the_probabilities_of_many_classes_are_charged() -> None:
    classes = column("y", "category", distinct=500)
    assert cost(2, 1_000_000, target=classes).memory_bytes > cost(2, 1_000_000).memory_bytes + 8 * 500e6


def test_texts_that_differ_are_charged_each() -> None:
    reports = (column("x", "category", distinct=count) for count in (1_000, 1_001_000))
    few, many = (
        estimate_cost(TrainingPlan(request_for(), {"x": x, "y": column("y")}, 2_000_000), costs=DEFAULT_COSTS)
        for x in reports
    )
    assert many.memory_bytes > few.memory_bytes + 50 * 1_000_000  # more than an empty text takes


def test_a_job_that_cannot_learn_once_from_every_row_in_its_time_is_refused() -> None:
    refused = refusal(cost(20, 1_000_000), max_seconds=1)
    assert refused.extra["estimate"]["seconds"] > refused.extra["limit"]["seconds"] == 1
    assert refused.errors[0].place["pointer"] == "#/max_seconds"
    assert "seconds for the first epoch (at most 1); raise max_seconds" in refused.detail


def test_a_job_that_is_merely_long_is_admitted_since_it_keeps_its_best_network() -> None:
    found = cost(20, 1_000_000, training={"steps": 1_000_000})
    refuse_too_costly(found, Settings(), max_seconds=60)


@pytest.mark.parametrize("max_seconds", [0.5, 5])
def test_a_small_table_is_admitted_however_little_time_there_is(max_seconds: float) -> None:
    refuse_too_costly(cost(), Settings(), max_seconds)


@pytest.mark.parametrize(
    ("report", "inputs"),
    [
        (column("x"), 1),
        (column("x", missing=3), 2),
        (column("x", "category", distinct=3), 3),
        (column("x", "category", distinct=500, missing=1), 22),
        (column("x", "boolean", distinct=2), 1),
    ],
)
def test_inputs_are_counted_as_the_engine_encodes_them(report: ColumnReport, inputs: int) -> None:
    assert count_encoded_inputs([report], {"x": report.type}) == inputs
