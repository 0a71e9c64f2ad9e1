"""``kan-service study`` with a service that is only played."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from service.cli.support.files import read_columns
from service.cli.support.study_table import print_rows
from service.client import ClientError, JobCancelled
from tests.unit.service.cli.played import JOB, STUDY, Played

USUAL = ["study", "table.csv", "--target", "y"]
VARIED = [*USUAL, "--vary", "network.grid=3,10"]
CANCELLED = JOB.model_copy(update={"kind": "study", "status": "cancelled", "model_id": None})


@pytest.fixture(autouse=True)
def _table(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("x1,x2,note,y\n")


@pytest.mark.parametrize(
    ("typed_so", "values"),
    [
        ("network.grid=3,10", [3, 10]),
        ("network.hidden=[2],[10,5]", [[2], [10, 5]]),
        ("network.hidden=auto,[10,5]", ["auto", [10, 5]]),
        ("training.optimizer=adam, lbfgs", ["adam", "lbfgs"]),
        ("prune=true,false", [True, False]),
        ('features=["x1"],["x1","x2"]', [["x1"], ["x1", "x2"]]),
        ("training.class_weight=null,balanced", [None, "balanced"]),
    ],
)
def test_values_are_json_whose_words_need_no_quotes(
    typed: Any, played: Played, typed_so: str, values: list[Any]
) -> None:
    assert typed(*USUAL, "--vary", typed_so).exit_code == 0
    assert played.asked[-1][2]["vary"] == {typed_so.partition("=")[0]: values}


def test_every_wish_reaches_the_job(typed: Any, played: Played) -> None:
    options = "--vary seed=0,1 --refine --hidden 5 --max-seconds 20 --drop x2 --out a.parquet"
    typed(*VARIED, *options.split())
    assert played.asked == [
        ("upload", "table.csv"),
        (
            "submit",
            "y",
            {
                "kind": "study",
                "format": "parquet",
                "max_seconds": 20.0,
                "network": {"hidden": [5]},
                "features": ["x1"],
                "vary": {"network.grid": [3, 10], "seed": [0, 1]},
                "refine": True,
            },
        ),
    ]


def test_the_table_is_printed_for_programs_and_written(typed: Any, tmp_path: Path) -> None:
    ended = typed(*VARIED)
    assert ended.exit_code == 0
    head, first, second = (line.split("\t") for line in ended.stdout.splitlines())
    assert head == STUDY.splitlines()[0].split(",")
    assert first[:6] == ["1", "3", '"auto"', "0", "0.0576031231", "0.99"]
    assert second[-1] == "time_limit: no time"
    assert (tmp_path / "table-study.csv").read_text() == STUDY
    assert f"wrote {tmp_path / 'table-study.csv'}" in ended.stderr
    assert "training 2: time_limit: no time" in ended.stderr
    assert "kan-service plot j1 --name error_by_grid" in ended.stderr


def test_nothing_is_overwritten_unless_it_was_named(typed: Any, tmp_path: Path) -> None:
    (tmp_path / "table-study.csv").write_text("mine")
    typed(*VARIED)
    assert (tmp_path / "table-study.csv").read_text() == "mine"
    assert (tmp_path / "table-study-2.csv").read_text() == STUDY
    (tmp_path / "table.csv").write_text("x1,x2,note,y\n")


def test_a_program_gets_one_document(typed: Any) -> None:
    ended = typed(*VARIED, "--json", "--out", "a.csv")
    told = json.loads(ended.stdout)
    assert (told["table"], told["pictures"], told["job"]["id"]) == ("a.csv", [], "j1")
    assert told["rows"][0]["rmse"] == 0.0576031231
    assert told["rows"][1]["model_id"] is None


def test_pictures_lie_beside_the_table(typed: Any, played: Played, tmp_path: Path) -> None:
    told = json.loads(typed(*VARIED, "--pictures", "--json", "--out", "a.csv").stdout)
    assert told["pictures"] == [
        "a-error_by_grid.svg",
        "a-error_by_parameters.svg",
        "a-time_by_grid.svg",
    ]
    assert all((tmp_path / name).exists() for name in told["pictures"])


def test_why_there_is_no_picture_is_said_once(typed: Any, played: Played) -> None:
    played.undrawn = "the trainings do not differ in their grid"
    ended = typed(*VARIED, "--pictures")
    assert (ended.exit_code, ended.stderr.count("no picture: the trainings do not differ")) == (0, 1)


def rows_of(folder: Path) -> list[dict[str, Any]]:
    (folder / "study.csv").write_text(STUDY)
    columns = read_columns(folder / "study.csv")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_a_terminal_gets_what_people_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    print_rows(rows_of(tmp_path), ["network.grid", "network.hidden", "seed"])
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    head, first, second = (re.split(" {2,}", line.strip()) for line in shown.splitlines())
    assert head == [
        "#",
        "grid",
        "hidden",
        "seed",
        "RMSE",
        "R²",
        "status",
        "parameters",
        "seconds",
        "model",
        "verdict",
        "formula",
    ]
    assert first[:9] == ["1", "3", "auto", "0", "0.0576", "0.9900", "succeeded", "42", "1.5"]
    assert first[9:] == ["y-1 1", "consistent", "y = 1.23457*x1"]
    assert second == ["2", "10", "[2]", "0", "failed"]


@pytest.mark.parametrize(("width", "last"), [(120, "formula"), (80, "model"), (50, "status"), (20, "hidden")])
def test_no_number_is_cut_off_where_there_is_little_room(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    width: int,
    last: str,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    print_rows(rows_of(tmp_path), ["network.grid", "network.hidden", "seed"])
    shown = capsys.readouterr()
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown.out)
    assert plain.splitlines()[0].split()[-1] == last
    assert "…" not in plain
    assert ("formula; the file has all)" in shown.err) == (last != "formula")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (USUAL, "--vary"),
        ([*USUAL, "--vary", "network.grid"], "write for example network.grid=3,10"),
        ([*USUAL, "--vary", "network.grid="], "write for example network.grid=3,10"),
        ([*VARIED, "--vary", "network.grid=4"], "network.grid is given twice"),
        ([*USUAL, "--vary", "features=[x1],[x2]"], "[x1] is not valid JSON"),
        ([*VARIED, "--out", "a.xlsx"], ".csv or .parquet"),
        ([*VARIED, "--out", "no/such/folder.csv"], "the folder no/such does not exist"),
        (["study", "table.csv", "--vary", "seed=1,2"], "name the column to predict"),
    ],
)
def test_wrong_use_is_said_before_anything_is_sent(
    typed: Any, played: Played, options: list[str], told: str
) -> None:
    ended = typed(*options)
    assert (ended.exit_code, told in ended.stderr, played.asked) == (2, True, [])


def test_an_interrupt_leaves_the_models_that_were_trained(typed: Any, played: Played) -> None:
    played.ends = [KeyboardInterrupt(), ClientError("cancelled")]
    ended = typed(*VARIED)
    assert (ended.exit_code, "models trained so far stay" in ended.stderr) == (130, True)
    assert played.asked[-1] == ("cancel", "j1", False)  # and their table is not deleted


def test_an_interrupt_keeps_the_table_if_that_was_wished(typed: Any, played: Played) -> None:
    played.ends = [KeyboardInterrupt(), JobCancelled(CANCELLED)]
    ended = typed(*VARIED, "--keep-best")
    assert (ended.exit_code, len(ended.stdout.splitlines())) == (0, 3)
    assert played.asked[-1] == ("cancel", "j1", True)


def test_several_targets_have_trainings_of_their_own(typed: Any, played: Played) -> None:
    ended = typed("study", "table.csv", "--targets", "x1,y", "--drop", "x2", "--unit", "y=m", "--weight", "w")
    assert ended.exit_code == 0
    assert played.asked[0] == ("upload", "table.csv", {"units": {"y": "m"}})
    (_, target, body) = played.asked[1]
    assert (target, body["targets"], body["vary"], body["features"]) == (None, ["x1", "y"], {}, [])
    assert body["weight"] == "w"


@pytest.mark.parametrize(
    ("options", "told"),
    [("--targets y", "at least two columns"), ("--targets x1,y --target y", "omit --target")],
)
def test_targets_are_several_and_not_beside_a_target(
    typed: Any, played: Played, options: str, told: str
) -> None:
    ended = typed("study", "table.csv", *options.split())
    assert (ended.exit_code, told in ended.stderr, played.asked) == (2, True, [])
