"""CSV as people write it."""

import io
from pathlib import Path
from typing import Any

import pytest

from service.documents.column_report import ColumnReport, ValueCount
from service.errors import Invalid
from service.ingest import IngestedTable, read_upload
from service.ingest.corrections import Corrections
from service.ingest.limits import DEFAULT_INGEST
from service.ingest.table_warnings import TableWarning
from service.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, max_columns=2_000, max_rows=100)


def read(content: str | bytes, settings: Settings, filename: str = "data.csv", **rules: Any) -> IngestedTable:
    content = content.encode() if isinstance(content, str) else content
    return read_upload(io.BytesIO(content), filename, settings, **rules)


def refusal(content: str | bytes, settings: Settings, filename: str = "data.csv") -> Invalid:
    with pytest.raises(Invalid) as refused:
        read(content, settings, filename)
    return refused.value


def warning(table: IngestedTable, code: str) -> TableWarning:
    return next(warning for warning in table.warnings if warning.code == code)


def codes(table: IngestedTable) -> list[str]:
    return [warning.code for warning in table.warnings]


def test_a_plain_file_is_read_without_a_word(settings: Settings) -> None:
    table = read("x,y\n1,0.5\n2,-1e-3\n", settings)
    assert table.frame.rows() == [(1, 0.5), (2, -0.001)]
    assert table.warnings == []


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "vertical bar")])
def test_other_separators_are_found_and_reported(separator: str, name: str, settings: Settings) -> None:
    table = read(f"x{separator}y\n1{separator}2\n3{separator}4\n", settings)
    assert table.frame.rows() == [(1, 2), (3, 4)]
    assert name in warning(table, "separator").detail


def test_a_separator_in_quotes_separates_nothing(settings: Settings) -> None:
    table = read('name;size\n"a,b";1\n"c,d";2\n', settings)
    assert table.frame.columns == ["name", "size"]


def test_the_ending_decides_between_equally_good_separators(settings: Settings) -> None:
    content = "a,b\tc\n1,2\t3\n"
    assert read(content, settings, "t.tsv").frame.columns == ["a,b", "c"]
    assert read(content, settings, "t.csv").frame.columns == ["a", "b\tc"]


def test_the_separator_is_found_in_a_file_with_a_broken_row(settings: Settings) -> None:
    assert refusal("a;b;c\n1;2;3\n1;2\n1;2;3\n", settings).errors[0].place["line"] == 3


def test_decimal_commas_are_read_and_reported(settings: Settings) -> None:
    table = read("x;y\n1,5;-2\n1.234,25;3,1e2\n", settings)
    assert table.frame.rows() == [(1.5, -2.0), (1234.25, 310.0)]
    found = warning(table, "decimal_comma")
    assert found == TableWarning(code="decimal_comma", column="x", row=0, line=2, detail=found.detail)


def test_quoted_decimal_commas_are_read_between_commas(settings: Settings) -> None:
    table = read('x,y\n"1,5",1\n"2,25",2\n', settings)
    assert table.frame["x"].to_list() == [1.5, 2.25]


def test_marks_between_thousands_are_read_and_reported(settings: Settings) -> None:
    table = read('x,y\n"1,234",1\n"1,234,567.5",2\n', settings)
    assert table.frame["x"].to_list() == [1234.0, 1234567.5]
    assert "thousands_comma" in codes(table)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_line_end_is_understood(newline: str, settings: Settings) -> None:
    assert read(newline.join(["x,y", "1,2", "3,4"]), settings).frame.rows() == [(1, 2), (3, 4)]


def test_quoted_newlines_and_quotes_are_part_of_the_cell(settings: Settings) -> None:
    assert read('x,y\n"a\nb",1\n"say ""c""",2\n', settings).frame["x"].to_list() == ["a\nb", 'say "c"']


def test_blank_lines_are_skipped(settings: Settings) -> None:
    assert read("\nx,y\n\n1,2\n   \n3,4\n\n", settings).frame.rows() == [(1, 2), (3, 4)]


def test_columns_without_a_name_and_a_value_are_left_out_with_a_note(settings: Settings) -> None:
    table = read("x;y;;\n1;2;;\n3;4; ;\n", settings)
    assert table.frame.columns == ["x", "y"]
    assert table.frame.rows() == [(1, 2), (3, 4)]
    assert "2 columns" in warning(table, "empty_columns").detail


def test_thousands_of_empty_columns_are_within_the_limit_of_columns(settings: Settings) -> None:
    assert read("x,y" + "," * 16_000 + "\n1,2" + "," * 16_000 + "\n", settings).frame.shape == (1, 2)


def test_rows_without_a_value_are_left_out_with_a_note_and_move_no_line(settings: Settings) -> None:
    table = read("x,y\n1,2\n,\nerror,4\n5,6\n7,7\n , \n", settings)
    assert table.frame.rows() == [("1", 2), ("error", 4), ("5", 6), ("7", 7)]
    found = warning(table, "empty_rows")
    assert (found.line, found.detail.split(",")[0]) == (3, "2 rows without any value were left out")
    assert warning(table, "mixed_types").line == 4


def test_empty_cells_beyond_the_header_are_no_cells(settings: Settings) -> None:
    assert read("x,y\n1,2,\n3,4,,\n", settings).frame.rows() == [(1, 2), (3, 4)]


def test_a_column_without_a_name_may_hold_nothing(settings: Settings) -> None:
    refused = refusal("x,,y,\n1,,2,\n1,,2,5\n1,7,2,\n", settings)
    assert refused.code == "column_names"
    assert [(e.place["column_number"], e.place["line"]) for e in refused.errors] == [(2, 4), (4, 3)]


def test_a_file_of_empty_rows_has_no_rows(settings: Settings) -> None:
    assert refusal("x,y\n,\n,\n", settings).code == "no_rows"


def test_a_byte_order_mark_is_no_part_of_the_first_name(settings: Settings) -> None:
    assert read("x,y\n1,2\n".encode("utf-8-sig"), settings).frame.columns == ["x", "y"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_text_with_wide_characters_is_read_with_a_warning(encoding: str, settings: Settings) -> None:
    table = read("größe,y\nä,2\nö,3\n".encode(encoding), settings)
    assert table.frame["größe"].to_list() == ["ä", "ö"]
    assert encoding in warning(table, "encoding").detail


def test_windows_text_is_read_with_a_warning_that_names_the_line(settings: Settings) -> None:
    table = read("x,y\na,1\n€,2\n".encode("cp1252"), settings)
    assert table.frame["x"].to_list() == ["a", "€"]
    assert warning(table, "encoding").line == 3


def test_russian_windows_text_keeps_its_letters(settings: Settings) -> None:
    table = read("Город;длина (м)\nТверь;1\nУфа;2\n".encode("cp1251"), settings)
    assert table.frame.columns == ["Город", "длина (м)"]
    assert table.frame["Город"].to_list() == ["Тверь", "Уфа"]
    assert "cp1251" in warning(table, "encoding").detail


@pytest.mark.parametrize("name", ["Größe", "température", "année", "cañón", "°C", "«œuvre»", "MÄRZ"])
def test_letters_of_western_europe_are_not_taken_for_russian(name: str, settings: Settings) -> None:
    assert read(f"{name},y\n1,2\n".encode("cp1252"), settings).frame.columns == [name, "y"]


@pytest.mark.parametrize("word", ["", "  ", "NA", "n/a", "NaN", "null", "None", "?", "-"])
def test_words_for_missing_values_are_missing(word: str, settings: Settings) -> None:
    assert read(f"x,y\n1,1\n{word},2\n", settings).frame["x"].to_list() == [1, None]


def test_words_for_missing_values_are_reported_but_empty_cells_are_not(settings: Settings) -> None:
    table = read("x,y\n1,\n2,3\nna,4\n-,5\n", settings)
    (found,) = [warning for warning in table.warnings if warning.code == "missing_words"]
    assert (found.column, found.line) == ("x", 4)
    assert "'-', 'na', 2 in all" in found.detail


def test_a_few_words_among_numbers_are_reported_with_their_line(settings: Settings) -> None:
    table = read('x,y\n1,"a\nb"\n2,c\nerror,d\n', settings)
    assert table.columns[0].type == "category"
    found = warning(table, "mixed_types")
    assert (found.column, found.row, found.line) == ("x", 2, 5)
    assert "'error'" in found.detail


def test_infinities_count_as_missing_and_are_reported(settings: Settings) -> None:
    table = read("x,y\n1,2\ninf,3\n1e999,4\n", settings)
    assert table.frame["x"].to_list() == [1.0, None, None]
    assert warning(table, "infinite").line == 3


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (("1", "-2"), "integer", [1, -2]),
        (("1.0", "2"), "number", [1.0, 2.0]),
        (("1e3", ".5"), "number", [1000.0, 0.5]),
        (("TRUE", "false"), "boolean", [True, False]),
        (("red", "blue"), "category", ["red", "blue"]),
        (("0x10", "1_000"), "category", ["0x10", "1_000"]),
        (("9223372036854775808", "1"), "number", [2.0**63, 1.0]),
    ],
)
def test_a_column_has_the_narrowest_type_that_holds(
    cells: tuple[str, str], kind: str, values: list[Any], settings: Settings
) -> None:
    table = read(f"x,y\n{cells[0]},1\n{cells[1]},2\n", settings)
    assert table.columns[0].type == kind
    assert table.frame["x"].to_list() == values


@pytest.mark.parametrize(
    "cell",
    [
        "2024-02-29",
        "2024-02-29 12:30",
        "2024/02/29 12:30:15",
        "2024-02-29T12:30:15.5",
        "2024-02-29T12:30+02:00",
        "2024-02-29T12:30:15Z",
    ],
)
def test_dates_and_times_are_recognised(cell: str, settings: Settings) -> None:
    assert read(f"t,y\n{cell},1\n,2\n", settings).columns[0].type == "datetime"


def test_times_with_a_zone_are_kept_in_utc(settings: Settings) -> None:
    table = read("t,y\n2024-02-29T12:30+02:00,1\n", settings)
    assert table.columns[0].min == "2024-02-29T10:30:00"


@pytest.mark.parametrize("cell", ["2024-02-30", "30.02.2024", "2024-13-01"])
def test_what_is_no_date_stays_text(cell: str, settings: Settings) -> None:
    assert read(f"t,y\n{cell},1\n", settings).columns[0].type == "category"


def test_many_different_texts_are_no_category(settings: Settings) -> None:
    rows = "\n".join(f"name {number},{number}" for number in range(60))
    assert read(f"x,y\n{rows}\n", settings).columns[0].type == "text"


def test_a_column_is_described(settings: Settings) -> None:
    table = read("x,c\n1,a\n2,b\n3,b\n,b\n", settings)
    number, category = table.columns
    assert number == ColumnReport(
        name="x", type="integer", missing=1, distinct=3, min=1, max=3, mean=2.0, std=1.0,
        top=[ValueCount(1, 1), ValueCount(2, 1), ValueCount(3, 1)],
        histogram=number.histogram, possible_missing=[], is_id=False, form=None,
    )  # fmt: skip
    assert category.top == [ValueCount("b", 3), ValueCount("a", 1)]


def test_numbers_have_a_histogram_of_their_range(settings: Settings) -> None:
    (column,) = read("x\n0\n1\n1\n24\n\n", settings).columns
    histogram = column.histogram
    assert histogram is not None
    assert (histogram.low, histogram.high) == (0, 24)
    assert histogram.counts == [1, 2, *[0] * 21, 1]


@pytest.mark.parametrize("values", ["1\n1", "-1e308\n1.7e308", "a\nb"])
def test_no_histogram_where_there_are_no_ranges_to_count_in(values: str, settings: Settings) -> None:
    (column,) = read(f"x\n{values}\n", settings).columns
    assert column.histogram is None


def test_long_texts_are_shortened_in_the_report_only(settings: Settings) -> None:
    table = read(f"x,y\n{'a' * 500},1\n", settings)
    assert len(table.columns[0].top[0].value) == 101
    assert len(table.frame["x"][0]) == 500


def test_a_column_without_values_is_accepted_with_a_warning(settings: Settings) -> None:
    table = read("x,y\n,1\n,2\n", settings)
    assert table.columns[0].type == "number"
    assert warning(table, "all_missing").column == "x"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("x,y\n1,2\n1,3\n", "constant"),
        ("x,y\n9007199254740993,2\n1,3\n", "large_integers"),
        ("1,2\n3,4\n5,6\n", "header_of_numbers"),
        ("x#y\n1#2\n1#3\n", "single_column"),
    ],
)
def test_what_looks_wrong_is_reported(content: str, code: str, settings: Settings) -> None:
    assert code in codes(read(content, settings))


def test_rows_that_repeat_others_are_counted_with_the_first(settings: Settings) -> None:
    found = warning(read("x,y\n1,a\n2,b\n1,a\n1,b\n1,a\n", settings), "repeated_rows")
    assert (found.row, found.line, found.detail[:6]) == (2, 4, "2 rows")
    once = warning(read("x,y\n1,a\n2,b\n1,a\n", settings), "repeated_rows")
    assert once.detail.startswith("1 row repeats an earlier row;")


DROP = Corrections(repeated_rows="drop")


def test_repeated_rows_are_dropped_on_request_and_what_follows_them_keeps_its_line(
    settings: Settings,
) -> None:
    table = read("x,y\n1,7\n1,7\n,8\n2,9\n,8\n3,inf\n", settings, corrections=DROP)
    assert table.frame.rows() == [(1, 7.0), (None, 8.0), (2, 9.0), (3, None)]
    assert table.columns[0].missing == 1
    assert "repeated_rows" not in codes(table)
    assert warning(table, "dropped_rows").count == 2
    infinite = warning(table, "infinite")
    assert (infinite.row, infinite.line) == (3, 7)


def test_rows_that_only_look_alike_after_missing_values_are_read_count_as_repeated(
    settings: Settings,
) -> None:
    content = "x,y\n-999,1\n,1\n5,1\n"
    table = read(content, settings, missing={"x": [-999]}, corrections=DROP)
    assert table.frame["x"].to_list() == [None, 5]


@pytest.mark.parametrize(
    ("name", "cells", "is_id"),
    [
        ("laptop_ID", "1 2 3", True),
        ("customerID", "a b c", True),
        ("id", "7 8 9", True),
        ("row index", "0 1 2", True),
        ("id", "1 1 2", False),
        ("paid", "1 2 3", False),
        ("x", "1 2 3", False),
        ("grid", "1 2 3", False),
        ("id", "1.5 2.5 3.5", False),
    ],
)
def test_a_column_that_names_the_rows_is_told_from_others(
    name: str, cells: str, is_id: bool, settings: Settings
) -> None:
    table = read(f"{name},y\n" + "".join(f"{cell},1\n" for cell in cells.split()), settings)
    assert table.columns[0].is_id is is_id
    assert ("id" in codes(table)) is is_id


@pytest.mark.parametrize(
    ("name", "is_code"),
    [
        ("ZipCode", True),
        ("zip_code", True),
        ("Postcode", True),
        ("area code", True),
        ("phone", True),
        ("почтовый индекс", True),
        ("код", True),
        ("decode", False),
        ("x", False),
        ("заход", False),
    ],
)
def test_numbers_with_the_name_of_a_code_are_told(name: str, is_code: bool, settings: Settings) -> None:
    table = read(f"{name},y\n90001,1\n90002,2\n90003,5\n90001,4\n", settings)
    assert ("code_numbers" in codes(table)) is is_code


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        ("8GB 16GB 4GB", [8, 16, 4]),
        ("1.37kg 2kg 0.9kg", [1.37, 2, 0.9]),
        ("19M 8.5M 2M", [19e6, 8.5e6, 2e6]),
        ("19M 201k 1B", [19e6, 201e3, 1e9]),
        ("300K 301K 302K", [300, 301, 302]),  # kelvin
        ("256GB 1TB 512GB", [256, 1000, 512]),
        ('"10,000+" 500+ "1,000,000+"', [10_000, 500, 1_000_000]),
        ("$4.99 0 $0.99", [4.99, 0, 0.99]),
        ("12% 7% 100%", [12, 7, 100]),
        ("20\u00b0C -3\u00b0C 4\u00b0C", [20, -3, 4]),
    ],
)
def test_numbers_with_units_are_read_as_numbers_with_a_note(
    cells: str, values: list[float], settings: Settings
) -> None:
    table = read("x,y\n" + "".join(f"{cell},1\n" for cell in cells.split()), settings)
    assert table.frame["x"].to_list() == pytest.approx(values)
    assert warning(table, "units_in_cells").line in (2, 3)


@pytest.mark.parametrize(
    ("cells", "values", "unit"),
    [
        ("1.37kg 2kg 900g", [1.37, 2, 0.9], "kg"),
        ("8GB 16GB 4GB", [8, 16, 4], "GB"),
        ("2кг 900г 3кг", [2, 0.9, 3], "кг"),
        ("20°C 21°C 19°C", [20, 21, 19], "°C"),
        ("290K 300K 310K", [290, 300, 310], "K"),
        ("19M 3M 200k", [19e6, 3e6, 2e5], None),
        ("$4 $5 $6", [4, 5, 6], None),
        ("10+ 20+ 30+", [10, 20, 30], None),
        ("20C 21C 19C", [20, 21, 19], None),
    ],
)
def test_a_unit_in_the_cells_is_that_of_the_column(
    cells: str, values: list[float], unit: str | None, settings: Settings
) -> None:
    table = read("x\n" + "\n".join(cells.split()) + "\n", settings)
    assert table.frame["x"].to_list() == pytest.approx(values)
    assert warning(table, "units_in_cells").unit == unit


def test_decimal_commas_may_have_units(settings: Settings) -> None:
    assert read("x;y\n1,5 kg;1\n2,25 kg;2\n", settings).frame["x"].to_list() == [1.5, 2.25]


@pytest.mark.parametrize(
    ("cells", "code"),
    [("5kg 3m 2s", "mixed_units"), ("1st 2nd 3rd", "mixed_units"), ("4a 4a 4a", None), ("v1 v2 v3", None)],
)
def test_numbers_with_units_that_do_not_belong_together_stay_text(
    cells: str, code: str | None, settings: Settings
) -> None:
    table = read("x,y\n" + "".join(f"{cell},1\n" for cell in cells.split()), settings)
    assert table.columns[0].type == "category"
    assert code is None or code in codes(table)


def test_a_word_that_is_declared_missing_does_not_make_numbers_text(settings: Settings) -> None:
    content = b"x,y\n19M,1\nVaries with device,2\n201k,3\n"
    table = read_upload(io.BytesIO(content), "a.csv", settings, {"x": ["Varies with device"]})
    assert table.frame["x"].to_list() == [19e6, None, 201e3]


def test_a_single_column_of_numbers_looks_right_because_densities_need_no_more(settings: Settings) -> None:
    assert not codes(read("x\n1\n2\n", settings))


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("", "empty_file", "upload CSV"),
        (" \n\n", "empty_file", "upload CSV"),
        ("\n" * 100_000 + "\n", "empty_file", "blank"),
        ("x,y\n", "no_rows", "add at least one"),
        ("x,y", "no_rows", "add at least one"),
        ("x,y\n1,2\n3\n", "ragged_rows", "line 3 has 1 cells, the header has 2"),
        ("x,y\n1,2,3\n", "ragged_rows", "line 2 has 3 cells"),
        ("x,x\n1,2\n", "column_names", "given twice"),
        ("x, x \n1,2\n", "column_names", "given twice"),
        ("x,\n1,2\n", "column_names", "no name"),
        ("x,^x$\n1,2\n", "column_names", "rename"),
        ("x,  \n1,2\n", "column_names", "no name"),
        (f"x,{'a' * 201}\n1,2\n", "column_names", "shorten"),
        ('x,y\n1,"2\n3,4\n', "unreadable_csv", "quote"),
        ('x,y\n1,"2"3\n', "unreadable_csv", "line 2"),
        (f'x,y\n1,"{"a" * 200_000}"\n', "unreadable_csv", "line 2"),
        ("x,y\n" + "1,2\n" * 101, "too_many_rows", "100"),
        (",".join(f"x{n}" for n in range(10_000)) + "\n", "too_many_columns", "2000"),
        ("x,y\n1,2\n3,\0\n" + "1,2\n" * 1000, "nul_character", "line 3"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused_with_a_remedy(
    content: str, code: str, words: str, settings: Settings
) -> None:
    refused = refusal(content, settings)
    assert refused.code == code
    assert words in refused.detail
    assert all(entry.code for entry in refused.errors)


def test_the_limit_of_columns_is_in_the_answer(settings: Settings) -> None:
    refused = refusal(",".join(f"x{n}" for n in range(10_000)) + "\n", settings)
    assert refused.extra["limit"] == 2000


def test_the_limit_of_memory_is_in_the_answer(tmp_path: Path) -> None:
    content = "x,y\n" + "1,2\n" * 6
    small = Settings(data_dir=tmp_path, max_memory_bytes=DEFAULT_INGEST.cell_bytes * 10 + len(content))
    refused = refusal(content, small)
    assert (refused.code, refused.extra["limit"]) == ("too_many_cells", 10)


def test_long_texts_leave_room_for_fewer_cells(tmp_path: Path) -> None:
    small = Settings(data_dir=tmp_path, max_memory_bytes=DEFAULT_INGEST.cell_bytes * 10)
    assert refusal(f"x,y\n{'a' * 250},2\n", small).extra["limit"] < 10


def test_every_ragged_row_is_listed(settings: Settings) -> None:
    refused = refusal('x,y\n"a\nb",2\n1\n1,2\n1,2,3\n', settings)
    assert [entry.place["line"] for entry in refused.errors] == [4, 6]


@pytest.mark.parametrize("row", ["1,5,2,5", "a,1,5", "-1,5,2"])
def test_a_surplus_that_could_be_decimal_commas_is_explained_as_such(row: str, settings: Settings) -> None:
    assert "commas are decimal signs" in refusal(f"x,y\n{row}\n", settings).detail


@pytest.mark.parametrize("row", ["1", "a,b,c", "1.5,2.5,3.5"])
def test_decimal_commas_are_not_suspected_where_there_can_be_none(row: str, settings: Settings) -> None:
    assert "decimal" not in refusal(f"x,y\n{row}\n", settings).detail


def test_every_bad_name_is_listed_with_its_column(settings: Settings) -> None:
    refused = refusal("x,,x,y\n1,2,3,4\n", settings)
    assert [(e.place["column_number"], e.code) for e in refused.errors] == [
        (2, "empty_name"),
        (3, "duplicate_name"),
    ]
