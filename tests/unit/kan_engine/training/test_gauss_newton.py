"""The structured Jacobian against autograd, for all that edges, outputs and losses can be."""

from dataclasses import replace

import pytest
import torch

from kan_engine.network.kan import KAN
from kan_engine.training.gauss_newton import (
    acceleration_gradient,
    add_edge_blocks_,
    flatten_edges,
    flatten_weights,
    gauss_newton_system,
    set_weights_,
    trainable_edges,
)
from kan_engine.training.losses import loss_per_row
from kan_engine.training.rows import TrainingRows
from tests.support.engine.problems import OUTPUTS, mixed_network, rows_of

each_loss = pytest.mark.parametrize("loss", OUTPUTS)
each_network = pytest.mark.parametrize(
    ("direct", "products"), [(False, 0), (True, 0), (True, 2), (False, (2, 1))]
)


def gradient_of(network: KAN, value: torch.Tensor) -> torch.Tensor:
    """∂ value/∂ weights by autograd, in the order of ``flat``."""
    weights = [layer.weight for layer in network.all_layers]
    gradients = torch.autograd.grad(value, weights, retain_graph=True, materialize_grads=True)
    return flatten_edges(gradients, trainable_edges(network))


def hessian_of_row(loss: str, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """∂²ℓ/∂f² of one row by autograd."""
    return torch.autograd.functional.hessian(  # type: ignore[no-any-return]
        lambda f: loss_per_row(loss, f[None], targets[None]).sum(), outputs.detach()
    )


@each_network
@each_loss
def test_the_gradient_is_that_of_the_weighted_mean_loss(
    loss: str, direct: bool, products: int | tuple[int, ...]
) -> None:
    network, rows = mixed_network(loss, direct=direct, products=products), rows_of(loss)
    _, gradient = gauss_newton_system(network, rows, loss, trainable_edges(network))
    losses = loss_per_row(loss, network(rows.x), rows.targets)
    torch.testing.assert_close(gradient, gradient_of(network, losses @ rows.weights / rows.weights.sum()))


@each_network
@each_loss
def test_the_matrix_is_the_weighted_mean_of_jacobians_around_the_hessian_of_the_loss(
    loss: str, direct: bool, products: int | tuple[int, ...]
) -> None:
    network, rows = mixed_network(loss, direct=direct, products=products), rows_of(loss)
    matrix, _ = gauss_newton_system(network, rows, loss, trainable_edges(network))
    outputs, expected = network(rows.x), torch.zeros_like(matrix)
    for row, share in enumerate(rows.weights / rows.weights.sum()):
        jacobian = torch.stack([gradient_of(network, value) for value in outputs[row]])
        hessian = hessian_of_row(loss, outputs[row], rows.targets[row])
        expected += share * jacobian.T @ hessian @ jacobian
    torch.testing.assert_close(matrix, expected)


@each_loss
def test_blocks_of_rows_add_up_to_the_whole(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, rows = mixed_network(loss, direct=True), rows_of(loss)
    edges = trainable_edges(network)
    whole = gauss_newton_system(network, rows, loss, edges)
    monkeypatch.setattr(
        "kan_engine.training.gauss_newton.JACOBIAN_BYTES", 8 * len(whole[1]) * OUTPUTS[loss] * 7
    )
    # Six blocks, the last of 5
    torch.testing.assert_close(gauss_newton_system(network, rows, loss, edges), whole)


@each_network
@each_loss
def test_curvature_is_what_the_second_derivative_along_a_step_adds_to_the_gradient(
    loss: str, direct: bool, products: int | tuple[int, ...]
) -> None:
    """Beside it stands the Jacobian at each row, by autograd, and f″ by a much shorter difference."""
    network, rows = mixed_network(loss, direct=direct, products=products), rows_of(loss, 12)
    edges, start = trainable_edges(network), flatten_weights(network, trainable_edges(network))
    shift = 0.02 * torch.randn(len(start), dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    expected, step = torch.zeros_like(start), 1e-3

    def outputs_at(place: float) -> torch.Tensor:
        set_weights_(network, edges, start + place * shift)
        with torch.no_grad():
            return network(rows.x)  # type: ignore[no-any-return]

    second = (outputs_at(step) - 2 * outputs_at(0.0) + outputs_at(-step)) / step**2
    set_weights_(network, edges, start)
    outputs = network(rows.x)
    for row, share in enumerate(rows.weights / rows.weights.sum()):
        jacobian = torch.stack([gradient_of(network, value) for value in outputs[row]])
        expected += share * jacobian.T @ hessian_of_row(loss, outputs[row], rows.targets[row]) @ second[row]
    found = acceleration_gradient(network, rows, loss, edges, shift)
    assert float((found - expected).norm() / expected.norm()) < 1e-3
    assert torch.equal(flatten_weights(network, edges), start)


@each_network
def test_trained_constants_of_functions_follow_the_weights(
    direct: bool, products: int | tuple[int, ...]
) -> None:
    """Beside them stand central differences of the outputs."""
    step = 1e-5
    network, rows = mixed_network("squared", direct=direct, products=products), rows_of("squared")
    weights = network.parameter_count
    for layer in network.all_layers:
        layer.symbolic = {place: replace(edge, is_trained=True) for place, edge in layer.symbolic.items()}
    edges = trainable_edges(network)
    start = flatten_weights(network, edges)
    assert len(start) == network.parameter_count > weights
    differences = []
    for unit in torch.eye(len(start), dtype=torch.float64)[weights:]:
        ends = []
        for end in step, -step:
            set_weights_(network, edges, start + end * unit)
            ends.append(network(rows.x).detach())
        differences.append((ends[0] - ends[1]) / (2 * step))
    set_weights_(network, edges, start)
    share = rows.weights / rows.weights.sum()
    slopes = torch.stack(differences)
    matrix, gradient = gauss_newton_system(network, rows, "squared", edges)
    errors = (network(rows.x) - rows.targets).detach()
    torch.testing.assert_close(
        gradient[weights:], torch.einsum("pno,no,n->p", slopes, errors, share), rtol=1e-6, atol=1e-8
    )
    torch.testing.assert_close(
        matrix[weights:, weights:], torch.einsum("pno,qno,n->pq", slopes, slopes, share), rtol=1e-6, atol=1e-8
    )


def test_curvature_vanishes_where_the_outputs_are_linear_in_the_weights() -> None:
    network, rows = mixed_network("squared"), rows_of("squared")
    network.layers[0].mask[:] = False
    edges = trainable_edges(network)
    shift = torch.ones_like(flatten_weights(network, edges))
    assert float(acceleration_gradient(network, rows, "squared", edges, shift).abs().max()) < 1e-10


def test_only_live_splines_have_a_place_in_the_vector_of_weights() -> None:
    network = mixed_network("squared", direct=True)
    edges = trainable_edges(network)
    values = flatten_weights(network, edges)
    assert len(values) == network.parameter_count
    frozen = network.layers[0].weight.detach().clone()
    set_weights_(network, edges, torch.arange(len(values)).double())
    assert torch.equal(flatten_weights(network, edges), torch.arange(len(values)).double())
    assert torch.equal(network.layers[0].weight[0, :, 1], frozen[0, :, 1])
    assert torch.equal(network.layers[0].weight[1, :, 2], frozen[1, :, 2])


def test_blocks_of_single_edges_are_added_where_their_weights_stand() -> None:
    network = mixed_network("squared")
    edges = trainable_edges(network)
    counts = [int(alive.sum()) for alive in edges]
    blocks = [torch.rand(count, 7, 7, dtype=torch.float64) for count in counts]
    matrix = torch.zeros(network.parameter_count, network.parameter_count, dtype=torch.float64)
    add_edge_blocks_(matrix, edges, blocks)
    assert torch.equal(matrix, torch.block_diag(*(block for layer in blocks for block in layer)))


def test_rows_of_weight_zero_have_no_say() -> None:
    network, rows = mixed_network("softmax"), rows_of("softmax")
    kept = rows.weights > 1
    some = TrainingRows.create(rows.x, rows.targets, rows.weights * kept)
    edges = trainable_edges(network)
    found = gauss_newton_system(network, some, "softmax", edges)
    torch.testing.assert_close(found, gauss_newton_system(network, rows[kept], "softmax", edges))
