"""``kan-service train`` with a service that is only played: what is asked of it, and what is said of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from service.client import ApiError, ClientError
from tests.unit.service.cli.played import DENSITY, JOB, Played


@pytest.fixture
def train(typed: Any, tmp_path: Path) -> Callable[..., Result]:
    (tmp_path / "table.csv").write_text("x1,x2,note,y\n")
    return lambda *options: typed("train", "table.csv", "--server", "http://there", *options)  # type: ignore[no-any-return]


def test_what_was_not_asked_for_is_left_to_the_service(train: Any, played: Played) -> None:
    assert train("--target", "y").exit_code == 0
    assert played.asked == [("upload", "table.csv"), ("submit", "y", {})]


def test_every_wish_reaches_the_job(train: Any, played: Played) -> None:
    options = "--target y --name law --max-seconds 5 --task regression --hidden 10,5 --grid 4 --seed 7"
    more = "--test-fraction 0.3 --no-formula --baselines linear,boosting --drop x2"
    assert train(*options.split(), *more.split()).exit_code == 0
    assert played.asked[-1] == (
        "submit",
        "y",
        {
            "name": "law",
            "max_seconds": 5.0,
            "task": "regression",
            "seed": 7,
            "network": {"hidden": [10, 5], "grid": 4},
            "split": {"test_fraction": 0.3},
            "symbolic": False,
            "baselines": ["linear", "boosting"],
            "features": ["x1"],
        },
    )


def test_the_result_reads_well(train: Any, tmp_path: Path) -> None:
    lines = train("--target", "y").stdout.splitlines()
    assert lines[:2] == [
        "model:     my law, version 2 (m1)",
        "network:   KAN[2, 1], 20 parameters, grid 5, order 3",
    ]
    assert lines[2:7] == [
        "hold-out:     network  formula  linear",
        "  RMSE            0.5     0.75    1.25",
        "  R²           0.9000   0.8000  0.4000",
        "  parameters       20                3",
        "  seconds         2.5             0.01",
    ]
    assert lines[7] == "formula:   y = 0.123457*x1 + x2**2"
    assert lines[8].startswith("verdict:   explains the data")
    assert "prints all" in lines[9]
    assert lines[10:12] == [
        "holds for: x1 from -1 to 1",
        "warning:   column 'note' is left out: it is text",
    ]
    assert "--max-seconds" in lines[12]
    assert lines[13] == f"picture:   {tmp_path / 'my_law.svg'}"


def test_an_mlp_is_asked_for_by_its_shape_or_its_size(train: Any, played: Played) -> None:
    train("--target", "y", "--baselines", "linear,mlp:29x29,mlp:987,mlp:matched")
    assert played.asked[-1][-1]["baselines"] == [
        "linear",
        {"kind": "mlp", "hidden": [29, 29]},
        {"kind": "mlp", "parameters": 987},
        {"kind": "mlp", "parameters": "matched"},
    ]
    refused = train("--target", "y", "--baselines", "mlp:large")
    assert refused.exit_code == 2
    assert "mlp:29x29" in refused.stderr


def test_what_is_known_already_is_sent(train: Any, played: Played) -> None:
    train(
        *("--target", "y", "--target-error", "e", "--must-use", "x1,x2"),
        *("--max-constants", "2", "--functions", "exp, log"),
        *("--monotone", "x1=increasing", "--monotone", "x2=decreasing", "--bounds", "0:"),
    )
    assert played.asked[-1][-1] == {
        "target_error": "e",
        "max_constants": 2,
        "functions": ["exp", "log"],
        "must_use": ["x1", "x2"],
        "monotone": {"x1": "increasing", "x2": "decreasing"},
        "bounds": {"min": 0.0},
    }
    assert train("--target", "y", "--bounds", "7").exit_code == 2


def test_units_go_with_the_table_and_what_follows_from_them_with_the_job(train: Any, played: Played) -> None:
    train("--target", "y", "--unit", "x1=m/s^2", "--unit", "x2=", "--units", "enforce")
    assert played.asked == [
        ("upload", "table.csv", {"units": {"x1": "m/s^2", "x2": ""}}),
        ("submit", "y", {"units": "enforce"}),
    ]
    assert train("--target", "y", "--unit", "x1").exit_code == 2


def test_a_table_is_corrected_when_it_is_uploaded(train: Any, played: Played) -> None:
    train(
        *("--target", "y", "--missing", "-999", "--missing", "x1=nan", "--missing", "x1=0"),
        *("--repeated-rows", "drop", "--swap-day-and-month", "day", "--swap-day-and-month", "end"),
        *("--encoding", "cp866"),
    )
    assert played.asked[0] == (
        "upload",
        "table.csv",
        {
            "missing": {"*": [-999.0], "x1": ["nan", 0.0]},
            "repeated_rows": "drop",
            "swap_day_and_month": ["day", "end"],
            "encoding": "cp866",
        },
    )


def test_a_form_is_sent_with_what_is_known_of_its_constants(train: Any, played: Played) -> None:
    form = ("--target", "y", "--form", "a*exp(-b*x1)", "--constant", "b=0..", "--per-group", "x2")
    train(*form)
    assert played.asked[-1][-1] == {
        "form": "a*exp(-b*x1)",
        "constants": {"b": {"min": 0.0}},
        "per_group": {"column": "x2"},
    }
    train(*form, "--own", "a, b")
    assert played.asked[-1][-1]["per_group"] == {"column": "x2", "own": ["a", "b"]}
    refused = train("--target", "y", "--own", "a")
    assert (refused.exit_code, "--per-group" in refused.stderr) == (2, True)


def test_a_density_has_columns_and_no_target(train: Any, played: Played) -> None:
    played.trained = DENSITY
    ended = train("--task", "density", "--features", "x1,x2")
    assert (ended.exit_code, "log-likelihood" in ended.stdout) == (0, True)
    assert played.asked[-1] == ("submit", None, {"task": "density", "features": ["x1", "x2"]})
    assert played.drawn == ["density"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "name the column to predict"),
        (["--task", "density"], "--features height"),
        (["--task", "density", "--features", "x1", "--target", "y"], "a density has no target"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_sent(
    train: Any, played: Played, options: list[str], told: str
) -> None:
    ended = train(*options)
    assert (ended.exit_code, told in ended.stderr, played.asked) == (2, True, [])


def test_what_to_type_next_can_be_typed(train: Any) -> None:
    said = train("--target", "y").stderr
    assert "kan-service predict 'my law' ROWS.csv --server http://there" in said
    assert "kan-service formula 'my law'" in said


def test_odd_data_are_told_before_the_training(train: Any) -> None:
    assert "warning: row 3, column 'x2': looks like a number of rows" in train("--target", "y").stderr


def test_a_picture_overwrites_nothing_unless_it_was_named(train: Any, played: Played, tmp_path: Path) -> None:
    played.ends = [JOB, JOB]
    (tmp_path / "my_law.svg").write_text("mine")
    assert str(tmp_path / "my_law-2.svg") in train("--target", "y").stdout
    assert (tmp_path / "my_law.svg").read_text() == "mine"
    train("--target", "y", "--picture", "my_law.svg")
    assert (tmp_path / "my_law.svg").read_text() == "<svg/>"


def test_a_picture_without_room_does_not_keep_the_result_back(train: Any) -> None:
    ended = train("--target", "y", "--picture", "no/such/folder.svg")
    assert (ended.exit_code, "formula:" in ended.stdout, "picture:" in ended.stdout) == (0, True, False)
    assert "the picture cannot be written: No such file or directory" in ended.stderr


def test_a_job_that_fails_while_it_keeps_its_best_is_told(train: Any, played: Played) -> None:
    played.ends = [KeyboardInterrupt(), ClientError("the job failed: the disk is full")]
    ended = train("--target", "y", "--keep-best")
    assert (ended.exit_code, "the disk is full" in ended.stderr) == (1, True)


def test_json_is_all_that_is_on_standard_output(train: Any) -> None:
    told = json.loads(train("--target", "y", "--json", "--no-picture").stdout)
    assert told["model"]["name"] == "my law"
    assert told["formulas"]["outputs"][0]["expression"] == "0.123456789012*x1 + x2**2"
    assert (told["job"]["id"], told["picture"]) == ("j1", None)


def test_a_model_without_a_formula_is_no_failure(train: Any, played: Played) -> None:
    played.formulas = ApiError(409, "no_formula", "there is none")
    ended = train("--target", "y", "--no-formula")
    assert (ended.exit_code, "formula:   none" in ended.stdout) == (0, True)


def test_a_job_that_fails_ends_the_command_with_its_reason(train: Any, played: Played) -> None:
    played.ends = [ClientError("the job failed: row 3 is odd")]
    ended = train("--target", "y")
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.endswith("kan-service: the job failed: row 3 is odd\n")


@pytest.mark.parametrize("options", [["--target", "z"], ["--target", "y", "--drop", "w"]])
def test_a_table_without_a_job_is_taken_away_again(train: Any, played: Played, options: list[str]) -> None:
    ended = train(*options)
    assert ended.exit_code != 0
    assert "there is no column" in ended.stderr
    assert played.asked[-1] == ("delete", "d1")


def test_an_interrupt_cancels_the_job_and_keeps_nothing(train: Any, played: Played) -> None:
    played.ends = [KeyboardInterrupt(), ClientError("cancelled")]
    ended = train("--target", "y")
    assert (ended.exit_code, "--keep-best" in ended.stderr) == (130, True)
    assert played.asked[-2:] == [("cancel", "j1", False), ("delete", "d1")]


def test_an_interrupt_keeps_the_best_so_far_if_that_was_wished(train: Any, played: Played) -> None:
    played.ends = [KeyboardInterrupt(), JOB]
    ended = train("--target", "y", "--keep-best")
    assert (ended.exit_code, "my law" in ended.stdout) == (0, True)
    assert played.asked[-1] == ("cancel", "j1", True)


def test_a_second_interrupt_drops_the_best_as_well(train: Any, played: Played) -> None:
    played.ends = [KeyboardInterrupt(), KeyboardInterrupt(), ClientError("cancelled")]
    assert train("--target", "y", "--keep-best").exit_code == 130
    assert played.asked[-3:] == [("cancel", "j1", True), ("cancel", "j1", False), ("delete", "d1")]


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--target", "y", "--hidden", "ten"],
        ["--target", "y", "--server", "there"],
        ["--target", "y", "-x"],
        ["--target", "y", "--picture", "a.txt"],
    ],
)
def test_wrong_use_ends_with_two(train: Any, options: list[str]) -> None:
    assert train(*options).exit_code == 2
