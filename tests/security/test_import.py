"""Hostile models: each is refused with a problem, or kept as something that can be shown and does no harm."""

import json
import pickle
import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

import kan_engine
from service.main import create_app
from service.operations.models import export_document
from service.settings import Settings
from tests.support.artifacts import put_together, taken_apart
from tests.support.factories import EDGE, make_predictor
from tests.support.servers import LOOPBACK

TREE = {"add": [{"variable": "x1"}, {"number": "2"}]}
RECORD = {"outputs": ["y"], "units": {"x1": "m"}, "metrics": {"rmse": 1.0}}
FORMULA = {"name": "y", "tree": TREE, "pareto": [{"tree": TREE}], "expression": "__import__('os')"}
LAW = {"name": "normal", "parameters": [], "level": 0.95, "support": {"x1": [0.0]}, "p_value": 0.5}
CURVE = {key: value for key, value in EDGE.items() if key not in "xy"} | {"points": 3, "function": None}
ATTACHED = {name: np.arange(3.0) for name in export_document.CURVES}


def description() -> dict[str, Any]:
    """A whole one, to be changed."""
    told = {
        "name": "law",
        "record": RECORD,
        "symbolic": {"exact": False, "outputs": [FORMULA]},
        "edges": [CURVE],
    }
    copy: dict[str, Any] = json.loads(json.dumps(told))
    return copy


@cache
def artifact(attached: bool = True) -> bytes:
    return kan_engine.save(
        make_predictor(), {export_document.METADATA_KEY: description()}, ATTACHED if attached else None
    )


def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The artifact with another description."""
    outer, header, body = taken_apart(artifact())
    change(header["metadata"][export_document.METADATA_KEY])
    return put_together(outer, header, body)


def with_header(change: Callable[[dict[str, Any]], Any]) -> bytes:
    outer, header, body = taken_apart(artifact())
    change(header)
    return put_together(outer, header, body)


@pytest.fixture(scope="module")
def client(new_settings: Callable[[], Settings]) -> Iterator[TestClient]:
    with TestClient(
        create_app(new_settings()), base_url=LOOPBACK, raise_server_exceptions=False
    ) as test_client:
        yield test_client


def send(client: TestClient, data: bytes, **query: str) -> httpx.Response:
    headers = {"Content-Type": "application/octet-stream"}
    return client.post("/models/import", content=data, params=query, headers=headers)


class Canary:
    """Leaves a file behind if a pickle of it is ever loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return open, (str(self.path), "w")


def deep(levels: int) -> Any:
    tree: Any = {"variable": "x1"}
    for _ in range(levels):
        tree = {"call": "sin", "of": tree}
    return tree


REFUSED = {
    "nothing": b"",
    "a text": b"no model",
    "a header of a gigabyte": struct.pack("<Q", 2**30) + b"{}",
    "a header as long as the largest number": b"\xff" * 8 + b"{}",
    "bytes behind the model": artifact() + b"\0",
    "half a model": artifact()[: len(artifact()) // 2],
    "a number for a name": changed(lambda told: told.update(name=3)),
    "no outputs": changed(lambda told: told["record"].update(outputs=[])),
    "two names for one output": changed(lambda told: told["record"].update(outputs=["y", "z"])),
    "texts for metrics": changed(lambda told: told["record"].update(metrics={"rmse": "1"})),
    "an infinite metric": changed(lambda told: told["record"].update(metrics={"rmse": 1e999})),
    "a list for units": changed(lambda told: told["record"].update(units=["m"])),
    "an endless unit": changed(lambda told: told["record"].update(units={"x1": "m" * 10_000})),
    "NUL in a name": changed(lambda told: told["record"].update(outputs=["y\0"])),
    "half a character": changed(lambda told: told.update(name="\ud800")),
    "a huge integer": changed(lambda told: told["record"].update(timings={"train": 10**400})),
    "a deep record": changed(lambda told: told["record"].update(warnings=[{"detail": deep(200)}])),
    "a formula of the text": changed(lambda told: told["symbolic"]["outputs"][0].update(tree="os")),
    "an unknown function": changed(
        lambda told: told["symbolic"]["outputs"][0].update(tree={"call": "eval", "of": TREE})
    ),
    "a column that is not there": changed(
        lambda told: told["symbolic"]["outputs"][0].update(tree={"variable": "secret"})
    ),
    "a free parameter": changed(lambda told: told["symbolic"]["outputs"][0].update(tree={"parameter": 0})),
    "no number": changed(lambda told: told["symbolic"]["outputs"][0].update(tree={"number": "nan"})),
    "an endless number": changed(
        lambda told: told["symbolic"]["outputs"][0].update(tree={"number": "9" * 100_000})
    ),
    "a deep formula": changed(lambda told: told["symbolic"]["outputs"][0].update(tree=deep(190))),
    "an endless formula": changed(
        lambda told: told["symbolic"]["outputs"][0].update(tree={"add": [{"variable": "x1"}] * 20_000})
    ),
    "an exact formula with a negative error": changed(
        lambda told: told["symbolic"].update(exact=True, outputs=[FORMULA | {"max_error": -1.0}])
    ),
    "a law with half a range": changed(lambda told: told["symbolic"]["outputs"][0].update(law=LAW)),
    "a formula of another output": changed(lambda told: told["symbolic"]["outputs"][0].update(name="z")),
    "no formula for the output": changed(lambda told: told["symbolic"].update(outputs=[])),
    "an edge from nowhere": changed(lambda told: told["edges"][0].update({"in": 7})),
    "an edge before the first": changed(lambda told: told["edges"][0].update({"in": -1})),
    "an edge across": changed(lambda told: told["edges"][0].update(to_layer=2)),
    "more points than there are": changed(lambda told: told["edges"][0].update(points=4)),
    "fewer points than nothing": changed(lambda told: told["edges"][0].update(points=-3)),
    "a negative score": changed(lambda told: told["edges"][0].update(score=-1.0)),
    "edges without curves": artifact(attached=False),
    "a suggestion that says nothing": changed(
        lambda told: told["edges"][0].update(suggestions=[{"function": "sin"}])
    ),
    "a description that is a list": with_header(lambda header: header["metadata"].update(model=[])),
    "metadata that are a list": with_header(lambda header: header.update(metadata=[])),
    "a column without a name": with_header(lambda header: header["encoding"]["features"][0].update(name="")),
    "a target that is a column": with_header(lambda header: header.update(target="x1")),
    "a target with NUL": with_header(lambda header: header.update(target="y\0")),
    "a column with half a character": with_header(
        lambda header: header["encoding"]["features"][0].update(name="\udfff")
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_model_is_refused_and_nothing_of_it_is_kept(client: TestClient, kind: str) -> None:
    answer = send(client, REFUSED[kind])
    assert (answer.status_code, answer.json()["code"]) == (422, "artifact_error"), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 10_000
    assert client.get("/models").json()["items"] == []


@pytest.mark.parametrize("wrap", [lambda data: data, lambda data: struct.pack("<Q", len(data)) + data])
def test_a_pickle_is_not_loaded(client: TestClient, tmp_path: Path, wrap: Callable[[bytes], bytes]) -> None:
    canary = tmp_path / "canary"
    data = pickle.dumps(Canary(canary))
    assert send(client, wrap(data)).status_code == 422
    assert not canary.exists()
    pickle.loads(data).close()
    assert canary.exists()


@pytest.mark.parametrize(
    ("content_type", "status"),
    [("application/json", 415), ("text/csv", 415), ("", 415), ("multipart/form-data", 400)],
)
def test_other_bodies_are_refused(client: TestClient, content_type: str, status: int) -> None:
    headers = {"Content-Type": content_type}
    assert client.post("/models/import", content=artifact(), headers=headers).status_code == status


@pytest.mark.parametrize("field", ["units", "tenant", "job_id"])
def test_a_form_has_no_fields_but_file_and_name(client: TestClient, field: str) -> None:
    answer = client.post("/models/import", files={"file": ("a", artifact())}, data={field: "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize("name", ["a@b", "a/b", "", "n" * 1000])
def test_a_name_that_no_model_can_have_is_refused(client: TestClient, name: str) -> None:
    assert send(client, artifact(), name=name).status_code == 422
    form = {"files": {"file": ("a", artifact())}, "data": {"name": name}}
    assert client.post("/models/import", **form).status_code == 422  # type: ignore[arg-type]


class TestWhatIsKept:
    """Models that are taken, of files whose words are not to be trusted."""

    @pytest.fixture
    def keep(self, client: TestClient) -> Iterator[Callable[[bytes], dict[str, Any]]]:
        ids: list[str] = []

        def keep_it(data: bytes) -> dict[str, Any]:
            answer = send(client, data)
            assert answer.status_code == 201, answer.text
            ids.append(answer.json()["id"])
            model: dict[str, Any] = answer.json()
            return model

        yield keep_it
        for model_id in ids:
            assert client.delete(f"/models/{model_id}").status_code == 204

    def test_expressions_are_printed_from_trees_never_taken_over(
        self, client: TestClient, keep: Callable[[bytes], dict[str, Any]]
    ) -> None:
        model = keep(artifact())
        shown = client.get(f"/models/{model['id']}/symbolic").text
        assert "__import__" not in shown
        assert '"expression":"x1 + 2"' in shown

    def test_what_the_network_tells_is_believed_and_not_the_description(
        self, keep: Callable[[bytes], dict[str, Any]]
    ) -> None:
        lies = {
            "features": [],
            "classes": ["a", "b"],
            "threshold": 0.9,
            "network": {"width": [1], "optimizer": "adam"},
            "lineage": {"job_id": "mine"},
            "tenant": "other",
        }
        model = keep(changed(lambda told: told["record"].update(lies)))
        assert [feature["name"] for feature in model["features"]] == ["x1", "x2"]
        assert (model["classes"], model["threshold"]) == (None, None)
        assert (model["network"]["width"], model["network"]["optimizer"]) == ([2, 2, 1], "adam")
        assert set(model["lineage"]) == {"imported"}
        assert "tenant" not in model

    @pytest.mark.parametrize(
        "name", ["a@b/c", "../../etc/passwd", "x" * 5000, "\x1b[31m", "  ", "=cmd|' /C calc'!A0"]
    )
    def test_the_own_name_of_a_model_becomes_one_that_it_can_have(
        self, client: TestClient, keep: Callable[[bytes], dict[str, Any]], name: str
    ) -> None:
        model = keep(changed(lambda told: told.update(name=name)))
        assert client.get(f"/models/{model['name']}").json()["id"] == model["id"]

    @pytest.mark.parametrize(
        "part", ["", "/edges", "/symbolic?format=python", "/plot.svg", "/export?format=python"]
    )
    def test_hostile_columns_are_shown_as_what_they_are(
        self, client: TestClient, keep: Callable[[bytes], dict[str, Any]], part: str
    ) -> None:
        column = '"); import os #<script>'
        predictor = make_predictor({column: [0.0, 1.0, 2.0]})
        told = description() | {"edges": None, "record": RECORD | {"units": {column: "</svg>"}}}
        told["symbolic"]["outputs"][0] |= {"tree": {"variable": column}, "pareto": []}
        model = keep(kan_engine.save(predictor, {export_document.METADATA_KEY: told}))
        answer = client.get(f"/models/{model['id']}{part}")
        assert answer.status_code == 200
        if part == "/plot.svg":
            assert "<script>" not in answer.text
            assert "</svg>" not in answer.text[:-10]
