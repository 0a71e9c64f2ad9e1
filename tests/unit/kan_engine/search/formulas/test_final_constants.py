"""Constants of a formula have the precision of the whole table, also if few rows selected it."""

import numpy as np
import pytest

from kan_engine import Formula
from kan_engine.expressions.evaluation import Expression, Variable, add, call, mul, power
from kan_engine.expressions.nodes import Number
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.final_constants import fit_final_constants
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

A, B = Variable("a"), Variable("b")
NOISE = 0.3


def run_of(rows: int, slope: float = 0.5) -> SearchContext:
    generator = np.random.default_rng(0)
    a, b = generator.uniform(-2, 2, (2, rows))
    y = a + slope * b + generator.normal(0, NOISE, rows)
    request = request_for()
    data = prepare_data(table_of(a=a, b=b, y=y), request)
    return SearchContext.create(data, make_search_config(request), Callbacks(), None)


def fit(tree: Expression, run: SearchContext, error: float = 0.25) -> Expression:
    (formula,) = fit_final_constants([Formula(tree, error)], run)
    return formula.tree


def slope_error(run: SearchContext) -> float:
    return NOISE / float(np.sqrt(len(run.data.training) * 4 / 3))


def test_constants_of_a_large_table_are_within_its_errors() -> None:
    run = run_of(20_000)
    (slope,) = to_form(fit(add(A, mul(Number(0.489), B)), run)).values
    assert abs(slope - 0.5) < 4 * slope_error(run)


def test_a_number_that_few_rows_rounded_stays_if_all_rows_agree_with_it() -> None:
    law = add(A, mul(Number(2), B))
    assert fit(law, run_of(20_000, slope=2.0)) == law


def test_a_number_that_few_rows_rounded_is_measured_where_all_rows_contradict_it() -> None:
    run = run_of(20_000, slope=2.05)
    (slope,) = to_form(fit(add(A, mul(Number(2), B)), run)).values
    assert abs(slope - 2.05) < 4 * slope_error(run)


@pytest.mark.parametrize(
    ("rows", "tree", "error"),
    [
        pytest.param(300, add(A, mul(Number(0.489), B)), 0.25, id="small table"),
        pytest.param(5_000, call("sin", A), 0.5, id="no constants"),
        pytest.param(5_000, add(A, mul(Number(0.489), B)), 1e-12, id="exact"),
        pytest.param(5_000, mul(Number(0.4), power(A, Number(0.5))), 0.4, id="undefined in some rows"),
    ],
)
def test_other_formulas_stay(rows: int, tree: Expression, error: float) -> None:
    assert to_text(fit(tree, run_of(rows), error)) == to_text(tree)
