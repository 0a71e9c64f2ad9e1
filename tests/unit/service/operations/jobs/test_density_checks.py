from typing import Any

import pytest

from service.documents.training_plan import TrainingPlan
from service.errors import Invalid
from service.operations.jobs.cost_estimate import estimate_cost
from service.operations.jobs.limits import DEFAULT_ADMISSION, DEFAULT_COSTS
from service.operations.jobs.training_checks import check_training
from service.schemas.training import TrainRequest
from tests.support.factories import column

COLUMNS = [
    column("x"),
    column("y"),
    column("z"),
    column("count", "integer"),
    column("kind", "category", distinct=3),
    column("constant", distinct=1),
    column("gaps", missing=90),
    column("negative", min=-1.0),
]


def plan(rows: int = 100, **body: Any) -> TrainingPlan:
    body = {"dataset_id": "d", "task": "density", "features": ["x"], **body}
    return check_training(TrainRequest.model_validate(body), COLUMNS, rows, limits=DEFAULT_ADMISSION)


def refusal(**body: Any) -> tuple[str, str]:
    with pytest.raises(Invalid) as caught:
        plan(**body)
    return caught.value.code, caught.value.errors[0].place["pointer"]


@pytest.mark.parametrize("features", [["x"], ["count"], ["x", "y"]])
def test_one_or_two_columns_of_numbers_have_a_density(features: list[str]) -> None:
    found = plan(features=features)
    assert (found.task, [report.name for report in found.features]) == ("density", features)
    assert found.request.goal == f"p({', '.join(features)})"
    assert found.request.baselines == ["kernel"]


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"target": "y"}, "density_has_no_target", "#/target"),
        ({"features": None}, "density_columns", "#/features"),
        ({"features": ["x", "y", "z"]}, "density_columns", "#/features"),
        ({"features": ["x", "x"]}, "duplicate_feature", "#/features/1"),
        ({"features": ["kind"]}, "density_not_numeric", "#/features/0"),
        ({"features": ["constant"]}, "feature_constant", "#/features/0"),
        ({"features": ["gaps"]}, "too_few_rows", "#/features/0"),
        ({"features": ["nothing"]}, "unknown_column", "#/features/0"),
        ({"types": {"x": "category"}}, "density_not_numeric", "#/features/0"),
        ({"weight": "x"}, "feature_has_other_role", "#/features/0"),
        ({"weight": "negative"}, "invalid_weight", "#/weight"),
        ({"weight": "kind"}, "invalid_weight", "#/weight"),
        ({"training": {"optimizer": "adam"}}, "not_for_densities", "#/training/optimizer"),
        ({"training": {"class_weight": "balanced"}}, "not_for_densities", "#/training/class_weight"),
        ({"split": {"kind": "stratified"}}, "stratified_without_classes", "#/split/kind"),
        ({"units": "enforce"}, "not_for_densities", "#/units"),
        ({"baselines": ["linear"]}, "not_for_densities", "#/baselines"),
        ({"network": {"order": 1}}, "not_for_densities", "#/network/order"),
        ({"network": {"hidden": [3]}}, "not_for_densities", "#/network/hidden"),
        ({"features": ["x", "y"], "network": {"hidden": [3, 3]}}, "not_for_densities", "#/network/hidden"),
    ],
)
def test_what_a_density_cannot_do_is_refused_with_its_place(
    body: dict[str, Any], code: str, pointer: str
) -> None:
    assert refusal(**body) == (code, pointer)


def test_a_kernel_estimate_beside_a_regression_is_refused() -> None:
    assert refusal(task="auto", target="y", baselines=["kernel"]) == ("kernel_without_density", "#/baselines")


def test_two_columns_cost_more_than_one() -> None:
    one, two = (
        estimate_cost(plan(features=features), costs=DEFAULT_COSTS) for features in (["x"], ["x", "y"])
    )
    assert one.seconds < two.seconds < 1
    assert (one.layers, two.layers) == (1, 2)
    assert one.memory_bytes < two.memory_bytes < 2**30


def test_a_plane_on_a_huge_grid_costs_too_much() -> None:
    assert (
        estimate_cost(plan(features=["x", "y"], network={"grid": 1_000}), costs=DEFAULT_COSTS).memory_bytes
        > 2**35
    )
