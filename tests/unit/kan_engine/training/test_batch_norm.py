"""Scales of hidden nodes: what batches teach them, and that they can be put into the splines."""

import pytest
import torch

from kan_engine.network.kan import KAN, copy_network
from kan_engine.training.batch_norm import NodeScales
from kan_engine.training.thresholds import DEFAULT_TRAINING, TrainingThresholds
from tests.support.engine.networks import random_network, uniform_rows

WIDTHS = [(2, 3, 1), (2, 3, 4, 2)]


def outputs(network: KAN, scales: NodeScales, x: torch.Tensor) -> torch.Tensor:
    """Of the network with its hidden nodes normalised."""
    *inner, last = network.stack
    h = x
    for number, layer in enumerate(inner):
        h = scales.normalise(number, layer(h))
    return last(h).detach()


def learnt(network: KAN, batches: int = 5) -> NodeScales:
    scales = NodeScales(network, thresholds=DEFAULT_TRAINING)
    for seed in range(batches):
        outputs(network, scales, uniform_rows(30, 2, seed=seed))
    return scales


def row_by_row(network: KAN, scales: NodeScales, x: torch.Tensor) -> torch.Tensor:
    """Outputs on the running scales, which a single row is taken on."""
    return torch.cat([outputs(network, scales, row[None]) for row in x])


def test_a_batch_has_mean_0_and_deviation_1() -> None:
    scales = NodeScales(random_network((2, 3, 1)), thresholds=DEFAULT_TRAINING)
    h = scales.normalise(0, 5 + 2 * uniform_rows(50, 3))
    torch.testing.assert_close(h.mean(0), torch.zeros(3, dtype=torch.float64))
    # TINY is in the variance
    torch.testing.assert_close(h.std(0, correction=0), torch.ones(3, dtype=torch.float64), rtol=1e-5, atol=0)


def test_the_first_batch_is_the_running_scale() -> None:
    scales, h = (
        NodeScales(random_network((2, 3, 1)), thresholds=DEFAULT_TRAINING),
        5 + 2 * uniform_rows(50, 3),
    )
    scales.normalise(0, h)
    torch.testing.assert_close(scales.means[0], h.mean(0))
    torch.testing.assert_close(scales.variances[0], h.var(0))


def test_a_later_batch_moves_the_running_scale_by_its_share() -> None:
    decay = 0.9
    scales = NodeScales(random_network((2, 3, 1)), TrainingThresholds(running_decay=decay))
    h = uniform_rows(50, 3)
    for _ in range(round(1 / (1 - decay))):
        scales.normalise(0, h)
    scales.normalise(0, 5 + 2 * h)
    moved = decay * h.mean(0) + (1 - decay) * (5 + 2 * h).mean(0)
    torch.testing.assert_close(scales.means[0], moved)


def test_a_single_row_is_taken_on_the_running_scale() -> None:
    scales, row = NodeScales(random_network((2, 3, 1)), thresholds=DEFAULT_TRAINING), uniform_rows(1, 3)
    torch.testing.assert_close(scales.normalise(0, row), row, rtol=1e-5, atol=0)  # 0 and 1, and TINY


def test_a_single_row_teaches_nothing() -> None:
    scales = learnt(random_network((2, 3, 1)))
    before = [scale.clone() for scale in scales.means + scales.variances]
    scales.normalise(0, uniform_rows(1, 3))
    assert all(map(torch.equal, scales.means + scales.variances, before))


def test_a_constant_node_gives_zeros() -> None:
    scales = NodeScales(random_network((2, 3, 1)), thresholds=DEFAULT_TRAINING)
    constant = torch.full((10, 3), 7.0, dtype=torch.float64)
    assert not scales.normalise(0, constant).any()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_plain_network_gives_what_the_normalised_one_gives_on_running_scales(
    width: tuple[int, ...],
) -> None:
    network, x = random_network(width), 2 * uniform_rows(20, 2, seed=9)  # on its grids and off them
    scales, folded = learnt(network), copy_network(network)
    scales.fold_(folded)
    torch.testing.assert_close(folded(x), row_by_row(network, scales, x))


def test_pruned_edges_take_no_part_in_the_folding() -> None:
    network, x = random_network((2, 3, 4, 1)), uniform_rows(20, 2, seed=9)
    network.stack[0].mask[1, 2] = False
    network.stack[1].mask[:2, 3] = False
    scales, folded = learnt(network), copy_network(network)
    scales.fold_(folded)
    torch.testing.assert_close(folded(x), row_by_row(network, scales, x))


def test_networks_side_by_side_are_folded_each_for_itself() -> None:
    network, x = random_network((2, 4, 6, 1), groups=2), uniform_rows(20, 2, seed=9)
    scales, folded = learnt(network), copy_network(network)
    scales.fold_(folded)
    torch.testing.assert_close(folded(x), row_by_row(network, scales, x))


def test_a_network_without_hidden_nodes_has_nothing_to_fold() -> None:
    network = random_network((2, 1))
    folded = copy_network(network)
    NodeScales(network, thresholds=DEFAULT_TRAINING).fold_(folded)
    assert torch.equal(folded.stack[0].weight, network.stack[0].weight)
