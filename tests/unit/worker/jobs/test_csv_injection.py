"""CSV files that a spreadsheet computes nothing of, and that read back as they were."""

import csv
import io
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.jobs.csv_injection import neutralize_formulas

TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n")
TEXTS = st.text(
    st.sampled_from("=+-@\t\r\n \u00a0'\",;a1é＝") | st.characters(codec="utf-8", exclude_characters="\0"),
    max_size=8,
)


def written(frame: pl.DataFrame) -> list[list[str]]:
    """Header and rows as a CSV reader has them."""
    file = io.BytesIO()
    neutralize_formulas(frame.lazy()).sink_csv(file)
    return list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))


def begins_a_formula(text: str) -> bool:
    return text.lstrip(" \u00a0").startswith(TRIGGERS)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@A1", "\tx", "\rx", "\nx", " =1", "\u00a0\u00a0=cmd|' /C calc'!A0", " \t=1", "＝1"],
)
def test_a_text_that_would_be_computed_begins_with_an_apostrophe(text: str) -> None:
    assert written(pl.DataFrame({"a": [text], text: ["b"]})) == [["a", f"'{text}"], [f"'{text}", "b"]]


@pytest.mark.parametrize("text", ["a=1", "1-1", "'=1", "", "a\n=1", "é", '"=1"'])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert written(pl.DataFrame({"a": [text], "b": ["x"]}))[1] == [text, "x"]


def test_numbers_booleans_and_times_are_no_texts() -> None:
    frame = pl.DataFrame({"n": [-1.5], "i": [-3], "b": [True], "t": [datetime(2024, 1, 2, 3)], "m": [None]})
    assert written(frame)[1] == ["-1.5", "-3", "true", "2024-01-02T03:00:00.000000", ""]


def test_names_of_columns_stay_different() -> None:
    assert written(pl.DataFrame({"=a": [1], "'=a": [2], "''=a": [3]}))[0] == ["'''=a", "'=a", "''=a"]


@settings(max_examples=20)
@given(st.lists(st.tuples(TEXTS, TEXTS | st.none()), min_size=1, max_size=20))
@example([('=1,"2"\r\n', None)])
def test_every_text_reads_back_and_none_begins_a_formula(rows: list[tuple[str, Any]]) -> None:
    header, *cells = written(
        pl.DataFrame(rows, schema={"first": pl.String, "second": pl.String}, orient="row")
    )
    assert header == ["first", "second"]
    for row, found in zip(rows, cells, strict=True):
        for text, cell in zip(row, found, strict=True):
            assert not begins_a_formula(cell)
            assert cell in (text or "", f"'{text}")
