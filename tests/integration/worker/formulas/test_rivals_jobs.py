"""Rivals of a formula over HTTP: their probabilities, their mean, and the rows that would tell them apart."""

from typing import Any

import numpy as np
import pytest

from tests.support.worked_service import Document, WorkedService

pytestmark = pytest.mark.usefixtures("no_suggestions")

GENERATOR = np.random.default_rng(0)
X, Z = GENERATOR.uniform(1, 5, (2, 60))
COUNT = GENERATOR.integers(1, 4, 60)
METAL = GENERATOR.choice(["steel", "iron"], 60)
RATE = 3 * X / (1 + Z) + GENERATOR.normal(0, 0.15, 60)
BRIEF: dict[str, Any] = {"baselines": False, "max_seconds": 6}


@pytest.fixture(scope="module")
def table(service: WorkedService) -> str:
    return service.upload(x=X, z=Z, count=COUNT, metal=METAL, rate=RATE)


@pytest.fixture(scope="module")
def model(service: WorkedService, table: str) -> Document:
    return service.model(dataset_id=table, target="rate", **BRIEF)


@pytest.fixture(scope="module")
def without_formula(service: WorkedService, table: str) -> Document:
    return service.model(dataset_id=table, target="rate", symbolic=False, **BRIEF | {"max_seconds": 3})


def propose(service: WorkedService, model: Document, **body: Any) -> Document:
    answer = service.client.post(f"/models/{model['id']}/next_rows", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_probabilities_of_the_formula_its_rivals_and_none_add_up_to_one(
    service: WorkedService, model: Document
) -> None:
    symbolic = service.get(f"/models/{model['id']}/symbolic")
    (output,) = symbolic["outputs"]
    told = [output["probability"], *(rival["probability"] for rival in output["rivals"])]
    assert 0.9 < sum(told) + symbolic["evidence"]["none_of_these"] <= 1.0001  # others have less than 1 % each
    assert symbolic["evidence"]["probability"] == output["probability"]
    assert told[1:] == sorted(told[1:], reverse=True)
    assert all(rival["expression"] != output["expression"] for rival in output["rivals"])
    assert (symbolic["verdict"] == "consistent") <= (output["probability"] >= 0.8)


def test_the_mean_of_the_rivals_predicts_with_intervals(service: WorkedService, model: Document) -> None:
    body = {"rows": [{"x": 2.0, "z": 2.0, "count": 1, "metal": "iron"}], "interval": 0.8}
    answers = {
        by: service.client.post(f"/models/{model['id']}/predict", json={**body, "by": by}).json()
        for by in ("formula", "rivals")
    }
    assert answers["rivals"]["by"] == "rivals"
    assert answers["rivals"]["predictions"][0] == pytest.approx(2.0, abs=0.5)
    widths = {by: np.diff(answer["intervals"][0])[0] for by, answer in answers.items()}
    assert widths["rivals"] >= widths["formula"] > 0


def test_next_rows_are_complete_rows_with_what_every_formula_foretells(
    service: WorkedService, model: Document
) -> None:
    found = propose(service, model, count=4)
    assert (found["model_id"], len(found["items"])) == (model["id"], 4)
    (output,) = service.get(f"/models/{model['id']}/symbolic")["outputs"]
    expressions = {output["expression"], *(rival["expression"] for rival in output["rivals"])}
    for item in found["items"]:
        row = item["row"]
        assert X.min() - 0.01 <= row["x"] <= X.max() + 0.01
        assert isinstance(row["count"], int)
        assert row["metal"] in ("steel", "iron")
        assert item["predictions"].keys() == expressions
        assert item["gain"] > 0
    predicted = service.client.post(
        f"/models/{model['id']}/predict", json={"rows": [item["row"] for item in found["items"]]}
    )
    assert predicted.json()["warning_count"] == 0


def test_next_rows_stay_where_they_are_wished(service: WorkedService, model: Document) -> None:
    items = propose(service, model, within={"x": [2, 3], "metal": ["iron"]}, fixed={"count": 2})["items"]
    assert all(2 <= item["row"]["x"] <= 3 for item in items)
    assert {(item["row"]["metal"], item["row"]["count"]) for item in items} == {("iron", 2)}


def test_without_a_formula_the_members_foretell(service: WorkedService, without_formula: Document) -> None:
    items = propose(service, without_formula)["items"]
    assert items[0]["predictions"].keys() >= {"accurate", "linear"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"within": {"p": [1, 2]}}, "#/within/p"),
        ({"within": {"x": [3]}}, "#/within/x"),
        ({"within": {"x": ["2", "3"]}}, "#/within/x"),
        ({"fixed": {"metal": "gold"}}, "#/fixed/metal"),
        ({"count": 0}, "#/count"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_at_its_place(
    service: WorkedService, model: Document, body: Document, pointer: str
) -> None:
    answer = service.client.post(f"/models/{model['id']}/next_rows", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_model_of_classes_has_no_next_rows_and_no_mean_of_rivals(service: WorkedService) -> None:
    table = service.upload(x=X, kind=np.where(X > 3, "high", "low"))
    model = service.model(dataset_id=table, target="kind", symbolic=False, **BRIEF | {"max_seconds": 2})
    path = f"/models/{model['id']}"
    answer = service.client.post(f"{path}/next_rows", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_next_rows")
    answer = service.client.post(f"{path}/predict", json={"rows": [{"x": 1}], "by": "rivals"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no_rivals")


def test_a_model_whose_rows_were_deleted_has_no_next_rows(service: WorkedService) -> None:
    table = service.upload(x=X, rate=2 * X)
    model = service.model(dataset_id=table, target="rate", symbolic=False, **BRIEF | {"max_seconds": 2})
    service.client.delete(f"/datasets/{table}")
    answer = service.client.post(f"/models/{model['id']}/next_rows", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_deleted")


def test_an_export_keeps_rivals_and_their_mean(service: WorkedService, model: Document) -> None:
    file = service.client.get(f"/models/{model['id']}/export", params={"format": "safetensors"}).content
    answer = service.client.post("/models/import", files={"file": ("model.safetensors", file)})
    assert answer.status_code == 201, answer.text
    known, again = service.formula(model), service.formula(answer.json())
    assert again["probability"] == known["probability"]
    assert [rival["expression"] for rival in again["rivals"]] == [
        rival["expression"] for rival in known["rivals"]
    ]
