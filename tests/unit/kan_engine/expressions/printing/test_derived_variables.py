"""Formulas over the client's own columns, run by a database and a spreadsheet."""

import re
import sqlite3

import numpy as np
import pytest

from kan_engine.data.column_definitions import IsCategory, IsMissing, IsOtherCategory, TimePart
from kan_engine.errors import NotExportable
from kan_engine.expressions.evaluation import Variable
from kan_engine.expressions.printing.derived_variables import (
    VariableDefinitions,
    describe_variables,
    sql_names,
    table_names,
)
from kan_engine.expressions.printing.infix import quote_column, to_excel, to_sql
from tests.support import languages

BROWN = "o'br\"own"
DERIVATION = VariableDefinitions(
    derived={
        "color is red": IsCategory("color", "red"),
        "color is other": IsOtherCategory("color", ("red", BROWN)),
        "color is missing": IsMissing("color"),
        "mass is missing": IsMissing("mass"),
    },
    fills={"mass": 0.37, "b": 1.0},
    booleans=["a", "b"],
)
ROWS = [("red", 2.0, 1, 0), (BROWN, None, 0, None), ("blue", -1.5, 0, 1), (None, 0.0, 1, 1)]
VALUES = {
    "color is red": [1, 0, 0, 0],
    "color is other": [0, 0, 1, 0],
    "color is missing": [0, 0, 0, 1],
    "mass is missing": [0, 1, 0, 0],
    "mass": [2.0, 0.37, -1.5, 0.0],
    "a": [1, 0, 0, 1],
    "b": [0, 1, 1, 1],
}


def sql(name, derivation=DERIVATION):
    return to_sql(2 * Variable(name), sql_names([name], derivation)).removeprefix("2.0*")


def excel(name, derivation=DERIVATION):
    return to_excel(Variable(name), table_names([name], derivation))


@pytest.mark.parametrize("name", VALUES)
def test_a_database_finds_the_value_of_each_variable(name):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (color TEXT, mass REAL, a BOOLEAN, b BOOLEAN)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", ROWS)
    found = connection.execute(f"SELECT 2.0*{sql(name)} FROM t").fetchall()
    assert found == [(2.0 * value,) for value in VALUES[name]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("color is red", """CASE WHEN "color" = 'red' THEN 1.0 ELSE 0.0 END"""),
        ("mass", 'COALESCE("mass", 0.37)'),
        ("mass is missing", 'CASE WHEN "mass" IS NULL THEN 1.0 ELSE 0.0 END'),
        ("x", '"x"'),
    ],
)
def test_sql_reads_as_a_person_would_write_it(name, text):
    assert sql(name) == text


@pytest.mark.parametrize("name", VALUES)
def test_a_spreadsheet_finds_the_value_of_each_variable(name):
    heads = ["color", "mass", "a", "b"]
    flags = [(*row[:2], bool(row[2]), None if row[3] is None else bool(row[3])) for row in ROWS]
    columns = dict(zip(heads, np.array(flags, dtype=object).T, strict=True))
    found = languages.in_spreadsheet(2 * Variable(name), columns, table_names([name], DERIVATION))
    assert found == [2.0 * value for value in VALUES[name]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("color is red", '=IF(EXACT([@color],"red"),1,0)'),
        (
            "color is other",
            '=IF(AND(NOT(ISBLANK([@color])),NOT(EXACT([@color],"red")),NOT(EXACT([@color],"o\'br""own"))),1,0)',
        ),
        ("mass", "=IF(ISBLANK([@mass]),0.37,[@mass])"),
        ("mass is missing", "=IF(ISBLANK([@mass]),1,0)"),
        ("x", "=[@x]"),
    ],
)
def test_a_spreadsheet_computes_each_variable_from_its_columns(name, text):
    assert excel(name) == text


@pytest.mark.parametrize("evil", ["'; DROP TABLE t; --", '"; DROP TABLE t; --', "\\' OR 1=1 --", '"")+1'])
def test_a_category_cannot_leave_its_quotes(evil):
    derivation = VariableDefinitions(derived={"v": IsCategory(evil, evil)})
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE TABLE t ({quote_column(evil)} TEXT)")
    connection.executemany("INSERT INTO t VALUES (?)", [(evil,), ("other",)])
    assert connection.execute(f"SELECT {sql('v', derivation)} FROM t").fetchall() == [(1.0,), (0.0,)]
    assert excel("v", derivation).endswith(',"' + evil.replace('"', '""') + '"),1,0)')


@pytest.mark.parametrize("length", [0, 255, 256, 600])
def test_a_category_may_be_longer_than_a_text_of_a_spreadsheet_s_formula(length):
    category = '"' * length
    derivation = VariableDefinitions(derived={"v": IsCategory("color", category)})
    longest = max(map(len, re.findall('"((?:""|[^"])*)"', excel("v", derivation))))
    assert longest <= 2 * 255
    columns = {"color": np.array([category, "other"], dtype=object)}
    assert languages.in_spreadsheet(Variable("v"), columns, table_names(["v"], derivation)) == [1.0, 0.0]


def test_what_to_pass_is_told_for_variables_that_are_no_columns():
    assert describe_variables([*VALUES, "x"], DERIVATION) == {
        "color is red": "1 where 'color' is 'red', else 0",
        "color is other": "1 where 'color' is none of 'red', 'o'br\"own', else 0",
        "color is missing": "1 where 'color' is missing, else 0",
        "mass is missing": "1 where 'mass' is missing, else 0",
        "mass": "'mass', and 0.37 where it is missing",
        "b": "'b', and 1.0 where it is missing",
    }


TIME = VariableDefinitions(derived={"sin of month of day": TimePart("day", "month", "sin")})


@pytest.mark.parametrize("write", [sql_names, table_names])
def test_parts_of_times_are_refused_where_languages_differ(write):
    with pytest.raises(NotExportable, match="the month of 'day'"):
        write(["sin of month of day"], TIME)


def test_programs_are_told_what_to_pass_for_a_part_of_a_time():
    (meaning,) = describe_variables(["sin of month of day"], TIME).values()
    assert meaning == "sin(2*pi*(month - 1)/12) of the month, 1 to 12, of 'day'"
