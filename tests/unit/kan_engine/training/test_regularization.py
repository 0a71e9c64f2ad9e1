"""L1 norm and entropy, counted by hand."""

import math

import pytest
import torch

from kan_engine.network.kan import KAN, KANConfig
from kan_engine.training.config import TrainingConfig
from kan_engine.training.regularization import edge_norms, regularization
from tests.support.engine.networks import random_network, uniform_rows

X = uniform_rows(30, 2)
L1 = TrainingConfig(lamb_l1=1.0, lamb_entropy=0.0)
ENTROPY = TrainingConfig(lamb_l1=0.0, lamb_entropy=1.0)


def flat(values: list[list[float]]) -> KAN:
    """One layer whose activations are these constants."""
    network = KAN(KANConfig(width=(len(values), len(values[0]))))
    with torch.no_grad():
        network.layers[0].weight[:, :-1] = torch.tensor(values, dtype=torch.float64)[:, None]
    return network


def test_the_norm_of_an_edge_is_its_mean_absolute_activation() -> None:
    norms = edge_norms(flat([[1.0, -2.0], [0.0, 3.0]]), X)
    torch.testing.assert_close(norms[0], torch.tensor([[1.0, 2.0], [0.0, 3.0]], dtype=torch.float64))


def test_every_layer_has_its_norms_and_direct_edges_come_last() -> None:
    network = random_network((2, 3, 1), direct=True)
    norms = edge_norms(network, X)
    assert [tuple(part.shape) for part in norms] == [(2, 3), (3, 1), (2, 1)]
    assert network.direct is not None
    torch.testing.assert_close(norms[2], network.direct.postacts(X).abs().mean(0))


@pytest.mark.parametrize(
    ("values", "l1", "entropy"),
    [
        ([[1.0], [-1.0]], 2.0, math.log(2)),
        ([[3.0], [1.0]], 4.0, -0.75 * math.log(0.75) - 0.25 * math.log(0.25)),
        ([[5.0], [0.0]], 5.0, 0.0),
        ([[0.0], [0.0]], 0.0, 0.0),
    ],
)
def test_the_penalty_is_the_sum_of_norms_and_the_entropy_of_their_shares(
    values: list[list[float]], l1: float, entropy: float
) -> None:
    network = flat(values)
    assert float(regularization(network, X, L1).detach()) == pytest.approx(l1)
    found = float(regularization(network, X, ENTROPY).detach())
    assert found == pytest.approx(entropy, abs=1e-12)


def test_coefficients_and_their_differences_are_penalised_as_means_over_the_nodes_they_lead_to() -> None:
    network = flat([[1.0, -2.0], [0.0, 3.0]])  # eight coefficients each: five intervals, cubic
    network.layers[0].weight.data[0, 0, 1] = 2.0
    network.layers[0].mask[1, 1] = False
    plain = regularization(network, X, TrainingConfig(lamb_l1=0.0, lamb_entropy=0.0, lamb_coef=1.0))
    assert float(plain.detach()) == pytest.approx((8 * 1.0 + 8 * 2.0) / 2)
    steps = regularization(network, X, TrainingConfig(lamb_l1=0.0, lamb_entropy=0.0, lamb_coefdiff=1.0))
    assert float(steps.detach()) == pytest.approx(4.0 / 2)


def test_the_penalty_of_a_network_is_that_of_its_layers() -> None:
    network = random_network((2, 3, 1))
    deep = regularization(network, X, TrainingConfig(lamb_l1=0.5, lamb_entropy=0.0))
    torch.testing.assert_close(
        deep, 0.5 * (edge_norms(network, X)[0].sum() + edge_norms(network, X)[1].sum())
    )


@pytest.mark.parametrize("values", [[[3.0], [1.0]], [[2.0], [0.0]], [[0.0], [0.0]]])
def test_its_gradient_is_a_number_even_at_zero(values: list[list[float]]) -> None:
    network = flat(values)
    regularization(network, X, TrainingConfig(lamb_l1=1.0, lamb_entropy=2.0)).backward()  # type: ignore[no-untyped-call]
    gradient = network.layers[0].weight.grad
    assert gradient is not None
    assert torch.isfinite(gradient).all()


def test_a_stronger_small_edge_costs_more_entropy() -> None:
    even, uneven = (
        float(regularization(flat([[1.0], [small]]), X, ENTROPY).detach()) for small in (0.5, 0.1)
    )
    assert uneven < even
