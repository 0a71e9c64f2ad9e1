"""An estimator on the training rows of a job makes the model of the job."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from kan_engine import KANClassifier, KANRegressor, load
from kan_engine.data.splitting import split_rows
from tests.support.stored import stored
from tests.support.tables import request_for, table_of
from worker.pipelines import search_config
from worker.pipelines.tabular import run_pipeline

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("few_candidates", "no_suggestions")]

RNG = np.random.default_rng(0)
ROWS = 200
COLUMNS: dict[str, Any] = {
    "a": RNG.uniform(-2, 2, ROWS).tolist(),
    "kind": [("oak", "ash", None)[row % 3] for row in range(ROWS)],
}
NUMBERS = np.array(COLUMNS["a"]) ** 2 + 0.3 * RNG.normal(size=ROWS)


@pytest.mark.parametrize("task", ["regression", pytest.param("classification", marks=pytest.mark.thorough)])
def test_the_same_rows_and_seed_give_the_same_predictions_and_formula(
    task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = NUMBERS if task == "regression" else np.where(NUMBERS > 1, "high", "low")
    shape: dict[str, Any] = {"hidden": [2], "grid": 4}
    body = {"network": shape, "training": {"steps": 8, "restarts": 1}, "baselines": False}
    outcome = stored(run_pipeline(table_of(**COLUMNS, y=y.tolist()), request_for(**body)))
    codes = y if task == "regression" else (y == "low").astype(int)
    split = split_rows(kind="random", y=codes, task=task)
    frame = pl.DataFrame(COLUMNS)
    make = KANRegressor if task == "regression" else KANClassifier
    configure = make._make_config
    monkeypatch.setattr(
        make,
        "_make_config",
        lambda self, seed: replace(configure(self, seed), thresholds=search_config.THRESHOLDS),
    )
    found = make(hidden=(2,), grid=4, steps=8, restarts=1, max_curves=4).fit(
        frame[split.train_rows], y[split.train_rows]
    )
    held = frame[split.test_rows]
    encoded = found.model_.predictor.encoding.transform(
        {name: np.array(held[name].to_list(), dtype=object) for name in held.columns}
    )
    served = load(outcome.artifact)
    if task == "regression":
        np.testing.assert_allclose(found.model_.predictor.predict(encoded), served.predict(encoded))
    else:
        np.testing.assert_allclose(found.predict_proba(held), served.probabilities(encoded))
    assert outcome.symbolic is not None
    assert found.formula_ == outcome.symbolic["outputs"][0]["expression"]
