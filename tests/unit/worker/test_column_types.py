"""Columns that a client has read as another type: what passes the checks is learnt from and predicts."""

import io
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kan_engine import InvalidData, Predictor, load
from kan_engine.assessment.thresholds import AssessmentThresholds
from service.documents.column_report import READABLE_AS
from service.documents.training_plan import LABEL_TYPES
from service.errors import Invalid
from service.ingest import read_upload
from service.operations.jobs.batch_checks import check_columns
from service.operations.jobs.limits import DEFAULT_ADMISSION
from service.operations.jobs.training_checks import check_training
from service.operations.prediction.input_columns import read_columns
from service.operations.prediction.limits import DEFAULT_PREDICTION
from service.schemas.prediction import Rows
from service.settings import Settings
from service.storage.stored_table import StoredTable, column_values
from tests.support.tables import request_for, table_of
from worker.jobs.prediction_columns import PredictionColumns
from worker.pipelines import search_config
from worker.pipelines.tabular import run_pipeline

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("no_suggestions", "_one_logistic_regression")]

ROWS = 42
A = np.random.default_rng(0).uniform(0.5, 2.0, ROWS)
EFFECTS = [(3 * i % 7) / 2 for i in range(ROWS)]
BARE: dict[str, Any] = {
    "network": {"hidden": [], "grid": 3},
    "training": {"steps": 2},
    "prune": False,
    "symbolic": False,
    "baselines": False,
}
# Values as a client has them, and what each adds to the target.
COLUMNS: dict[str, tuple[list[Any], list[float]]] = {
    "number": ([effect + 0.25 for effect in EFFECTS], EFFECTS),
    "integer": ([int(2 * effect) for effect in EFFECTS], EFFECTS),
    "boolean": ([i % 3 == 0 for i in range(ROWS)], [2.0 * (i % 3 == 0) for i in range(ROWS)]),
    "category": (["rgb"[i % 3] for i in range(ROWS)], [[1.0, -1.0, 0.5][i % 3] for i in range(ROWS)]),
    "text": ([f"remark {i}" for i in range(ROWS)], [0.0] * ROWS),
    "datetime": ([datetime(2026, 1, 1) + timedelta(i) for i in range(ROWS)], [0.0] * ROWS),
}
PAIRS = [(kind, wanted) for kind, readings in READABLE_AS.items() for wanted in readings]
TWO = {"0 and 1": (0, 1), "1 and 2": (1, 2), "9 and 10": (9, 10), "fractions": (-0.5, 2.5)}


@pytest.fixture(scope="module")
def _one_logistic_regression() -> Iterator[None]:
    """Beside every classifier, instead of the best of three."""
    with pytest.MonkeyPatch.context() as patch:
        one = AssessmentThresholds(logistic_strengths=(1.0,))
        patch.setattr(search_config, "THRESHOLDS", replace(search_config.THRESHOLDS, assessment=one))
        yield


def learnt(table: StoredTable, **body: Any) -> Predictor:
    """What a job that passes the checks makes of a table."""
    request = request_for(**BARE | body)
    check_training(request, table.reports, table.rows, limits=DEFAULT_ADMISSION)
    return load(run_pipeline(table, request).artifact)


def asked(predictor: Predictor, **columns: list[Any]) -> dict[str, np.ndarray]:
    """Columns as ``/predict`` takes them."""
    rows = Rows(columns=columns)
    return read_columns(
        rows,
        predictor.encoding.features,
        optional=[],
        ignored_columns=[],
        max_rows=ROWS,
        limits=DEFAULT_PREDICTION,
    )


def two_valued(values: tuple[float, float]) -> tuple[list[float], list[bool]]:
    is_second = [i % 3 == 0 for i in range(ROWS)]
    return [values[second] for second in is_second], is_second


@pytest.mark.parametrize(("kind", "wanted"), PAIRS)
def test_a_feature_is_learnt_from_as_it_was_read_and_predicts_from_the_clients_own_values(
    kind: str, wanted: str
) -> None:
    values, effects = COLUMNS[kind]
    table = table_of(a=A, v=values, y=A + effects)
    assert table.types["v"] == kind
    if kind == "datetime":
        values = [value.isoformat() for value in values]
    predictor = learnt(table, types={"v": wanted}, features=["a", "v"])
    assert (predictor.encoding.features[1].type == "category") == (wanted in ("category", "text"))
    columns = asked(predictor, a=A.tolist(), v=values)
    if kind != "text":  # where each row has its own, there is nothing to tell of others
        assert not predictor.unseen_mask(columns)[:, 1].any()
        np.testing.assert_allclose(predictor.predict(columns), table.column("y"), atol=0.2)
    check_columns(table.reports, predictor.encoding.features, optional=[])
    in_a_file = PredictionColumns(predictor, ["y"], None, []).predict_block(table.frame.collect())
    np.testing.assert_array_equal(column_values(in_a_file["y"]), predictor.predict(columns))


@pytest.mark.parametrize(("kind", "wanted"), PAIRS)
def test_a_target_keeps_the_values_of_the_table_however_it_was_read(kind: str, wanted: str) -> None:
    values, _ = COLUMNS[kind]
    table = table_of(a=A, y=values)
    if kind in ("text", "datetime"):
        with pytest.raises(Invalid, match=r"classes|is a time"):
            learnt(table, types={"y": wanted})
        return
    predictor = learnt(table, types={"y": wanted})
    if wanted in LABEL_TYPES or kind == "boolean":
        labels = predictor.classes or ()
        assert [(type(label), label) for label in labels] == [(type(v), v) for v in sorted(set(values))]
    else:
        assert predictor.classes is None
        assert predictor.predict({"a": A}).mean() == pytest.approx(np.mean(values), abs=0.5)


@pytest.mark.parametrize("values", TWO.values(), ids=TWO)
def test_two_numbers_that_are_read_as_boolean_are_told_apart_under_their_own_names(
    values: tuple[float, float],
) -> None:
    given, is_second = two_valued(values)
    table = table_of(a=A, v=given, y=A + is_second)
    predictor = learnt(table, types={"v": "boolean"})
    encoded = predictor.encoding.transform({"a": A, "v": np.array(given, dtype=float)})
    assert encoded.shape[1] == 2
    assert set(encoded[:, 1]) == {0.0, 1.0}
    columns = asked(predictor, a=A.tolist(), v=given)
    np.testing.assert_allclose(predictor.predict(columns), table.column("y"), atol=0.1)
    assert not predictor.unseen_mask(columns)[:, 1].any()
    assert learnt(table_of(a=A, y=given), types={"y": "boolean"}).classes == values


@pytest.mark.parametrize("wanted", ["number", "integer"])
def test_booleans_that_are_read_as_numbers_may_come_as_either(wanted: str) -> None:
    values, effects = COLUMNS["boolean"]
    predictor = learnt(table_of(a=A, v=values, y=A + effects), types={"v": wanted})
    as_booleans = predictor.predict(asked(predictor, a=A.tolist(), v=values))
    as_numbers = predictor.predict(asked(predictor, a=A.tolist(), v=[int(value) for value in values]))
    np.testing.assert_array_equal(as_booleans, as_numbers)


def test_booleans_are_zero_and_one_for_a_regression_too() -> None:
    values, _ = COLUMNS["boolean"]
    predictor = learnt(table_of(a=A, y=values), types={"y": "number"}, task="regression")
    assert predictor.classes is None
    assert predictor.predict({"a": A}).mean() == pytest.approx(np.mean(values), abs=0.2)


def test_more_than_two_numbers_are_not_read_as_boolean() -> None:
    with pytest.raises(Invalid, match="cannot be read as boolean"):
        learnt(table_of(a=A, v=COLUMNS["integer"][0], y=A), types={"v": "boolean"})


def test_dates_predict_from_the_texts_that_the_table_had() -> None:
    """A table as sensors write it: empty columns and rows, dates, hours, decimal commas, -200 for missing."""
    days = [datetime(2026, 1, 1) + timedelta(hours=7 * i) for i in range(400)]
    wave = [np.sin(2 * np.pi * day.hour / 24) + 0.1 * day.month for day in days]
    numbers = ["-200" if i % 50 == 0 else f"{value:.4f}".replace(".", ",") for i, value in enumerate(wave)]
    rows = [f"{day:%d/%m/%Y;%H.%M.%S};{number};;" for day, number in zip(days, numbers, strict=True)]
    lines = ["Date;Time;y;;", *rows, ";;;;"]
    settings = Settings(data_dir=Path(tempfile.gettempdir()))
    content = io.BytesIO("\n".join(lines).encode())
    ingested = read_upload(content, "sensors.csv", settings, {"*": [-200]})
    assert [column.type for column in ingested.columns] == ["datetime", "datetime", "number"]
    assert ingested.columns[2].missing == 8
    table = StoredTable(
        frame=ingested.frame.lazy(),
        types={column.name: column.type for column in ingested.columns},
        units={},
        rows=ingested.frame.height,
        reports=ingested.columns,
    )
    predictor = learnt(table, network={"hidden": [], "grid": 8}, training={"steps": 10})
    texts = {
        "Date": [f"{day:%d/%m/%Y}" for day in days[:40]],
        "Time": [f"{day:%H.%M.%S}" for day in days[:40]],
    }
    found = predictor.predict(asked(predictor, **texts))
    np.testing.assert_allclose(found, wave[:40], atol=0.1)
    with pytest.raises(InvalidData, match="Date"):
        predictor.predict(asked(predictor, Date=["next week"], Time=["18.00.00"]))
