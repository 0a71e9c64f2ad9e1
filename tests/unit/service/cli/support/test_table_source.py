"""Tables of commands: files, standard input, and datasets that the service already has."""

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from service.client import ApiError, ClientError
from tests.unit.service.cli.played import DATASET, Played

TRAIN = ("train", "heights", "--target", "y", "--no-picture")


@pytest.fixture
def stored(played: Played) -> Played:
    played.stored = {"heights": [DATASET], "d1": [DATASET]}
    return played


def test_a_dataset_is_trained_on_without_another_upload(typed: Any, stored: Played) -> None:
    assert typed(*TRAIN).exit_code == 0
    assert stored.asked == [("submit", "y", {})]


def test_the_newest_of_several_datasets_is_named(typed: Any, stored: Played) -> None:
    assert "several datasets" not in typed(*TRAIN).stderr
    stored.stored["heights"] *= 2
    stored.ends *= 2
    assert "several datasets have the name 'heights'; this is the newest, d1" in typed(*TRAIN).stderr


@pytest.mark.parametrize("end", ["refused", "interrupted"])
def test_a_dataset_that_was_there_before_stays(typed: Any, stored: Played, end: str) -> None:
    if end == "refused":
        stored.refusal = ApiError(422, "cost_too_high", "too large")
    stored.ends = [KeyboardInterrupt(), ClientError("cancelled")]
    assert typed(*TRAIN).exit_code != 0
    assert ("delete", "d1") not in stored.asked


def test_a_file_comes_before_a_dataset_of_its_name(typed: Any, stored: Played, tmp_path: Path) -> None:
    (tmp_path / "heights").write_text("x1,y\n")
    assert typed(*TRAIN).exit_code == 0
    assert stored.asked[0] == ("upload", "heights")


def test_units_of_a_stored_dataset_are_changed_elsewhere(typed: Any, stored: Played) -> None:
    ended = typed(*TRAIN, "--unit", "x1=m")
    assert (ended.exit_code, "kan-service datasets change heights --unit" in ended.stderr) == (2, True)
    assert stored.asked == []


@pytest.mark.parametrize(
    "option",
    [
        ("--missing", "-999"),
        ("--repeated-rows", "drop"),
        ("--swap-day-and-month", "day"),
        ("--encoding", "cp1251"),
    ],
)
def test_values_of_a_stored_dataset_are_not_changed(
    typed: Any, stored: Played, option: tuple[str, str]
) -> None:
    ended = typed(*TRAIN, *option)
    assert ended.exit_code == 2
    assert option[0] in ended.stderr
    assert "only an upload changes values" in " ".join(ended.stderr.replace("│", " ").split())
    assert stored.asked == []


@pytest.mark.parametrize(
    ("table", "code", "told"),
    [
        ("weights", 1, "there is neither a file nor a dataset 'weights'; 'kan-service datasets list'"),
        ("weights.csv", 2, "file 'weights.csv' does not exist"),
        ("data/weights", 2, "file 'data/weights' does not exist"),
        (".", 2, "'.' is a folder"),
    ],
)
def test_what_is_no_table_is_told(typed: Any, stored: Played, table: str, code: int, told: str) -> None:
    ended = typed("train", table, "--target", "y")
    assert (ended.exit_code, told in ended.stderr, stored.asked) == (code, True, [])


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"x1,y\n1,2\n", "stdin.csv"),
        (b"x1\ty\n1\t2\n", "stdin.tsv"),
        (b'\xef\xbb\xbf{"x1": 1}\n', "stdin.jsonl"),
        (gzip.compress(b"x1,y\n1,2\n", mtime=0), "stdin.csv.gz"),
        (b"\x1f\x8b no gzip", "stdin.csv.gz"),
        (b"", "stdin.csv"),
    ],
)
def test_standard_input_has_the_format_of_its_content(
    typed: Any, played: Played, content: bytes, name: str
) -> None:
    assert typed("train", "-", "--target", "y", "--no-picture", text=content).exit_code == 0
    assert played.asked[0] == ("upload", name)


def test_parquet_comes_from_standard_input_as_well(typed: Any, played: Played, tmp_path: Path) -> None:
    pl.DataFrame({"x1": [1.0]}).write_parquet(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    typed("train", "-", "--target", "y", "--no-picture", text=content)
    assert played.asked[0] == ("upload", "stdin.parquet")


def test_standard_input_is_read_only_once(typed: Any, played: Played) -> None:
    ended = typed("solve", "-", "--measurements", "-", text="{}")
    assert (ended.exit_code, "--measurements" in ended.stderr, played.asked) == (2, True, [])
