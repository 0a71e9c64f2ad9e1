"""Formulas as SQL over the client's own columns in PostgreSQL; random ones are in ``tests/property``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest

from kan_engine.data.column_definitions import IsCategory, IsMissing, IsOtherCategory
from kan_engine.expressions.evaluation import Expression, Variable, call, evaluate
from kan_engine.expressions.printing.derived_variables import VariableDefinitions, sql_names
from kan_engine.expressions.printing.infix import to_text
from tests.support import languages
from tests.support.servers import libpq_url

x, y = Variable("x"), Variable("y")
TRICKY = "o'br\"own %s {}"


@pytest.fixture(scope="module")
def postgres(postgres_server_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(libpq_url(postgres_server_url), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    "tree",
    [
        x / y,
        x / (2 * y),
        2 / (x * y),
        x * y,
        (x - y) * (x + y) / y,
        x**-3,
        (x + 1) / y**2,
        call("sign", x) / 2,
        call("erf", x / y),
    ],
    ids=to_text,
)
def test_columns_may_be_integers(postgres: psycopg.Connection, tree: Expression) -> None:
    columns = {"x": np.array([1, 3_000_000]), "y": np.array([2, 7_000_000])}
    floats = {name: column.astype(float) for name, column in columns.items()}
    found = np.array(languages.in_postgres(postgres, tree, columns), dtype=float)
    np.testing.assert_allclose(found, evaluate(tree, floats), rtol=1e-14)


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("color is red", [1, 0, 0, 0]),
        ("color is tricky", [0, 1, 0, 0]),
        ("color is other", [0, 0, 1, 0]),
        ("color is missing", [0, 0, 0, 1]),
        ("mass", [2.0, 0.37, -1.5, 0.0]),
        ("flag", [1, 0, 0, 1]),
    ],
)
def test_what_is_no_column_is_computed_from_one(
    postgres: psycopg.Connection, variable: str, expected: list[float]
) -> None:
    derivation = VariableDefinitions(
        derived={
            "color is red": IsCategory("color", "red"),
            "color is tricky": IsCategory("color", TRICKY),
            "color is other": IsOtherCategory("color", ("red", TRICKY)),
            "color is missing": IsMissing("color"),
        },
        fills={"mass": 0.37, "flag": 0.0},
        booleans=["flag"],
    )
    columns: dict[str, Any] = {
        "color": np.array(["red", TRICKY, "blue", None], dtype=object),
        "mass": np.array([2.0, None, -1.5, 0.0], dtype=object),
        "flag": np.array([True, False, None, True], dtype=object),
    }
    names = sql_names([variable], derivation)
    found = languages.in_postgres(postgres, 2 * Variable(variable), columns, names)
    assert [float(value) for value in found] == [2 * value for value in expected]
