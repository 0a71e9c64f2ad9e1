"""The compact network of a model over HTTP: made by a training, asked, drawn, chosen, exported."""

import io
from typing import Any

import numpy as np
import pytest

from tests.support.worked_service import Document, WorkedService

pytestmark = pytest.mark.usefixtures("no_suggestions")

ROWS = 160
RNG = np.random.default_rng(0)
A, B, C = RNG.uniform(-2, 2, (3, ROWS))
KIND = np.array(["red", "green", "blue"])[RNG.integers(0, 3, ROWS)]
Y = np.sin(A) + B * C + (KIND == "red") + RNG.normal(0, 0.1, ROWS)
LABEL = np.where(Y > 0.5, "high", "low")
NEW = [{"a": 0.3, "b": -0.4, "c": 1.1, "kind": "red"}, {"a": -1.0, "b": 0.4, "c": 0.1, "kind": "blue"}]
BRIEF: Document = {
    "network": {"hidden": [3], "grid": 3},
    "training": {"restarts": 1, "steps": 8},
    "symbolic": False,
    "baselines": False,
}


@pytest.fixture(scope="module")
def dataset_id(service: WorkedService) -> str:
    return service.upload(a=A, b=B, c=C, kind=KIND, y=Y)


@pytest.fixture(scope="module")
def model(service: WorkedService, dataset_id: str) -> Document:
    body = {**BRIEF, "dataset_id": dataset_id, "target": "y", "compact": {"max_edges": 4}, "name": "law"}
    return service.model(**body)


@pytest.fixture(scope="module")
def classifier(service: WorkedService) -> Document:
    dataset = service.upload(a=A, b=B, c=C, kind=KIND, label=LABEL)
    return service.model(
        **BRIEF, dataset_id=dataset, target="label", serve="compact", compact={"max_edges": 3}
    )


def predict(service: WorkedService, model: Document, **more: Any) -> Document:
    answer = service.client.post(f"/models/{model['id']}/predict", json={"rows": NEW, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refuse(service: WorkedService, **body: Any) -> Document:
    answer = service.client.post("/jobs", json=body)
    assert answer.status_code == 422, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("given", [{}, {"compact": False}])
def test_one_requested_network_without_a_formula_is_trained_and_nothing_else(
    service: WorkedService, dataset_id: str, given: Document
) -> None:
    body = {**BRIEF, "dataset_id": dataset_id, "target": "y", **given}
    job = service.work(service.client.post("/jobs", json=body).json()["id"])
    model = service.get(f"/models/{job['model_id']}")
    assert list(model["members"]) == ["accurate"]
    assert model["lineage"]["request"]["compact"] is None
    stages = {event["data"].get("stage") for event in service.get(f"/jobs/{job['id']}/events")["items"]}
    assert "compact" not in stages
    assert service.client.get(f"/models/{model['id']}/plot.svg").status_code == 200
    assert predict(service, model)["by"] == "accurate"


def test_a_search_without_a_compact_network_has_a_formula(service: WorkedService, dataset_id: str) -> None:
    body = {**BRIEF, "symbolic": True, "compact": False, "max_seconds": 10}
    model = service.model(**body, dataset_id=dataset_id, target="y")
    assert list(model["members"]) == ["accurate", "formula", "linear"]


def test_a_compact_network_that_is_left_out_cannot_serve(service: WorkedService, dataset_id: str) -> None:
    refused = refuse(service, dataset_id=dataset_id, target="y", serve="compact", compact=False)
    assert "needs the compact network" in refused["errors"][0]["detail"]


def test_a_training_also_makes_a_network_of_few_curves_with_metrics_of_its_own(model: Document) -> None:
    accurate, compact = model["members"]["accurate"], model["members"]["compact"]
    assert list(model["members"]) == ["accurate", "compact", "linear"]
    assert compact["metrics"].keys() == accurate["metrics"].keys()
    assert compact["metrics"] != accurate["metrics"]
    assert compact["network"]["edges"] <= 4
    assert compact["fidelity"] <= 1
    assert not compact["serves"]
    assert model["metrics"] == accurate["metrics"]


def test_the_path_tells_how_well_networks_of_other_sizes_do(model: Document) -> None:
    path = model["members"]["compact"]["path"]
    sizes = [step["edges"] for step in path]
    assert sizes == sorted(set(sizes))
    assert max(sizes) <= 4
    (chosen,) = (step for step in path if step["edges"] == model["members"]["compact"]["network"]["edges"])
    assert chosen["r2"] == pytest.approx(model["members"]["compact"]["metrics"]["r2"])
    assert chosen["fidelity"] == pytest.approx(model["members"]["compact"]["fidelity"])


def test_a_request_asks_the_compact_network(service: WorkedService, model: Document) -> None:
    own, usual = predict(service, model, by="compact", interval=0.8), predict(service, model, interval=0.8)
    assert (own["by"], usual["by"]) == ("compact", "accurate")
    assert own["predictions"] != usual["predictions"]
    assert all(low < y < high for (low, high), y in zip(own["intervals"], own["predictions"], strict=True))


def test_the_protocol_and_a_batch_ask_it_too(service: WorkedService, model: Document) -> None:
    told = service.get(f"/v2/models/{model['id']}")["parameters"]
    assert told == {"by": "accurate", "members": ["accurate", "compact", "linear"]}
    rows = service.upload(**{name: [row[name] for row in NEW] for name in NEW[0]})
    body = {"kind": "predict", "model": model["id"], "dataset_id": rows, "by": "compact", "format": "csv"}
    job = service.work(service.client.post("/jobs", json=body).json()["id"])
    text = service.client.get(f"/jobs/{job['id']}/result").text
    found = [float(line.split(",")[4]) for line in text.splitlines()[1:]]
    assert found == pytest.approx(predict(service, model, by="compact")["predictions"])


def test_edges_and_picture_show_the_network_that_is_asked_for(
    service: WorkedService, model: Document
) -> None:
    shown = {
        name: service.get(f"/models/{model['id']}/edges?network={name}")
        for name in ("served", "accurate", "compact")
    }
    assert [each["network"] for each in shown.values()] == ["accurate", "accurate", "compact"]
    assert shown["served"] == shown["accurate"]
    assert shown["compact"]["width"] != shown["accurate"]["width"] or len(shown["compact"]["edges"]) < len(
        shown["accurate"]["edges"]
    )
    pictures = [
        service.client.get(f"/models/{model['id']}/plot.svg?network={name}").text
        for name in ("served", "compact")
    ]
    assert pictures[0] != pictures[1]


def test_without_a_wish_the_compact_network_is_shown_where_the_served_one_has_many_edges(
    service: WorkedService, model: Document
) -> None:
    is_large = model["network"]["edges"] > 20
    shown = service.get(f"/models/{model['id']}/edges")
    assert shown["network"] == ("compact" if is_large else "accurate")
    same = service.client.get(f"/models/{model['id']}/plot.svg?network={shown['network']}").text
    assert service.client.get(f"/models/{model['id']}/plot.svg").text == same


def test_a_compact_network_that_serves_answers_and_is_measured(
    service: WorkedService, classifier: Document
) -> None:
    members = classifier["members"]
    assert members["compact"]["serves"]
    assert classifier["metrics"] == members["compact"]["metrics"]
    assert classifier["metrics"] != members["accurate"]["metrics"]
    assert {"edges", "fidelity", "log_loss"} <= {
        name for name, value in members["compact"]["path"][0].items() if value is not None
    }
    own = predict(service, classifier)
    assert own["by"] == "compact"
    assert own["probabilities"] != predict(service, classifier, by="accurate")["probabilities"]
    assert service.get(f"/models/{classifier['id']}/edges?network=served")["network"] == "compact"
    assert service.get(f"/models/{classifier['id']}/card")["by"] == "compact"


def test_another_member_serves_without_a_training(service: WorkedService, model: Document) -> None:
    changed = service.model(kind="symbolic", model_id=model["id"], serve="compact")
    assert (changed["version"], changed["name"]) == (model["version"] + 1, "law")
    assert changed["members"]["compact"]["serves"]
    assert changed["metrics"] == pytest.approx(model["members"]["compact"]["metrics"])
    assert changed["members"]["accurate"]["metrics"] == pytest.approx(model["metrics"])
    own = predict(service, changed)
    assert own["by"] == "compact"
    assert own["predictions"] == predict(service, model, by="compact")["predictions"]
    back = service.model(kind="symbolic", model_id=changed["id"], serve="accurate")
    assert predict(service, back)["by"] == "accurate"
    assert back["metrics"] == pytest.approx(model["metrics"])


def test_another_network_of_the_path_is_chosen_without_a_training(
    service: WorkedService, model: Document
) -> None:
    changed = service.model(kind="symbolic", model_id=model["id"], compact={"max_edges": 1})
    assert changed["members"]["compact"]["network"]["edges"] == 1
    assert changed["members"]["compact"]["path"] == model["members"]["compact"]["path"]
    assert predict(service, changed, by="compact") != predict(service, model, by="compact")
    assert predict(service, changed)["predictions"] == predict(service, model)["predictions"]
    live = service.get(f"/models/{changed['id']}/edges?network=compact")["edges"]
    assert len({edge["in"] for edge in live}) < 4
    again = service.model(kind="symbolic", model_id=changed["id"], serve="compact")
    assert again["members"]["compact"]["network"]["edges"] == 1


def test_a_classifier_tells_the_decision_of_the_member_that_serves(
    service: WorkedService, classifier: Document
) -> None:
    changed = service.model(kind="symbolic", model_id=classifier["id"], serve="accurate")
    assert changed["metrics"] == pytest.approx(classifier["members"]["accurate"]["metrics"])
    assert changed["decision"]["rule"] == classifier["decision"]["rule"]
    assert changed["per_class"] != classifier["per_class"]
    assert predict(service, changed)["by"] == "accurate"


def test_all_members_travel_with_an_exported_model(
    service: WorkedService, model: Document, classifier: Document
) -> None:
    for each in (model, classifier):
        answer = service.client.get(f"/models/{each['id']}/export?format=safetensors")
        assert answer.headers["x-members"] == "accurate, compact, linear"
        files = {"file": ("m.safetensors", io.BytesIO(answer.content))}
        there = service.client.post("/models/import", files=files).json()
        assert there["members"] == each["members"]
        assert (
            predict(service, there, by="compact")["predictions"]
            == (predict(service, each, by="compact")["predictions"])
        )
        assert predict(service, there)["by"] == predict(service, each)["by"]
        here_edges, there_edges = (
            service.get(f"/models/{one['id']}/edges?network=compact") for one in (each, there)
        )
        assert there_edges["edges"] == here_edges["edges"]


@pytest.mark.parametrize("format_", ["onnx", "python"])
def test_files_of_the_accurate_network_say_that_it_is_inside(
    service: WorkedService, model: Document, format_: str
) -> None:
    answer = service.client.get(f"/models/{model['id']}/export?format={format_}")
    assert (answer.status_code, answer.headers["x-members"]) == (200, "accurate")


def test_a_formula_cannot_serve_where_none_is_searched(service: WorkedService, dataset_id: str) -> None:
    told = refuse(service, dataset_id=dataset_id, target="y", serve="formula", symbolic=False)
    assert 'omit "symbolic": false' in told["detail"]


@pytest.mark.parametrize("serve", ["compact", "formula"])
def test_a_density_has_no_member_to_choose(service: WorkedService, dataset_id: str, serve: str) -> None:
    told = refuse(service, dataset_id=dataset_id, task="density", features=["a"], serve=serve)
    assert "density" in told["detail"]


@pytest.mark.parametrize("most", [0, 201])
def test_a_compact_network_has_1_to_200_edges(service: WorkedService, dataset_id: str, most: int) -> None:
    refuse(service, dataset_id=dataset_id, target="y", compact={"max_edges": most})


def test_a_member_that_the_model_lacks_cannot_be_made_to_serve(
    service: WorkedService, model: Document
) -> None:
    told = refuse(service, kind="symbolic", model_id=model["id"], serve="formula")
    assert (told["code"], told["errors"][0]["pointer"]) == ("no_formula", "#/serve")


def test_a_symbolic_job_changes_something(service: WorkedService, model: Document) -> None:
    refuse(service, kind="symbolic", model_id=model["id"])
    refuse(service, kind="symbolic", model_id=model["id"], choose=0, forbid=["sin"], serve="compact")
