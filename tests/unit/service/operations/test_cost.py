from typing import Any

import pytest

from service.errors import Invalid
from service.operations.cost import Cost, encoded_inputs, estimate, refuse_too_costly
from service.schemas.jobs import TrainRequest
from service.settings import Settings
from tests.factories import column


def cost(inputs: int = 8, outputs: int = 1, rows: int = 1000, **body: Any) -> Cost:
    request = TrainRequest.model_validate({"dataset_id": "d", "target": "y", **body})
    return estimate(request, inputs=inputs, outputs=outputs, rows=rows)


def test_parameters_are_counted_per_edge() -> None:
    assert cost(network={"hidden": [10], "grid": 3}).parameters == (8 * 10 + 10 * 1) * (3 + 3 + 1)


def test_the_finest_grid_of_a_schedule_counts() -> None:
    named = cost(network={"hidden": [2]}, training={"grid_schedule": [3, 20]})
    assert named.parameters == cost(network={"hidden": [2], "grid": 20}).parameters


def test_a_free_shape_is_charged_as_the_smallest_network() -> None:
    assert cost().layers == 1


@pytest.mark.parametrize(
    "network", [{"hidden": [10**9]}, {"hidden": [10], "grid": 10**9}, {"hidden": [1] * 100}]
)
def test_too_large_a_network_is_refused_with_the_estimate(network: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        refuse_too_costly(cost(network=network), Settings())
    assert caught.value.code == "cost_too_high"
    assert caught.value.extra["estimate"]["parameters"] > 0
    assert caught.value.extra["limit"]["parameters"] == Settings().max_parameters


@pytest.mark.parametrize(
    ("network", "remedy"),
    [
        ({"hidden": [1] * 2_000}, "(at most 32); give hidden fewer layers"),
        ({"hidden": [10**15]}, "; lower hidden or grid, or use fewer features or rows"),
        ({"hidden": [10**9] * 40}, "; give hidden fewer layers; lower hidden or grid"),
    ],
)
def test_the_remedy_is_for_what_is_too_much(network: dict[str, Any], remedy: str) -> None:
    with pytest.raises(Invalid) as caught:
        refuse_too_costly(cost(network=network), Settings())
    assert remedy in caught.value.detail


def test_too_many_values_are_refused_for_their_memory() -> None:
    with pytest.raises(Invalid, match="bytes of memory"):
        refuse_too_costly(cost(inputs=2000, rows=10_000_000), Settings())


def test_the_example_of_the_contract_is_cheap() -> None:
    refuse_too_costly(cost(rows=20_640, network={"hidden": [10], "grid": 3}), Settings())


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
def test_inputs_are_counted_as_the_engine_encodes_them(report: dict[str, Any], inputs: int) -> None:
    assert encoded_inputs([report], {"x": report["type"]}) == inputs
