"""Laws of ingestion: a table means the same however it is written down."""

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.errors import ServiceError
from service.ingest import IngestedTable, read_columns, read_rows, read_upload
from service.settings import Settings

SETTINGS = Settings(data_dir=Path(tempfile.gettempdir()))

numbers = st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=8)
letters = st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\t\n")
words = st.text(letters, max_size=8).map(lambda word: f"w{word}w")  # no number, no word for missing
tables = st.integers(1, 6).flatmap(
    lambda rows: st.fixed_dictionaries(
        {
            "n": st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=rows, max_size=rows),
            "i": st.lists(st.integers(-(2**63), 2**63 - 1), min_size=rows, max_size=rows),
            "w": st.lists(words, min_size=rows, max_size=rows),
            "b": st.lists(st.booleans(), min_size=rows, max_size=rows),
        }
    )
)


def as_csv(columns: dict[str, list[Any]], separator: str, newline: str, quoting: int) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator=newline, quoting=quoting)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def same(table: IngestedTable, columns: dict[str, list[Any]]) -> bool:
    """Equal to the last bit, the sign of zero included; integers may have become decimals."""
    return all(
        repr(list(map(float, table.frame[name]))) == repr(list(map(float, columns[name]))) for name in "ni"
    ) and all(table.frame[name].to_list() == columns[name] for name in "wb")


@given(
    tables,
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_csv_gives_back_what_was_written(
    columns: dict[str, list[Any]], separator: str, newline: str, quoting: int
) -> None:
    table = read_upload(io.BytesIO(as_csv(columns, separator, newline, quoting)), "t.csv", SETTINGS)
    assert same(table, columns)


@given(tables)
def test_columns_rows_and_parquet_give_the_same_table(columns: dict[str, list[Any]]) -> None:
    by_columns = read_columns(columns, SETTINGS)
    by_rows = read_rows(
        [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)], SETTINGS
    )
    file = io.BytesIO()
    by_columns.frame.write_parquet(file)
    assert by_columns.frame.equals(by_rows.frame)
    assert read_upload(file, None, SETTINGS).frame.equals(by_columns.frame)
    assert same(by_columns, columns)


@given(numbers)
def test_the_report_agrees_with_numpy(values: list[float | None]) -> None:
    (report,) = read_columns({"x": values}, SETTINGS).columns
    present = np.array([value for value in values if value is not None])
    assert report.missing == len(values) - len(present)
    assert report.distinct == len(np.unique(present))
    if len(present):
        assert (report.min, report.max) == (present.min(), present.max())


def outcome(content: bytes, filename: str) -> int:
    """The status that an upload gets."""
    try:
        read_upload(io.BytesIO(content), filename, SETTINGS)
    except ServiceError as error:
        return error.status
    return 201


@given(st.binary(max_size=300), st.sampled_from(["a.csv", "a.jsonl", "a.parquet", "a.csv.gz"]))
@example(b"\xc9\xac\xfe\x9b\xa5", "a.csv")  # in none of the encodings that were told apart
@settings(max_examples=300)
def test_any_bytes_are_a_table_or_refused(content: bytes, filename: str) -> None:
    assert outcome(content, filename) in (201, 413, 422)


@given(st.text(st.sampled_from('ab1,;|\t"\n\r.- ^$\u00e9'), max_size=60))
@settings(max_examples=300)
def test_any_text_is_a_table_or_refused(content: str) -> None:
    assert outcome(content.encode(), "a.csv") in (201, 422)
