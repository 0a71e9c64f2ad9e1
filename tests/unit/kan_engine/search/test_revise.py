"""Revisions in the engine: functions on edges, columns dropped, and other formulas of the same network."""

from typing import Any

import numpy as np
import pytest
import torch

from kan_engine import (
    ModelChanges,
    Predictor,
    SearchResult,
    Standardizer,
    TargetScaler,
    TrainingConfig,
    TrainingData,
    TrainingRows,
    Variable,
    evaluate,
    revise,
    to_text,
    train,
    variables,
)
from kan_engine.expressions.nodes import Call
from kan_engine.formulas.callbacks import Callbacks
from tests.support.engine.networks import fresh_network
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.pipelines.search_config import make_search_config

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")]

A, B = np.random.default_rng(0).uniform(-2, 2, (2, 150))
SIN_AND_SQUARE = {(0, 0, 0): "sin", (0, 1, 0): "x^2"}


def prepare(y: Any) -> TrainingData:
    return prepare_data(table_of(a=A, b=B, y=y), request_for())


def train_model(data: TrainingData) -> Predictor:
    """A model with one curve for each column."""
    inputs, targets = Standardizer.fit(data.training.x), data.training.y[:, None]
    scaler = TargetScaler.fit(targets) if data.classes is None else None
    rows = TrainingRows.create(
        torch.from_numpy(inputs.forward(data.training.x)),
        torch.from_numpy(targets if scaler is None else scaler.forward(targets)),
    )
    network = fresh_network((2, 1))
    config = TrainingConfig(loss=data.loss, optimizer="levenberg_marquardt", steps=20)
    for _ in train(network, rows, config):
        pass
    return Predictor.from_training(data, network, inputs, scaler)


@pytest.fixture(scope="module")
def regression() -> tuple[TrainingData, Predictor]:
    data = prepare(np.sin(A) + B**2 + np.random.default_rng(1).normal(0, 0.05, len(A)))
    return data, train_model(data)


def change(
    model: tuple[TrainingData, Predictor], forbidden: tuple[str, ...] = (), **changes: Any
) -> tuple[SearchResult, dict[tuple[int, int, int], float]]:
    data, predictor = model
    return revise(predictor, data, ModelChanges(**changes), make_search_config(request_for(), forbidden))


def test_the_formula_of_a_regression_has_the_functions_that_its_edges_are_fixed_to(
    regression: tuple[TrainingData, Predictor],
) -> None:
    found, r2 = change(regression, functions=SIN_AND_SQUARE)
    assert r2.keys() == SIN_AND_SQUARE.keys()
    assert min(r2.values()) > 0.99
    assert {place: edge.function for place, edge in found.network.stack[0].symbolic.items()} == {
        (0, 0): "sin",
        (1, 0): "x^2",
    }
    best = found.formulas[0][0].tree
    np.testing.assert_allclose(evaluate(best, {"a": A, "b": B}), np.sin(A) + B**2, atol=0.1)
    assert "sin(" in to_text(best)
    assert found.evidence is not None
    assert not regression[1].network.stack[0].symbolic


def test_the_formula_of_a_classification_is_that_of_the_log_odds_of_its_network() -> None:
    chances = 1 / (1 + np.exp(-3 * np.sin(2 * A) - B))
    data = prepare(np.where(np.random.default_rng(2).random(len(A)) < chances, "yes", "no"))
    found, r2 = change((data, train_model(data)), functions={(0, 0, 0): "sin", (0, 1, 0): "x"})
    assert min(r2.values()) > 0.8
    best = found.formulas[0][0].tree
    assert "sin(" in to_text(best)
    with torch.no_grad():
        logits = found.network(torch.from_numpy(found.inputs.forward(data.training.x)))[:, 0].numpy()
    np.testing.assert_allclose(evaluate(best, data.training.columns), logits, atol=0.05)
    assert found.evidence is None


def test_a_function_unlike_its_curve_has_a_low_r2(regression: tuple[TrainingData, Predictor]) -> None:
    _, r2 = change(regression, functions={(0, 1, 0): "exp"})
    assert r2[0, 1, 0] < 0.9


def test_a_network_without_a_column_is_trained_further_without_it(
    regression: tuple[TrainingData, Predictor],
) -> None:
    found, r2 = change(regression, dropped=["a"])
    assert not r2
    assert found.network.edge_count == 1
    assert variables(found.formulas[0][0].tree) == ("b",)


def test_a_search_without_forbidden_functions_leaves_the_network_as_it_is(
    regression: tuple[TrainingData, Predictor],
) -> None:
    found, _ = change(regression, ("sin", "cos"))
    assert found.network is regression[1].network
    assert found.formula_of == "law"
    assert found.formulas[0]
    assert not any(name in to_text(formula.tree) for formula in found.formulas[0] for name in ("sin", "cos"))


def test_a_search_goes_on_from_the_formulas_of_the_model(
    regression: tuple[TrainingData, Predictor],
) -> None:
    data, predictor = regression
    law = Call("sin", Variable("a")) + Variable("b") ** 2
    changes = ModelChanges(known=[[Variable("b") ** 2, law]])
    stopped = Callbacks(should_stop=lambda: True)
    found, _ = revise(predictor, data, changes, make_search_config(request_for()), stopped)
    assert found.formulas[0][0].tree == law


def test_the_chosen_formula_is_the_first_and_longer_ones_have_smaller_errors(
    regression: tuple[TrainingData, Predictor],
) -> None:
    square = Variable("b") ** 2.0
    front = [Variable("b"), square, square + Variable("a"), square + Call("sin", Variable("a"))]
    found, _ = change(regression, chosen=[(square, front)])
    first, *others = found.formulas[0]
    assert first.tree == square
    assert [formula.tree for formula in others] == [front[3], front[2], front[0]]
    errors = [formula.error for formula in others]
    assert errors == sorted(errors)
    assert found.network is regression[1].network
