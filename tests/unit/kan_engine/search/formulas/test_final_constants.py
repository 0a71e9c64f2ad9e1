"""Constants of a formula have the precision of the whole table, also if few rows selected it."""

from dataclasses import replace

import numpy as np
import pytest

from kan_engine import KAN, Formula, KANConfig, SearchResult
from kan_engine.expressions.evaluation import Variable, add, call, mul, walk
from kan_engine.expressions.nodes import Number
from kan_engine.expressions.printing.infix import to_text
from kan_engine.search.callbacks import Callbacks
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.final_constants import fit_final_constants
from tests.support.tables import request_for, table_of
from worker.data.preparation import prepare_data
from worker.pipelines.search_config import make_search_config

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

GENERATOR = np.random.default_rng(0)
A, B = Variable("a"), Variable("b")


def run_of(rows: int) -> SearchContext:
    a, b = GENERATOR.uniform(-2, 2, (2, rows))
    y = a + b / 2 + GENERATOR.normal(0, 0.3, rows)
    data = prepare_data(table_of(a=a, b=b, y=y), request_for())
    return SearchContext.create(data, make_search_config(data.plan.request), Callbacks(), None)


def found_with(formula: Formula, run: SearchContext) -> SearchResult:
    network = KAN(KANConfig(width=(2, 1)))
    found = SearchResult(network=network, judged=network, inputs=run.inputs, scaler=None)
    return fit_final_constants(replace(found, formulas=[[formula]]), run)


def test_constants_of_a_large_table_are_within_its_errors() -> None:
    run = run_of(20_000)
    (formula,) = found_with(Formula(add(A, mul(0.489, B)), 0.25), run).formulas[0]
    assert to_text(formula.tree).startswith("a + 0.")
    (slope,) = (float(n.value) for n in walk(formula.tree) if isinstance(n, Number))
    assert abs(slope - 0.5) < 4 * 0.3 / np.sqrt(16_000) / np.sqrt(4 / 3)


def test_formulas_of_a_small_table_and_without_constants_stay() -> None:
    small, large = run_of(300), run_of(5_000)
    rough, bare = Formula(add(A, mul(0.489, B)), 0.25), Formula(call("sin", A), 0.5)
    assert found_with(rough, small).formulas == [[rough]]
    assert found_with(bare, large).formulas == [[bare]]
