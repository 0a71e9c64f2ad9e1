from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from service.db.tables import Job, JobStatus
from service.schemas.jobs import JobOut
from service.schemas.options.formulas import SymbolicOptions
from service.schemas.training import TrainRequest


def request(**body: Any) -> TrainRequest:
    return TrainRequest.model_validate({"dataset_id": "d", "target": "y", **body})


def test_the_defaults_are_those_of_the_contract() -> None:
    assert request().model_dump(mode="json") == {
        "kind": "train",
        "dataset_id": "d",
        "target": "y",
        "features": None,
        "types": {},
        "weight": None,
        "target_error": None,
        "task": "auto",
        "network": {"hidden": "auto", "grid": "auto", "order": 3},
        "training": {
            "optimizer": "auto",
            "grid_schedule": "auto",
            "steps": "auto",
            "lamb": "auto",
            "restarts": "auto",
            "class_weight": None,
            "device": "auto",
        },
        "split": {"kind": "random", "test_fraction": 0.2, "seed": 0, "column": None, "test": None},
        "prune": True,
        "symbolic": {"library": "default", "max_complexity": None},
        "form": None,
        "constants": {},
        "per_group": None,
        "must_use": None,
        "max_constants": None,
        "functions": None,
        "monotone": None,
        "bounds": None,
        "compact": {"max_edges": 20},
        "serve": "auto",
        "units": "check",
        "baselines": ["linear"],
        "seed": 0,
        "max_seconds": 300,
        "priority": 0,
        "name": None,
        "tags": {},
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"symbolic": False, "baselines": False, "prune": False},
        {"split": {"kind": "column", "column": "s", "test": [1, True, "a", 1.5]}},
        {"network": {"hidden": [3, 2], "grid": 7}, "training": {"class_weight": {"a": 2.0}}},
    ],
)
def test_a_stored_request_reads_back_as_itself(body: dict[str, Any]) -> None:
    assert TrainRequest.model_validate(request(**body).model_dump(mode="json")) == request(**body)


def test_false_leaves_a_stage_out_and_true_takes_its_defaults() -> None:
    assert (request(symbolic=False).symbolic, request(baselines=False).baselines) == (None, [])
    assert (request(symbolic=True).symbolic, request(baselines=True).baselines) == (
        SymbolicOptions(),
        ["linear"],
    )


@pytest.mark.parametrize(
    "body",
    [
        {"unknown": 1},
        {"kind": "predict"},
        {"target": ""},
        {"features": []},
        {"network": {"hidden": [0]}},
        {"network": {"hidden": [True]}},
        {"network": {"hidden": "wide"}},
        {"network": {"grid": 0}},
        {"network": {"grid": 2.5}},
        {"network": {"order": 11}},
        {"training": {"lamb": -1}},
        {"training": {"lamb": float("nan")}},
        {"training": {"steps": 0}},
        {"training": {"optimizer": "sgd"}},
        {"split": {"test_fraction": 1}},
        {"split": {"kind": "column", "column": "x"}},
        {"split": {"kind": "random", "column": "x", "test": [1]}},
        {"seed": -1},
        {"seed": 2**32},
        {"max_seconds": 0},
        {"prune": 1},
        {"baselines": ["forest"]},
        {"name": "a@b"},
        {"name": "a/b"},
        {"tags": {"a": 1}},
    ],
)
def test_what_the_contract_does_not_know_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(**body)


def test_a_failed_job_shows_its_error() -> None:
    job = Job(id="j", kind="train", status=JobStatus.FAILED, fraction=0.5, attempt=1, priority=0, request={})
    job.error_code, job.error_detail = "invalid_data", "row 3"
    job.created_at = job.finished_at = datetime.now(UTC)
    shown = JobOut.from_row(job)
    assert shown.error is not None
    assert (shown.status, shown.error.code, shown.error.detail) == ("failed", "invalid_data", "row 3")
