"""Densities from the request to the model: predictions, formula, pictures, files, and what is refused."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sympy import sympify

from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS

Document = dict[str, Any]


@pytest.fixture(scope="module")
def settings(new_settings: Callable[[], Settings]) -> Settings:
    return new_settings()


@pytest.fixture(scope="module")
def api(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        yield client


@pytest.fixture(scope="module")
def dataset(api: TestClient) -> str:
    rng = np.random.default_rng(3)
    columns = {"wait": rng.exponential(2, 300).tolist(), "kind": ["a", "b", "c"] * 100}
    body = {"name": "waits", "columns": columns, "units": {"wait": "s"}}
    return str(api.post("/datasets", json=body).json()["id"])


@pytest.fixture(scope="module")
def model(api: TestClient, dataset: str, settings: Settings) -> Document:
    body = {"task": "density", "dataset_id": dataset, "features": ["wait"], "name": "waits"}
    job = api.post("/jobs", json=body).json()
    sessions = api.app.state.sessions  # type: ignore[attr-defined]  # the app is a FastAPI
    run_job(job["id"], None, sessions, settings, work_of=HANDLERS.__getitem__)
    done = api.get(f"/jobs/{job['id']}").json()
    assert done["status"] == "succeeded", done["error"]
    return dict(api.get(f"/models/{done['model_id']}").json())


def test_the_model_is_a_density_of_its_column(model: Document) -> None:
    assert (model["task"], model["target"], model["outputs"]) == ("density", "p(wait)", ["p(wait)"])
    assert [feature["name"] for feature in model["features"]] == ["wait"]
    assert model["density"]["support"] == [[0.0, None]]
    assert set(model["metrics"]) == {"mean_log_likelihood", "law_mean_log_likelihood"}
    assert list(model["baselines"]) == ["kernel"]


def test_predictions_are_values_of_the_density(api: TestClient, model: Document) -> None:
    rows = [{"wait": 1.0}, {"wait": -1.0}, {"wait": 1e9}]
    answer = api.post(f"/models/{model['id']}/predict", json={"rows": rows}).json()
    inside, below, far = answer["predictions"]
    assert inside == pytest.approx(0.5 * np.exp(-0.5), rel=0.25)
    assert (below, far) == (0.0, 0.0)
    assert answer["warning_count"] == 2


def test_the_law_of_a_density_predicts_when_it_is_asked(api: TestClient, model: Document) -> None:
    rows = [{"wait": 1.0}, {"wait": -1.0}]
    answer = api.post(f"/models/{model['id']}/predict", json={"rows": rows, "by": "formula"}).json()
    (law,) = api.get(f"/models/{model['id']}/symbolic").json()["outputs"]
    expected = float(sympify(law["expression"]).subs("wait", 1.0))
    assert answer["predictions"] == pytest.approx([expected, 0.0])
    member = model["members"]["formula"]
    assert member["metrics"] == {"mean_log_likelihood": model["metrics"]["law_mean_log_likelihood"]}
    assert 0.5 < member["fidelity"] <= 1


def test_intervals_of_a_density_are_refused(api: TestClient, model: Document) -> None:
    body = {"rows": [{"wait": 1.0}], "interval": 0.9}
    answer = api.post(f"/models/{model['id']}/predict", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "no_interval")


def test_the_formula_names_its_law_and_is_printed_in_every_language(api: TestClient, model: Document) -> None:
    output = api.get(f"/models/{model['id']}/symbolic").json()["outputs"][0]
    assert (output["law"]["name"], output["quantity"], output["r2"]) == ("exponential", "density", None)
    assert output["law"]["support"] == {"wait": [0.0, None]}
    assert output["pareto"][-1]["expression"] == output["expression"]
    for language in ("text", "latex", "python", "numpy", "c", "sql", "javascript", "excel", "mathml"):
        text = api.get(f"/models/{model['id']}/symbolic?format={language}").text
        assert "exp" in text.lower() or "^{" in text or "msup" in text
    module = api.get(f"/models/{model['id']}/symbolic?format=python").text
    assert "0 where" in module  # where the formula is not to be asked


@pytest.mark.parametrize("name", ["density", "history", "parity", "residuals", "effects", "importance"])
def test_pictures_that_make_no_sense_are_refused(api: TestClient, model: Document, name: str) -> None:
    answer = api.get(f"/models/{model['id']}/plots/{name}.svg")
    if name == "density":
        assert answer.headers["content-type"] == "image/svg+xml"
    else:
        assert (answer.status_code, answer.json()["code"][:3]) == (409, "no_")


def test_figures_hold_to_their_schema(api: TestClient, model: Document) -> None:
    told = api.get(f"/models/{model['id']}/figures").json()
    assert (told["parity"], told["importance"], told["effects"]) == (None, None, [])
    assert told["density"]["law"] == "exponential"


@pytest.mark.parametrize("format", ["onnx", "python", "safetensors"])
def test_a_density_is_exported(api: TestClient, model: Document, format: str) -> None:
    assert api.get(f"/models/{model['id']}/export?format={format}").status_code == 200


def test_an_imported_density_is_the_same(api: TestClient, model: Document) -> None:
    data = api.get(f"/models/{model['id']}/export?format=safetensors").content
    copy = api.post(
        "/models/import", files={"file": ("waits.safetensors", data)}, data={"name": "copy"}
    ).json()
    assert (copy["task"], copy["target"]) == ("density", "p(wait)")
    own, other = (api.get(f"/models/{m['id']}/symbolic").json()["outputs"][0] for m in (model, copy))
    assert (other["law"], other["quantity"]) == (own["law"], "density")
    body = {"rows": [{"wait": -1.0}, {"wait": 2.0}]}
    told = [api.post(f"/models/{m['id']}/predict", json=body).json()["predictions"] for m in (model, copy)]
    assert told[0] == told[1]


def test_the_card_tells_its_likelihood(api: TestClient, model: Document) -> None:
    text = api.get(f"/models/{model['id']}/card?format=markdown").text
    assert "mean log-likelihood" in text


def test_a_change_of_its_formula_is_refused(api: TestClient, model: Document) -> None:
    answer = api.post("/jobs", json={"kind": "symbolic", "model_id": model["id"], "forbid": ["exp"]})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_for_densities")


def test_a_training_without_a_target_is_refused_unless_it_is_a_density(api: TestClient, dataset: str) -> None:
    answer = api.post("/jobs", json={"dataset_id": dataset}).json()
    assert (answer["code"], answer["errors"][0]["code"]) == ("validation_failed", "missing")
    assert answer["errors"][0]["pointer"] == "#/target"


def test_a_density_of_labels_is_refused(api: TestClient, dataset: str) -> None:
    body = {"task": "density", "dataset_id": dataset, "features": ["kind"]}
    answer = api.post("/jobs", json=body).json()
    assert (answer["code"], answer["errors"][0]["pointer"]) == ("density_not_numeric", "#/features/0")


def test_a_study_of_densities_is_taken(api: TestClient, dataset: str) -> None:
    body = {"kind": "study", "task": "density", "dataset_id": dataset, "features": ["wait"]}
    answer = api.post("/jobs", json=body | {"vary": {"network.grid": [8, 16]}})
    assert answer.status_code == 202, answer.text
    api.post(f"/jobs/{answer.json()['id']}/cancel")  # the other tests claim what waits
