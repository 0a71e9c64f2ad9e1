"""What is kept of formulas that answer in place of a network."""

import numpy as np

from kan_engine import KAN, Expression, Formula, KANConfig, TargetScaler, Variable
from kan_engine.expressions.evaluation import add, mul
from kan_engine.search.assembly import assemble_predictor, report_formulas
from kan_engine.search.context import SearchContext
from kan_engine.search.result import SearchResult
from tests.support.tables import request_for, table_of
from worker.data.preparation import prepare_data
from worker.pipelines.search_config import make_search_config

A, B = np.random.default_rng(0).uniform(0.5, 3.0, (2, 150))
X, Y = Variable("a"), Variable("b")


def bounds_of(tree: Expression) -> tuple[float, float]:
    noisy = A + B + np.random.default_rng(1).normal(0, 0.01, len(A))
    data = prepare_data(table_of(a=A, b=B, y=noisy), request_for())
    run = SearchContext.create(data, make_search_config(data.plan.request))
    network = KAN(KANConfig(width=(2, 1)))
    found = SearchResult(
        network=network,
        judged=network,
        inputs=run.inputs,
        scaler=TargetScaler.fit(data.training.y[:, None]),
        formulas=[[Formula(tree, 0.1)]],
        formula_serves=True,
    )
    report = report_formulas(found, assemble_predictor(found, data)[0], data, seed=0)
    assert report is not None
    assert report.serves_within is not None
    return report.serves_within


def test_a_line_goes_on_as_the_line_does_that_it_stands_for() -> None:
    assert bounds_of(add(mul(1.01, X), Y)) == (-np.inf, np.inf)


def test_any_other_formula_stays_within_one_range_of_the_targets_beyond_their_ends() -> None:
    low, high = bounds_of(add(X, Y, mul(0.01, X, Y)))
    assert -5 < low < 0
    assert 6 < high < 12
