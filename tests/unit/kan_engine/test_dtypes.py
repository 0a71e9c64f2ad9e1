"""A network in single precision stays in it, whatever is done to it, and follows its twin in double."""

from collections.abc import Callable

import pytest
import torch

from kan_engine.network.grid_updates import refine, refine_, update_grid_
from kan_engine.network.kan import KAN, KANConfig, copy_network, initialise_, resize_grid_
from kan_engine.network.layer import SymbolicEdge
from kan_engine.network.pruning import prune
from kan_engine.splines.thresholds import DEFAULT_GRIDS
from tests.support.engine.networks import random_network, uniform_rows


def both_precisions() -> tuple[KAN, KAN]:
    network = random_network((3, 4, 2), direct=True)
    network.layers[0].symbolic[0, 1] = SymbolicEdge("exp", 0.5, 0.1, 0.3, 0.2)
    return copy_network(network).float(), network


def dtypes(network: KAN) -> set[torch.dtype]:
    return {tensor.dtype for tensor in network.state_dict().values() if tensor.is_floating_point()}


def updated(network: KAN, x: torch.Tensor) -> KAN:
    update_grid_(network, x, uniform_share=0.5, grid_size=6, thresholds=DEFAULT_GRIDS)
    return network


def refined_in_place(network: KAN, x: torch.Tensor) -> KAN:
    refine_(network, 9)
    return network


CHANGES: list[Callable[[KAN, torch.Tensor], KAN]] = [
    lambda network, x: network,
    lambda network, x: copy_network(network),
    updated,
    refined_in_place,
    lambda network, x: refine(network, 8),
    lambda network, x: prune(network, x, threshold=0.05),
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_a_network_keeps_its_precision_and_its_function(
    change: Callable[[KAN, torch.Tensor], KAN],
) -> None:
    narrow, wide = both_precisions()
    x = uniform_rows(200, 3)
    narrow, wide = change(narrow, x.float()), change(wide, x)
    assert dtypes(narrow) == {torch.float32}
    assert narrow(x.float()).dtype == torch.float32
    torch.testing.assert_close(narrow(x.float()).double(), wide(x), rtol=1e-4, atol=1e-4)


def test_networks_begin_with_the_same_numbers_in_both_precisions() -> None:
    narrow, wide = (KAN(KANConfig(width=(2, 3, 1))).to(dtype) for dtype in (torch.float32, torch.float64))
    for network in (narrow, wide):
        initialise_(network, torch.Generator().manual_seed(5))
    for weight, expected in zip(narrow.parameters(), wide.parameters(), strict=True):
        assert weight.dtype == torch.float32
        torch.testing.assert_close(weight.double(), expected, rtol=1e-6, atol=1e-7)


def test_another_grid_size_keeps_the_precision() -> None:
    narrow, _ = both_precisions()
    resize_grid_(narrow.layers[0], 11)
    assert dtypes(narrow) == {torch.float32}
    assert narrow.layers[0].grid_size == 11


def test_a_network_trains_in_single_precision() -> None:
    narrow, _ = both_precisions()
    x = uniform_rows(100, 3).float()
    y = torch.stack([x[:, 0] * x[:, 1], x[:, 2]], 1)
    optimiser = torch.optim.Adam(narrow.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = (narrow(x) - y).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert dtypes(narrow) == {torch.float32}
    assert losses[-1] < 0.1 * losses[0]
