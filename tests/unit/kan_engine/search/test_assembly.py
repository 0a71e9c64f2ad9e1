"""What is kept of formulas that answer in place of a network."""

import numpy as np
import pytest

from kan_engine import (
    KAN,
    Expression,
    Formula,
    FormulaPredictor,
    KANConfig,
    Predictor,
    Standardizer,
    TargetScaler,
    Variable,
)
from kan_engine.expressions.evaluation import add, call, mul, number
from kan_engine.search.assembly import assemble_model, assemble_predictor, report_formulas
from kan_engine.search.config import Member
from kan_engine.search.context import SearchContext
from kan_engine.search.result import SearchResult
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS
from tests.support.engine.networks import random_network
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config

A, B = np.random.default_rng(0).uniform(0.5, 3.0, (2, 150))
X, Y = Variable("a"), Variable("b")


def bounds_of(tree: Expression) -> tuple[float, float]:
    noisy = A + B + np.random.default_rng(1).normal(0, 0.01, len(A))
    request = request_for()
    data = prepare_data(table_of(a=A, b=B, y=noisy), request)
    run = SearchContext.create(data, make_search_config(request))
    network = KAN(KANConfig(width=(2, 1)))
    found = SearchResult(
        network=network,
        judged=network,
        inputs=run.inputs,
        scaler=TargetScaler.fit(data.training.y[:, None]),
        formulas=[[Formula(tree, 0.1)]],
        answers="formula",
    )
    report = report_formulas(
        found, assemble_predictor(found, data)[0], data, seed=0, thresholds=DEFAULT_THRESHOLDS
    )
    assert report is not None
    assert report.serves_within is not None
    return report.serves_within


def test_a_line_goes_on_as_the_line_does_that_it_stands_for() -> None:
    assert bounds_of(add(mul(1.01, X), Y)) == (-np.inf, np.inf)


def test_any_other_formula_stays_within_one_range_of_the_targets_beyond_their_ends() -> None:
    low, high = bounds_of(add(X, Y, mul(0.01, X, Y)))
    assert -5 < low < 0
    assert 6 < high < 12


@pytest.mark.parametrize(
    ("answers", "formula", "does_serve"),
    [
        ("accurate", add(X, Y), False),
        ("formula", add(X, Y), True),
        ("compact", add(X, Y), False),
        ("formula", number(2.0), False),
    ],
)
def test_a_formula_that_was_asked_to_serve_does_unless_it_is_weak(
    answers: Member, formula: Expression, does_serve: bool
) -> None:
    noisy = A + B + np.random.default_rng(1).normal(0, 0.01, len(A))
    data = prepare_data(table_of(a=A, b=B, y=noisy), request_for())
    network = KAN(KANConfig(width=(2, 1)))
    found = SearchResult(
        network=network,
        judged=network,
        inputs=Standardizer.fit(data.training.x),
        scaler=TargetScaler.fit(data.training.y[:, None]),
        formulas=[[Formula(formula, 0.1)]],
        answers=answers,
    )
    predictor, decision = assemble_predictor(found, data)
    model = assemble_model(found, predictor, decision, data, seed=0, thresholds=DEFAULT_THRESHOLDS)
    assert (model.answering is model.serving) == does_serve


@pytest.mark.parametrize(("column", "is_weak"), [("a", False), ("b", True)])
def test_a_formula_without_evidence_is_weak_where_a_constant_predicts_as_well(
    column: str, is_weak: bool
) -> None:
    noisy = 2 * A + np.random.default_rng(1).normal(0, 0.1, len(A))
    slope, level = np.polyfit({"a": A, "b": B}[column], noisy, 1)
    data = prepare_data(table_of(a=A, b=B, y=noisy), request_for(split={"kind": "none"}))
    network = KAN(KANConfig(width=(2, 1)))
    found = SearchResult(
        network=network,
        judged=network,
        inputs=Standardizer.fit(data.training.x),
        scaler=TargetScaler.fit(data.training.y[:, None]),
        formulas=[[Formula(add(mul(float(slope), Variable(column)), float(level)), 0.1)]],
    )
    report = report_formulas(
        found, assemble_predictor(found, data)[0], data, seed=0, thresholds=DEFAULT_THRESHOLDS
    )
    assert report is not None
    assert (report.verdict == "weak") == is_weak


def test_log_odds_that_serve_give_probabilities_and_the_network_answers_where_they_have_none() -> None:
    data = prepare_data(table_of(a=A, b=B, y=np.where(A + B > 3.5, "b", "a")), request_for())
    inputs = Standardizer.fit(data.training.x)
    network = Predictor.from_training(data, random_network((2, 1)), inputs, None)
    beside = add(Y, -2.0)  # at 0 the formula has no value
    formula = FormulaPredictor.from_predictor(network, [add(X, call("sin", beside) / beside)])
    serving = formula.to_serving(network, is_exact=False, within=(-np.inf, np.inf))
    assert serving is not None
    rows = np.array([[1.0, 1.0], [1.0, 2.0]])
    first, second = serving.probabilities(rows)
    assert first[1] == pytest.approx(1 / (1 + np.exp(-1.0 - np.sin(1.0))))
    np.testing.assert_array_equal(second, network.probabilities(rows)[1])
