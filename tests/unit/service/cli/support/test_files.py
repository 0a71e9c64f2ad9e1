import gzip
from pathlib import Path

import polars as pl
import pytest

from service.cli.support.errors import UnusableInput
from service.cli.support.files import find_unused_path, make_file_name, read_columns

ROWS = {"x": [1.5, None], "kind": ["a", "b"]}


def written(folder: Path, name: str) -> Path:
    path = folder / name
    frame = pl.DataFrame(ROWS)
    plain = path.with_name(name.removesuffix(".gz"))
    if plain.suffix == ".parquet":
        frame.write_parquet(plain)
    elif plain.suffix == ".jsonl":
        plain.write_text('{"x": 1.5, "kind": "a"}\n\n{"kind": "b"}\n')
    else:
        frame.write_csv(plain, separator="\t" if plain.suffix == ".tsv" else ",")
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


@pytest.mark.parametrize(
    "name", ["a.csv", "a.TSV", "a.tsv", "a.jsonl", "a.parquet", "a.csv.gz", "a.tsv.gz", "a.jsonl.gz"]
)
def test_rows_are_read_from_every_kind_of_file(tmp_path: Path, name: str) -> None:
    assert read_columns(written(tmp_path, name.replace("TSV", "tsv"))) == ROWS


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "", "cannot be read"),
        ("a.parquet", "no parquet", "cannot be read"),
        ("a.jsonl", '{"x": 1}\n{"x"\n', "line 2 is not a JSON object"),
        ("a.txt", "1,2\n", "line 1 is not a JSON object"),
    ],
)
def test_what_is_no_table_is_said_with_its_place(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UnusableInput, match=told):
        read_columns(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("law", "law"),
        ("../../etc", "etc"),
        ("my law@live", "my_law_live"),
        ("größe", "größe"),
        ("..", "model"),
    ],
)
def test_a_name_leads_to_no_other_folder(name: str, file: str) -> None:
    assert make_file_name(name) == file


def test_a_number_is_added_to_a_name_that_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    assert find_unused_path(path) == path
    path.touch()
    (tmp_path / "a-2.svg").touch()
    assert find_unused_path(path).name == "a-3.svg"
