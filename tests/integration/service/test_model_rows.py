"""The rows that are drawn with a model: those of its sample, with the part of the split that each is in."""

import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from service.db.session import Sessions
from service.db.tables import Model
from service.errors import Conflict, NotFound
from service.operations.models.rows import read_rows
from tests.support.factories import FIGURES, column, make_dataset, make_model

TABLE = {"x1": [0.0, 1.0, 2.0, None, 4.0], "x2": [9.0, 8.0, 7.0, 6.0, 5.0], "y": [5.0, 6.0, 7.0, 8.0, None]}
SAMPLE = {"training": [0, 3], "hold_out": [1]}
IMPORTANCE = {"features": [{"name": "x2", "mean": 2.0}, {"name": "x1", "mean": 0.5}]}


def make_drawn(sessions: Sessions, **fields: Any) -> Model:
    content = io.BytesIO()
    pl.DataFrame(TABLE).write_parquet(content)
    columns = [column(name) for name in TABLE]
    dataset_id = make_dataset(sessions, *columns, rows=5, content=content.getvalue())
    figures = FIGURES | {"importance": IMPORTANCE, "sample": SAMPLE}
    return make_model(sessions, **{"dataset_id": dataset_id, "figures": figures, **fields})


def test_the_rows_of_the_sample_come_with_the_part_that_they_are_in(
    sessions: Sessions, tmp_path: Path
) -> None:
    model = make_drawn(sessions)
    assert read_rows(model.id, 10, sessions, tmp_path) == {
        "model_id": model.id,
        "dataset_id": model.dataset_id,
        "numbers": [0, 1, 3],
        "parts": ["training", "hold-out", "training"],
        "inputs": [
            {"name": "x2", "importance": 2.0, "values": [9.0, 8.0, 6.0]},
            {"name": "x1", "importance": 0.5, "values": [0.0, 1.0, None]},
        ],
        "target": [5.0, 6.0, 8.0],
    }


def test_a_limit_leaves_some_of_the_sample(sessions: Sessions, tmp_path: Path) -> None:
    found = read_rows(make_drawn(sessions).id, 2, sessions, tmp_path)
    assert len(found["numbers"]) == len(found["target"]) == len(found["parts"]) == 2
    assert set(found["numbers"]) < {0, 1, 3}


def test_a_model_that_kept_no_sample_has_rows_of_its_dataset(sessions: Sessions, tmp_path: Path) -> None:
    found = read_rows(make_drawn(sessions, figures=FIGURES).id, 10, sessions, tmp_path)
    assert found["numbers"] == [0, 1, 2, 3, 4]
    assert found["parts"] is None


def test_inputs_that_the_model_does_not_use_are_left_out(sessions: Sessions, tmp_path: Path) -> None:
    record = make_drawn(sessions).record | {"dropped": [{"input": "x2"}]}
    found = read_rows(make_drawn(sessions, record=record).id, 10, sessions, tmp_path)
    assert [entry["name"] for entry in found["inputs"]] == ["x1"]


@pytest.mark.parametrize("dataset_id", [None, "gone"])
def test_without_its_dataset_a_model_has_no_rows(
    sessions: Sessions, tmp_path: Path, dataset_id: str | None
) -> None:
    with pytest.raises(NotFound) as refused:
        read_rows(make_drawn(sessions, dataset_id=dataset_id).id, 10, sessions, tmp_path)
    assert refused.value.code == "dataset_not_found"


def test_a_density_has_no_rows_to_draw(sessions: Sessions, tmp_path: Path) -> None:
    with pytest.raises(Conflict) as refused:
        read_rows(make_drawn(sessions, task="density").id, 10, sessions, tmp_path)
    assert refused.value.code == "no_figures"
