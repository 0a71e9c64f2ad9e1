"""Tables as JSON Lines, as columns and as rows: one type per column, the client's own."""

import io
from pathlib import Path
from typing import Any

import pytest

from service.errors import Invalid
from service.ingest import IngestedTable, read_columns, read_rows, read_upload
from service.ingest.limits import DEFAULT_INGEST
from service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, max_columns=5, max_rows=30_000)


def read_lines(content: str | bytes, settings: Settings) -> IngestedTable:
    content = content.encode() if isinstance(content, str) else content
    return read_upload(io.BytesIO(content), "data.jsonl", settings)


def kinds(table: IngestedTable) -> list[str]:
    return [column.type for column in table.columns]


def test_columns_keep_their_types(settings: Settings) -> None:
    columns = {"i": [1, None], "n": [1, 2.5], "b": [True, None], "c": ["a", "b"], "t": ["2024-01-01", None]}
    table = read_columns(columns, settings)
    assert kinds(table) == ["integer", "number", "boolean", "category", "datetime"]
    assert table.frame.drop("t").rows() == [(1, 1.0, True, "a"), (None, 2.5, None, "b")]


def test_rows_may_lack_fields(settings: Settings) -> None:
    assert read_rows([{"x": 1}, {"y": 2.5}], settings).frame.rows() == [(1, None), (None, 2.5)]


def test_a_column_of_nulls_is_a_column_of_missing_numbers(settings: Settings) -> None:
    table = read_columns({"x": [None, None], "y": [1, 2]}, settings)
    assert kinds(table) == ["number", "integer"]


def test_integers_beyond_64_bits_become_decimals(settings: Settings) -> None:
    assert read_columns({"x": [2**64, 1]}, settings).frame["x"].to_list() == [2.0**64, 1.0]


def test_numbers_in_quotes_stay_text_with_a_warning(settings: Settings) -> None:
    table = read_columns({"x": ["1", "2"]}, settings)
    assert kinds(table) == ["category"]
    assert [w.code for w in table.warnings] == ["numbers_as_text"]


def test_lines_of_objects_are_read_and_blank_ones_skipped(settings: Settings) -> None:
    table = read_lines('{"x": 1, "c": "a"}\r\n\n{"c": "b", "x": 2}', settings)
    assert table.frame.rows() == [(1, "a"), (2, "b")]


def test_a_type_may_widen_and_a_name_appear_in_a_later_block(settings: Settings) -> None:
    content = '{"x": null}\n' + '{"x": 1}\n' * 20_000 + '{"x": 1.5, "y": "late"}\n'
    table = read_lines(content, settings)
    assert table.frame.shape == (20_002, 2)
    assert kinds(table) == ["number", "category"]


def test_texts_of_earlier_blocks_count_against_the_memory_of_a_table(tmp_path: Path) -> None:
    rows = 20_000  # of a block
    line = '{"a": "' + 100 * "x" + '"}\n'
    small = Settings(data_dir=tmp_path, max_memory_bytes=4 * DEFAULT_INGEST.cell_bytes * rows)
    assert read_lines(rows * line, small).frame.height == rows
    with pytest.raises(Invalid, match="over the limit"):
        read_lines((rows + 1) * line, small)


def test_lines_in_windows_text_are_read_with_a_warning(settings: Settings) -> None:
    table = read_lines('{"x": "ä"}\n{"x": "b"}\n'.encode("cp1252"), settings)
    assert table.frame["x"].to_list() == ["ä", "b"]
    assert table.warnings[0].code == "encoding"


def test_a_lone_infinity_in_lines_is_refused_not_dropped(settings: Settings) -> None:
    with pytest.raises(Invalid) as refused:
        read_lines('{"x": 1}\n\n{"x": Infinity}\n', settings)
    assert (refused.value.code, refused.value.errors[0].place["line"]) == ("not_a_number", 3)


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ('{"x": 1}\n{"x": "a"}\n', "mixed_types", 2),
        ('{"x": 1}\n\n{"x": true}\n', "mixed_types", 3),
        ('{"x": 1}\n{"x": [1]}\n', "nested_value", 2),
        ('{"x": 1}\n3\n', "not_an_object", 2),
        ('{"x": 1}\n{"x": 1, "x": 2}\n', "duplicate_key", 2),
        ('{"x": 1}\n{"x": \n', "malformed_json", 2),
        ('{"x": 1}\n' * 20_000 + '{"x": "a"}\n', "mixed_types", 20_001),
    ],
)
def test_a_bad_line_is_named(content: str, code: str, line: int, settings: Settings) -> None:
    with pytest.raises(Invalid) as refused:
        read_lines(content, settings)
    assert (refused.value.code, refused.value.errors[0].place["line"]) == (code, line)


def test_unreadable_json_is_placed_once_by_its_line_and_column(settings: Settings) -> None:
    with pytest.raises(Invalid) as refused:
        read_lines('{"x": 1}\n  {"x" 1}\n', settings)
    assert refused.value.detail.startswith("line 2: the JSON cannot be read at column 8: ")
    assert "line 1" not in refused.value.detail


def test_a_line_without_end_is_not_read_into_memory(settings: Settings) -> None:
    with pytest.raises(Invalid, match=r"line 1 is over .*; put each object on a line of its own") as refused:
        read_lines('{"x": "' + "a" * 17 * 2**20 + '"}', settings)
    assert refused.value.errors[0].code == "line_too_long"


@pytest.mark.parametrize(
    ("columns", "code", "pointer"),
    [
        ({"x": [1, 2], "y": [1]}, "ragged_columns", "#/columns/y"),
        ({"x": [1, "a"]}, "mixed_types", "#/columns/x/1"),
        ({"x": [None, 1, True]}, "mixed_types", "#/columns/x/2"),
        ({"x/y": [1, {}]}, "nested_value", "#/columns/x~1y/1"),
    ],
)
def test_a_bad_value_in_columns_is_pointed_at(
    columns: dict[str, list[Any]], code: str, pointer: str, settings: Settings
) -> None:
    with pytest.raises(Invalid) as refused:
        read_columns(columns, settings)
    assert refused.value.code == code
    assert [(entry.code, entry.place["pointer"]) for entry in refused.value.errors] == [(code, pointer)]


def test_a_column_without_a_name_is_refused_in_words_that_fit_a_body(settings: Settings) -> None:
    with pytest.raises(Invalid, match=r"a column has no name; give every column one$"):
        read_columns({"": [1]}, settings)


@pytest.mark.parametrize(
    ("rows", "code", "pointer"),
    [
        ([{"x": 1}, 2], "not_an_object", "#/rows/1"),
        ([{"x": 1}, {"x": "a"}], "mixed_types", "#/rows/1/x"),
        ([{"x": 1}, {"x": None}, {"x": [1]}], "nested_value", "#/rows/2/x"),
    ],
)
def test_a_bad_value_in_rows_is_pointed_at(
    rows: list[Any], code: str, pointer: str, settings: Settings
) -> None:
    with pytest.raises(Invalid) as refused:
        read_rows(rows, settings)
    assert (refused.value.code, refused.value.errors[0].place["pointer"]) == (code, pointer)


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({}, "no_columns"),
        ({"x": []}, "no_rows"),
        ({"": [1]}, "column_names"),
        ({"x": [1], " x": [2]}, "column_names"),
        ({"x": [1], "^x$": [2]}, "column_names"),
        ({f"x{n}": [1] for n in range(6)}, "too_many_columns"),
        ({"x": [1] * 30_001}, "too_many_rows"),
    ],
)
def test_what_is_no_table_is_refused(columns: dict[str, list[Any]], code: str, settings: Settings) -> None:
    with pytest.raises(Invalid) as refused:
        read_columns(columns, settings)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], "no_rows"),
        ([{}], "no_columns"),
        ([{f"x{n}": 1} for n in range(6)], "too_many_columns"),
        ([{"x": 1, " x": 2}], "column_names"),
    ],
)
def test_rows_that_are_no_table_are_refused(rows: list[Any], code: str, settings: Settings) -> None:
    with pytest.raises(Invalid) as refused:
        read_rows(rows, settings)
    assert refused.value.code == code
