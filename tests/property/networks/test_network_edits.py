"""Laws of changed networks: what keeps the function, and what becomes of one edge or node."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from kan_engine.errors import InvalidConfig
from kan_engine.network.edits import (
    auto_swap,
    keep_module,
    measure_connection_cost,
    perturb,
    remove_edge,
    remove_node,
    set_function,
    swap,
    unfix_symbolic,
    unfix_symbolic_all,
)
from kan_engine.network.expansion import (
    expand_depth,
    expand_width,
    initialize_from_another_model,
    initialize_grid_from_another_model,
)
from kan_engine.network.grid_updates import refine
from kan_engine.network.kan import KAN, KANConfig, copy_network
from kan_engine.network.layer import SymbolicEdge
from kan_engine.network.pruning import edge_scores
from kan_engine.training.loop import TrainingConfig, train
from kan_engine.training.rows import TrainingRows
from tests.support.engine.network_cases import CASES, Case, network_of
from tests.support.engine.networks import random_network, uniform_rows

SEEDS = st.integers(0, 2**31)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows_of(network: KAN) -> torch.Tensor:
    return 1.3 * uniform_rows(40, network.config.width[0])  # some of them outside the grids


@torch.no_grad()
def assert_same(changed: KAN, network: KAN, tolerance: float = 1e-12) -> None:
    """Equal up to a share of the largest value, in every row."""
    x = rows_of(network)
    expected = network(x)
    largest = float(expected.abs().max())
    torch.testing.assert_close(changed(x), expected, rtol=0, atol=tolerance * (1 + largest), equal_nan=True)


@given(CASES, st.integers(1, 3), st.booleans(), SEEDS)
def test_more_nodes_keep_the_function_and_can_be_trained(
    case: Case, nodes: int, multiply: bool, seed: int
) -> None:
    network = network_of(case)
    depth = len(network.config.width)
    assume(depth > 2 and network.config.groups == 1)
    layer = 1 + seed % (depth - 2)
    wider = expand_width(network, layer, nodes, multiply=multiply, generator=generator(seed))
    assert_same(wider, network)
    assert wider.config.width[layer] == network.config.width[layer] + nodes
    assert sum(wider.config.product_counts) == sum(network.config.product_counts) + nodes * multiply


@given(CASES)
def test_one_more_layer_keeps_the_function(case: Case) -> None:
    network = network_of(case)
    if case.order == 0:
        with pytest.raises(InvalidConfig, match="order 0"):
            expand_depth(network)
        return
    assume(network.config.groups == 1)
    for deeper in (expand_depth(network), expand_depth(network, rows_of(network))):
        assert_same(deeper, network)
        assert deeper.config.width == (*network.config.width, network.config.width[-1])


@given(CASES, st.integers(2, 3))
def test_finer_grids_of_another_network_keep_its_function(case: Case, factor: int) -> None:
    network = network_of(case)
    finer = KAN(KANConfig(**vars(network.config) | {"grid_size": factor * network.stack[0].grid_size}))
    assert_same(initialize_from_another_model(finer, network), network)


@given(CASES, SEEDS)
def test_nodes_change_places_without_a_change_of_the_function(case: Case, seed: int) -> None:
    network = network_of(case)
    assume(len(network.config.width) > 2)
    layer = 1 + seed % (len(network.config.width) - 2)
    first, second = (int(node) for node in generator_choice(network.config.width[layer], seed))
    below = network.stack[layer - 1]
    sums, size = below.out_dim - below.products, below.out_dim // network.config.groups
    if (first >= sums, first // size) != (second >= sums, second // size):
        with pytest.raises(InvalidConfig, match="one kind"):
            swap(network, layer, first, second)
        return
    swapped = swap(network, layer, first, second)
    assert_same(swapped, network)
    assert_same(swap(swapped, layer, first, second), network)
    x = rows_of(network)
    nodes, others = swapped.preacts(x)[layer], network.preacts(x)[layer]
    torch.testing.assert_close(nodes[:, first], others[:, second], equal_nan=True)


def generator_choice(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, count, 2)


@given(CASES)
def test_sorted_nodes_have_the_same_function_and_shorter_connections(case: Case) -> None:
    network, costs = network_of(case), []
    x = rows_of(network)
    scores = edge_scores(network, x)
    assume(all(bool(score.isfinite().all()) for score in scores))
    arranged = auto_swap(network, x)
    assert_same(arranged, network)
    for each in (arranged, network):
        costs.append(measure_connection_cost(edge_scores(each, x)[: len(each.stack)]))
    assert costs[0] <= costs[1] + 1e-6 * (1 + abs(costs[1]))


@given(CASES, SEEDS)
def test_pruned_edges_come_back_without_an_effect(case: Case, seed: int) -> None:
    network = network_of(case)
    revived = perturb(network, mode="non-intrusive", generator=generator(seed))
    assert_same(revived, network)
    assert revived.edge_count >= network.edge_count


def test_coefficients_change_at_random_and_the_base_function_stays() -> None:
    network = random_network((2, 3, 1))
    network.layers[0].mask[0, 0] = False
    changed = perturb(network, 0.1, mode="minimal", generator=generator())
    difference = (changed.layers[0].weight - network.layers[0].weight).detach()
    assert 0 < float(difference.abs().max()) <= 0.1
    assert not difference[0, :, 0].any()
    assert not difference[:, -1].any()
    assert perturb(network, 0.1, mode="all", generator=generator()).layers[0].mask[0, 0]


def test_an_edge_that_is_removed_is_zero_in_a_sum_and_one_in_a_product() -> None:
    network, x = random_network((2, 2, 1), products=1), uniform_rows(20, 2)
    values = network.layers[0].postacts(x)
    nodes = remove_edge(network, 0, 0, 0).preacts(x)[1]
    torch.testing.assert_close(nodes[:, 0], values[:, 1, 0])
    nodes = remove_edge(network, 0, 0, 1).preacts(x)[1]
    torch.testing.assert_close(nodes[:, 1], values[:, 1, 1])
    assert network.edge_count == 6


@pytest.mark.parametrize(("side", "edges"), [("all", 6), ("in", 7), ("out", 8)])
def test_a_node_that_is_removed_loses_its_edges(side: Any, edges: int) -> None:
    network = random_network((2, 3, 1))
    assert remove_node(network, 1, 2, side).edge_count == edges
    assert network.edge_count == 9


def test_a_function_takes_the_place_of_a_spline_and_a_spline_that_of_a_function() -> None:
    network, x = random_network((2, 3, 1), grid_size=40), uniform_rows(20, 2)
    fixed = set_function(network, 0, 1, 2, SymbolicEdge("sin", 2.0, 0.1, 1.5, 0.3))
    assert fixed.layers[0].symbolic
    for loose in (unfix_symbolic(fixed, 0, 1, 2), unfix_symbolic_all(fixed)):
        assert not loose.layers[0].symbolic
        torch.testing.assert_close(loose(x), fixed(x), rtol=1e-4, atol=1e-4)
    assert not network.layers[0].symbolic


def test_a_module_has_no_edges_to_the_other_nodes() -> None:
    network = random_network((3, 4, 2, 1))
    apart = keep_module(network, 0, "[0,1]->[0,1]->[0,1]->[-2]")
    assert apart.layers[0].mask.int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]]
    assert apart.layers[1].mask.int().tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]
    assert apart.layers[2].mask.all()
    for wrong in ("[0]->[9]", "[0]", "0->x"):
        with pytest.raises(InvalidConfig, match="no chain"):
            keep_module(network, 0, wrong)


def test_grids_follow_the_nodes_of_another_network() -> None:
    network, other = random_network((2, 3, 1)), random_network((2, 3, 1), seed=1)
    x = uniform_rows(200, 2)
    moved = initialize_grid_from_another_model(network, other, x)
    h = other.preacts(x)[1]
    knots = moved.layers[1].knots
    assert bool((knots[:, 3] <= h.amin(0)).all() and (knots[:, -4] >= h.amax(0)).all())


def test_shapes_that_differ_in_more_than_the_grid_have_no_functions_in_common() -> None:
    with pytest.raises(InvalidConfig, match="more than the grid"):
        initialize_from_another_model(random_network((2, 3, 1)), random_network((2, 2, 1)))


@pytest.mark.parametrize("layer", [0, 2])
def test_only_hidden_layers_get_more_nodes(layer: int) -> None:
    with pytest.raises(InvalidConfig, match="no hidden layer"):
        expand_width(random_network((2, 3, 1)), layer, generator=generator())


def test_training_uses_what_was_added() -> None:
    x = uniform_rows(200, 2)
    rows = TrainingRows.create(x, (torch.sin(3 * x[:, :1]) * x[:, 1:]), torch.ones(200).double())
    network = copy_network(random_network((2, 1, 1)))
    config = TrainingConfig(optimizer="levenberg_marquardt", steps=60)
    for _ in train(network, rows, config):
        pass
    before = rows.loss(network, "squared")
    larger = expand_depth(expand_width(network, 1, 2, multiply=True, generator=generator()), x)
    for _ in train(larger, rows, config):
        pass
    assert rows.loss(larger, "squared") < 0.1 * before
    assert refine(larger, 8).config.width == (2, 3, 1, 1)
