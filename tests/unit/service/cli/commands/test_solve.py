"""``kan-service solve`` with a service that is only played."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.client import ApiError, ClientError
from tests.unit.service.cli.played import SOLUTION, Played

DECAY = {"unknowns": ["y"], "equations": ["Derivative(y(x), x) + y(x)"], "max_seconds": 60}


@pytest.fixture
def file(tmp_path: Path, played: Played) -> Path:
    played.trained = SOLUTION
    path = tmp_path / "decay.json"
    path.write_text(json.dumps(DECAY))
    return path


@pytest.mark.parametrize("kind", [{}, {"kind": "solve"}])
def test_the_body_in_the_file_is_the_job(typed: Any, played: Played, file: Path, kind: Any) -> None:
    file.write_text(json.dumps(DECAY | kind))
    ended = typed("solve", "decay.json")
    assert (ended.exit_code, "residuals: equations hold" in ended.stdout) == (0, True)
    assert played.asked == [("submit", None, DECAY | {"kind": "solve"})]
    assert played.drawn == ["solution"]


def test_options_have_the_last_word(typed: Any, played: Played, file: Path) -> None:
    options = ["--name", "decay", "--max-seconds", "5", "--no-formula", "--no-picture"]
    assert typed("solve", "decay.json", *options).exit_code == 0
    changes = {"name": "decay", "max_seconds": 5.0, "symbolic": False, "kind": "solve"}
    assert played.asked == [("submit", None, DECAY | changes)]
    assert played.drawn == []


def test_equations_come_from_standard_input_as_well(typed: Any, played: Played) -> None:
    played.trained = SOLUTION
    told = json.loads(typed("solve", "-", "--json", text=json.dumps(DECAY)).stdout)
    assert told["model"]["parameters"]["k"]["value"] == 0.25461
    assert played.asked == [("submit", None, DECAY | {"kind": "solve"})]


def test_measurements_are_a_table_of_their_own(typed: Any, played: Played, file: Path) -> None:
    (file.parent / "cool.csv").write_text("t,T\n")
    assert typed("solve", "decay.json", "--measurements", "cool.csv").exit_code == 0
    assert played.asked[0] == ("upload", "cool.csv")
    assert played.asked[1][2]["measurements"] == {"dataset_id": "d1"}


def test_measurements_without_a_job_are_taken_away_again(typed: Any, played: Played, file: Path) -> None:
    entry = {"pointer": "#/measurements", "detail": "no column 't'"}
    played.refusal = ApiError(422, "missing_columns", "no column 't'", [entry])
    (file.parent / "cool.csv").write_text("t,T\n")
    refused = typed("solve", "decay.json", "--measurements", "cool.csv")
    assert (refused.exit_code, "kan-service: --measurements: no column 't'" in refused.stderr) == (1, True)
    assert played.asked[-1] == ("delete", "d1")


@pytest.mark.parametrize(
    ("pointer", "detail", "told"),
    [
        ("#/equations/0", "unknown function 'z'", "decay.json: #/equations/0: unknown function 'z'"),
        ("#/domain", "the first: #/domain: required", "decay.json: the first: #/domain: required"),
        ("#/max_seconds", "may be at most 3600", "decay.json: #/max_seconds: may be at most 3600"),
        ("#/name", "leave @ out", "--name: leave @ out"),  # it comes from the option
    ],
)
def test_a_refusal_says_where_in_the_file(
    typed: Any, played: Played, file: Path, pointer: str, detail: str, told: str
) -> None:
    played.refusal = ApiError(422, "invalid", detail, [{"pointer": pointer, "detail": detail}])
    refused = typed("solve", "decay.json", "--name", "a@b")
    assert (refused.exit_code, refused.stderr) == (1, f"kan-service: {told}\n")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"unknowns": ["y",}', "is not valid JSON: "),
        ("[1]", "is not a JSON object; give one such as {"),
        ('{"kind": "train"}', "is a job of the kind 'train'; omit kind"),
    ],
)
def test_what_is_no_body_of_such_a_job_is_not_sent(
    typed: Any, played: Played, file: Path, content: str, told: str
) -> None:
    file.write_text(content)
    refused = typed("solve", "decay.json")
    assert (refused.exit_code, played.asked) == (1, [])
    assert refused.stderr.startswith(f"kan-service: decay.json {told}")


def test_bytes_that_are_no_text_are_said(typed: Any, file: Path) -> None:
    file.write_bytes(b"\xff\xfe{}")
    assert "decay.json is not valid JSON: " in typed("solve", "decay.json").stderr


@pytest.mark.parametrize("words", [["nothing.json"], [], ["decay.json", "--picture", "a.txt"]])
def test_wrong_use_ends_with_two(typed: Any, file: Path, words: list[str]) -> None:
    assert typed("solve", *words).exit_code == 2


def test_an_interrupt_cancels_the_job(typed: Any, played: Played, file: Path) -> None:
    played.ends = [KeyboardInterrupt(), ClientError("cancelled")]
    ended = typed("solve", "decay.json")
    assert (ended.exit_code, "nothing is kept" in ended.stderr) == (130, True)
    assert played.asked[-1] == ("cancel", "j1", False)
