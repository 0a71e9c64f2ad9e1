"""Contributions of the columns to a prediction: they add up to it, or the request is refused."""

from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from kan_engine import Predictor
from kan_engine.expressions.evaluation import Variable
from service.db.session import Sessions
from service.db.tables import Model
from tests.support.factories import FIGURES, make_model, make_predictor, make_symbolic

RNG = np.random.default_rng(0)
ROWS = [{"x1": 0.25, "x2": 1.0}, {"x1": 0.5, "x2": -1.0}]
X1, X2 = Variable("x1"), Variable("x2")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough: test_figures reads a part of the JSON of both."""
    return sqlite_url


def make_explained(sessions: Sessions, predictor: Predictor | None = None, **fields: Any) -> Model:
    """A model that keeps a sample of its training rows."""
    predictor = predictor or make_predictor()
    background = RNG.uniform(0, 1, (16, len(predictor.encoding.names))).tolist()
    reference = {"rows": 16, "columns": [], "background": background}
    return make_model(sessions, predictor, figures=FIGURES | {"reference": reference}, **fields)


def explain(client: TestClient, model: Model, rows: list[dict[str, Any]] = ROWS, **more: Any) -> Response:
    return client.post(f"/models/{model.id}/predict", json={"rows": rows, "explain": True, **more})


def add_up(output: dict[str, Any]) -> list[float]:
    return [output["base"] + sum(row.values()) for row in output["contributions"]]


def test_contributions_add_up_to_the_values(client: TestClient, sessions: Sessions) -> None:
    body = explain(client, make_explained(sessions)).json()
    told = body["explanation"]
    (output,) = told["outputs"]
    assert (told["method"], told["scale"], told["background_rows"]) == ("shapley", "value", 16)
    assert (told["terms"], output["output"]) == ([["x1", "x2"]], "y")
    assert add_up(output) == pytest.approx(body["predictions"])


def test_those_of_two_classes_add_up_to_the_log_odds(client: TestClient, sessions: Sessions) -> None:
    body = explain(client, make_explained(sessions, make_predictor(classes=["no", "yes"]))).json()
    assert body["explanation"]["scale"] == "log-odds"
    odds = [np.log(row["yes"] / row["no"]) for row in body["probabilities"]]
    assert add_up(body["explanation"]["outputs"][0]) == pytest.approx(odds)


def test_those_of_more_classes_add_up_to_logits(client: TestClient, sessions: Sessions) -> None:
    body = explain(client, make_explained(sessions, make_predictor(classes=["a", "b", "c"]))).json()
    assert [output["output"] for output in body["explanation"]["outputs"]] == ["a", "b", "c"]
    logits = np.array([add_up(output) for output in body["explanation"]["outputs"]]).T
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    told = [list(row.values()) for row in body["probabilities"]]
    np.testing.assert_allclose(chances, told, rtol=1e-9)


def test_a_sum_is_additive_and_says_so(client: TestClient, sessions: Sessions) -> None:
    model = make_explained(sessions, symbolic=make_symbolic("exact", X1 + 3 * X2))
    told = explain(client, model).json()["explanation"]
    first, second = told["outputs"][0]["contributions"]
    assert (told["method"], told["terms"]) == ("additive", [["x1"], ["x2"]])
    assert first["x2"] - second["x2"] == pytest.approx(6.0)


def test_without_a_wish_there_is_no_explanation(client: TestClient, sessions: Sessions) -> None:
    assert "explanation" not in explain(client, make_explained(sessions), explain=False).json()


def test_a_model_without_a_sample_of_its_rows_is_refused(client: TestClient, sessions: Sessions) -> None:
    for figures in (None, FIGURES):
        answer = explain(client, make_model(sessions, figures=figures))
        assert (answer.status_code, answer.json()["code"]) == (409, "no_explanation")
        assert "train it again" in answer.json()["detail"]


def test_too_many_columns_are_refused_with_the_members_that_have_fewer(
    client: TestClient, sessions: Sessions
) -> None:
    names = [f"x{place}" for place in range(1, 12)]
    predictor = make_predictor({name: RNG.uniform(0, 1, 20).tolist() for name in names})
    model = make_explained(sessions, predictor, symbolic=make_symbolic("consistent", X1 * X2))
    row = dict.fromkeys(names, 0.5)
    answer = explain(client, model, [row], by="accurate")
    assert (answer.status_code, answer.json()["code"]) == (409, "no_explanation")
    assert 'send "by": "formula"' in answer.json()["detail"]
    assert explain(client, model, [row], by="formula").status_code == 200


def test_too_many_rows_are_refused_with_the_number_that_is_allowed(
    client: TestClient, sessions: Sessions
) -> None:
    names = [f"x{place}" for place in range(1, 11)]
    predictor = make_predictor({name: RNG.uniform(0, 1, 20).tolist() for name in names}, hidden=(20,))
    model = make_explained(sessions, predictor)
    rows = [dict.fromkeys(names, 0.5)] * 500
    answer = explain(client, model, rows)
    assert (answer.status_code, answer.json()["code"]) == (413, "explanation_too_costly")
    most = answer.json()["limit"]
    assert 1 <= most < 500
    assert f"at most {most}" in answer.json()["detail"]


def test_a_network_that_is_too_large_for_one_row_is_refused(client: TestClient, sessions: Sessions) -> None:
    names = [f"x{place}" for place in range(1, 11)]
    predictor = make_predictor({name: RNG.uniform(0, 1, 20).tolist() for name in names}, hidden=(150, 150))
    answer = explain(client, make_explained(sessions, predictor), [dict.fromkeys(names, 0.5)])
    assert (answer.status_code, answer.json()["code"]) == (409, "no_explanation")


def test_solved_equations_have_no_contributions(client: TestClient, sessions: Sessions) -> None:
    answer = explain(client, make_explained(sessions, task="equation"))
    assert (answer.status_code, answer.json()["code"]) == (409, "no_explanation")
