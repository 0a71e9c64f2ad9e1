"""Wide tables over HTTP: hundreds of columns train with defaults, and the model tells which it read."""

from typing import Any

import numpy as np
import pytest

from tests.support.worked_service import Document, WorkedService

pytestmark = pytest.mark.usefixtures("no_suggestions")

RNG = np.random.default_rng(0)
COLUMNS = RNG.uniform(-1, 1, (400, 300))
LAW = 2 * COLUMNS[7] + 3 * COLUMNS[33] ** 2 + COLUMNS[250] * COLUMNS[90]
QUICK: dict[str, Any] = {"compact": {"max_edges": 4}, "max_seconds": 60}


@pytest.fixture(scope="module")
def wide(service: WorkedService) -> str:
    """A data set of 400 columns, of which four have an effect: one line, one curve, two only together."""
    columns = {f"x{place}": values for place, values in enumerate(COLUMNS)}
    return service.upload(**columns, y=LAW)


@pytest.fixture(scope="module")
def model(service: WorkedService, wide: str) -> Document:
    return service.model(dataset_id=wide, target="y", **QUICK)


def test_a_law_of_four_of_400_columns_is_found(model: Document) -> None:
    assert model["metrics"]["r2"] > 0.99
    assert [feature["name"] for feature in model["features"]] == ["x7", "x33", "x90", "x250"]


def test_the_model_tells_which_columns_were_kept_and_why(model: Document) -> None:
    screening = model["screening"]
    assert screening["columns"] == 400
    reasons = {column["name"]: (column["reason"], column["partner"]) for column in screening["kept"]}
    assert reasons["x7"] == reasons["x33"] == ("single", None)
    assert reasons["x90"] == ("product", "x250")
    assert all(column["stability"] > 0.5 for column in screening["kept"])
    assert any(text.startswith("4 of 400 columns are read: 'x7', 'x33'") for text in model["warnings"])


@pytest.mark.parametrize("names", [["x7", "x33", "x90", "x250"], [f"x{place}" for place in range(400)]])
def test_predictions_accept_the_kept_columns_alone_or_all(
    service: WorkedService, model: Document, names: list[str]
) -> None:
    row = {name: float(COLUMNS[int(name[1:])][0]) for name in names}
    answer = service.client.post("/predict", json={"model": model["id"], "rows": [row]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"][0] == pytest.approx(LAW[0], abs=0.2)


@pytest.mark.parametrize("path", ["", "/symbolic", "/edges", "/plot.svg", "/card", "/plots/effects.svg"])
def test_documents_of_a_wide_model_are_served(service: WorkedService, model: Document, path: str) -> None:
    assert service.client.get(f"/models/{model['id']}{path}").status_code == 200


def test_a_revision_reads_the_columns_of_its_model(service: WorkedService, model: Document) -> None:
    revised = service.model(kind="symbolic", model_id=model["id"], max_complexity=20, max_seconds=60)
    assert revised["features"] == model["features"]
    assert revised["screening"] == model["screening"]


def test_noise_of_1000_columns_is_not_predictable(service: WorkedService, first_results: None) -> None:
    noise = np.random.default_rng(1).normal(size=(1001, 200))
    columns = {f"x{place}": values for place, values in enumerate(noise[1:])}
    model = service.model(dataset_id=service.upload(**columns, y=noise[0]), target="y", **QUICK)
    assert [column["reason"] for column in model["screening"]["kept"]] == ["first"]
    assert any(text.startswith("none of 1000 columns stands out") for text in model["warnings"])
    assert model["metrics"]["r2"] < 0.1
    assert model["training_metrics"]["r2"] < 0.1
    formulas = service.client.get(f"/models/{model['id']}/symbolic").json()
    assert formulas["verdict"] == "weak"


def test_a_requested_shape_of_a_wide_table_has_all_columns(service: WorkedService, wide: str) -> None:
    body = {"dataset_id": wide, "target": "y", "network": {"hidden": [1_000], "grid": 10}}
    refused = service.client.post("/jobs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "cost_too_high")
    assert "without hidden the service chooses the network" in refused.json()["detail"]
