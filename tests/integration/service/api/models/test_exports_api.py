"""Models as files, and back: what is offered agrees with the model, what is imported is the same model."""

import hashlib
import io
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient

import kan_engine
from kan_engine import Formula
from kan_engine.assessment.formula_report import rate_formulas
from kan_engine.drawing.network_curves import describe_edges
from kan_engine.drawing.thresholds import EdgeThresholds
from kan_engine.export.probe_rows import probe_columns
from kan_engine.expressions.evaluation import Variable, call
from kan_engine.network.layer import SymbolicEdge
from service.db.session import Sessions
from service.db.tables import Model
from tests.support.factories import make_model, make_predictor, make_symbolic
from tests.support.runtimes import run_in_onnxruntime
from tests.support.stored import to_json
from worker.results.symbolic_document import make_symbolic_document

OWN = {"id", "name", "version", "job_id", "dataset_id", "lineage", "aliases", "tags", "created_at"}
TABLE: dict[str, list[Any]] = {
    "flow rate": [0.5, 1.0, None, 2.0, 4.0],
    "kind": ["red", "green", None, "red", "blue"],
    "open": [True, False, True, True, False],
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough: nothing here is SQL of its own."""
    return sqlite_url


@cache
def example() -> tuple[kan_engine.Predictor, dict[str, Any] | None, dict[str, Any]]:
    """A network with its formulas and its picture."""
    predictor = make_predictor(TABLE)
    encoding, columns = predictor.encoding, probe_columns(predictor.encoding)
    encoded = encoding.transform(columns)
    seen = {column.name: encoded[:, place] for place, column in enumerate(encoding.names)}
    name = encoding.names[0].name
    trees = [call("sin", Variable(name)) + 2 * Variable(name) ** 2, 3 * Variable(name)]
    truth = seen[name] ** 2 * 2
    formulas = {"y": [Formula(tree, float(place)) for place, tree in enumerate(trees)]}
    report = rate_formulas(formulas, seen, {"y": truth}, seen=seen, learnt={"y": truth})
    symbolic = report and to_json(make_symbolic_document(report, encoding))
    two = EdgeThresholds(max_suggested_edges=2)
    described = describe_edges(
        predictor.network,
        predictor.inputs,
        encoding,
        encoded,
        ["y"],
        scaler=predictor.outputs,
        thresholds=two,
    )
    picture = described.to_dict()
    picture["edges"][0]["y"][3] = None
    return predictor, symbolic, picture


def whole_model(sessions: Sessions) -> Model:
    """A model with all that a training job leaves."""
    predictor, symbolic, picture = example()
    record = make_model(sessions, predictor).record | {
        "metrics": {"mae": 0.5, "rmse": 1.0, "r2": None},
        "training_metrics": {"rmse": 0.25},
        "baselines": {"linear": {"metrics": {"rmse": 2.0}, "seconds": 0.1, "parameters": 4}},
        "units": {"flow rate": "m³/s", "y": "Pa"},
        "ignored_columns": ["note"],
        "history": [{"step": 1, "grid": 5, "loss": 0.5, "validation_loss": None}],
        "warnings": ["few rows", {"column": "kind", "detail": "odd"}],
        "formula_of": "law",
        "split": {"kind": "random", "seed": 0, "training_rows": 10},
        "timings": {"train": 1.5},
        "lineage": {"request": {"dataset_id": "secret", "target": "y"}},
    }
    return make_model(sessions, predictor, record=record, symbolic=symbolic, edges=picture, name="whole")


def export(client: TestClient, model: Model, format_: str = "safetensors") -> bytes:
    answer = client.get(f"/models/{model.id}/export", params={"format": format_})
    assert answer.status_code == 200, answer.text
    return answer.content


def imported(client: TestClient, data: bytes, **query: str) -> dict[str, Any]:
    answer = client.post(
        "/models/import", content=data, params=query, headers={"Content-Type": "application/octet-stream"}
    )
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


@pytest.mark.parametrize(
    ("format_", "ending", "media_type"),
    [
        ("safetensors", "safetensors", "application/octet-stream"),
        ("onnx", "onnx", "application/octet-stream"),
        ("python", "py", "text/x-python; charset=utf-8"),
    ],
)
def test_a_file_tells_how_far_it_is_from_the_model(
    client: TestClient, sessions: Sessions, format_: str, ending: str, media_type: str
) -> None:
    model = whole_model(sessions)
    answer = client.get(f"/models/{model.id}/export", params={"format": format_})
    assert 0 <= float(answer.headers["x-max-difference"]) <= 1e-12
    assert answer.headers["content-disposition"] == f'attachment; filename="{model.id}.{ending}"'
    assert answer.headers["content-type"] == media_type
    assert answer.headers["etag"] == f'"sha256-{hashlib.sha256(answer.content).hexdigest()}"'


def test_the_onnx_file_runs_elsewhere_and_knows_the_units(client: TestClient, sessions: Sessions) -> None:
    predictor, *_ = example()
    data = export(client, whole_model(sessions), "onnx")
    rows = probe_columns(predictor.encoding)
    found = run_in_onnxruntime(data, predictor, rows).numbers[:, 0]
    np.testing.assert_allclose(found, predictor.predict(rows), rtol=1e-12)
    assert "m³/s" in onnx.load_from_string(data).graph.input[0].doc_string


def test_the_python_file_says_which_model_it_is(client: TestClient, sessions: Sessions) -> None:
    text = export(client, whole_model(sessions), "python").decode()
    assert "predicts 'y' in Pa. Model: whole, version 1." in text


@pytest.mark.parametrize("format_", ["safetensors", "onnx", "python"])
def test_a_file_that_differs_from_the_model_is_not_offered(
    client: TestClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    model = make_model(sessions)
    monkeypatch.setattr("service.operations.models.exports.MAX_DIFFERENCE", -1.0)
    answer = client.get(f"/models/{model.id}/export", params={"format": format_})
    assert (answer.status_code, answer.json()["code"]) == (500, "export_differs")


def test_what_a_file_cannot_hold_is_a_conflict(
    client: TestClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kan_engine.export.onnx import functions

    predictor = make_predictor()
    predictor.network.all_layers[0].symbolic[0, 0] = SymbolicEdge("tan", 0.1, 0.0, 1.0, 0.0)
    monkeypatch.delitem(functions.WRITERS, "tan")
    answer = client.get(f"/models/{make_model(sessions, predictor).id}/export", params={"format": "onnx"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_exportable")
    assert "tan" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("format_", "verdict", "members"),
    [
        ("safetensors", "exact", "accurate, formula"),
        ("onnx", "exact", "accurate"),
        ("python", "exact", "accurate, formula"),
        ("python", "consistent", "accurate"),
    ],
)
def test_an_export_says_which_members_of_the_model_it_holds(
    client: TestClient, sessions: Sessions, format_: str, verdict: str, members: str
) -> None:
    model = make_model(sessions, symbolic=make_symbolic(verdict, call("log", Variable("x1")) + 1))
    answer = client.get(f"/models/{model.id}/export", params={"format": format_})
    assert (answer.status_code, answer.headers["x-members"]) == (200, members)
    assert float(answer.headers["x-max-difference"]) <= 1e-9


@pytest.mark.parametrize("format_", ["pickle", "../../etc/passwd"])
def test_other_kinds_of_files_are_refused(client: TestClient, sessions: Sessions, format_: str) -> None:
    response = client.get(f"/models/{make_model(sessions).id}/export", params={"format": format_})
    assert response.status_code == 422


@pytest.mark.parametrize("classes", [None, ("no", "yes"), (1, 2, 3)])
def test_an_imported_model_is_shown_and_predicts_as_the_exported_one(
    client: TestClient, sessions: Sessions, classes: tuple[Any, ...] | None
) -> None:
    model = whole_model(sessions)
    if classes is not None:
        predictor = make_predictor(TABLE, classes=classes)
        record = make_model(sessions, predictor).record | {"threshold": predictor.threshold}
        model = make_model(sessions, predictor, record=record)
    there = imported(client, export(client, model))
    here = client.get(f"/models/{model.id}").json()
    common = [key for key in here if key not in OWN | {"network", "features", "members"}]
    assert there["members"].get("formula") == here["members"].get("formula")
    assert {key: there[key] for key in common} == {key: here[key] for key in common}
    shape = here["network"].keys() - {"parameters"}  # which the makers of tests do not count
    assert {key: there["network"][key] for key in shape} == {key: here["network"][key] for key in shape}
    rows = {"columns": TABLE}
    answers = [
        client.post(f"/models/{document['id']}/predict", json=rows).json() for document in (here, there)
    ]
    assert {**answers[0], "model_id": ""} == {**answers[1], "model_id": ""}
    assert client.get(f"/models/{there['id']}").json() == there


@pytest.mark.parametrize("part", ["symbolic", "edges"])
def test_formulas_and_curves_travel_with_a_model(client: TestClient, sessions: Sessions, part: str) -> None:
    model = whole_model(sessions)
    there = imported(client, export(client, model))
    documents = [client.get(f"/models/{id_}/{part}").json() for id_ in (model.id, there["id"])]
    assert {**documents[0], "model_id": ""} == {**documents[1], "model_id": ""}


def test_pictures_and_printed_formulas_are_the_same(client: TestClient, sessions: Sessions) -> None:
    model = whole_model(sessions)
    there = imported(client, export(client, model))
    for part in ("plot.svg", "symbolic?format=c", "symbolic?format=sql"):
        texts = [client.get(f"/models/{id_}/{part}").text for id_ in (model.id, there["id"])]
        assert texts[0] == texts[1]


def test_an_imported_model_can_be_exported_again_with_all_that_it_came_with(
    client: TestClient, sessions: Sessions
) -> None:
    first = export(client, whole_model(sessions))
    again = client.get(f"/models/{imported(client, first)['id']}/export").content
    assert (
        kan_engine.read_metadata(again)["model"]["symbolic"]
        == kan_engine.read_metadata(first)["model"]["symbolic"]
    )
    assert kan_engine.save(kan_engine.load(again)) == kan_engine.save(kan_engine.load(first))


def test_an_import_is_a_new_version_with_its_origin_and_its_audit_entry(
    client: TestClient, sessions: Sessions
) -> None:
    model = whole_model(sessions)
    data = export(client, model)
    answer = client.post("/models/import", files={"file": ("dir/law.safetensors", io.BytesIO(data))})
    there = answer.json()
    assert (there["name"], there["version"], there["dataset_id"]) == ("whole", 2, None)
    assert there["job_id"] != model.job_id
    sha256 = hashlib.sha256(data).hexdigest()
    assert there["lineage"] == {"imported": {"sha256": sha256, "filename": "law.safetensors"}}
    assert answer.headers["location"] == f"/models/{there['id']}"
    assert answer.headers["etag"] == client.get(f"/models/{there['id']}").headers["etag"]
    (entry,) = client.get("/audit").json()["items"]
    assert (entry["action"], entry["object_id"]) == ("model.import", there["id"])
    assert entry["detail"]["sha256"] == sha256
    assert client.get("/models/whole").json()["id"] == there["id"]


def test_the_request_of_the_training_does_not_come_along(client: TestClient, sessions: Sessions) -> None:
    data = export(client, whole_model(sessions))
    assert b"secret" not in data


@pytest.mark.parametrize("by", ["form", "query"])
def test_an_import_may_be_given_a_name(client: TestClient, sessions: Sessions, by: str) -> None:
    data = export(client, whole_model(sessions))
    if by == "query":
        there = imported(client, data, name="other")
    else:
        answer = client.post("/models/import", files={"file": ("a", data)}, data={"name": "other"})
        there = answer.json()
    assert (there["name"], there["version"]) == ("other", 1)


def test_a_bare_artifact_is_shown_by_what_its_network_tells(client: TestClient) -> None:
    predictor = make_predictor(TABLE)
    there = imported(client, kan_engine.save(predictor))
    assert (there["name"], there["task"], there["target"], there["outputs"]) == (
        "y",
        "regression",
        "y",
        ["y"],
    )
    assert [(f["name"], f["type"]) for f in there["features"]] == [
        ("flow rate", "number"),
        ("kind", "category"),
        ("open", "boolean"),
    ]
    assert there["network"]["width"] == [7, 2, 1]
    assert there["metrics"] == {}
    assert client.get(f"/models/{there['id']}/symbolic").json()["code"] == "no_formula"
    edges = client.get(f"/models/{there['id']}/edges").json()["edges"]
    assert len(edges) == predictor.network.edge_count
    assert len({tuple(edge["y"]) for edge in edges}) == len(edges)
    assert client.get(f"/models/{there['id']}/plot.svg").status_code == 200
    assert float(client.get(f"/models/{there['id']}/export?format=onnx").headers["x-max-difference"]) < 1e-12


def test_a_description_too_long_for_a_file_is_left_out(
    client: TestClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = whole_model(sessions)
    monkeypatch.setattr("kan_engine.inference.artifact.HEADER_LIMIT", 3000)
    assert kan_engine.read_metadata(export(client, model)) == {}


def test_a_symbolic_job_on_an_imported_model_says_what_is_missing(
    client: TestClient, sessions: Sessions
) -> None:
    there = imported(client, export(client, whole_model(sessions)))
    answer = client.post("/jobs", json={"kind": "symbolic", "model_id": there["id"], "forbid": ["sin"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_deleted")


def test_files_over_the_limit_are_refused_with_it(
    client: TestClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = export(client, whole_model(sessions))
    settings = client.app.state.settings.model_copy(update={"max_artifact_bytes": 100})  # type: ignore[attr-defined]
    monkeypatch.setattr(client.app.state, "settings", settings)  # type: ignore[attr-defined]
    answer = client.post("/models/import", files={"file": ("a", data)})
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "body_too_large", 100)


@pytest.mark.parametrize(("classes", "quantity"), [(("no", "yes"), "log-odds"), ((1, 2, 3), "logit")])
def test_a_classifier_whose_formulas_answer_is_exported_with_them(
    client: TestClient, sessions: Sessions, classes: tuple[Any, ...], quantity: str
) -> None:
    rate, is_red = Variable("flow rate"), Variable("kind is red")
    trees = [rate, is_red, rate * 2][: 1 if len(classes) == 2 else 3]
    names = ["y"] if len(trees) == 1 else [str(label) for label in classes]
    symbolic = make_symbolic("approximation", *trees, quantity=quantity, names=names)
    symbolic |= {"serves_within": [None, None]}
    model = make_model(sessions, make_predictor(TABLE, classes=classes), symbolic=symbolic)
    answer = client.get(f"/models/{model.id}/export", params={"format": "python"})
    assert (answer.status_code, answer.headers["x-members"]) == (200, "accurate, formula"), answer.text
