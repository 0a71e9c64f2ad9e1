"""What weights cost."""

import pytest
import torch

from kan_engine.network.kan import KAN, KANConfig
from kan_engine.training.penalty import Penalty, difference_matrix
from tests.support.engine.networks import random_network


def test_smoothness_charges_second_differences_of_the_spline_only() -> None:
    network = KAN(KANConfig(width=(1, 1), grid_size=4))
    matrix = Penalty(smoothness=2.0).matrix(network.layers[0])
    line = torch.arange(8, dtype=torch.float64)  # the last weight is the base function's
    kink = torch.zeros(8, dtype=torch.float64)
    kink[3] = 1.0
    assert float(line @ matrix @ line) == pytest.approx(0)
    assert float(kink @ matrix @ kink) == pytest.approx(2.0 * (1 + 4 + 1))


def test_the_price_of_a_network_is_that_of_its_activations_in_their_matrix() -> None:
    network, penalty = random_network((2, 2, 1), direct=True), Penalty(ridge=0.1, smoothness=0.3)
    weights = [layer.weight.detach() for layer in network.all_layers]
    matrices = [penalty.matrix(layer) for layer in network.all_layers]
    costs = [torch.einsum("ito,ts,iso->", w, q, w) for w, q in zip(weights, matrices, strict=True)]
    expected = float(sum(costs)) / 2
    assert float(penalty.value(network).detach()) == pytest.approx(expected)


def test_pruned_edges_cost_nothing() -> None:
    network, penalty = random_network((2, 1)), Penalty(ridge=1.0)
    whole = float(penalty.value(network).detach())
    network.layers[0].mask[0, 0] = False
    kept = float(network.layers[0].weight[1].detach().square().sum()) / 2
    assert float(penalty.value(network).detach()) == pytest.approx(kept) != pytest.approx(whole)


def test_without_a_price_nothing_is_charged() -> None:
    assert not Penalty().is_active
    assert float(Penalty().value(random_network((2, 2, 1))).detach()) == 0.0


@pytest.mark.parametrize("order", [1, 2, 5])
def test_differences_of_an_order_vanish_on_polynomials_of_lower_degree(order: int) -> None:
    layer = KAN(KANConfig(width=(1, 1), grid_size=5)).layers[0]
    places = torch.arange(8, dtype=torch.float64)
    base = torch.ones(1, dtype=torch.float64)
    lower, equal = (torch.cat([places**degree, base]) for degree in (order - 1, order))
    assert float((difference_matrix(layer, order) @ lower).abs().max()) < 1e-9
    assert float((difference_matrix(layer, order) @ equal).abs().min()) > 0.5


def test_few_coefficients_have_as_many_differences_as_they_can() -> None:
    layer = KAN(KANConfig(width=(1, 1), grid_size=1)).layers[0]  # four coefficients
    assert difference_matrix(layer, 5).shape == (1, 5)
