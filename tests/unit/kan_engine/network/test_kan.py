"""Networks: layers in a row, direct edges, headers, and how they begin."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from kan_engine.errors import ArtifactError, InvalidConfig
from kan_engine.network.header import NetworkHeader
from kan_engine.network.kan import KAN, KANConfig, copy_network, initialise_
from kan_engine.network.layer import SymbolicEdge
from tests.support.engine.networks import random_network, uniform_rows


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": (3,)},
        {"width": (3, 0, 1)},
        {"width": (1, 1), "grid_size": 0},
        {"width": (1, 1), "grid_size": 10_001},
        {"width": (1, 1), "order": -1},
        {"width": (1, 1), "order": 11},
        {"width": (1, 2, 1), "groups": 0},
        {"width": (1, 4, 3, 1), "groups": 2},
        {"width": (2, 1), "groups": 2},
        {"width": (2, 1), "products": 1},
        {"width": (2, 2, 1), "products": 3},
        {"width": (2, 2, 1), "products": -1},
        {"width": (2, 2, 2, 1), "products": 1},
        {"width": (2, 2, 2, 1), "products": (1, 1)},
        {"width": (2, 2, 1), "products": (0, 2)},
        {"width": (2, 2, 1), "groups": 2, "products": 1},
    ],
)
def test_what_is_no_network_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig):
        KANConfig(**wrong)


def test_products_of_the_only_hidden_layer_are_told_in_one_way() -> None:
    assert KANConfig(width=(2, 3, 1), products=(2, 0)) == KANConfig(width=(2, 3, 1), products=2)
    assert KANConfig(width=(2, 3, 2, 1), products=(0, 0, 0)) == KANConfig(width=(2, 3, 2, 1))
    assert KANConfig(width=(2, 3, 2, 1), products=(1, 2, 0)).product_counts == (1, 2, 0)


def test_layers_follow_each_other_and_direct_edges_are_added() -> None:
    network, x = random_network((2, 3, 1), direct=True), uniform_rows(10, 2)
    assert network.direct is not None
    torch.testing.assert_close(network(x), network.layers[1](network.layers[0](x)) + network.direct(x))


@pytest.mark.parametrize("direct", [False, True])
def test_preacts_are_what_enters_every_layer(direct: bool) -> None:
    network, x = random_network((2, 3, 2, 1), direct=direct), uniform_rows(10, 2)
    h = network.layers[0](x)
    expected = [x, h, network.layers[1](h), *([x] if direct else [])]
    for entering, wanted in zip(network.preacts(x), expected, strict=True):
        torch.testing.assert_close(entering, wanted)


def test_edges_are_counted_while_they_live_and_parameters_while_they_are_trained() -> None:
    network = random_network((2, 3, 1), grid_size=4, direct=True)
    network.layers[0].mask[0, 0] = False
    network.layers[1].symbolic[0, 0] = SymbolicEdge("sin", 1.0, 0.0, 1.0, 0.0)
    assert network.edge_count == 6 + 3 + 2 - 1
    assert network.parameter_count == (6 + 3 + 2 - 2) * (4 + 3 + 1)


def test_a_header_brings_back_shapes_grids_and_fixed_functions() -> None:
    network = random_network((2, 3, 1), grid_size=6, order=2, direct=True, products=1)
    network.layers[0].symbolic[1, 2] = SymbolicEdge("exp", 0.5, 0.1, -1.0, 2.0)
    header = network.to_header()
    twin = KAN.from_header(NetworkHeader.from_dict(json.loads(json.dumps(header.to_dict()))))
    assert twin.to_header() == header
    assert twin.config == network.config
    assert [layer.weight.shape for layer in twin.all_layers] == [
        layer.weight.shape for layer in network.all_layers
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"width": (2,)},
        {"grid_sizes": (4,)},
        {"grid_sizes": ()},
        {"groups": 2},
        {"products": 4},
        {"products": -1},
        {"symbolic": {(9, 0, 0): SymbolicEdge("sin", 1.0, 0.0, 1.0, 0.0)}},
    ],
)
def test_a_header_that_describes_no_network_is_refused(change: dict[str, Any]) -> None:
    header = replace(random_network((2, 3, 1)).to_header(), **change)
    with pytest.raises(ArtifactError, match="does not describe a network"):
        KAN.from_header(header)


@pytest.mark.parametrize(
    "change",
    [
        {"width": None},
        {"symbolic": [{"layer": 0, "in": 0}]},
        {"symbolic": [{"layer": 0, "in": 0, "out": 0, "function": "sin", "a": "x", "b": 0, "c": 1, "d": 0}]},
    ],
)
def test_a_stored_header_without_a_part_is_refused(change: dict[str, Any]) -> None:
    stored = random_network((2, 3, 1)).to_header().to_dict()
    with pytest.raises((KeyError, TypeError, ValueError)):
        NetworkHeader.from_dict(stored | change)
    with pytest.raises(KeyError):
        NetworkHeader.from_dict({"width": [1, 1]})


def test_a_copy_keeps_fixed_functions_and_pruned_edges() -> None:
    network, x = random_network((2, 3, 1)), uniform_rows(10, 2)
    network.layers[0].mask[0, 0] = False
    network.layers[0].symbolic[1, 1] = SymbolicEdge("cos", 2.0, 0.0, 1.0, 0.0)
    assert torch.equal(copy_network(network)(x), network(x))


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_activations_begin_as_lines_but_for_their_noise(order: int) -> None:
    network = KAN(KANConfig(width=(1, 1), grid_size=5, order=order))
    initialise_(network, torch.Generator().manual_seed(0), noise=0.0)
    middles = torch.tensor([[-0.8], [-0.4], [0.0], [0.4], [0.8]], dtype=torch.float64)  # of the 5 intervals
    values = network(middles).detach()
    slope = values[-1] / 0.8
    torch.testing.assert_close(values, middles * slope)
    assert 0 < abs(float(slope)) <= 1


def test_the_same_generator_begins_the_same_network() -> None:
    x = uniform_rows(5, 2)
    assert torch.equal(random_network((2, 3, 1), seed=4)(x), random_network((2, 3, 1), seed=4)(x))
    assert not torch.equal(random_network((2, 3, 1), seed=4)(x), random_network((2, 3, 1), seed=5)(x))
