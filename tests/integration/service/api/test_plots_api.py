"""Pictures over HTTP: as SVG and PNG, light and dark, or why there is none."""

import re
import struct
from typing import Any
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from service.db.session import Sessions
from service.db.tables import Model
from service.documents.plots import PLOTS, STUDY_PLOTS
from tests.support.factories import EDGES, FIGURES, finish_job, make_job, make_model, start_job
from tests.support.pictures import all_words, english_in

OTHERS = ("density", "solution")  # of models of another kind
OF_FIGURES = [name for name in PLOTS if name not in ("history", "evaluations")]
HISTORY = [{"step": step, "grid": 3, "loss": 0.5**step, "validation_loss": None} for step in range(5)]
CLASSES: dict[str, Any] = {
    "parity": None,
    "confusion": {"classes": ["a", "b"], "counts": [[2, 1], [0, 3]]},
    "roc": [{"class": "b", "auc": 0.9, "false_positive_rate": [0.0, 1.0], "true_positive_rate": [0.0, 1.0]}],
    "reliability": {"class": "b", "mean_probability": [0.1], "observed_share": [0.2], "count": [6]},
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One dialect is enough: what differs between them is tested with the repository."""
    return sqlite_url


@pytest.fixture
def model(sessions: Sessions) -> Model:
    record = make_model(sessions).record | {"history": HISTORY, "units": {"x1": "m"}}
    return make_model(sessions, record=record, edges=EDGES, figures=FIGURES)


def paths(model: Model, suffix: str) -> list[str]:
    return [f"/models/{model.id}/plot{suffix}"] + [
        f"/models/{model.id}/plots/{name}{suffix}" for name in PLOTS if name not in (*OTHERS, "evaluations")
    ]


def test_figures_are_given_as_recorded(client: TestClient, model: Model) -> None:
    assert client.get(f"/models/{model.id}/figures").json() == {"model_id": model.id, **FIGURES}


def test_numbers_that_are_not_finite_are_null(client: TestClient, sessions: Sessions) -> None:
    parity = {"true": [1.0], "predicted": [float("nan")]}
    model = make_model(sessions, figures=FIGURES | {"parity": parity})
    assert client.get(f"/models/{model.id}/figures").json()["parity"]["predicted"] == [None]


def test_every_picture_is_svg_that_may_run_nothing(client: TestClient, model: Model) -> None:
    for path in paths(model, ".svg"):
        response = client.get(path)
        assert response.status_code == 200, path
        assert response.headers["content-type"] == "image/svg+xml"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert ElementTree.fromstring(response.text).tag == "{http://www.w3.org/2000/svg}svg"
        assert client.get(path, params={"theme": "dark"}).text != response.text


def test_every_picture_is_also_a_png_of_the_width_that_was_asked_for(
    client: TestClient, model: Model
) -> None:
    for path in paths(model, ".png"):
        for params, width in (({}, 1200), ({"width": 400, "theme": "dark"}, 400)):
            response = client.get(path, params=params)
            assert response.status_code == 200, path
            assert response.headers["content-type"] == "image/png"
            assert "default-src 'none'" in response.headers["content-security-policy"]
            assert struct.unpack(">I", response.content[16:20]) == (width,)


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_picture_comes_as_bytes_of_no_type_where_these_are_asked_for(
    suffix: str, client: TestClient, model: Model
) -> None:
    for path in paths(model, suffix):
        answer = client.get(path, headers={"Accept": "application/octet-stream"})
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["vary"] == "Accept"
        assert answer.content == client.get(path).content


def test_every_picture_speaks_russian_where_it_is_asked_to(client: TestClient, model: Model) -> None:
    for path in paths(model, ".svg"):
        svg = client.get(path, params={"lang": "ru"}).text
        assert english_in(svg, model.name) == set(), path
        assert re.search("[а-я]{4}", " ".join(all_words(svg))), path
    png = f"/models/{model.id}/plots/importance.png"
    assert client.get(png, params={"lang": "ru"}).content != client.get(png).content


def test_a_model_can_be_named(client: TestClient, model: Model) -> None:
    by_name = client.get(f"/models/{model.name}/plots/importance.svg").text
    assert by_name == client.get(f"/models/{model.id}/plots/importance.svg").text


def test_a_classifier_is_shown_by_its_classes_and_probabilities(
    client: TestClient, sessions: Sessions
) -> None:
    model = make_model(sessions, figures=FIGURES | CLASSES)
    titles = {
        name: ElementTree.fromstring(client.get(f"/models/{model.id}/plots/{name}.svg").text)[0].text or ""
        for name in ("parity", "residuals")
    }
    assert titles["parity"].startswith("Confusion matrix")
    assert titles["residuals"].startswith("Probabilities")


@pytest.mark.parametrize("part", ["figures", *(f"plots/{name}.svg" for name in OF_FIGURES)])
def test_a_model_without_figures_says_what_to_do(client: TestClient, sessions: Sessions, part: str) -> None:
    refused = client.get(f"/models/{make_model(sessions).id}/{part}")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_figures")
    assert "train it again" in refused.json()["detail"]


def test_a_model_without_a_history_says_so(client: TestClient, sessions: Sessions) -> None:
    refused = client.get(f"/models/{make_model(sessions, figures=FIGURES).id}/plots/history.svg")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_history")


def test_a_network_that_reads_nothing_has_no_effects(client: TestClient, sessions: Sessions) -> None:
    model = make_model(sessions, figures=FIGURES | {"effects": []})
    refused = client.get(f"/models/{model.id}/plots/effects.svg")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_figures")


@pytest.mark.parametrize("name", OTHERS)
def test_a_picture_of_another_kind_of_model_is_refused(client: TestClient, model: Model, name: str) -> None:
    refused = client.get(f"/models/{model.id}/plots/{name}.svg")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_figures")
    assert "does not have this plot" in refused.json()["detail"]


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_picture_that_there_is_not_is_not_found(
    client: TestClient, sessions: Sessions, model: Model, suffix: str
) -> None:
    job = make_job(sessions)
    for path, known in ((f"/models/{model.id}", PLOTS), (f"/jobs/{job.id}", STUDY_PLOTS)):
        missing = client.get(f"{path}/plots/nothing.{suffix}")
        assert (missing.status_code, missing.json()["code"]) == (404, "plot_not_found")
        assert all(name in missing.json()["detail"] for name in known)
    assert client.get(f"/models/{model.id}/plots/history.gif").status_code == 404


@pytest.mark.parametrize("part", ["figures", "plot.png", "plots/history.svg", "plots/nothing.svg"])
def test_nothing_of_an_unknown_model_is_found(client: TestClient, part: str) -> None:
    missing = client.get(f"/models/nothing/{part}")
    assert (missing.status_code, missing.json()["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    "query", [{"width": 199}, {"width": 4001}, {"theme": "blue"}, {"lang": "de"}, {"height": 3}], ids=str
)
def test_sizes_themes_and_languages_that_there_are_not_are_refused(
    client: TestClient, model: Model, query: dict[str, Any]
) -> None:
    refused = client.get(f"/models/{model.id}/plots/history.png", params=query)
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")


def test_a_study_whose_trainings_do_not_differ_in_their_grid_says_so(
    client: TestClient, sessions: Sessions
) -> None:
    request = {"kind": "study", "dataset_id": "d", "target": "y", "vary": {"seed": [0, 1]}}
    study = make_job(sessions, kind="study", request=request)
    early = client.get(f"/jobs/{study.id}/plots/error_by_grid.svg")
    assert (early.status_code, early.json()["code"]) == (409, "no_plot")
    assert "has not ended" in early.json()["detail"]
    finish_job(sessions, study.id, start_job(sessions, study.id))
    refused = client.get(f"/jobs/{study.id}/plots/error_by_grid.svg")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_plot")
    assert "vary network.grid" in refused.json()["detail"]


def test_only_studies_have_pictures_of_errors(client: TestClient, sessions: Sessions) -> None:
    job = make_job(sessions)
    refused = client.get(f"/jobs/{job.id}/plots/error_by_grid.svg")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_plot")
    assert "of the kind train" in refused.json()["detail"]
    missing = client.get("/jobs/nothing/plots/error_by_grid.svg")
    assert (missing.status_code, missing.json()["code"]) == (404, "job_not_found")
