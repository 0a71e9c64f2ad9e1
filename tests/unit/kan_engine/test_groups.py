"""Networks side by side in one: what they give together, and that nothing leads from one to another."""

import pytest
import torch

from kan_engine.network.grid_updates import refine
from kan_engine.network.header import NetworkHeader
from kan_engine.network.kan import KAN, KANConfig, copy_network, extract_group, initialise_
from kan_engine.network.layer import KANLayer
from kan_engine.network.pruning import prune, remove_dead_nodes
from tests.support.engine.networks import random_network, uniform_rows

GROUPS = 2
WIDTHS = [(2, 4, 1), (3, 4, 6, 2), (2, 4, 2, 4, 1)]
X = uniform_rows(20, 3)


def of(width: tuple[int, ...]) -> torch.Tensor:
    return X[:, : width[0]]


@pytest.mark.parametrize("width", WIDTHS)
def test_outputs_are_the_mean_of_the_networks_alone(width: tuple[int, ...]) -> None:
    network, x = random_network(width, groups=GROUPS), of(width)
    outputs = torch.stack([extract_group(network, group)(x) for group in range(GROUPS)])
    torch.testing.assert_close(network(x), outputs.mean(0))


def test_direct_edges_are_added_once() -> None:
    network, x = random_network((2, 4, 2, 1), groups=GROUPS, direct=True), of((2,))
    # With direct edges, too
    outputs = torch.stack([extract_group(network, group)(x) for group in range(GROUPS)])
    torch.testing.assert_close(network(x), outputs.mean(0))


def test_hidden_nodes_have_edges_within_their_group_alone() -> None:
    masks = [layer.mask.tolist() for layer in random_network((1, 2, 4, 1), groups=2).stack]
    assert masks == [
        [[True, True]],
        [[True, True, False, False], [False, False, True, True]],
        [[True]] * 4,
    ]


def test_weights_between_groups_count_for_nothing() -> None:
    layer = random_network((2, 4, 4, 1), groups=GROUPS).stack[1]
    x, between = uniform_rows(20, 4), ~layer.mask.unsqueeze(1).expand(layer.weight.shape)
    before = layer(x)
    with torch.no_grad():
        layer.weight[between] = 5.0
    torch.testing.assert_close(layer(x), before, rtol=0, atol=0)


def test_a_layer_of_groups_gives_the_sums_of_its_activations() -> None:
    layer, x = random_network((2, 4, 6, 1), groups=GROUPS).stack[1], uniform_rows(20, 4)
    torch.testing.assert_close(layer(x), layer.postacts(x).sum(1))


def test_a_pruned_edge_within_a_group_gives_nothing() -> None:
    layer, x = random_network((2, 4, 4, 1), groups=GROUPS).stack[1], uniform_rows(20, 4)
    rest = layer(x) - torch.nn.functional.one_hot(torch.tensor(3), 4) * layer.postacts(x)[:, 2, 3:]
    layer.mask[2, 3] = False
    torch.testing.assert_close(layer(x), rest)


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_weights_within_groups_are_put_back_where_they_were(groups: int) -> None:
    layer = random_network((2, 6, 12, 1), groups=groups).stack[1]
    other = KANLayer(6, 12, grid_size=4, order=3, groups=groups)
    other.set_group_blocks_(layer.group_blocks(layer.weight))
    assert torch.equal(other.weight, layer.weight * layer.mask.unsqueeze(1))


@pytest.mark.parametrize("groups", [2, 3])
def test_weights_that_were_put_within_groups_are_found_there(groups: int) -> None:
    layer = KANLayer(6, 12, grid_size=4, order=3, groups=groups)
    within = torch.randn(6, 8, 12 // groups, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    layer.set_group_blocks_(within)
    assert torch.equal(layer.group_blocks(layer.weight), within)


def test_weights_and_edges_are_counted_within_groups() -> None:
    network = random_network((2, 4, 6, 1), groups=GROUPS)
    assert network.edge_count == 2 * 4 + 4 * 6 // GROUPS + 6
    assert network.parameter_count == network.edge_count * 8


def test_a_header_brings_groups_back() -> None:
    network = random_network((2, 4, 6, 1), groups=GROUPS)
    twin = KAN.from_header(network.to_header())
    assert twin.config.groups == GROUPS
    assert [layer.groups for layer in twin.stack] == [1, GROUPS, 1]


def test_a_header_from_before_there_were_groups_describes_one_network() -> None:
    stored = random_network((2, 4, 1)).to_header().to_dict()
    del stored["groups"]
    assert NetworkHeader.from_dict(stored).groups == 1


def test_a_copy_keeps_groups_and_function() -> None:
    network, x = random_network((2, 4, 6, 1), groups=GROUPS), of((2,))
    assert torch.equal(copy_network(network)(x), network(x))


def test_a_finer_grid_keeps_groups_and_function() -> None:
    network, x = random_network((2, 4, 6, 1), groups=GROUPS), of((2,))
    finer = refine(network, 8)
    assert finer.config.groups == GROUPS
    torch.testing.assert_close(finer(x), network(x), rtol=1e-9, atol=1e-9)  # least squares on a dense sample


def deviations(network: KAN) -> list[float]:
    return [
        float(layer.effective_weight().detach()[:, :-1].square().mean().sqrt()) for layer in network.stack
    ]


def test_each_network_side_by_side_starts_as_wide_as_it_would_alone() -> None:
    together = KAN(KANConfig(width=(3, 120, 120, 2), groups=6))
    one = KAN(KANConfig(width=(3, 20, 20, 2)))
    initialise_(together, torch.Generator().manual_seed(0))
    initialise_(one, torch.Generator().manual_seed(1))
    found, wanted = deviations(extract_group(together, 4)), deviations(one)
    assert found == pytest.approx(wanted, rel=0.3)  # three inputs and two outputs: some dozens of lines


def test_pruning_keeps_the_nodes_of_networks_side_by_side() -> None:
    network, x = random_network((2, 4, 4, 1), groups=GROUPS), of((2,))
    with torch.no_grad():
        network.stack[1].weight[1] *= 1e-9
    pruned = prune(network, x, threshold=1e-3)
    assert (pruned.config.width, pruned.config.groups) == (network.config.width, GROUPS)
    assert pruned.edge_count < network.edge_count
    torch.testing.assert_close(pruned(x), network(x), rtol=0, atol=1e-6)  # of the node that gave 1e-9


def test_groups_are_given_up_where_dead_nodes_leave_them_unequal() -> None:
    network, x = random_network((2, 4, 4, 1), groups=GROUPS), of((2,))
    network.stack[0].mask[:, 1] = False
    network.stack[1].mask[1] = False
    smaller = remove_dead_nodes(network)
    assert smaller.config.width == (2, 3, 4, 1)
    assert smaller.config.groups == 1
    torch.testing.assert_close(smaller(x), network(x))
