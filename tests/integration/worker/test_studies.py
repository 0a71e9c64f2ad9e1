"""Studies, done by a worker that a test calls; what SQL decides on both dialects."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient
from httpx import Response

from kan_engine.training.thresholds import MlpThresholds
from service.db.repositories import Jobs
from service.db.session import Sessions
from service.operations.quotas import refuse_more_jobs
from service.settings import Settings
from tests.support.databases import ON_ONE_DATABASE
from worker.evaluation.thresholds import BaselineThresholds
from worker.execution.runner import run_job
from worker.jobs.registry import HANDLERS, make_handlers
from worker.jobs.train import make_training_handlers
from worker.pipelines.tabular import run_pipeline
from worker.pipelines.thresholds import PipelineThresholds

pytestmark = pytest.mark.usefixtures("no_suggestions")

X = np.linspace(-1, 1, 60)
QUICK = {
    "network": {"hidden": [1], "grid": 3},
    "training": {"steps": 1, "restarts": 1, "optimizer": "levenberg_marquardt"},
    "symbolic": False,
    "baselines": False,
    "prune": False,
}


@pytest.fixture
def dataset_id(client: TestClient) -> str:
    columns = {"x": X.tolist(), "y": (X**2 - 0.5).tolist(), "=z": X.tolist()}
    return str(client.post("/datasets", json={"name": "table", "columns": columns}).json()["id"])


@pytest.fixture
def submit(client: TestClient, dataset_id: str) -> Callable[..., Response]:
    def submit(vary: dict[str, list[Any]], **body: Any) -> Response:
        usual = {"kind": "study", "dataset_id": dataset_id, "target": "y", "features": ["x"], **QUICK}
        return client.post("/jobs", json={**usual, "vary": vary, **body})

    return submit


@pytest.fixture
def work(sessions: Sessions, settings: Settings) -> Callable[[], list[str]]:
    """Do all that is queued; the answer is the kinds of what was done."""

    def work() -> list[str]:
        done = []
        while True:
            with sessions.begin() as session:
                kinds = ("study", "train", "part")
                job = Jobs(session).claim_next(kinds=kinds, lease_s=settings.lease_s)
            if job is None:
                return done
            done.append(job.kind)
            run_job(job.id, job.token, sessions, settings, work_of=HANDLERS.__getitem__)

    return work


def table(client: TestClient, study: dict[str, Any]) -> pl.DataFrame:
    answer = client.get(f"/jobs/{study['id']}/result")
    assert answer.status_code == 200, answer.text
    return pl.read_csv(io.BytesIO(answer.content))


def test_a_study_trains_every_combination_and_tells_what_came_of_each(
    client: TestClient, submit: Any, work: Any
) -> None:
    study = submit({"network.grid": [3, 5], "seed": [0, 1]}).json()
    assert work() == ["study", "train", "train", "train", "train", "study"]
    ended = client.get(f"/jobs/{study['id']}").json()
    assert (ended["status"], ended["model_id"], ended["progress"]["fraction"]) == ("succeeded", None, 1.0)
    found = table(client, study)
    assert found["training"].to_list() == [1, 2, 3, 4]
    assert found["network.grid"].to_list() == [3, 3, 5, 5]
    assert found["seed"].to_list() == [0, 1, 0, 1]
    for row in found.iter_rows(named=True):
        model = client.get(f"/models/{row['model_id']}").json()
        assert model["network"]["grid"] == row["network.grid"]
        assert model["metrics"]["rmse"] == row["rmse"]
        assert client.get(f"/jobs/{row['job_id']}").json()["parent_id"] == study["id"]


@ON_ONE_DATABASE
def test_a_training_of_a_study_is_the_training_that_would_have_been_submitted_alone(
    client: TestClient, submit: Any, work: Any, dataset_id: str
) -> None:
    study = submit({"network.grid": [5]}).json()
    body = QUICK | {"network": {"hidden": [1], "grid": 5}}
    alone = client.post(
        "/jobs", json={"dataset_id": dataset_id, "target": "y", "features": ["x"], **body}
    ).json()
    work()
    model_ids = [table(client, study)["model_id"][0], client.get(f"/jobs/{alone['id']}").json()["model_id"]]
    exports = [client.get(f"/models/{model_id}/edges").json()["edges"] for model_id in model_ids]
    assert exports[0] == exports[1]


@ON_ONE_DATABASE
def test_a_study_says_how_many_of_its_trainings_have_ended(
    client: TestClient, submit: Any, work: Any
) -> None:
    study = submit({"seed": [0, 1]}).json()
    work()
    events = client.get(f"/jobs/{study['id']}/events").json()["items"]
    told = [event["data"]["message"] for event in events if event["data"].get("message")]
    assert told == ["2 trainings", "1 of 2 trainings have ended"]


@ON_ONE_DATABASE
def test_a_training_that_fails_is_a_row_of_the_table_and_no_end_of_the_study(
    client: TestClient, submit: Any, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:

    def fails_once(table: Any, request: Any, *job: Any) -> Any:
        if request.seed == 1:
            raise MemoryError
        return run_pipeline(table, request, *job)

    monkeypatch.setitem(HANDLERS, "train", make_training_handlers(fails_once)["train"])
    study = submit({"seed": [0, 1]}).json()
    work()
    found = table(client, study)
    assert found["status"].to_list() == ["succeeded", "failed"]
    assert found["error"].to_list()[0] is None
    assert found["error"].to_list()[1].startswith("out_of_memory")
    failing = submit({"seed": [1]}).json()
    work()
    error = client.get(f"/jobs/{failing['id']}").json()["error"]
    assert error["code"] == "out_of_memory"
    assert "none of the trainings" in error["detail"]


def test_cancelling_a_study_cancels_its_trainings(
    client: TestClient, submit: Any, sessions: Sessions, settings: Settings
) -> None:
    study = submit({"seed": [0, 1]}).json()
    run_job(study["id"], None, sessions, settings, work_of=HANDLERS.__getitem__)
    assert client.get(f"/jobs/{study['id']}").json()["status"] == "running"
    assert client.post(f"/jobs/{study['id']}/cancel").json()["status"] == "cancelled"
    statuses = {job["status"] for job in client.get("/jobs").json()["items"]}
    assert statuses == {"cancelled"}


@ON_ONE_DATABASE
def test_a_setting_that_is_no_number_stands_as_json_in_the_table(
    client: TestClient, submit: Any, work: Any
) -> None:
    study = submit({"network.hidden": [[2]], "prune": [False]}).json()
    work()
    assert table(client, study)["network.hidden"].to_list() == ["[2]"]


@ON_ONE_DATABASE
def test_a_network_is_refined_from_grid_to_grid_and_each_is_a_row(
    client: TestClient, submit: Any, work: Any
) -> None:
    study = submit({"network.grid": [6, 3], "seed": [0, 1]}, refine=True).json()
    assert work() == ["study", "train", "train", "study"]
    found = table(client, study)
    assert found["network.grid"].to_list() == [6, 6, 3, 3]
    assert found["seed"].to_list() == [0, 1, 0, 1]
    assert found["parameters"].to_list() == [20, 20, 14, 14]
    assert found["job_id"].n_unique() == 2
    fine, coarse = (found.filter(pl.col("network.grid") == grid) for grid in (6, 3))
    assert (fine["rmse"] < coarse["rmse"]).all()
    assert (fine["training_seconds"] > coarse["training_seconds"]).all()
    for row in fine.iter_rows(named=True):
        model = client.get(f"/models/{row['model_id']}").json()
        assert [stage["grid"] for stage in model["grids"]] == [3, 6]
        assert model["network"]["grid"] == 6
    assert coarse["model_id"].null_count() == 2
    for name in ("error_by_grid", "error_by_parameters", "time_by_grid"):
        svg = client.get(f"/jobs/{study['id']}/plots/{name}.svg")
        assert svg.status_code == 200
        assert svg.text.count("<circle") == 2


@ON_ONE_DATABASE
def test_an_mlp_as_large_as_the_network_stands_beside_every_grid(
    client: TestClient, submit: Any, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief = PipelineThresholds(baselines=BaselineThresholds(mlp=MlpThresholds(lbfgs_steps=30)))
    monkeypatch.setitem(HANDLERS, "train", make_handlers(brief)["train"])
    baselines = ["linear", {"kind": "mlp", "parameters": "matched"}]
    study = submit({"network.grid": [3, 30]}, refine=True, baselines=baselines).json()
    work()
    found = table(client, study)
    assert (found["mlp_matched.parameters"] / found["parameters"]).is_between(0.8, 1.2).all()
    assert found["mlp_matched.rmse"].n_unique() == 2
    assert found["linear.rmse"].n_unique() == 1
    svg = client.get(f"/jobs/{study['id']}/plots/error_by_parameters.svg").text
    assert svg.count("<circle") == 4
    assert ">MLP<" in svg
    assert ">KAN<" in svg


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("vary", "body", "named"),
    [
        ({"seed": [0, 1]}, {}, "#/refine"),
        ({"network.grid": [5, 5]}, {}, "#/refine"),
        ({"network.grid": [3, "auto"]}, {}, "#/vary/network.grid"),
        ({"network.grid": list(range(1, 30))}, {}, "#/vary/network.grid"),
        ({"network.grid": [3, 5]}, {"network": {}}, "#/network/hidden"),
        ({"network.grid": [3, 5], "network.hidden": [[1], "auto"]}, {}, "#/network/hidden"),
        ({"network.grid": [3, 5]}, {"training": {"grid_schedule": [3, 5]}}, "#/training/grid_schedule"),
        ({"network.grid": [3, 5], "refine": [True, False]}, {}, "#/vary/refine"),
    ],
)
def test_what_cannot_be_refined_is_refused_with_the_setting(
    submit: Any, vary: dict[str, list[Any]], body: dict[str, Any], named: str
) -> None:
    answer = submit(vary, refine=True, **body)
    assert answer.status_code == 422, answer.json()
    assert (answer.json()["code"], answer.json()["errors"][0]["pointer"]) == ("invalid_setting", named)


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("vary", "code", "named"),
    [
        ({}, "too_short", "#/vary"),
        ({"network.grid": []}, "too_short", "#/vary/network.grid"),
        ({"network.gird": [3]}, "invalid_setting", "#/vary/network.gird"),
        ({"network.grid": [3, "many"]}, "invalid_setting", "#/vary/network.grid"),
        ({"seed.deep": [1]}, "invalid_setting", "#/vary/seed.deep"),
        ({"dataset_id": ["other"]}, "invalid_setting", "#/vary/dataset_id"),
        ({"vary.seed": [1]}, "invalid_setting", "#/vary/vary.seed"),
        ({"target": ["y", "missing"]}, "unknown_column", "#/target"),
        ({"max_seconds": [10**6]}, "max_seconds_too_large", "#/max_seconds"),
        ({"network.grid": [10**8]}, "cost_too_high", None),
        ({"seed": list(range(1000)), "network.grid": list(range(1, 1000))}, "study_too_large", "#/vary"),
    ],
)
def test_a_study_that_cannot_be_done_is_refused_with_the_setting(
    submit: Any, client: TestClient, vary: dict[str, list[Any]], code: str, named: str | None
) -> None:
    answer = submit(vary)
    problem = answer.json()
    assert answer.status_code == 422, problem
    found = problem["errors"][0]["code"] if problem["code"] == "validation_failed" else problem["code"]
    assert found == code
    if named is not None:
        assert problem["errors"][0]["pointer"] == named
    assert client.get("/jobs").json()["items"] == []


def test_a_study_of_several_targets_trains_each_without_the_others_as_inputs(
    client: TestClient, dataset_id: str, work: Callable[[], list[str]]
) -> None:
    body = {"kind": "study", "dataset_id": dataset_id, "targets": ["y", "=z"], **QUICK}
    answer = client.post("/jobs", json=body)
    assert answer.status_code == 202, answer.text
    assert work() == ["study", "train", "train", "study"]
    found = table(client, client.get(f"/jobs/{answer.json()['id']}").json())
    assert found["target"].to_list() == ["y", "'=z"]
    models = [client.get(f"/models/{model_id}").json() for model_id in found["model_id"]]
    assert [[feature["name"] for feature in model["features"]] for model in models] == [["x"], ["x"]]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"targets": ["y", "y"]}, "validation_failed"),
        ({"targets": ["y"]}, "validation_failed"),
        ({"targets": ["y", "=z"], "target": "x"}, "validation_failed"),
        ({"targets": ["y", "=z"], "vary": {"target": ["x"]}}, "validation_failed"),
        ({"targets": ["y", "nothing"]}, "unknown_column"),
        ({"target": "y"}, "validation_failed"),
        ({"targets": "y"}, "validation_failed"),
        ({"targets": [1, 2]}, "validation_failed"),
    ],
)
def test_targets_that_cannot_be_are_refused(
    client: TestClient, dataset_id: str, body: dict[str, Any], code: str
) -> None:
    answer = client.post("/jobs", json={"kind": "study", "dataset_id": dataset_id, **QUICK, **body})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text


def test_a_study_counts_as_one_job(client: TestClient, submit: Any, sessions: Sessions) -> None:

    study = submit({"seed": [0, 1, 2]}).json()
    settings = Settings(quota_jobs=2)
    run_job(study["id"], None, sessions, settings, work_of=HANDLERS.__getitem__)
    with sessions.read() as session:
        refuse_more_jobs(session, settings)


@ON_ONE_DATABASE
def test_the_errors_of_a_study_are_a_picture_over_its_grids(
    client: TestClient, submit: Any, work: Any
) -> None:
    study = submit({"network.grid": [3, 6]}).json()
    plot = f"/jobs/{study['id']}/plots/error_by_grid"
    early = client.get(f"{plot}.svg")
    assert (early.status_code, early.json()["code"]) == (409, "no_plot")
    assert "has not ended" in early.json()["detail"]
    work()
    svg = client.get(f"{plot}.svg")
    assert svg.status_code == 200
    assert svg.text.count("<circle") == 2
    assert "∝ G⁻⁴" in svg.text
    assert "Study of y in table" in svg.text
    assert "Исследование y, данные table" in client.get(f"{plot}.svg?lang=ru").text
    pixels = client.get(f"/jobs/{study['id']}/plots/error_by_parameters.png?theme=dark&width=300")
    assert (pixels.headers["content-type"], pixels.content[:4]) == ("image/png", b"\x89PNG")
