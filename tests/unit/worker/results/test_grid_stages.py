"""A network that goes through several grids is measured on each of them."""

from typing import Any

import numpy as np
import pytest

from kan_engine.training.mlp import fit_mlp
from kan_engine.training.thresholds import MlpThresholds
from service.schemas.study import TrainingSummary, summarize_training
from tests.support.stored import StoredOutcome, stored
from tests.support.tables import request_for, table_of
from worker.evaluation.thresholds import BaselineThresholds
from worker.pipelines.tabular import run_pipeline
from worker.pipelines.thresholds import PipelineThresholds

pytestmark = pytest.mark.usefixtures("no_suggestions")

X = np.random.default_rng(0).uniform(-1, 1, 80)
QUICK = {"symbolic": False, "baselines": False, "prune": False}


def trained(y: Any, grids: list[int], **training: Any) -> StoredOutcome:
    training = {"steps": 5, "restarts": 1, "grid_schedule": grids, **training}
    request = request_for(network={"hidden": [1], "grid": grids[0]}, training=training, **QUICK)
    return stored(run_pipeline(table_of(x=X, y=y), request))


@pytest.mark.parametrize("optimizer", ["levenberg_marquardt", "adam", "lbfgs"])
def test_every_grid_of_a_schedule_is_told_with_its_size_its_time_and_its_error(optimizer: str) -> None:
    told = trained(np.exp(X), [3, 6, 12], optimizer=optimizer, steps=4).record["grids"]
    assert [stage["grid"] for stage in told] == [3, 6, 12]
    assert [stage["parameters"] for stage in told] == [14, 20, 32]
    assert sorted(stage["seconds"] for stage in told) == [stage["seconds"] for stage in told]
    assert all(stage["metrics"]["rmse"] > 0 for stage in told)


def test_the_classes_of_every_grid_are_told_apart_with_calibrated_probabilities() -> None:
    y = np.where(np.random.default_rng(1).random(80) < 1 / (1 + np.exp(-6 * X)), "yes", "no")
    told = trained(y.tolist(), [2, 4]).record["grids"]
    assert [stage["grid"] for stage in told] == [2, 4]
    assert all(stage["metrics"]["log_loss"] < 0.6 for stage in told)


def test_a_grid_is_reached_even_if_the_validation_rows_liked_the_one_before() -> None:
    noise = np.random.default_rng(1).normal(size=80)
    outcome = trained(noise, [2, 16], steps=15)
    assert [stage["grid"] for stage in outcome.record["grids"]] == [2, 16]
    assert outcome.record["network"]["grid"] < 16


def test_an_mlp_as_large_as_one_that_was_fitted_is_not_fitted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted: list[Any] = []

    def fit(hidden: Any, *rows: Any, **options: Any) -> Any:
        fitted.append(hidden)
        return fit_mlp(hidden, *rows, **options)

    monkeypatch.setattr("worker.evaluation.baselines.fit_mlp", fit)
    brief = BaselineThresholds(mlp=MlpThresholds(lbfgs_steps=30))
    body = QUICK | {"baselines": ["linear", {"kind": "mlp", "parameters": "matched"}]}
    training = {"steps": 5, "restarts": 1, "grid_schedule": [3, 6]}
    request = request_for(network={"hidden": [1], "grid": 3}, training=training, **body)
    record = stored(
        run_pipeline(table_of(x=X, y=np.exp(X)), request, thresholds=PipelineThresholds(baselines=brief))
    ).record
    assert fitted == [(3, 3), (2, 2)]
    small, large = (stage["baselines"] for stage in record["grids"])
    assert small["mlp_matched"]["hidden"] == [2, 2]
    assert large == {"mlp_matched": record["baselines"]["mlp_matched"]}


def test_without_a_schedule_there_is_nothing_to_tell_of_grids() -> None:
    request = request_for(network={"hidden": [1], "grid": 3}, training={"steps": 2, "restarts": 1}, **QUICK)
    record = stored(run_pipeline(table_of(x=X, y=X**2), request)).record
    assert record["grids"] == []
    assert summarize_training(record, None) == TrainingSummary(
        parameters=record["network"]["parameters"],
        seconds=record["timings"]["train"],
        metrics=record["metrics"],
        baselines={},
    )
    assert summarize_training(record, 3) is None
