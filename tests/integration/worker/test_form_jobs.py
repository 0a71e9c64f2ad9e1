"""A form of a client over HTTP: fitted by a training, answered with its constants."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient

from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK
from tests.support.worked_service import Document, WorkedService

pytestmark = pytest.mark.usefixtures("no_suggestions")

T = np.linspace(0, 6, 60)
Y = 3 * np.exp(-0.7 * T) + 0.5 + np.random.default_rng(0).normal(0, 0.02, 60)


@pytest.fixture(scope="module")
def service(new_settings: Callable[[], Settings], no_suggestions: None) -> Iterator[WorkedService]:
    settings = new_settings()
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        yield WorkedService(client, settings)


@pytest.fixture(scope="module")
def formulas(service: WorkedService) -> Document:
    model = service.model(
        dataset_id=service.upload(**{"time (s)": T, "y": Y}),
        target="y",
        form="a*exp(-b*`time (s)`) + c",
        constants={"b": {"min": 0}, "c": {"value": 0.5}},
        network={"hidden": [], "grid": 3},
        training={"restarts": 1, "steps": 2},
        baselines=False,
        max_seconds=4,
    )
    return service.client.get(f"/models/{model['id']}/symbolic").json()


def test_the_answer_has_the_constants_of_the_form(formulas: Document) -> None:
    form = formulas["form"]
    assert [each["name"] for each in form["constants"]] == ["a", "b", "c"]
    a, b, c = form["constants"]
    assert a["low"] < 3 < a["high"]
    assert b["low"] < 0.7 < b["high"]
    assert c["is_held"]
    assert len(form["correlation"]) == 2
    assert "tree" not in form


def test_the_best_free_formula_is_told_beside_it(formulas: Document) -> None:
    free = formulas["form"]["free"]
    assert "exp" in free["expression"]
    assert free["out_of_sample_rmse"] > 0
    assert formulas["evidence"]["compared_with"]["free_formula"]["rmse"] == free["out_of_sample_rmse"]
    assert "tree" not in free


def test_a_wrong_form_is_refused_at_its_character(service: WorkedService) -> None:
    body = {"dataset_id": service.upload(t=T, y=Y), "target": "y", "form": "a*exp(-b*t"}
    refused = service.client.post("/jobs", json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {
            "pointer": "#/form",
            "code": "invalid_form",
            "detail": "')' was expected here, not the end",
            "character": 11,
        }
    ]
