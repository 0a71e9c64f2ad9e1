"""Symbolic jobs from the request to the next version of a model: what a person knows changes the formula."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from kan_engine.assessment.thresholds import AssessmentThresholds
from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK
from tests.support.worked_service import Document, WorkedService
from worker.pipelines import search_config

pytestmark = pytest.mark.usefixtures("small_dictionary", "no_suggestions")

ROWS = 150
A, B = np.random.default_rng(0).uniform(-2, 2, (2, ROWS))
NOISE = np.random.default_rng(1).normal(0, 0.05, ROWS)
EDGE = {"layer": 0, "in": 0, "out": 0}
SHORT = {"restarts": 1, "steps": 10}
LIMITED = {"forbid": ["sin", "cos"], "max_complexity": 9, "name": "other"}


@pytest.fixture(scope="module", autouse=True)
def _short_searches() -> Iterator[None]:
    """Few structures are fitted and read, of few samples, and few forms and starts of each are tried."""
    from kan_engine.structure import search

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "ONE_NODE", search.ONE_NODE[:1])
        patch.setattr(search, "TWO_NODES", ())
        patch.setattr(
            search_config,
            "THRESHOLDS",
            replace(
                search_config.THRESHOLDS,
                assessment=AssessmentThresholds(max_resamplings=1),
            ),
        )
        yield


@pytest.fixture(scope="module")
def service(
    new_settings: Callable[[], Settings], small_dictionary: None, no_suggestions: None
) -> Iterator[WorkedService]:
    settings = new_settings()
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        yield WorkedService(client, settings)


@pytest.fixture(scope="module")
def model(service: WorkedService) -> Document:
    """y = sin(a) + b² with noise, by one activation per input."""
    dataset_id = service.upload(a=A, b=B, y=np.sin(A) + B**2 + NOISE)
    return service.model(
        dataset_id=dataset_id,
        target="y",
        network={"hidden": []},
        training=SHORT,
        baselines=False,
        name="law",
        tags={"by": "me"},
    )


@pytest.fixture(scope="module")
def change(service: WorkedService, model: Document) -> Callable[..., Document]:
    """The model with these changes, which are made once for all tests."""
    made: dict[str, Document] = {}

    def change(**changes: Any) -> Document:
        key = json.dumps(changes)
        if key not in made:
            made[key] = service.model(kind="symbolic", model_id=model["id"], **changes)
        return made[key]

    return change


@pytest.fixture(scope="module")
def without_a(service: WorkedService) -> Document:
    """A model of y = 1 - b² from which a column was dropped; without noise its formula is found soon."""
    dataset_id = service.upload(a=A, b=B, y=1 - B**2)
    network = {"hidden": [], "grid": 3}
    made = service.model(dataset_id=dataset_id, target="y", network=network, training=SHORT, baselines=False)
    assert [feature["name"] for feature in made["features"]] == ["a", "b"]
    return service.model(kind="symbolic", model_id=made["id"], drop=["a"])


def test_a_fixed_edge_is_the_function_in_network_and_formula(
    service: WorkedService, model: Document, change: Callable[..., Document]
) -> None:
    changed = change(fix=[{**EDGE, "function": "cos"}, {**EDGE, "in": 1, "function": "x^2"}])
    assert (changed["name"], changed["version"], changed["tags"]) == (
        "law",
        model["version"] + 1,
        {"by": "me"},
    )
    edges = {edge["in"]: edge["function"] for edge in service.get(f"/models/{changed['id']}/edges")["edges"]}
    assert edges == {0: "cos", 1: "x^2"}
    formula = service.formula(changed)
    assert "cos(" in formula["expression"]
    assert "b**2" in formula["expression"]
    assert formula["r2"] > 0.99
    assert changed["metrics"]["r2"] > 0.99
    assert changed["warnings"] == model["warnings"]
    mine, theirs = (service.get(f"/models/{each['id']}/figures") for each in (changed, model))
    assert mine["parity"]["true"] == theirs["parity"]["true"]
    assert mine["parity"]["predicted"] != theirs["parity"]["predicted"]


def test_the_lineage_tells_what_was_changed(model: Document, change: Callable[..., Document]) -> None:
    lineage = change(**LIMITED)["lineage"]
    assert lineage["revises"] == {
        "model_id": model["id"],
        "version": model["version"],
        "forbid": ["sin", "cos"],
        "max_complexity": 9,
    }
    assert lineage["request"]["target"] == "y"
    assert lineage["dataset_sha256"] == model["lineage"]["dataset_sha256"]


def test_a_function_that_does_not_follow_its_curve_is_warned_of(change: Callable[..., Document]) -> None:
    changed = change(fix=[{**EDGE, "in": 1, "function": "exp"}])
    assert any("exp on the edge from 1" in warning for warning in changed["warnings"])


@pytest.mark.parametrize("changes", [{"forbid": ["sin"]}, LIMITED], ids=["one", "two"])
def test_forbidden_functions_are_in_no_formula_and_the_network_stays(
    service: WorkedService, model: Document, change: Callable[..., Document], changes: Document
) -> None:
    changed = change(**changes)
    formula = service.formula(changed)
    assert formula["r2"] > 0.9
    for entry in (formula, *formula["pareto"]):
        assert not any(name in entry["expression"] for name in changes["forbid"])
    assert changed["metrics"] == model["metrics"]
    assert changed["network"] == model["network"]
    mine, theirs = (service.get(f"/models/{each['id']}/figures") for each in (changed, model))
    assert mine | {"model_id": None} == theirs | {"model_id": None}


def test_no_formula_is_longer_than_allowed(service: WorkedService, change: Callable[..., Document]) -> None:
    formula = service.formula(change(**LIMITED))
    assert all(entry["complexity"] <= 9 for entry in (formula, *formula["pareto"]))


def test_a_length_that_no_law_keeps_to_gives_a_constant(
    service: WorkedService, change: Callable[..., Document]
) -> None:
    formula = service.formula(change(max_complexity=1))
    assert [entry["complexity"] for entry in formula["pareto"]] == [1]
    assert formula["domain"] == {}


def test_a_formula_that_cannot_be_is_a_failure_in_words(service: WorkedService, model: Document) -> None:
    fix = [{**EDGE, "function": "sin"}]
    body = {"kind": "symbolic", "model_id": model["id"], "fix": fix, "max_complexity": 1}
    job = service.work(service.client.post("/jobs", json=body).json()["id"])
    assert (job["status"], job["error"]["code"]) == ("failed", "no_formula")


def test_a_model_without_a_column_needs_it_no_more_and_still_accepts_it(
    service: WorkedService, without_a: Document
) -> None:
    assert [feature["name"] for feature in without_a["features"]] == ["b"]
    for row in ({"b": 1.0}, {"a": 0.5, "b": 1.0}):
        answer = service.client.post(f"/models/{without_a['id']}/predict", json={"rows": [row]})
        assert answer.status_code == 200, answer.text


def test_what_is_fixed_and_dropped_at_once_is_done_in_one_network(
    service: WorkedService, model: Document, change: Callable[..., Document]
) -> None:
    changed = change(fix=[{**EDGE, "in": 1, "function": "x^2"}], drop=["a"])
    assert changed["network"]["edges"] == model["network"]["edges"] - 1
    assert "a" not in service.formula(changed)["domain"]


def test_another_formula_of_the_front_can_be_chosen(
    service: WorkedService, model: Document, change: Callable[..., Document]
) -> None:
    front = service.formula(model)["pareto"]
    assert len(front) > 1
    changed = change(choose=0)
    chosen = service.formula(changed)
    member = changed["members"]["formula"]
    assert member["complexity"] == front[0]["complexity"] < model["members"]["formula"]["complexity"]
    assert member["metrics"]["rmse"] == pytest.approx(front[0]["rmse"])
    assert chosen["expression"] == front[0]["expression"]
    assert chosen["rmse"] == pytest.approx(front[0]["rmse"])
    assert [entry["expression"] for entry in chosen["pareto"]] == [entry["expression"] for entry in front]


def test_a_formula_with_its_tree_is_not_shown(service: WorkedService, model: Document) -> None:
    formula = service.formula(model)
    assert all("tree" not in entry for entry in (formula, *formula["pareto"]))


def test_a_changed_model_can_be_changed_again(service: WorkedService, without_a: Document) -> None:
    twice = service.model(kind="symbolic", model_id=without_a["id"], choose=0)
    assert [feature["name"] for feature in twice["features"]] == ["b"]
    assert twice["lineage"]["request"]["features"] == ["b"]


def test_a_classifier_can_be_fixed_too(service: WorkedService) -> None:
    is_in = 3 * np.sin(2 * A) + B > np.random.default_rng(2).logistic(size=ROWS)
    made = service.model(
        dataset_id=service.upload(a=A, b=B, ok=is_in),
        target="ok",
        network={"hidden": [], "grid": 3},
        training=SHORT,
        symbolic=False,
        baselines=False,
    )
    changed = service.model(
        kind="symbolic",
        model_id=made["id"],
        fix=[{**EDGE, "function": "sin"}, {**EDGE, "in": 1, "function": "x"}],
    )
    formula = service.formula(changed)
    assert formula["quantity"] == "log-odds"
    assert "sin(" in formula["expression"]
    assert formula["r2"] > 0.999  # the formula is that of the network's own log-odds


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"fix": [{**EDGE, "in": 7, "function": "sin"}]}, "unknown_edge", "#/fix/0"),
        ({"fix": [{**EDGE, "function": "sine"}]}, "unknown_function", "#/fix/0/function"),
        ({"fix": [{**EDGE, "function": "sin"}] * 2}, "edge_fixed_twice", "#/fix/1"),
        ({"forbid": ["gaussian"]}, "function_not_visible", "#/forbid/0"),
        ({"forbid": ["sin", "sine"]}, "unknown_function", "#/forbid/1"),
        ({"drop": ["c"]}, "unknown_column", "#/drop/0"),
        ({"drop": ["a", "b"]}, "no_features", "#/drop"),
        ({"choose": 50}, "unknown_formula", "#/choose"),
        ({"choose": {"z": 0}}, "unknown_output", "#/choose"),
        ({"choose": 0, "drop": ["a"]}, "validation_failed", "#"),
        ({}, "validation_failed", "#"),
    ],
)
def test_what_a_model_does_not_have_cannot_be_changed(
    service: WorkedService, model: Document, changes: Document, code: str, pointer: str
) -> None:
    response = service.client.post("/jobs", json={"kind": "symbolic", "model_id": model["id"], **changes})
    assert response.status_code == 422
    problem = response.json()
    assert (problem["code"], problem["errors"][0]["pointer"]) == (code, pointer)


def test_a_kind_of_job_that_there_is_not_is_refused_in_words(service: WorkedService) -> None:
    problem = service.client.post("/jobs", json={"kind": "magic"}).json()
    assert (problem["status"], problem["errors"][0]["code"]) == (422, "unknown_kind")


def test_an_unknown_model_is_not_found(service: WorkedService) -> None:
    response = service.client.post("/jobs", json={"kind": "symbolic", "model_id": "none", "choose": 0})
    assert (response.status_code, response.json()["code"]) == (404, "model_not_found")


def test_a_job_whose_model_is_gone_fails_and_says_so(service: WorkedService, model: Document) -> None:
    doomed = service.model(kind="symbolic", model_id=model["id"], choose=0)
    job = service.client.post(
        "/jobs", json={"kind": "symbolic", "model_id": doomed["id"], "choose": 0}
    ).json()
    assert service.client.delete(f"/models/{doomed['id']}").status_code == 204
    done = service.work(job["id"])
    assert (done["status"], done["error"]["code"]) == ("failed", "model_not_found")


def test_a_model_without_its_dataset_cannot_be_changed(service: WorkedService) -> None:
    dataset_id = service.upload(x=A, y=A)
    network = {"hidden": [], "grid": 3}
    made = service.model(dataset_id=dataset_id, target="y", network=network, training=SHORT, baselines=False)
    assert service.client.delete(f"/datasets/{dataset_id}").status_code == 204
    response = service.client.post("/jobs", json={"kind": "symbolic", "model_id": made["id"], "choose": 0})
    assert (response.status_code, response.json()["code"]) == (409, "dataset_deleted")


def test_a_symbolic_job_can_be_done_again(service: WorkedService, model: Document) -> None:
    job = service.client.post("/jobs", json={"kind": "symbolic", "model_id": model["id"], "choose": 0}).json()
    service.work(job["id"])
    again = service.client.post(f"/jobs/{job['id']}/retry").json()
    assert (again["kind"], service.work(again["id"])["status"]) == ("symbolic", "succeeded")
