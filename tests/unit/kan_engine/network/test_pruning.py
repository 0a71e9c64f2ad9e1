"""Scores of edges, and what pruning by them removes and keeps."""

import pytest
import torch

from kan_engine.network.kan import KAN
from kan_engine.network.layer import SymbolicEdge
from kan_engine.network.pruning import (
    drop_dead_edges_,
    edge_scores,
    incoming_score,
    outgoing_score,
    prune,
    remove_dead_nodes,
)
from tests.support.engine.networks import random_network, uniform_rows

X = uniform_rows(50, 2)


def set_flat_(network: KAN, layer: int, edge: tuple[int, int], value: float) -> None:
    """Make one activation a constant: the basis sums to 1."""
    i, j = edge
    with torch.no_grad():
        network.all_layers[layer].weight[i, :, j] = value
        network.all_layers[layer].weight[i, -1, j] = 0.0


def scale_(network: KAN, layer: int, edge: tuple[int, int], factor: float) -> None:
    i, j = edge
    with torch.no_grad():
        network.all_layers[layer].weight[i, :, j] *= factor


@pytest.mark.parametrize("direct", [False, True])
def test_scores_of_the_edges_into_an_output_sum_to_one(direct: bool) -> None:
    scores = edge_scores(random_network((2, 3, 2), direct=direct), X)
    into_output = scores[-1] if not direct else torch.cat([scores[1], scores[2]])
    torch.testing.assert_close(into_output.sum(0), torch.ones(2, dtype=torch.float64))


def test_what_enters_a_node_matters_as_much_as_what_leaves_it() -> None:
    scores = edge_scores(random_network((2, 3, 2, 1)), X)
    torch.testing.assert_close(scores[0].sum(0), scores[1].sum(1))
    torch.testing.assert_close(scores[1].sum(0), scores[2].sum(1))


@pytest.mark.parametrize("direct", [False, True])
def test_scores_are_the_same_however_few_rows_are_looked_at_together(
    direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = random_network((2, 3, 1), direct=direct)
    whole = edge_scores(network, X)
    monkeypatch.setattr("kan_engine.network.pruning.FEATURE_BYTES", 1_000)
    torch.testing.assert_close(edge_scores(network, X), whole)


def test_a_constant_activation_scores_nothing() -> None:
    network = random_network((2, 3, 1))
    set_flat_(network, 0, (1, 2), 5.0)
    assert float(edge_scores(network, X)[0][1, 2]) == pytest.approx(0, abs=1e-12)


def test_a_large_edge_into_an_unused_node_scores_nothing() -> None:
    network = random_network((2, 3, 1))
    scale_(network, 0, (0, 1), 100.0)
    network.layers[1].mask[1, 0] = False
    assert not edge_scores(network, X)[0][:, 1].any()


def test_a_node_scores_as_its_strongest_edge() -> None:
    scores = torch.tensor([[0.1, 0.7], [0.3, 0.2]], dtype=torch.float64)
    assert outgoing_score(scores).tolist() == [0.7, 0.3]
    assert incoming_score(scores).tolist() == [0.3, 0.7]


def test_edges_far_below_the_strongest_of_their_layer_are_pruned() -> None:
    network = random_network((2, 3, 1))
    scale_(network, 0, (1, 0), 1e-6)
    pruned = prune(network, X, threshold=1e-3)
    assert pruned.layers[0].mask.tolist() == [[True, True, True], [False, True, True]]
    assert network.layers[0].mask.all()  # the network given stays as it is


def test_a_node_that_gives_little_is_removed() -> None:
    network = random_network((2, 3, 1))
    scale_(network, 1, (1, 0), 1e-6)
    pruned = prune(network, X, threshold=1e-3)
    assert pruned.config.width == (2, 2, 1)
    torch.testing.assert_close(pruned(X), network(X), rtol=0, atol=1e-4)  # what it gave


def test_direct_edges_are_pruned_too() -> None:
    network = random_network((2, 2, 1), direct=True)
    scale_(network, 2, (0, 0), 1e-6)
    pruned = prune(network, X, threshold=1e-3)
    assert pruned.direct is not None
    assert pruned.direct.mask.tolist() == [[False], [True]]


@pytest.mark.parametrize("side", ["entering", "leaving"])
def test_a_node_that_lost_its_edges_on_one_side_loses_the_others(side: str) -> None:
    network = random_network((2, 3, 1))
    if side == "entering":
        network.layers[0].mask[:, 1] = False
    else:
        network.layers[1].mask[1] = False
    drop_dead_edges_(network)
    assert not network.layers[0].mask[:, 1].any()
    assert not network.layers[1].mask[1].any()


def test_dead_edges_are_followed_through_several_layers() -> None:
    network = random_network((2, 2, 2, 1))
    network.layers[2].mask[0] = False  # node 0 of layer 2 gives nothing,
    network.layers[1].mask[1, 1] = False  # so node 1 of layer 1 gives nothing either
    drop_dead_edges_(network)
    assert network.layers[0].mask.tolist() == [[True, False], [True, False]]


def test_the_constant_that_a_node_without_inputs_gives_is_kept() -> None:
    network = random_network((2, 3, 2))
    network.layers[0].mask[:, 1] = False
    before = network(X)
    drop_dead_edges_(network)
    torch.testing.assert_close(network(X), before)


def test_the_constant_that_a_node_without_inputs_gives_to_a_product_multiplies_its_other_factor() -> None:
    network, x = random_network((2, 3, 2, 1), products=(0, 1, 0)), uniform_rows(20, 2)
    network.layers[0].mask[:, 1] = False
    before = network(x)
    drop_dead_edges_(network)
    assert not network.layers[1].mask[1].any()
    torch.testing.assert_close(network(x), before)


def test_a_product_of_a_constant_alone_keeps_it() -> None:
    network, x = random_network((2, 1, 1, 1), products=(0, 1, 0)), uniform_rows(20, 2)
    network.layers[0].mask[:] = False
    before = network(x)
    drop_dead_edges_(network)
    torch.testing.assert_close(network(x), before)


def test_a_constant_goes_to_no_fixed_or_pruned_edge() -> None:
    network = random_network((2, 3, 2))
    network.layers[0].mask[:, 0] = False
    network.layers[1].symbolic[1, 0] = SymbolicEdge("sin", 1.0, 0.0, 1.0, 0.0)
    network.layers[1].mask[1, 1] = False
    before = network(X)
    drop_dead_edges_(network)
    torch.testing.assert_close(network(X), before)


def test_an_output_that_keeps_no_edge_loses_its_constant() -> None:
    network = random_network((2, 1, 1))
    network.layers[0].mask[:] = False
    drop_dead_edges_(network)
    assert not network(X).any()


def test_a_factor_matters_by_what_its_node_would_lose_if_it_did_not_vary() -> None:
    network = random_network((2, 1, 1), products=1)
    set_flat_(network, 0, (0, 0), 2.0)
    scale_(network, 0, (1, 0), 100.0)
    torch.testing.assert_close(edge_scores(network, X)[0][:, 0], torch.tensor([0.0, 1.0]).double())


@pytest.mark.parametrize("place", [0, 2])
def test_dropping_dead_nodes_leaves_sums_and_products_apart(place: int) -> None:
    network = random_network((2, 3, 1), products=2)
    network.layers[0].mask[:, place] = False
    network.layers[1].mask[place] = False
    smaller = remove_dead_nodes(network)
    assert smaller.config.products == (2 if place == 0 else 1)
    torch.testing.assert_close(smaller(X), network(X))


@pytest.mark.parametrize("direct", [False, True])
def test_dropping_dead_nodes_leaves_the_function_unchanged(direct: bool) -> None:
    network = random_network((2, 4, 3, 1), direct=direct)
    network.layers[0].symbolic[1, 3] = SymbolicEdge("sin", 1.0, 0.5, 2.0, 0.0)
    network.layers[1].symbolic[2, 1] = SymbolicEdge("exp", 0.3, 0.0, 1.0, 0.1)
    network.layers[1].symbolic[0, 0] = SymbolicEdge("tanh", 1.0, 0.0, 1.0, 0.0)
    if network.direct is not None:
        network.direct.symbolic[1, 0] = SymbolicEdge("cos", 1.0, 0.0, 1.0, 0.0)
    for node in (0, 1):
        network.layers[0].mask[:, node] = network.layers[1].mask[node] = False
    smaller = remove_dead_nodes(network)
    assert smaller.config.width == (2, 2, 3, 1)
    torch.testing.assert_close(smaller(X), network(X))


def test_a_layer_keeps_a_node_even_if_all_are_dead() -> None:
    network = random_network((2, 3, 1))
    network.layers[0].mask[:] = network.layers[1].mask[:] = False
    assert remove_dead_nodes(network).config.width == (2, 1, 1)
