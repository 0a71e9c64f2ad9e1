"""A model measured on labelled rows: whether it still holds, what has drifted, and what is kept of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from kan_engine import LabelledRows
from kan_engine.assessment.monitoring.reference import summarize_inputs
from kan_engine.expressions.evaluation import Variable
from service.db.session import Sessions
from service.db.tables import Model
from service.operations.models.evaluations import REFERENCE
from tests.support.factories import FIGURES, make_model, make_predictor, make_symbolic
from tests.support.stored import to_json

X1, X2 = Variable("x1"), Variable("x2")
NOISE = 0.5
RNG = np.random.default_rng(0)
TRAINING = {"x1": RNG.uniform(0, 1, 400), "x2": RNG.uniform(-2, 2, 400)}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough: the repository is tested with both."""
    return sqlite_url


def rows(
    count: int, *, noise: float = NOISE, shift: float = 0.0, width: float = 1.0, **more: Any
) -> dict[str, Any]:
    """Rows of y = x1 + x2² with noise, as columns."""
    x1, x2 = RNG.uniform(0, width, count), RNG.uniform(-2, 2, count)
    y = x1 + x2**2 + RNG.normal(shift, noise, count)
    return {"x1": x1.tolist(), "x2": x2.tolist(), "y": y.tolist(), **more}


@pytest.fixture
def model(sessions: Sessions) -> Model:
    """A formula that is right up to the noise, with what training keeps of its rows."""
    usual = make_predictor({name: values.tolist() for name, values in TRAINING.items()})
    residuals = np.abs(RNG.normal(0, NOISE, 200))
    predictor = replace(usual, residuals=residuals, formula_residuals=residuals)
    x = predictor.encoding.transform(TRAINING)
    labelled = LabelledRows(x, x[:, 0], np.ones(len(x)), ("x1", "x2"))
    reference = to_json(summarize_inputs(predictor.encoding, labelled, frozenset()))
    record = make_model(sessions).record
    record |= {"split": {"kind": "random", "training_rows": 300, "validation_rows": 100, "test_rows": 100}}
    symbolic = make_symbolic("consistent", X1 + X2**2)
    metrics = {"rmse": NOISE}
    member = {"metrics": metrics, "complexity": 5, "verdict": "consistent", "fidelity": 1.0}
    return make_model(
        sessions,
        predictor,
        record=record | {"metrics": metrics, "members": {"formula": member}},
        symbolic=symbolic,
        figures=FIGURES | {REFERENCE: reference},
    )


def evaluate(client: TestClient, model: Model, **body: Any) -> Response:
    return client.post(f"/models/{model.id}/evaluate", json={"by": "formula", **body})


def measure(client: TestClient, model: Model, columns: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = evaluate(client, model, columns=columns, **body)
    assert answer.status_code == 200, answer.text
    measured: dict[str, Any] = answer.json()
    return measured


def test_a_formula_holds_on_rows_like_those_of_training(client: TestClient, model: Model) -> None:
    found = measure(client, model, rows(400))
    assert (found["verdict"], found["by"], found["rows"]) == ("holds", "formula", 400)
    assert found["summary"].startswith("The formula still holds: its RMSE on 400 rows is 0.")
    assert found["summary"].endswith("No column has drifted.")
    low, high = found["ratio_interval"]
    assert low < found["ratio"] < high
    assert (found["expected_error"], found["expected_rows"], found["expected_on"]) == (0.5, 100, "hold-out")
    assert found["residual_test"]["has_signal"] is False
    assert {column["name"]: column["drifted"] for column in found["drift"]} == {"x1": False, "x2": False}


def test_the_intervals_cover_what_they_promise(client: TestClient, model: Model) -> None:
    for entry in measure(client, model, rows(1_000))["coverage"]:
        assert entry["low"] - 0.08 <= entry["level"] <= entry["high"] + 0.08  # 200 residuals: 0.035 each
        assert entry["low"] <= entry["share"] <= entry["high"]


def test_larger_errors_are_told_with_the_signal_in_the_residuals(client: TestClient, model: Model) -> None:
    columns = rows(300)
    columns["y"] = [y + 2 * x - 1 for x, y in zip(columns["x1"], columns["y"], strict=True)]
    found = measure(client, model, columns)
    assert found["verdict"] == "worse"
    assert "no longer holds" in found["summary"]
    assert found["residual_test"]["has_signal"] is True


def test_a_formula_fails_if_a_constant_predicts_as_well(client: TestClient, model: Model) -> None:
    columns = rows(300)
    columns["y"] = RNG.permutation(columns["y"]).tolist()
    found = measure(client, model, columns)
    assert found["verdict"] == "fails"


def test_few_rows_decide_nothing(client: TestClient, model: Model) -> None:
    assert measure(client, model, rows(2))["verdict"] in ("undecided", "holds")
    assert measure(client, model, {"x1": [0.5], "x2": [0.0], "y": [1.0]})["verdict"] == "undecided"


def test_drifted_columns_are_named(client: TestClient, model: Model) -> None:
    found = measure(client, model, rows(300, width=2.0))
    first = found["drift"][0]
    assert (first["name"], first["drifted"], first["test"]) == ("x1", True, "kolmogorov_smirnov")
    assert 0.4 < first["outside"] < 0.6
    assert found["summary"].endswith("Drifted columns: 'x1'.")


def test_a_dataset_is_evaluated_like_its_rows(client: TestClient, model: Model) -> None:
    columns = rows(100)
    dataset = client.post("/datasets", json={"columns": columns}).json()["id"]
    inline = measure(client, model, columns)
    stored = evaluate(client, model, dataset_id=dataset).json()
    assert (stored["dataset_id"], inline["dataset_id"]) == (dataset, None)
    assert {**stored, "id": 0, "created_at": 0, "dataset_id": 0} == {
        **inline,
        "id": 0,
        "created_at": 0,
        "dataset_id": 0,
    }


def test_rows_without_a_true_value_are_left_out(client: TestClient, model: Model) -> None:
    columns = rows(50)
    columns["y"][:10] = [None] * 10
    found = measure(client, model, columns)
    assert (found["rows"], found["unlabelled_rows"]) == (40, 10)


def test_a_classifier_is_measured_by_its_probabilities(client: TestClient, sessions: Sessions) -> None:
    predictor = make_predictor(classes=["no", "yes"])
    record = make_model(sessions, predictor).record
    record |= {"metrics": {"log_loss": 0.7}, "split": {"test_rows": 100}}
    model = make_model(sessions, predictor, record=record)
    columns = rows(200)
    columns["y"] = ["yes", "no", "never"] * 66 + [None, "yes"]
    found = measure(client, model, columns, by="accurate")
    assert (found["metric"], found["rows"], found["unknown_class_rows"]) == ("log_loss", 199, 66)
    assert found["reliability"]["class"] == "yes"
    assert sum(found["reliability"]["count"]) == 199
    assert 0 <= found["calibration_error"] <= 1
    assert found["verdict"] == "fails"  # a class of probability 0
    assert found["coverage"] == []


def test_labels_of_three_classes_are_compared_as_the_dataset_has_them(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, make_predictor(classes=[1, 2, 3]))
    columns = rows(60) | {"y": [1.0, 2, 3] * 20}
    dataset = client.post("/datasets", json={"columns": columns}).json()["id"]
    found = evaluate(client, model, dataset_id=dataset, by="accurate").json()
    assert (found["unknown_class_rows"], found["residual_test"], found["verdict"]) == (0, None, "undecided")


def test_a_model_without_a_reference_tells_ranges_alone(client: TestClient, sessions: Sessions) -> None:
    found = measure(client, make_model(sessions), rows(50, width=3.0), by="accurate")
    assert found["expected_on"] == "validation"
    assert [column["stability_index"] for column in found["drift"]] == [None, None]
    assert max(column["outside"] for column in found["drift"]) > 0.5


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"dataset_id": "nothing"}, 404, "dataset_not_found"),
        ({"columns": {"x1": [0.5], "y": [1.0]}}, 422, "missing_columns"),
        ({"columns": {"x1": [0.5], "x2": [0.5]}}, 422, "missing_target"),
        ({"rows": [{"x1": 0.5, "x2": 0.5, "y": None}]}, 422, "missing_target"),
        ({"rows": [{"x1": 0.5, "x2": 0.5, "y": "much"}]}, 422, "invalid_data"),
        ({"rows": [{"x1": 0.5, "x2": 0.5, "y": 1.0}], "by": "compact"}, 409, "no_compact_network"),
        ({"rows": [{"x1": 0.5, "x2": 0.5, "y": 1.0}], "dataset_id": "d"}, 422, "validation_failed"),
        ({}, 422, "validation_failed"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    client: TestClient, model: Model, body: dict[str, Any], status: int, code: str
) -> None:
    answer = evaluate(client, model, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"x1": [0.5], "x2": [0.5]}, "missing_target"),
        ({"x1": [0.5, 0.6], "x2": [0.5, 0.6], "y": ["a", "b"]}, "invalid_values"),
        ({"x1": [0.5], "y": [0.5]}, "missing_columns"),
    ],
)
def test_a_dataset_that_does_not_fit_is_refused(
    client: TestClient, model: Model, columns: dict[str, Any], code: str
) -> None:
    dataset = client.post("/datasets", json={"columns": columns}).json()["id"]
    answer = evaluate(client, model, dataset_id=dataset)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_large_dataset_is_refused_with_its_limit(client: TestClient, model: Model) -> None:
    state = client.app.state  # type: ignore[attr-defined]
    state.settings = state.settings.model_copy(update={"max_predict_rows": 99})
    dataset = client.post("/datasets", json={"columns": rows(100)}).json()["id"]
    for body in ({"dataset_id": dataset}, {"columns": rows(100)}):
        answer = evaluate(client, model, **body)
        assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (
            413,
            "too_many_rows",
            99,
        )


def test_a_density_is_not_evaluated(client: TestClient, sessions: Sessions) -> None:
    answer = evaluate(client, make_model(sessions, task="density"), columns=rows(5))
    assert (answer.status_code, answer.json()["code"]) == (409, "not_evaluable")


def test_huge_values_are_measured_without_an_error(client: TestClient, model: Model) -> None:
    found = measure(client, model, rows(30) | {"y": [1e300] * 15 + [-1e300] * 15})
    assert (found["verdict"], found["error"]) == ("fails", None)


def test_evaluations_are_kept_newest_first(client: TestClient, model: Model) -> None:
    made = [measure(client, model, rows(20)) for _ in range(3)]
    path = f"/models/{model.id}/evaluations"
    first = client.get(path, params={"limit": 2}).json()
    rest = client.get(path, params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [*first["items"], *rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None
    (entry, *_) = client.get("/audit").json()["items"]
    assert (entry["action"], entry["object_id"]) == ("model.evaluate", model.id)


def test_a_picture_shows_the_errors_against_that_of_training(client: TestClient, model: Model) -> None:
    path = f"/models/{model.id}/plots/evaluations"
    empty = client.get(f"{path}.svg")
    assert (empty.status_code, empty.json()["code"]) == (409, "no_evaluations")
    for _ in range(2):
        measure(client, model, rows(20))
    assert "2 evaluations" in client.get(f"{path}.svg").text
    assert client.get(f"{path}.png").content.startswith(b"\x89PNG")


def test_evaluations_end_with_their_model(client: TestClient, model: Model) -> None:
    measure(client, model, rows(20))
    assert client.delete(f"/models/{model.id}").status_code == 204
    assert client.get(f"/models/{model.id}/evaluations").status_code == 404


def test_what_is_kept_of_the_rows_is_no_figure(client: TestClient, model: Model) -> None:
    assert REFERENCE not in client.get(f"/models/{model.id}/figures").json()
