"""How hidden nodes may move without any effect: found, and held."""

import pytest
import torch

from kan_engine.network.kan import KAN
from kan_engine.network.layer import SymbolicEdge
from kan_engine.training.gauss_newton import flatten_weights, set_weights_, trainable_edges
from kan_engine.training.rescaling_symmetry import symmetry_directions
from kan_engine.training.rows import TrainingRows
from tests.support.engine.networks import random_network, uniform_rows


def setting(width: tuple[int, ...] = (2, 2, 1)) -> tuple[KAN, TrainingRows]:
    network, x = random_network(width), uniform_rows(80, 2)
    return network, TrainingRows.create(x, x[:, :1])


def moved_by(network: KAN, step: torch.Tensor, rows: TrainingRows) -> tuple[torch.Tensor, torch.Tensor]:
    """Change of the mean and of the spread of the first layer's nodes."""
    edges = trainable_edges(network)
    start = flatten_weights(network, edges)
    before = network.preacts(rows.x)[1]
    set_weights_(network, edges, start + step)
    after = network.preacts(rows.x)[1]
    set_weights_(network, edges, start)
    return (after - before).mean(0), after.std(0, correction=0) - before.std(0, correction=0)


def test_a_row_tells_how_far_a_step_moves_and_stretches_a_node() -> None:
    network, rows = setting()
    gauge = symmetry_directions(network, rows, "squared", trainable_edges(network))
    step = 1e-6 * torch.randn(gauge.shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mean, spread = moved_by(network, step, rows)
    slopes = network.layers[1].compute_derivatives(network.preacts(rows.x)[1]).slopes[:, :, 0]
    worth = slopes.square().mean(0).sqrt()
    torch.testing.assert_close(gauge @ step, torch.cat([mean * worth, spread * worth]), rtol=1e-4, atol=1e-12)


def test_a_network_without_hidden_nodes_has_no_gauge() -> None:
    network, rows = setting((2, 1))
    assert symmetry_directions(network, rows, "squared", trainable_edges(network)).shape == (
        0,
        network.parameter_count,
    )


@pytest.mark.parametrize("layer", [0, 1])
def test_a_node_beside_a_fixed_function_has_no_gauge(layer: int) -> None:
    network, rows = setting()
    network.layers[layer].symbolic[1, 0] = SymbolicEdge("sin", 1.0, 0.0, 1.0, 0.0)
    gauge = symmetry_directions(network, rows, "squared", trainable_edges(network))
    assert len(gauge) == 2  # mean and spread of the other node


def test_many_rows_are_asked_in_part() -> None:
    network, _ = setting()
    x = uniform_rows(1_000, 2)
    rows, half = TrainingRows.create(x, x[:, :1]), TrainingRows.create(x[::2], x[::2, :1])
    edges = trainable_edges(network)
    assert torch.equal(
        symmetry_directions(network, rows, "squared", edges),
        symmetry_directions(network, half, "squared", edges),
    )
