"""Random formulas compute the same in every language that they are printed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import psycopg
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kan_engine.expressions.evaluation import Expression, evaluate, walk
from tests.support import languages
from tests.support.engine import trees
from tests.support.servers import libpq_url

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

some = settings(max_examples=30, deadline=None, derandomize=True)

COLUMNS = {
    "x": np.array([0.3, 0.9, 1.4, 2.0]),
    "größe 2": np.array([-1.0, -0.1, 0.2, 1.0]),
    'o\'ne "of" [those] #@%': np.array([-3.0, -1.7, -0.6, -0.2]),
}
printed = st.one_of(trees.plain_trees(COLUMNS), trees.raw_trees(COLUMNS))


@pytest.fixture(scope="module")
def postgres(postgres_server_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(libpq_url(postgres_server_url), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("run", languages.ALL, ids=lambda run: run.__name__)
@some
@given(tree=printed)
def test_a_printed_formula_gives_the_same_values(run: Callable[..., object], tree: Expression) -> None:
    assert_same_values(tree, run)


@some
@given(tree=printed)
def test_a_formula_as_sql_gives_the_same_values_in_postgres(
    postgres: psycopg.Connection, tree: Expression
) -> None:
    assert_same_values(tree, lambda *given: languages.in_postgres(postgres, *given))


def assert_same_values(tree: Expression, run: Callable[..., object]) -> None:
    """Equality to rounding, of formulas in which nothing overflows or cancels."""
    assume(all(are_moderate(evaluate(part, COLUMNS)) for part in walk(tree)))
    expected = evaluate(tree, COLUMNS)
    found = np.asarray(run(tree, COLUMNS), dtype=np.float64)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def are_moderate(values: np.ndarray) -> bool:
    sizes = np.abs(values[values != 0])
    return bool(np.isfinite(values).all() and (sizes < 500).all() and (sizes > 1e-9).all())
