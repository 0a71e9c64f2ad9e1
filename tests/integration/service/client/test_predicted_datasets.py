"""Whole datasets that a client has predicted, and the files that come of it."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from service.client import ApiError, Unreachable
from service.db.session import Sessions
from tests.integration.service.client.conftest import QUICK, Message, Mishap, Way, hang_up
from tests.support.factories import make_model

COLUMNS = {"x1": [0.1, 0.9], "x2": [1.0, -1.5], "id": [1, 2]}


async def break_off(app: Any, scope: Message, receive: Any, send: Any) -> None:
    """The connection breaks within a file."""
    await hang_up(app, scope, receive, send)
    await send({"type": "http.response.body", "body": b"PAR1", "more_body": True})


@pytest.mark.usefixtures("no_suggestions")
def test_a_study_leaves_a_table_with_a_row_for_every_training(
    kan: Any, way: Way, worked_on: Mishap, tmp_path: Path
) -> None:
    x = [place / 20 for place in range(20)]
    dataset = kan.upload({"x": x, "y": [2 * value for value in x]})
    way.mishaps["POST /jobs"] = [worked_on]
    training = {"steps": 2, "restarts": 1}
    stages = {"symbolic": False, "baselines": False, "prune": False}
    vary = {"network.grid": (3, 4)}
    path = kan.study(
        dataset,
        "y",
        vary,
        tmp_path / "study.csv",
        progress=False,
        network={"hidden": []},
        training=training,
        **stages,
    )
    table = pl.read_csv(path)
    assert table["network.grid"].to_list() == [3, 4]
    assert table["status"].to_list() == ["succeeded", "succeeded"]


def test_a_dataset_is_predicted_into_a_file_of_the_kind_that_its_name_says(
    kan: Any, way: Way, worked_on: Mishap, sessions: Sessions, tmp_path: Path
) -> None:
    model, dataset = kan.model(make_model(sessions).id), kan.upload(COLUMNS)
    expected = kan.predict(model, {name: COLUMNS[name] for name in ("x1", "x2")}, interval=0.5)
    for name, read in (("answers.parquet", pl.read_parquet), ("answers.csv", pl.read_csv)):
        way.mishaps["POST /jobs"] = [worked_on]
        path = kan.predict_dataset(model, dataset, tmp_path / name, progress=False, interval=0.5)
        answers = read(path)
        assert answers.columns == ["x1", "x2", "id", "y", "y_low", "y_high", "warning"]
        assert answers["y"].to_list() == pytest.approx(expected.values)
    assert {file.name for file in tmp_path.iterdir()} == {"answers.parquet", "answers.csv"}


def test_a_file_that_breaks_off_is_got_again(
    kan: Any, way: Way, worked_on: Mishap, sessions: Sessions, tmp_path: Path
) -> None:
    way.mishaps["POST /jobs"] = [worked_on]
    job = kan.submit(kan.upload(COLUMNS), kind="predict", model=make_model(sessions).id)
    assert kan.wait(job, progress=False).status == "succeeded"
    download = f"GET /jobs/{job.id}/result"
    way.mishaps[download] = [hang_up, break_off]
    assert pl.read_parquet(kan.result(job, tmp_path / "answers.parquet")).height == 2
    assert len(way.asked(download)) == 3


def test_a_file_that_never_comes_leaves_what_was_there(
    kan: Any, way: Way, sessions: Sessions, tmp_path: Path
) -> None:
    (tmp_path / "law.safetensors").write_text("of yesterday")
    model = make_model(sessions)
    way.mishaps[f"GET /models/{model.id}/export"] = [break_off] * QUICK.max_tries
    with pytest.raises(Unreachable):
        kan.export(model.id, "safetensors", tmp_path / "law.safetensors")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["of yesterday"]


def test_what_has_no_file_says_so_and_leaves_none(kan: Any, tmp_path: Path) -> None:
    dataset = kan.upload({"x": [float(x) for x in range(30)], "y": [2.0 * x for x in range(30)]})
    with pytest.raises(ApiError) as refused:
        kan.result(kan.submit(dataset, "y"), tmp_path / "nothing")
    assert (refused.value.code, list(tmp_path.iterdir())) == ("no_result", [])
