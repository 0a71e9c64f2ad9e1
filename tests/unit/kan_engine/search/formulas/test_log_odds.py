"""Formulas of classes: labels decide where classes overlap, and constants are fitted to them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax

from kan_engine import KAN, Formula
from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import Expression, Variable, add, evaluate, mul
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.search.context import SearchContext
from kan_engine.search.formulas.log_odds import fit_final_logits, make_log_odds_problem
from tests.support.engine.networks import random_network
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

ROWS, CLASSES = 600, 3
RNG = np.random.default_rng(0)
A, B = RNG.uniform(-2, 2, (2, ROWS))
LOGITS = np.stack([2 * A, B * B - 1, 0 * A], axis=1)
LABELS = [f"class {(softmax(row).cumsum() > RNG.random()).argmax()}" for row in LOGITS]
X, Z = Variable("a"), Variable("b")
FORMS = (mul(0.5, X), add(mul(0.5, Z, Z), -0.1), add(mul(0.1, X), 0.1))


def run_of(limits: FormulaConstraints | None = None) -> SearchContext:
    request = request_for(seed=0)
    data = prepare_data(table_of(a=A, b=B, y=LABELS), request)
    config = make_search_config(request)
    return SearchContext.create(
        data, replace(config, constraints=limits or FormulaConstraints()), Callbacks()
    )


def network_of(factor: float) -> KAN:
    """Its logits are near 0 for a small factor, and those of a network that is sure for a large one."""
    network = random_network((2, CLASSES))
    with torch.no_grad():
        for each in network.parameters():
            each.mul_(factor)
    return network


def measure_log_loss(trees: list[Expression], run: SearchContext) -> float:
    rows = run.data.training
    logits = np.stack([evaluate(tree, rows.columns) * np.ones(len(rows)) for tree in trees], axis=1)
    return float(np.mean(logsumexp(logits, axis=1) - logits[np.arange(len(rows)), rows.classes]))


@pytest.mark.parametrize("output", range(CLASSES))
def test_responses_of_overlapping_classes_tell_the_labels(output: int) -> None:
    run = run_of()
    rows = make_log_odds_problem(network_of(0.1), run.inputs, run, output).rows
    is_own = run.data.fit.classes[: len(rows)] == output
    assert rows.y[: len(is_own)][is_own].mean() > rows.y[: len(is_own)][~is_own].mean() + 2


def test_where_a_network_is_sure_of_three_classes_its_clamped_logits_are_the_target() -> None:
    run = run_of()
    rows = make_log_odds_problem(network_of(100.0), run.inputs, run).rows
    assert np.abs(rows.y).max() == run.thresholds.max_log_odds
    assert set(rows.weights) == {1.0}


def test_the_constants_of_the_first_formulas_are_fitted_to_the_labels_together() -> None:
    run = run_of()
    formulas = [[Formula(tree, 0.1), Formula(X, 0.5)] for tree in FORMS]
    fitted = fit_final_logits(formulas, run)
    truth = [mul(2, X), add(mul(Z, Z), -1), mul(0, X)]
    assert measure_log_loss([part[0].tree for part in fitted], run) <= measure_log_loss(truth, run) + 1e-3
    assert [part[1:] for part in fitted] == [part[1:] for part in formulas]


def test_the_first_formulas_are_as_short_as_chance_allows_and_longer_ones_are_dropped() -> None:
    long_form = add(mul(0.5, X), mul(0.01, Z, Z, X), mul(0.001, Z))
    formulas = [[Formula(long_form, 0.1), Formula(mul(0.5, X), 0.2), Formula(add(mul(0.3, X), 0.2), 0.3)]]
    formulas += [[Formula(tree, 0.1), Formula(mul(0.1, X), 0.9)] for tree in FORMS[1:]]
    first, second, _ = fit_final_logits(formulas, run_of())
    assert [part.complexity for part in first] == [formulas[0][1].complexity]
    assert second[0].complexity == formulas[1][0].complexity  # the shorter one predicts the labels worse


def test_once_the_time_is_over_the_formulas_of_classes_stay_as_long_as_they_are() -> None:
    long_form = add(mul(0.5, X), mul(0.01, Z, Z, X))
    formulas = [[Formula(tree, 0.1), Formula(mul(0.5, X), 0.2)] for tree in (long_form, *FORMS[1:])]
    fitted = fit_final_logits(formulas, replace(run_of(), should_stop=lambda: True))
    assert [part[0].complexity for part in fitted] == [part[0].complexity for part in formulas]


def test_constants_stay_where_fitted_ones_would_break_a_wish() -> None:
    limits = FormulaConstraints(monotone=(("a", 1),))
    formulas = [[Formula(mul(0.01, X), 0.1)], [Formula(mul(0.01, X), 0.1)], [Formula(mul(0.01, X), 0.1)]]
    fitted = fit_final_logits(formulas, run_of(limits))
    assert all(float(np.diff(evaluate(part[0].tree, {"a": np.arange(2.0)}))[0]) > 0 for part in fitted)


def test_an_exact_coefficient_is_measured_where_labels_refute_it_and_stays_where_they_do_not() -> None:
    run = run_of()
    formulas = [[Formula(tree, 0.1)] for tree in (X, add(mul(Z, Z), -1), mul(0.1, X))]
    double, square, _ = [part[0].tree for part in fit_final_logits(formulas, run)]
    assert 1.8 < float(evaluate(double, {"a": np.ones(1), "b": np.ones(1)})[0]) < 2.2
    assert square == add(mul(Z, Z), -1)
