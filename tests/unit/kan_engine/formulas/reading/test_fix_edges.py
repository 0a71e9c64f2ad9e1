"""Edges fixed to functions, inputs left out, and other scales of the inputs."""

import numpy as np
import pytest
import torch

from kan_engine import (
    InvalidData,
    Standardizer,
    TrainingConfig,
    TrainingRows,
    fix_edges_,
    remove_inputs,
    rescale_inputs,
    train,
)
from kan_engine.formulas.reading.fix_edges import add_unused_inputs
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


def test_a_network_without_an_input_does_not_depend_on_it(network: KAN) -> None:
    less = remove_inputs(network, [1])
    moved = X.clone()
    moved[:, 1] = 0.3
    assert torch.equal(less(X), less(moved))
    assert not torch.equal(network(X), network(moved))


def test_on_another_scale_a_network_gives_nearly_the_same() -> None:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.uniform(1, 3, 400), rng.uniform(0, 1, 400) ** 1.2], 1)
    before, after = Standardizer.fit(rows, quantile=True), Standardizer.fit(rows)
    network = random_network((2, 2, 1), direct=True, grid_size=8)
    moved = rescale_inputs(network, before, after, rows)
    with torch.no_grad():
        old = network(torch.from_numpy(before.forward(rows)))
        new = moved(torch.from_numpy(after.forward(rows)))
    assert float((new - old).square().mean() / old.var()) < 0.05


@pytest.mark.parametrize("direct", [False, True])
def test_a_network_among_more_inputs_gives_the_same_and_reads_only_its_own(direct: bool) -> None:
    network = random_network((2, 2, 1), direct=direct)
    wider = add_unused_inputs(network, [3, 1], 5)
    rows = torch.randn(90, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    torch.testing.assert_close(wider(rows), network(rows[:, [3, 1]]), rtol=0, atol=1e-12)
    assert wider.edge_count == network.edge_count
