"""Short laws behind noise are found by trying all of them."""

from fractions import Fraction

import numpy as np
import pytest

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Variable, complexity, evaluate, walk
from kan_engine.formulas.strategies.enumeration.bilinear_scan import rank_pairs
from kan_engine.formulas.strategies.enumeration.enumerated_law import enumerate_laws
from kan_engine.formulas.strategies.enumeration.expression_table import LEAF, ExpressionTable
from tests.support.engine.laws import Law

FEW = {"max_operations": 2, "max_left": 60}
SOME = {"max_expressions": 5000, "max_left": 300}


def draw(law: Law, names: tuple[str, ...], noise: float, rows: int = 400) -> LabelledRows:
    rng = np.random.default_rng(3)
    columns = {name: rng.uniform(0.5, 2.0, rows) for name in names}
    clean = law(*columns.values())
    return LabelledRows.from_columns(columns, clean + noise * clean.std() * rng.normal(size=rows))


def test_a_table_has_every_value_once() -> None:
    rng = np.random.default_rng(0)
    table = ExpressionTable.build(
        {"a": rng.uniform(1, 2, 32), "b": rng.uniform(1, 2, 32)}, max_operations=2, max_expressions=20_000
    )
    rounded = {tuple(np.round(row, 9)) for row in table.values}
    assert len(rounded) == len(table.nodes) == table.counts[-1]


def test_the_trees_of_a_table_have_its_values() -> None:
    rng = np.random.default_rng(0)
    columns = {"a": rng.uniform(1, 2, 16), "b": rng.uniform(1, 2, 16)}
    table = ExpressionTable.build(columns, max_operations=2, max_expressions=20_000)
    for place in range(0, len(table.nodes), 7):
        values = np.broadcast_to(evaluate(table.make_tree(place), columns), 16)
        np.testing.assert_allclose(values, table.values[place], rtol=1e-9)


def test_no_function_of_a_constant_is_in_a_table() -> None:
    table = ExpressionTable.build({"a": np.linspace(1, 2, 16)}, max_operations=2, max_expressions=20_000)
    constant = [place for place in range(len(table.nodes)) if np.ptp(table.values[place]) == 0]
    assert all(table.nodes[place][0] == LEAF for place in constant)


def test_the_pair_that_makes_up_a_target_leaves_nothing() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 50))
    for target in (3 * values[4] - 2 * values[30], 5 * values[7] * values[21]):
        pairs = rank_pairs(values, target, np.ones(50), [range(40)], 40, 1)
        best = min(pairs)
        assert best.left_over < 1e-5
        assert {best.first, best.second} in ({4, 30}, {7, 21})


@pytest.mark.parametrize(
    ("law", "names"),
    [
        (lambda a, b: (1 + a * b) / (1 + a), ("a", "b")),
        (lambda a, b: np.sqrt(1 + a**2 - 2 * a * np.cos(b)), ("a", "b")),
        (lambda a: a / (np.exp(a) - 1), ("a",)),
        (lambda a: a**2 / np.sqrt(1 + a**2), ("a",)),
    ],
)
def test_a_law_behind_noise_is_among_the_first(law: Law, names: tuple[str, ...]) -> None:
    forms = enumerate_laws(draw(law, names, 0.1), **SOME)
    fresh = draw(law, names, 0.0, rows=200)
    errors = [
        np.sqrt(np.mean((evaluate(form.numeric_tree, fresh.columns) - fresh.y) ** 2)) / fresh.y.std()
        for form in forms
    ]
    assert np.nanmin(errors) < 0.02


def test_a_small_correction_of_a_leading_term_is_found() -> None:
    speed = np.random.default_rng(0).uniform(1e-3, 1e-2, 200)
    forms = enumerate_laws(LabelledRows.from_columns({"v": speed}, 1 / np.sqrt(1 - speed**2)), **SOME)
    fast = {"v": np.array([0.5])}
    assert min(abs(evaluate(form.numeric_tree, fast)[0] - 1 / np.sqrt(0.75)) for form in forms) < 1e-3


def test_a_shorter_law_comes_before_longer_ones_that_fit_the_noise() -> None:
    rows = draw(lambda a, b: 3 * a + 0 * b, ("a", "b"), 0.2)
    best = enumerate_laws(rows, **FEW)[0]
    assert complexity(best.numeric_tree) <= 3
    assert Variable("a") in walk(best.tree)


def test_constants_near_halves_are_tried_as_exact_numbers() -> None:
    rows = draw(lambda a, b: 2 * a + b / 2, ("a", "b"), 0.02)
    exact = {form.tree for form in enumerate_laws(rows, **FEW) if not len(form.values)}
    assert 2 * Variable("a") + Fraction(1, 2) * Variable("b") in exact


def test_many_variables_are_left_to_other_searches() -> None:
    rows = draw(lambda *columns: sum(columns), tuple("abcdef"), 0.1)
    assert enumerate_laws(rows) == []
