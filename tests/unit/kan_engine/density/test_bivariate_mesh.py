"""Places of the plane: what is kept of a network there gives what the network itself gives."""

import numpy as np
import pytest
import torch
from torch import Tensor

from kan_engine.density.bivariate import build_normal_network
from kan_engine.density.bivariate_mesh import BivariateMesh, WeightedPoints
from kan_engine.network.kan import KAN
from kan_engine.training.gauss_newton import flatten_edges, trainable_edges

STRETCHED = np.array([-6.0, -2.0, -0.5, 0.5, 3.0])
X = torch.tensor([[0.1, -0.2], [-0.7, 1.4], [2.9, 0.0], [-9.0, 5.0], [0.4, 0.3]], dtype=torch.float64)


@pytest.fixture
def frame() -> BivariateMesh:
    return BivariateMesh(
        points=(np.linspace(-1.5, 1.5, 5), STRETCHED),
        ends=((-1.5, np.inf), (-np.inf, np.inf)),
        means=(0.1, -0.2),
        covariance=np.array([[0.3, 0.2], [0.2, 0.9]]),
        order=3,
    )


def network_in(frame: BivariateMesh, nodes: int) -> KAN:
    """One that is no normal law."""
    network = build_normal_network(frame, nodes)
    with torch.no_grad():
        for layer in network.stack:
            layer.weight += 0.1 * torch.randn(layer.weight.shape, generator=torch.Generator().manual_seed(1))
    return network


def by_autograd(network: KAN, x: Tensor) -> Tensor:
    edges, rows = trainable_edges(network), []
    for value in network(x)[:, 0]:
        weights = [layer.weight for layer in network.all_layers]
        slopes = torch.autograd.grad(value, weights, retain_graph=True, materialize_grads=True)
        rows.append(flatten_edges(slopes, edges))
    return torch.stack(rows)


each_shape = pytest.mark.parametrize("nodes", [0, 4])


@each_shape
def test_rows_get_what_the_network_gives(frame: BivariateMesh, nodes: int) -> None:
    network, rows = network_in(frame, nodes), frame.locate_rows(X, torch.ones(len(X)).double())
    with torch.no_grad():
        assert rows.values(network).numpy() == pytest.approx(network(X)[:, 0].numpy(), rel=1e-12)


@each_shape
@torch.no_grad()
def test_a_mesh_gets_what_the_network_gives_at_all_pairs(frame: BivariateMesh, nodes: int) -> None:
    network = network_in(frame, nodes)
    axes = [np.interp(np.linspace(0, 4, 21), range(5), grid) for grid in frame.points]
    x = torch.from_numpy(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2))
    assert frame.lattice.values(network).numpy() == pytest.approx(network(x)[:, 0].numpy(), rel=1e-11)


@each_shape
def test_the_jacobian_is_that_of_autograd(frame: BivariateMesh, nodes: int) -> None:
    network, rows = network_in(frame, nodes), frame.locate_rows(X, torch.ones(len(X)).double())
    with torch.no_grad():
        found = rows.jacobian(network)
    assert found.numpy() == pytest.approx(by_autograd(network, X).numpy(), abs=1e-12)


@each_shape
@torch.no_grad()
def test_mean_slopes_are_the_weighted_mean_of_the_jacobian(frame: BivariateMesh, nodes: int) -> None:
    weights = torch.tensor([1.0, 2.0, 0.5, 0.25, 1.25], dtype=torch.float64)
    network, rows = network_in(frame, nodes), frame.locate_rows(X, weights)
    expected = weights @ rows.jacobian(network) / weights.sum()
    assert rows.mean_slopes(network).numpy() == pytest.approx(expected.numpy(), abs=1e-12)


@torch.no_grad()
def test_places_of_a_mesh_can_be_taken_one_by_one(frame: BivariateMesh) -> None:
    network, mesh = network_in(frame, 4), frame.coarse_rule
    chosen = torch.tensor([0, 7, len(mesh) // 2, len(mesh) - 1])
    some = mesh[chosen]
    assert isinstance(some, WeightedPoints)
    assert some.values(network).numpy() == pytest.approx(mesh.values(network)[chosen].numpy(), rel=1e-12)
    assert some.jacobian(network).numpy() == pytest.approx(mesh.jacobian(network)[chosen].numpy(), abs=1e-12)
    assert some.weights.tolist() == mesh.weights[chosen].tolist()


def test_a_network_begins_on_the_grids_of_both_columns(frame: BivariateMesh) -> None:
    knots = build_normal_network(frame, 4).stack[0].knots[:, 3:-3]
    assert knots[0].tolist() == frame.points[0].tolist()
    assert knots[1].tolist() == STRETCHED.tolist()


def test_quadrature_covers_the_support_up_to_its_ends(frame: BivariateMesh) -> None:
    across = STRETCHED[-1] - STRETCHED[0] + 8 * 0.9**0.5
    for rule in (frame.coarse_rule, frame.medium_rule, frame.fine_rule):
        assert float(rule.weights.sum()) == pytest.approx((3 + 4 * 0.3**0.5) * across)
