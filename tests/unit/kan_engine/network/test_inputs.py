"""Inputs left out, inputs added, and other scales of the inputs."""

import numpy as np
import pytest
import torch

from kan_engine import Standardizer, remove_inputs, rescale_inputs
from kan_engine.network.inputs import add_unused_inputs
from tests.support.engine.networks import random_network


def test_a_network_without_an_input_does_not_depend_on_it() -> None:
    network = random_network((2, 2, 1), direct=True)
    rows = torch.linspace(-1, 1, 90, dtype=torch.float64)[:, None] * torch.tensor([[1.0, -0.7]]).double()
    less = remove_inputs(network, [1])
    moved = rows.clone()
    moved[:, 1] = 0.3
    assert torch.equal(less(rows), less(moved))
    assert not torch.equal(network(rows), network(moved))


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
