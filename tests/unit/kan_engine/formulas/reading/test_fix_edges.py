"""Edges fixed to functions."""

import pytest
import torch

from kan_engine import (
    InvalidData,
    TrainingConfig,
    TrainingRows,
    fix_edges_,
    train,
)
from kan_engine.network.kan import KAN
from tests.support.engine.networks import random_network

X = torch.linspace(-1, 1, 90, dtype=torch.float64)[:, None] * torch.tensor([[1.0, -0.7]], dtype=torch.float64)


@pytest.fixture
def network() -> KAN:
    return random_network((2, 2, 1), direct=True)


def test_a_fixed_edge_follows_its_curve_and_all_others_stay(network: KAN) -> None:
    layer = network.stack[0]
    before = network(X)
    curve = layer.postacts(X).detach()[:, 0, 1]
    r2 = fix_edges_(network, {(0, 0, 1): "tanh"}, X)
    assert set(r2) == {(0, 0, 1)}
    fixed = layer.postacts(X).detach()[:, 0, 1]
    assert 1 - float(((fixed - curve) ** 2).mean() / curve.var(correction=0)) == pytest.approx(
        r2[0, 0, 1], abs=1e-3
    )
    layer.symbolic.clear()
    assert torch.equal(network(X), before)


def test_a_direct_edge_can_be_fixed(network: KAN) -> None:
    fix_edges_(network, {(2, 1, 0): "x"}, X)
    assert network.direct is not None
    assert network.direct.symbolic[1, 0].function == "x"


def test_a_function_without_a_place_on_an_edge_is_refused_in_words(network: KAN) -> None:
    with torch.no_grad():
        network.stack[0].weight[0, :, 0] = 0
        network.stack[0].weight[0, :-1, 0] = torch.linspace(-1, 1, network.stack[0].weight.shape[1] - 1)
        line = X[:, 0].clone()
        network.stack[0].postacts = lambda x: line[:, None, None].expand(len(x), 2, 2)  # type: ignore[method-assign]
    with pytest.raises(InvalidData, match="exp does not fit the edge from 0 to 0 of layer 0"):
        fix_edges_(network, {(0, 0, 0): "exp"}, X)


def test_training_moves_all_but_the_fixed_edges(network: KAN) -> None:
    fix_edges_(network, {(0, 0, 0): "sin"}, X)
    rows = TrainingRows.create(X, torch.exp(X[:, :1]) + X[:, 1:] ** 2)
    config = TrainingConfig(optimizer="levenberg_marquardt", steps=15)
    before, fixed = rows.loss(network, "squared"), dict(network.stack[0].symbolic)
    for _ in train(network, rows, config):
        pass
    assert rows.loss(network, "squared") < 1e-3 * before
    assert network.stack[0].symbolic == fixed
