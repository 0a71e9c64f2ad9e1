"""The first model of a training."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from kan_engine import load
from kan_engine.search.preview import find_preview
from service.schemas.training import TrainRequest
from tests.support.stored import stored
from tests.support.tables import request_for, table_of
from worker.execution.job_callbacks import JobCallbacks
from worker.execution.outcome import Outcome
from worker.pipelines.preview import Preview
from worker.pipelines.search_plan import make_plan, prepare_rows
from worker.pipelines.tabular import run_pipeline
from worker.pipelines.thresholds import DEFAULT_PIPELINE, PreviewThresholds

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("small_dictionary")]

RNG = np.random.default_rng(0)
ROWS = 300
X, Z = RNG.uniform(-3, 3, ROWS), RNG.uniform(-3, 3, ROWS)
NOISE = RNG.normal(0, 0.1, ROWS)


def preview_of(
    y: np.ndarray, columns: Mapping[str, np.ndarray] = MappingProxyType({"x": X, "z": Z}), **options: object
) -> Outcome:
    published: list[Outcome] = []
    request: TrainRequest = request_for(seed=0, **options)
    run_pipeline(
        table_of(**columns, y=y),
        request,
        JobCallbacks(should_stop=lambda: bool(published), publish=published.append),
        thresholds=replace(DEFAULT_PIPELINE, preview=PreviewThresholds(after_s=0.0)),
    )
    return published[0]


def test_a_curved_target_gets_a_sum_of_curves() -> None:
    preview = preview_of(np.sin(2 * X) + Z**2 + NOISE)
    assert stored(preview).record["metrics"]["r2"] > 0.95
    assert load(preview.artifact).predict({"x": np.zeros(1), "z": np.full(1, 2.0)})[0] == pytest.approx(
        4.0, abs=0.4
    )


def test_a_straight_target_gets_a_line_with_its_formula() -> None:
    preview = preview_of(2 * X - Z + NOISE)
    symbolic = stored(preview).symbolic
    assert symbolic is not None
    assert set(symbolic["outputs"][0]["expression"]) >= {"x", "z"}


def test_the_formula_of_many_columns_has_only_the_strongest() -> None:
    random = np.random.default_rng(1)
    columns = {f"c{place}": random.normal(size=ROWS) for place in range(30)}
    y = 5 * columns["c3"] - 4 * columns["c17"] + sum(columns.values()) / 10 + NOISE
    preview = preview_of(y, columns=columns)
    symbolic = stored(preview).symbolic
    assert symbolic is not None
    used = set(symbolic["outputs"][0]["domain"])
    assert {"c3", "c17"} <= used
    assert len(used) <= 5


def test_classes_get_logistic_regression() -> None:
    preview = preview_of(np.where(X + NOISE > 0, "yes", "no"))
    assert preview.task == "classification"
    assert stored(preview).record["metrics"]["accuracy"] > 0.9


def test_the_preview_keeps_wishes_about_the_formula() -> None:
    preview = preview_of(np.exp(X) + NOISE, monotone={"x": "increasing"})
    low, high = load(preview.artifact).predict({"x": np.array([-2.0, 2.0]), "z": np.zeros(2)})
    assert high > low


def test_a_quick_training_has_no_preview() -> None:
    published: list[Outcome] = []
    table, request = table_of(x=X, z=Z, y=X * Z), request_for(seed=0, max_seconds=300)
    late = replace(DEFAULT_PIPELINE, preview=PreviewThresholds(after_s=100.0))
    run_pipeline(table, request, JobCallbacks(publish=published.append), thresholds=late)
    assert published == []


def test_a_result_replaces_a_better_model_so_far_only_where_its_shape_was_requested() -> None:
    published: list[Outcome] = []
    table = table_of(x=X, z=Z, y=2 * X - Z + NOISE)
    thresholds = replace(DEFAULT_PIPELINE, preview=PreviewThresholds(after_s=0.0, period_s=0.0))
    for hidden, count in (("auto", 1), ([1], 2)):
        published.clear()
        plan = make_plan(table, request_for(seed=0, network={"hidden": hidden}), thresholds)
        data = prepare_rows(table, plan)
        worse = replace(find_preview(data, plan.config), errors=np.full(len(data.training), 9.0))
        preview = Preview(plan, data, published.append)
        preview.publish_if_due()
        preview.keep(worse)
        assert len(published) == count
