"""Jobs without a target: equations that a client has solved, and densities that it has learnt."""

import math
from typing import Any

import pytest

from service.client import ApiError, Equations
from tests.integration.service.client.conftest import WITH_ONE_CLIENT, Mishap, Way

DECAY: Equations = {
    "independent": ["x"],
    "unknowns": ["y"],
    "domain": {"x": (0, 5)},
    "equations": ["Derivative(y(x), x) + k*y(x)"],
}
TIMES = [place / 4 for place in range(21)]


def test_solved_equations_are_a_model(kan: Any, way: Way, worked_on: Mishap) -> None:
    way.mishaps["POST /jobs"] = [worked_on]
    changes = {
        "equations": ["Derivative(y(x), x) + y(x)"],
        "conditions": [{"on": {"x": 0}, "residual": "y(0) - 1"}],
    }
    model = kan.solve(**DECAY | changes, name="decay", progress=False)
    assert (model.name, model.task, model.parameters) == ("decay", "equation", {})
    assert model.residuals["conditions"][0]["residual"] == "y(0) - 1"
    assert kan.formula(model) == "exp(-x)"
    assert kan.predict(model, {"x": [1.0]}).values == pytest.approx([math.exp(-1)], rel=1e-10)


@WITH_ONE_CLIENT
def test_numbers_of_equations_are_estimated_from_a_dataset(kan: Any, way: Way, worked_on: Mishap) -> None:
    values = [2 * math.exp(-0.7 * x) + 0.01 * math.cos(99 * x) for x in TIMES]
    measured = kan.upload({"x": TIMES, "y": values}, name="measured")
    way.mishaps["POST /jobs"] = [worked_on]
    model = kan.solve(**DECAY, parameters={"k": 1.0}, measurements=measured, progress=False)
    low, high = model.parameters["k"]["interval"]
    assert low < 0.7 < high
    assert model.dataset_id == measured.id


@WITH_ONE_CLIENT
def test_a_density_is_trained_without_a_target(kan: Any, way: Way, worked_on: Mishap) -> None:
    dataset = kan.upload({"x": [math.tan((place - 50) / 40) for place in range(101)]})
    way.mishaps["POST /jobs"] = [worked_on]
    model = kan.train(dataset, task="density", features=["x"], progress=False)
    assert (model.task, model.target) == ("density", "p(x)")
    with pytest.raises(ApiError, match="target: required"):
        kan.train(dataset, progress=False)
