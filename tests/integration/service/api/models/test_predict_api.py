"""Predictions over HTTP: the network's own values, in the contract's form, with every doubt named."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import update

import kan_engine
from kan_engine import Predictor
from service.db.repositories import TrainedModels
from service.db.session import Sessions
from service.db.tables import BlobChunk
from service.main import create_app
from service.operations.prediction.limits import DEFAULT_PREDICTION
from service.operations.prediction.model_resolver import ModelResolver
from service.settings import Settings
from service.storage.blobs import put_bytes
from tests.support.factories import make_model, make_predictor
from tests.support.servers import LOOPBACK

ROWS = [{"x1": 0.1, "x2": 1.0}, {"x1": 0.9, "x2": -1.5}]
MIXED = {
    "size": [1.0, 2.0, None, 4.0, 3.0, 2.5],
    "is_new": [True, False, True, False, True, True],
    "kind": ["a", "b", "c", "a", "b", "c"],
}
MIXED_ROWS = [{"size": 1.5, "is_new": True, "kind": "b"}, {"size": None, "is_new": False, "kind": "c"}]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough: nothing here depends on it but reading an artifact, which has its own tests."""
    return sqlite_url


def predict(client: TestClient, model: str, rows: list[dict[str, Any]] = ROWS, **more: Any) -> Response:
    return client.post("/predict", json={"model": model, "rows": rows, **more})


def own_values(predictor: Predictor, rows: list[dict[str, Any]]) -> np.ndarray:
    return predictor.predict({name: np.array([row[name] for row in rows]) for name in rows[0]})


def test_predictions_of_a_preview_name_its_training(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions)
    with sessions.begin() as session:
        row = TrainedModels(session).get_by_id(model.id)
        row.record = row.record | {"preview_of": "training"}
    assert predict(client, model.id).json()["preview_of"] == "training"
    assert client.get(f"/models/{model.id}").json()["preview_of"] == "training"


def test_a_regression_predicts_a_flat_list_of_numbers(client: TestClient, sessions: Sessions) -> None:
    predictor = make_predictor()
    model = make_model(sessions, predictor)
    response = predict(client, model.id)
    assert response.status_code == 200
    assert response.json() == {
        "model_id": model.id,
        "by": "accurate",
        "preview_of": None,
        "predictions": own_values(predictor, ROWS).tolist(),
        "probabilities": None,
        "intervals": None,
        "warnings": [],
        "warning_count": 0,
    }


def test_columns_predict_as_rows_do(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions)
    columns = {"x1": [0.1, 0.9], "x2": [1.0, -1.5]}
    by_column = client.post("/predict", json={"model": model.id, "columns": columns})
    assert by_column.json() == predict(client, model.id).json()


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_a_model_can_be_named_in_the_path_by_id_name_or_alias(
    client: TestClient, sessions: Sessions, prefix: str
) -> None:
    model, newer = make_model(sessions), make_model(sessions, make_predictor(seed=1))
    client.patch(f"/models/{model.id}", json={"alias": "live"})
    for reference, expected in ((model.id, model.id), ("law", newer.id), ("law@live", model.id)):
        response = client.post(f"{prefix}/models/{reference}/predict", json={"rows": ROWS})
        assert response.json()["model_id"] == expected


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        ((False, True), ("false", "true")),
        (("no", "yes"), ("no", "yes")),
        ((0, 1, 2), ("0", "1", "2")),
        (("setosa", "versicolor", "virginica"), ("setosa", "versicolor", "virginica")),
    ],
)
def test_a_classifier_predicts_labels_of_its_own_type_with_probabilities(
    client: TestClient, sessions: Sessions, classes: tuple[Any, ...], names: tuple[str, ...]
) -> None:
    body = predict(client, make_model(sessions, make_predictor(classes=classes)).id).json()
    for label, probabilities in zip(body["predictions"], body["probabilities"], strict=True):
        assert tuple(probabilities) == names
        assert sum(probabilities.values()) == pytest.approx(1)
        likeliest = max(probabilities, key=probabilities.__getitem__)
        assert label == classes[names.index(likeliest)]
        assert type(label) is type(classes[0])


def test_several_outputs_are_given_by_name(client: TestClient, sessions: Sessions) -> None:
    predictor = make_predictor(outputs=2)
    body = predict(client, make_model(sessions, predictor).id).json()
    values = own_values(predictor, ROWS)
    assert body["predictions"] == [{"y": row[0], "z": row[1]} for row in values.tolist()]


def test_an_interval_lies_around_the_prediction_and_widens_with_its_level(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions)
    widths = []
    for level in (0.5, 0.9):
        body = predict(client, model.id, interval=level).json()
        for value, (low, high) in zip(body["predictions"], body["intervals"], strict=True):
            assert low < value < high
        widths.append(high - low)
    assert widths[0] < widths[1]


@pytest.mark.parametrize(("classes", "level"), [(("a", "b"), 0.9), (None, 0.999)])
def test_an_interval_that_cannot_be_had_is_refused(
    client: TestClient, sessions: Sessions, classes: tuple[str, ...] | None, level: float
) -> None:
    response = predict(client, make_model(sessions, make_predictor(classes=classes)).id, interval=level)
    assert response.status_code == 422
    assert response.json()["code"] == "no_interval"
    assert response.json()["errors"][0]["pointer"] == "#/interval"


def test_missing_values_booleans_and_categories_are_read_by_the_rule_of_training(
    client: TestClient, sessions: Sessions
) -> None:
    predictor = make_predictor(MIXED)
    body = predict(client, make_model(sessions, predictor).id, MIXED_ROWS).json()
    columns = {
        "size": np.array([1.5, np.nan]),
        "is_new": np.array([True, False], dtype=object),
        "kind": np.array(["b", "c"], dtype=object),
    }
    assert body["predictions"] == predictor.predict(columns).tolist()
    assert body["warning_count"] == 0


def test_values_that_training_saw_nothing_like_are_warned_of(client: TestClient, sessions: Sessions) -> None:
    rows = [
        {"size": 99, "is_new": True, "kind": "a"},
        {"size": 1.0, "is_new": None, "kind": "new"},
    ]
    body = predict(client, make_model(sessions, make_predictor(MIXED)).id, rows).json()
    assert body["warnings"] == [
        {"row": 0, "column": "size", "code": "outside_training_range"},
        {"row": 1, "column": "is_new", "code": "unexpected_missing"},
        {"row": 1, "column": "kind", "code": "unseen_category"},
    ]
    assert body["warning_count"] == 3
    assert all(np.isfinite(value) for value in body["predictions"])


@pytest.mark.parametrize(
    "strange", [{"size": 1000.0}, {"size": -0.5}, {"is_new": None}, {"kind": "never seen"}]
)
def test_a_row_with_a_value_outside_of_training_has_a_warning_and_no_interval(
    client: TestClient, sessions: Sessions, strange: dict[str, Any]
) -> None:
    usual = {"size": 1.5, "is_new": True, "kind": "b"}
    model = make_model(sessions, make_predictor(MIXED))
    body = predict(client, model.id, [usual, usual | strange, usual], interval=0.9).json()
    assert [interval is None for interval in body["intervals"]] == [False, True, False]
    assert [(warning["row"], warning["column"]) for warning in body["warnings"]] == [(1, *strange)]
    assert isinstance(body["predictions"][1], float)


def test_a_value_at_the_border_of_training_has_an_interval_and_no_warning(
    client: TestClient, sessions: Sessions
) -> None:
    columns = {"x": [1.0001, *np.linspace(1.1, 4.9, 48).tolist(), 4.9999], "step": [*range(1, 51)]}
    model = make_model(sessions, make_predictor(columns))
    rows = [{"x": 1.0, "step": 1}, {"x": 5.0, "step": 50}, {"x": 0.99, "step": 1}, {"x": 1.0, "step": 51}]
    body = predict(client, model.id, rows, interval=0.9).json()
    assert [interval is None for interval in body["intervals"]] == [False, False, True, True]
    assert [(warning["row"], warning["column"]) for warning in body["warnings"]] == [(2, "x"), (3, "step")]


def test_only_the_first_warnings_are_listed_but_all_are_counted(
    client: TestClient, sessions: Sessions
) -> None:
    body = predict(client, make_model(sessions).id, [{"x1": 7, "x2": 7}] * 80).json()
    assert len(body["warnings"]) == DEFAULT_PREDICTION.max_warnings
    assert body["warning_count"] == 160


def test_a_value_that_is_not_finite_is_null_and_warned_of(client: TestClient, sessions: Sessions) -> None:
    predictor = make_predictor()
    scaler = kan_engine.TargetScaler("log", np.array([0.0]), np.array([1e6]))
    broken = Predictor(**{**vars(predictor), "outputs": scaler})
    rows = [*ROWS, {"x1": 0.5, "x2": 0.0}]
    body = predict(client, make_model(sessions, broken).id, rows, interval=0.5).json()
    gaps = [row for row, value in enumerate(body["predictions"]) if value is None]
    assert gaps, "exp of a large number overflows"
    assert [body["intervals"][row] for row in gaps] == [None] * len(gaps)
    assert [warning["row"] for warning in body["warnings"] if warning["code"] == "not_finite"] == gaps


def test_a_column_that_the_network_dropped_may_be_absent_and_gives_no_warning(
    client: TestClient, sessions: Sessions
) -> None:
    predictor = make_predictor()
    predictor.network.all_layers[0].mask[1] = False
    model = make_model(sessions, predictor)
    without = predict(client, model.id, [{"x1": 0.1}]).json()
    with_it = predict(client, model.id, [{"x1": 0.1, "x2": 1e6}]).json()
    assert without == with_it
    assert without["warning_count"] == 0


def test_the_target_and_columns_left_out_of_training_are_accepted(
    client: TestClient, sessions: Sessions
) -> None:
    predictor = make_predictor()
    record = make_model(sessions, predictor).record | {"ignored_columns": ["id", "date"]}
    model = make_model(sessions, predictor, record=record)
    response = predict(client, model.id, [{**ROWS[0], "y": 1.0, "id": 7, "date": "2026-01-31"}])
    assert response.json()["predictions"] == own_values(predictor, ROWS[:1]).tolist()


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{"x1": 0.1}], "missing_columns"),
        ([{"x1": 0.1, "x2": 0.2, "x3": 0.3}], "unknown_columns"),
        ([{"x1": 0.1, "x2": "0.2"}], "invalid_values"),
        ([{"x1": 0.1, "x2": True}], "invalid_values"),
        ([], "validation_failed"),
        ([[0.1, 0.2]], "validation_failed"),
        ({"x1": 0.1}, "validation_failed"),
    ],
)
def test_rows_that_cannot_be_read_are_refused(
    client: TestClient, sessions: Sessions, rows: Any, code: str
) -> None:
    response = predict(client, make_model(sessions).id, rows)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == code
    assert response.json()["errors"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_of_json_is_refused(client: TestClient, number: str) -> None:
    body = f'{{"model": "law", "rows": [{{"x1": {number}, "x2": 0}}]}}'
    response = client.post("/predict", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["code"] == "not_a_number"


@pytest.mark.parametrize(
    "body",
    [
        {"rows": ROWS},
        {"model": "law", "rows": ROWS, "intervals": 0.9},
        {"model": "law", "rows": ROWS, "interval": 1},
        {"model": "law", "rows": ROWS, "columns": {"x1": [1]}},
        {"model": 7, "rows": ROWS},
    ],
)
def test_requests_in_another_form_are_refused(client: TestClient, body: dict[str, Any]) -> None:
    response = client.post("/predict", json=body)
    assert response.status_code == 422
    assert response.json()["code"] == "validation_failed"


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    for response in (predict(client, "nothing"), client.post("/models/nothing/predict", json={"rows": ROWS})):
        assert response.status_code == 404
        assert response.json()["code"] == "model_not_found"


def test_a_deleted_model_predicts_no_more_though_it_was_loaded(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions)
    assert predict(client, model.id).status_code == 200
    assert client.delete(f"/models/{model.id}").status_code == 204
    assert predict(client, model.id).status_code == 404


@pytest.mark.parametrize("is_named", [False, True])
def test_a_model_that_was_just_deleted_by_another_process_is_not_found(
    client: TestClient, settings: Settings, sessions: Sessions, is_named: bool
) -> None:
    model = make_model(sessions)
    reference = model.name if is_named else model.id
    client.app.state.directory = ModelResolver(clock=lambda: 0.0)  # type: ignore[attr-defined]  # no time goes by
    assert client.get(f"/v2/models/{reference}").status_code == 200
    with TestClient(create_app(settings), base_url=LOOPBACK) as other:
        assert other.delete(f"/models/{model.id}").status_code == 204
    tensor = {"name": "rows", "shape": [1, 2], "datatype": "FP64", "data": [0.1, 1.0]}
    for answer in (
        predict(client, reference),
        client.post(f"/v2/models/{reference}/infer", json={"inputs": [tensor]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


def test_too_many_rows_are_refused_with_the_limit(settings: Settings, sessions: Sessions) -> None:
    model = make_model(sessions)
    with TestClient(
        create_app(settings.model_copy(update={"max_predict_rows": 1})), base_url=LOOPBACK
    ) as client:
        response = predict(client, model.id)
    assert response.status_code == 413
    assert response.json()["limit"] == 1


def test_many_predictions_at_once_agree(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: predict(client, model.id).json()["predictions"], range(24)))
    assert answers == [answers[0]] * 24


def test_a_damaged_artifact_is_the_service_s_fault(settings: Settings, sessions: Sessions) -> None:
    model = make_model(sessions)
    with sessions.begin() as session:
        session.execute(update(BlobChunk).values(data=b"damaged"))
    with TestClient(create_app(settings), base_url=LOOPBACK, raise_server_exceptions=False) as client:
        assert predict(client, model.id).status_code == 500


def test_an_artifact_of_another_kind_is_the_service_s_fault(settings: Settings, sessions: Sessions) -> None:
    with sessions.begin() as session:
        sha256 = put_bytes(session, b"no artifact")
    model = make_model(sessions, artifact_sha256=sha256)
    with TestClient(create_app(settings), base_url=LOOPBACK, raise_server_exceptions=False) as client:
        assert predict(client, model.id).json()["code"] == "internal_error"
