"""Contributions are Shapley values, and add up to the prediction."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch

from kan_engine import FormulaPredictor, Predictor, Variable
from kan_engine.expressions.nodes import call
from kan_engine.inference.attribution import (
    attribute,
    compute_explained_outputs,
    count_evaluations,
    find_terms,
)
from tests.support.factories import make_predictor

RNG = np.random.default_rng(0)
COLUMNS: dict[str, Any] = {
    "a": RNG.uniform(-1, 1, 40).tolist(),
    "b": RNG.uniform(-1, 1, 40).tolist(),
    "colour": [["red", "green", "blue", None][place] for place in RNG.integers(0, 4, 40)],
}
A, B, C = (Variable(name) for name in "abc")


def encoded_rows(predictor: Predictor, columns: dict[str, Any] = COLUMNS) -> np.ndarray:
    arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return predictor.encoding.transform(arrays)


def enumerate_orders(predictor: Predictor, row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Shapley values by their definition: the mean over all orders of joining."""
    features = predictor.encoding.features
    orders = list(permutations(range(len(features))))
    shares = np.zeros((len(features), compute_explained_outputs(predictor, row[None]).shape[1]))
    for order in orders:
        table = background.copy()
        before = compute_explained_outputs(predictor, table).mean(0)
        for place in order:
            columns = predictor.encoding.locate(features[place])
            table[:, columns] = row[columns]
            after = compute_explained_outputs(predictor, table).mean(0)
            shares[place] += (after - before) / len(orders)
            before = after
    return shares


@pytest.mark.parametrize("classes", [None, ["no", "yes"], ["x", "y", "z"]])
@pytest.mark.parametrize("hidden", [(), (3,), (3, 2)])
def test_contributions_are_shapley_values(classes: Any, hidden: tuple[int, ...]) -> None:
    predictor = make_predictor(COLUMNS, hidden=hidden, classes=classes)
    x = encoded_rows(predictor)
    rows, background = x[:3], x[10:20]
    found = attribute(predictor, rows, background, find_terms(predictor))
    for row, shares in zip(rows, found.contributions, strict=True):
        np.testing.assert_allclose(shares, enumerate_orders(predictor, row, background), atol=1e-9)
    total = found.base + found.contributions.sum(1)
    np.testing.assert_allclose(total, compute_explained_outputs(predictor, rows), atol=1e-9)


def test_a_network_without_hidden_nodes_is_additive() -> None:
    assert set(find_terms(make_predictor(COLUMNS, hidden=()))) == {
        frozenset([name]) for name in ("a", "b", "colour")
    }


def test_features_that_meet_in_a_node_are_one_term() -> None:
    predictor = make_predictor(COLUMNS, hidden=(2,))
    assert find_terms(predictor) == (frozenset(COLUMNS),)
    first = predictor.network.stack[0]
    with torch.no_grad():
        first.mask[:, 0] = torch.tensor([True, True, *[False] * (first.in_dim - 2)])
        first.mask[:, 1] = torch.tensor([False, False, *[True] * (first.in_dim - 2)])
    assert set(find_terms(predictor)) == {frozenset("ab"), frozenset(["colour"])}


def formula_predictor(tree: Any, **more: Any) -> FormulaPredictor:
    columns = {name: RNG.uniform(0.5, 2, 30).tolist() for name in "abc"}
    return FormulaPredictor.from_predictor(make_predictor(columns), [tree], **more)


@pytest.mark.parametrize(
    ("tree", "terms"),
    [
        (A + 2 * B, {"a", "b"}),
        (3 * (A + call("sin", B)) + 1, {"a", "b"}),
        (A * B + C, {"ab", "c"}),
        (A * B + B * C, {"abc"}),
        (call("exp", A + B), {"ab"}),
    ],
)
def test_the_terms_of_a_formula_are_those_of_its_sum(tree: Any, terms: set[str]) -> None:
    assert set(find_terms(formula_predictor(tree))) == {frozenset(term) for term in terms}


def test_the_contributions_of_a_sum_are_its_terms_less_their_means() -> None:
    predictor = formula_predictor(A * A + 3 * B)
    x = RNG.uniform(0.5, 2, (20, 3))
    found = attribute(predictor, x[:5], x, find_terms(predictor))
    squares = x[:, 0] ** 2
    np.testing.assert_allclose(found.contributions[:, 0, 0], squares[:5] - squares.mean())
    np.testing.assert_allclose(found.contributions[:, 1, 0], 3 * (x[:5, 1] - x[:, 1].mean()))
    assert not found.contributions[:, 2].any()


def test_rows_where_the_formula_is_undefined_have_no_contributions() -> None:
    predictor = formula_predictor(call("log", A - 1) + B)
    x = np.array([[2.0, 1.0, 1.0], [0.5, 1.0, 1.0]])
    found = attribute(predictor, x, x[:1], find_terms(predictor))
    assert np.isfinite(found.contributions[0]).all()
    assert np.isnan(found.contributions[1]).all()


def test_evaluations_grow_with_the_sets_of_the_largest_term() -> None:
    assert count_evaluations((frozenset("a"), frozenset("b")), 100, 10) == 2 * 110
    assert count_evaluations((frozenset("abc"),), 100, 10) == 6 * 1_000 + 110
