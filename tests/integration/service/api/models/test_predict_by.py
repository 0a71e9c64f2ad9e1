"""Which member of a model answers: its network or its formula, alone, in a job and by V2."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import select

from kan_engine.expressions.evaluation import Number, Variable, call, complexity, to_json
from service.db.session import Sessions
from service.db.tables import Job, Model
from service.settings import Settings
from tests.support.factories import make_model, make_predictor, make_symbolic
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS

X1, X2 = Variable("x1"), Variable("x2")
LAW = call("exp", call("sin", X1) - X2**2)
ROOT = call("log", X1) * X2
FAR = {"x1": 3.0, "x2": 40.0}
ROWS = [{"x1": 0.25, "x2": 1.0}, FAR, {"x1": 0.5, "x2": -1.0}]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough: what is read from it is read elsewhere, too."""
    return sqlite_url


def law(row: dict[str, float]) -> float:
    return float(np.exp(np.sin(row["x1"]) - row["x2"] ** 2))


def predict(client: TestClient, model: Model, rows: list[dict[str, float]] = ROWS, **more: Any) -> Response:
    return client.post(f"/models/{model.id}/predict", json={"rows": rows, **more})


def make_law(sessions: Sessions, verdict: str = "exact", **fields: Any) -> Model:
    predictor = replace(make_predictor(), formula_residuals=np.full(99, 1e-9))
    return make_model(sessions, predictor, symbolic=make_symbolic(verdict, LAW), **fields)


def test_an_exact_law_answers_by_its_formula_everywhere(client: TestClient, sessions: Sessions) -> None:
    model = make_law(sessions)
    body = predict(client, model, interval=0.9).json()
    assert body["by"] == "formula"
    assert body["predictions"] == pytest.approx([law(row) for row in ROWS], rel=1e-14, abs=1e-300)
    assert [(found["row"], found["column"]) for found in body["warnings"]] == [(1, "x1"), (1, "x2")]
    near, far, other = body["intervals"]
    assert far is None
    assert near == pytest.approx([law(ROWS[0]) - 1e-9, law(ROWS[0]) + 1e-9], rel=1e-14)
    assert other is not None
    by_network = predict(client, model, by="accurate", interval=0.9).json()
    assert by_network["by"] == "accurate"
    assert by_network["predictions"] != body["predictions"]
    assert by_network["intervals"][1] is None


@pytest.mark.parametrize(
    ("within", "expected"), [([-1.0, 1.0], [0.5, 1.0, 1.0]), ([None, None], [0.5, 6.0, 1.0])]
)
def test_a_formula_that_serves_stays_within_its_bounds_unless_it_is_asked_for(
    client: TestClient, sessions: Sessions, within: list[float | None], expected: list[float]
) -> None:
    predictor = replace(make_predictor(), formula_residuals=np.full(99, 1e-9))
    symbolic = make_symbolic("approximation", X1 * 2) | {"serves_within": within}
    model = make_model(sessions, predictor, symbolic=symbolic)
    body = predict(client, model).json()
    assert (body["by"], body["predictions"]) == ("formula", expected)
    assert predict(client, model, by="formula").json()["predictions"] == [0.5, 6.0, 1.0]
    assert client.get(f"/models/{model.id}").json()["members"]["formula"]["serves"]
    assert client.get(f"/models/{model.id}/card").json()["by"] == "formula"


@pytest.mark.parametrize("verdict", ["consistent", "approximation"])
def test_any_other_formula_answers_where_it_is_asked(
    client: TestClient, sessions: Sessions, verdict: str
) -> None:
    model = make_law(sessions, verdict)
    assert predict(client, model).json()["by"] == "accurate"
    assert predict(client, model, by="auto").json() == predict(client, model, by="accurate").json()
    asked = client.post("/predict", json={"model": model.id, "rows": ROWS, "by": "formula"}).json()
    assert asked["by"] == "formula"
    assert asked["predictions"] == pytest.approx([law(row) for row in ROWS], rel=1e-14, abs=1e-300)


def test_where_the_expression_is_not_defined_the_answer_is_null_with_a_warning(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, symbolic=make_symbolic("exact", ROOT))
    rows = [{"x1": 1.0, "x2": 2.0}, {"x1": 0.0, "x2": 1.0}, {"x1": -1.0, "x2": 1.0}]
    body = predict(client, model, rows, by="formula", interval=0.5).json()
    assert body["predictions"] == [0.0, None, None]
    assert body["intervals"][1:] == [None, None]
    assert [w["row"] for w in body["warnings"] if w["code"] == "not_finite"] == [1, 2]


def test_where_a_law_is_not_defined_between_the_training_rows_the_network_answers(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, symbolic=make_symbolic("exact", ROOT))
    rows = [{"x1": 0.5, "x2": 0.5}, {"x1": 0.0, "x2": 0.5}, {"x1": -9.0, "x2": 0.5}]
    body = predict(client, model, rows).json()
    known, between, outside = body["predictions"]
    assert known == pytest.approx(np.log(0.5) / 2)
    assert between == predict(client, model, rows, by="accurate").json()["predictions"][1]
    assert outside is None
    assert [w["row"] for w in body["warnings"] if w["code"] == "not_finite"] == [2]


def test_two_classes_follow_from_the_log_odds_and_the_decision(
    client: TestClient, sessions: Sessions
) -> None:
    predictor = replace(make_predictor(classes=("no", "yes")), decision_weights=(0.2, 0.8))
    symbolic = make_symbolic("consistent", X1 - 1, quantity="log-odds")
    body = predict(client, make_model(sessions, predictor, symbolic=symbolic), by="formula").json()
    chances = [1 / (1 + np.exp(1 - row["x1"])) for row in ROWS]
    assert [told["yes"] for told in body["probabilities"]] == pytest.approx(chances)
    assert body["predictions"] == ["yes"] * 3


def test_several_outputs_have_a_formula_each(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions, make_predictor(outputs=2), symbolic=make_symbolic("exact", X1 + X2, X1 * X2))
    assert predict(client, model).json()["predictions"] == [
        {"y": row["x1"] + row["x2"], "z": row["x1"] * row["x2"]} for row in ROWS
    ]


def test_columns_that_the_formula_does_not_read_may_be_absent(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions, symbolic=make_symbolic("exact", X1**2))
    assert predict(client, model, [{"x1": 3.0}]).json()["predictions"] == [9.0]
    answer = predict(client, model, [{"x1": 3.0}], by="accurate")
    assert (answer.status_code, answer.json()["code"]) == (422, "missing_columns")


@pytest.mark.parametrize(
    ("by", "status", "code"),
    [
        ("compact", 409, "no_compact_network"),
        ("formula", 409, "no_formula"),
        ("magic", 422, "validation_failed"),
    ],
)
def test_a_member_that_the_model_does_not_have_is_refused_with_what_to_do(
    client: TestClient, sessions: Sessions, by: str, status: int, code: str
) -> None:
    model = make_model(sessions)
    problem = predict(client, model, by=by).json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["errors"][0]["pointer"] == "#/by"
    assert "accurate" in str(problem)


def test_a_formula_of_before_its_errors_were_kept_has_no_intervals(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, symbolic=make_symbolic("approximation", LAW))
    assert predict(client, model, by="formula").status_code == 200
    problem = predict(client, model, by="formula", interval=0.9).json()
    assert (problem["status"], problem["code"]) == (422, "no_interval")
    assert "accurate" in problem["detail"]
    assert predict(client, model, by="accurate", interval=0.9).status_code == 200


def test_a_model_tells_its_members(client: TestClient, sessions: Sessions) -> None:
    entry = {"metrics": {"r2": 1.0}, "complexity": 9, "verdict": "exact", "fidelity": 0.5}
    record = make_model(sessions).record | {"metrics": {"r2": 0.5}, "members": {"formula": entry}}
    model = make_law(sessions, record=record)
    for shown in (client.get(f"/models/{model.id}").json(), client.get("/models").json()["items"][0]):
        members = shown["members"]
        assert members == {
            "accurate": {"metrics": {"r2": 0.5}, "network": shown["network"]},
            "formula": entry | {"serves": True},
        }


def test_a_model_of_before_members_tells_what_its_formulas_do(client: TestClient, sessions: Sessions) -> None:
    make_model(sessions)
    make_law(sessions, "approximation")
    newer, older = (item["members"] for item in client.get("/models").json()["items"])
    assert list(older) == ["accurate"]
    assert newer["formula"] == {
        "metrics": {"r2": 0.75, "rmse": 0.5},
        "complexity": complexity(LAW),
        "verdict": "approximation",
        "serves": False,
        "fidelity": None,
    }


def submit(client: TestClient, model: Model, **more: Any) -> Response:
    columns = {name: [row[name] for row in ROWS] for name in ("x1", "x2")}
    dataset = client.post("/datasets", json={"name": "rows", "columns": columns}).json()["id"]
    return client.post("/jobs", json={"kind": "predict", "model": model.id, "dataset_id": dataset, **more})


@pytest.mark.parametrize(("asked", "by"), [({}, "formula"), ({"by": "accurate"}, "accurate")])
def test_a_job_predicts_by_the_member_that_was_asked(
    client: TestClient, sessions: Sessions, settings: Settings, asked: dict[str, str], by: str
) -> None:
    model = make_law(sessions)
    job_id = submit(client, model, interval=0.9, **asked).json()["id"]
    with sessions.begin() as session:
        assert session.scalar(select(Job.request).where(Job.id == job_id))["by"] == by
    run_job(job_id, None, sessions, settings, work_of=HANDLERS.__getitem__)
    frame = pl.read_parquet(io.BytesIO(client.get(f"/jobs/{job_id}/result").content))
    single = predict(client, model, by=by, interval=0.9).json()
    assert frame["y"].to_list() == single["predictions"]
    assert frame["y_low"].to_list() == [interval and interval[0] for interval in single["intervals"]]


@pytest.mark.parametrize(("by", "code"), [("compact", "no_compact_network"), ("formula", "no_formula")])
def test_a_job_by_a_member_that_is_not_there_is_refused_at_once(
    client: TestClient, sessions: Sessions, by: str, code: str
) -> None:
    answer = submit(client, make_model(sessions), by=by)
    assert (answer.status_code, answer.json()["code"]) == (409, code)


def infer(client: TestClient, model: Model, **more: Any) -> Response:
    inputs = [
        {"name": name, "shape": [3], "datatype": "FP64", "data": [row[name] for row in ROWS]}
        for name in ("x1", "x2")
    ]
    return client.post(f"/v2/models/{model.id}/infer", json={"inputs": inputs, **more})


def test_the_protocol_says_who_answers_and_takes_a_wish(client: TestClient, sessions: Sessions) -> None:
    model = make_law(sessions)
    for parameters, by in (({}, "formula"), ({"by": "accurate"}, "accurate"), ({"by": "auto"}, "formula")):
        body = infer(client, model, parameters=parameters).json()
        assert body["parameters"] == {"by": by}
        assert body["outputs"][0]["data"] == predict(client, model, by=by).json()["predictions"]
    metadata = client.get(f"/v2/models/{model.id}").json()
    assert metadata["parameters"] == {"by": "formula", "members": ["accurate", "formula"]}


@pytest.mark.parametrize(("by", "status"), [("compact", 409), ("formula", 409), ("magic", 422), (3, 422)])
def test_the_protocol_refuses_members_that_are_not_there(
    client: TestClient, sessions: Sessions, by: str, status: int
) -> None:
    answer = infer(client, make_model(sessions), parameters={"by": by})
    assert answer.status_code == status
    assert answer.json()["error"]


POLE = 1 / (X1 - Number(0.3))  # between the ends of the range of x1


def test_a_formula_stored_without_soundness_is_examined_when_it_is_first_asked_for(
    client: TestClient, sessions: Sessions
) -> None:
    symbolic = make_symbolic("consistent", POLE) | {"serves_within": [-5.0, 5.0]}
    symbolic["outputs"][0]["pareto"] = [
        {"tree": to_json(tree), "expression": "", "rmse": 1.0} for tree in (X1 * 2, POLE)
    ]
    true = np.linspace(-1, 1, 30).tolist()
    model = make_model(
        sessions, symbolic=symbolic, figures={"parity": {"true": true, "predicted": true}}, name="pole"
    )
    output = client.get(f"/models/{model.id}/symbolic").json()["outputs"][0]
    assert output["sound"]["status"] == "violated"
    assert output["sound"]["at"]["x1"] == pytest.approx(0.3, abs=0.1)
    assert [entry["sound"]["status"] for entry in output["pareto"]] == ["proved", "violated"]
    assert any("far beyond" in limit for limit in client.get(f"/models/{model.id}/card").json()["limits"])
    rows = [{"x1": 0.301, "x2": 0.0}, {"x1": 0.9, "x2": 0.0}]
    body = predict(client, model, rows).json()
    assert [(found["row"], found["code"]) for found in body["warnings"]] == [(0, "unsound_formula")]
    assert body["predictions"] == pytest.approx([5.0, 1 / 0.6])
