"""Parquet: types from the file, limits from its footer."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from service.errors import Invalid
from service.ingest import IngestedTable, read_upload, write_parquet
from service.ingest.corrections import Corrections
from service.ingest.date_formats import KEY
from service.ingest.limits import DEFAULT_INGEST
from service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, max_columns=20, max_rows=100)


def parquet(columns: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


def read(content: bytes, settings: Settings) -> IngestedTable:
    return read_upload(io.BytesIO(content), "data.csv", settings)  # the name is only a hint


def refusal(content: bytes, settings: Settings) -> Invalid:
    with pytest.raises(Invalid) as refused:
        read(content, settings)
    return refused.value


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        (pl.Series([1, 2], dtype=pl.Int8), "integer", [1, 2]),
        (pl.Series([1, 2], dtype=pl.UInt64), "number", [1.0, 2.0]),
        (pl.Series([1.5, None], dtype=pl.Float32), "number", [1.5, None]),
        (pl.Series([1.5, float("nan")]), "number", [1.5, None]),
        (pl.Series(["1.10", "2.20"]).cast(pl.Decimal(6, 2)), "number", [1.1, 2.2]),
        (pl.Series([True, None]), "boolean", [True, None]),
        (pl.Series(["a", "b"], dtype=pl.Categorical), "category", ["a", "b"]),
        (pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])), "category", ["a", "b"]),
        (pl.Series([date(2024, 1, 1), None]), "datetime", [datetime(2024, 1, 1), None]),
        (pl.Series([datetime(2024, 1, 1, 12, tzinfo=UTC)] * 2), "datetime", [datetime(2024, 1, 1, 12)] * 2),
        (pl.Series([timedelta(minutes=1), None]), "number", [60.0, None]),
        (pl.Series([None, None]), "number", [None, None]),
    ],
)
def test_types_come_from_the_file(
    values: pl.Series, kind: str, stored: list[Any], settings: Settings
) -> None:
    table = read(parquet({"x": values}), settings)
    assert table.columns[0].type == kind
    assert table.frame["x"].to_list() == stored


def test_infinities_count_as_missing_and_are_reported(settings: Settings) -> None:
    table = read(parquet({"x": [1.0, float("inf")], "y": [1, 2]}), settings)
    assert table.frame["x"].to_list() == [1.0, None]
    assert (table.warnings[0].code, table.warnings[0].row) == ("infinite", 1)


@pytest.mark.parametrize("values", [[[1], [2]], [{"a": 1}, {"a": 2}], [b"a", b"b"]])
def test_nested_and_binary_columns_are_refused_by_name(values: list[Any], settings: Settings) -> None:
    refused = refusal(parquet({"fine": [1, 2], "odd": values}), settings)
    assert (refused.code, refused.errors[0].place["column"]) == ("unknown_type", "odd")


NO_TABLES = {
    "only the beginning": (b"PAR1", "unreadable_parquet"),
    "junk": (b"PAR1" + b"junk" * 100 + b"PAR1", "unreadable_parquet"),
    "cut off": (parquet({"x": list(range(100))})[:-10], "unreadable_parquet"),
    "empty": (parquet({"x": pl.Series([], dtype=pl.Int64)}), "no_rows"),
    "long": (parquet({"x": list(range(101))}), "too_many_rows"),
    "wide": (parquet({f"x{n}": [1] for n in range(21)}), "too_many_columns"),
    "twice": (parquet({"x": [1], " x": [2]}), "column_names"),
    "nul in a text": (parquet({"x": ["a\0b"]}), "nul_character"),
    "a pattern for a name": (parquet({"x": [1], "^x$": [1]}), "column_names"),
    "nul in a name": (parquet({"x\0": [1]}), "column_names"),
}


@pytest.mark.parametrize(("content", "code"), NO_TABLES.values(), ids=NO_TABLES.keys())
def test_what_is_no_table_is_refused(content: bytes, code: str, settings: Settings) -> None:
    assert refusal(content, settings).code == code


def test_damage_anywhere_in_the_file_never_gets_past(settings: Settings) -> None:
    whole = parquet({"x": list(range(100)), "y": ["a", "b"] * 50})
    for position in range(4, len(whole) - 4, 7):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        try:
            read(bytes(damaged), settings)
        except Invalid as error:
            assert error.detail  # noqa: PT017


def test_numbers_leave_room_for_more_cells_than_texts(tmp_path: Path) -> None:
    small = Settings(data_dir=tmp_path, max_memory_bytes=DEFAULT_INGEST.number_cell_bytes * 10)
    assert read(parquet({"x": [1.0] * 10}), small).frame.height == 10
    assert refusal(parquet({"x": [1.0] * 11}), small).code == "too_many_cells"
    assert refusal(parquet({"x": ["a"] * 10}), small).code == "too_many_cells"


@pytest.mark.parametrize(
    ("cell", "form"),
    [("31.12.2026", "%d.%m.%Y"), ("12/31/2026 18:05", "%m/%d/%Y %H:%M"), ("31 Dec 2026", "%d %b %Y")],
)
def test_a_table_that_is_uploaded_again_keeps_the_format_of_its_dates(
    cell: str, form: str, settings: Settings
) -> None:
    kept = upload_again(read_upload(io.BytesIO(f"t;y\n{cell};1\n;2".encode()), "t.csv", settings), settings)
    assert kept.columns[0].form == form
    assert [(told.code, told.form) for told in kept.warnings] == [("date_form", form)]
    assert cell in kept.warnings[0].detail


def test_times_of_day_keep_their_format(settings: Settings) -> None:
    kept = upload_again(read_upload(io.BytesIO(b"t,y\n18:05,1\n09:30,2"), "t.csv", settings), settings)
    assert kept.columns[0].form == "%H:%M"
    assert kept.warnings[0].detail == "times of day were read, as in '18:05'"


def test_a_doubt_about_dates_is_kept_until_they_are_exchanged(settings: Settings) -> None:
    table = read_upload(io.BytesIO(b"t,y\n01/02/2026,1\n03/04/2026,2"), "t.csv", settings)
    kept = upload_again(table, settings)
    assert [told.code for told in kept.warnings] == ["date_form", "ambiguous_dates"]
    assert kept.warnings[1] == replace(table.warnings[1], line=None)
    swapped = upload_again(kept, settings, corrections=Corrections(swapped_dates=("t",)))
    again = upload_again(swapped, settings)
    assert [told.code for told in again.warnings] == ["date_form"]
    assert {kept.columns[0].form, again.columns[0].form} == {"%d/%m/%Y", "%m/%d/%Y"}


@pytest.mark.parametrize(
    "told",
    [
        '{"forms": {"t": "%d.%m.%Y"}}',  # would lose the time
        '{"forms": {"t": "%H:%M"}}',  # would lose the day
        '{"forms": {"t": "%d %Q"}}',
        '{"forms": {"t": 3, "z": "%d.%m.%Y"}, "doubtful": ["t"]}',
        '{"forms": 3, "doubtful": 3}',
        '["t"]',
        "{",
    ],
)
def test_a_format_of_dates_that_does_not_fit_is_ignored(told: str, settings: Settings) -> None:
    file = io.BytesIO()
    pl.DataFrame({"t": [datetime(2026, 5, 4, 18, 5)]}).write_parquet(file, metadata={KEY: told})
    table = read(file.getvalue(), settings)
    assert table.columns[0].form is None
    assert table.frame["t"].to_list() == [datetime(2026, 5, 4, 18, 5)]


def upload_again(table: IngestedTable, settings: Settings, **rules: Any) -> IngestedTable:
    file = io.BytesIO()
    write_parquet(table, file)
    file.seek(0)
    return read_upload(file, "data.parquet", settings, **rules)
