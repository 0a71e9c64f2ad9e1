"""Layers: sums of activations, tangents off the grid, fixed functions, and derivatives."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from kan_engine.network.layer import KANLayer, SymbolicEdge, symbolic_slope, symbolic_value
from tests.support.engine.networks import uniform_rows

SINE = SymbolicEdge("sin", 1.5, 0.2, 0.7, 0.1)


def random_layer(*, order: int = 3) -> KANLayer:
    """Three inputs, two outputs; one edge pruned, one fixed."""
    layer = KANLayer(3, 2, grid_size=4, order=order)
    generator = torch.Generator().manual_seed(0)
    torch.nn.init.uniform_(layer.weight, -1, 1, generator=generator)
    layer.mask[0, 1] = False
    layer.symbolic[2, 0] = SINE
    return layer


def test_an_activation_is_its_spline_plus_its_share_of_silu() -> None:
    layer, x = random_layer(), uniform_rows(20, 3)
    weight = layer.weight.detach().numpy()[1, :, 0]
    spline = BSpline(layer.knots[1].numpy(), weight[:-1], 3)
    silu = torch.nn.functional.silu(x[:, 1]).numpy()
    expected = spline(x[:, 1].numpy()) + weight[-1] * silu
    np.testing.assert_allclose(layer.postacts(x)[:, 1, 0].detach(), expected, atol=1e-12)


def test_a_node_sums_its_incoming_activations() -> None:
    layer, x = random_layer(), uniform_rows(20, 3)
    torch.testing.assert_close(layer(x), layer.postacts(x).sum(1))


def test_the_last_nodes_may_multiply_what_enters_them() -> None:
    layer, x = random_layer(), uniform_rows(20, 3)
    layer.products = 1
    first, last = layer.postacts(x)[:, :, 0], layer.postacts(x)[:, 1:, 1]
    torch.testing.assert_close(layer(x), torch.stack([first.sum(1), last.prod(1)], 1))


def test_a_product_of_nothing_is_zero() -> None:
    layer, x = random_layer(), uniform_rows(20, 3)
    layer.products = 1
    layer.mask[:, 1] = False
    assert not layer(x)[:, 1].any()


def test_the_slopes_of_a_product_are_its_derivatives_even_where_two_factors_vanish() -> None:
    layer, x = random_layer(), uniform_rows(20, 3).requires_grad_()
    layer.products, layer.mask[:] = 2, True
    with torch.no_grad():
        layer.weight[1:, :, 1] = 0.0
    passage = layer.compute_derivatives(x.detach())
    for node in range(2):
        (expected,) = torch.autograd.grad(layer(x)[:, node].sum(), x)
        torch.testing.assert_close(passage.slopes[:, :, node], expected)


def test_a_pruned_edge_contributes_nothing() -> None:
    layer, x = random_layer(), uniform_rows(20, 3)
    assert not layer.postacts(x)[:, 0, 1].any()


def test_a_fixed_function_takes_the_place_of_the_spline() -> None:
    layer, x = random_layer(), uniform_rows(20, 3)
    expected = 0.7 * torch.sin(1.5 * x[:, 2] + 0.2) + 0.1
    torch.testing.assert_close(layer.postacts(x)[:, 2, 0], expected)


def test_a_fixed_function_on_a_pruned_edge_contributes_nothing() -> None:
    layer, x = random_layer(), uniform_rows(20, 3)
    layer.mask[2, 0] = False
    assert not layer.postacts(x)[:, 2, 0].any()
    torch.testing.assert_close(layer(x), layer.postacts(x).sum(1))


def test_only_live_splines_are_trained() -> None:
    assert random_layer().trainable_mask().tolist() == [[True, False], [True, True], [False, True]]


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_beyond_the_grid_an_activation_goes_on_along_its_tangent(order: int, side: float) -> None:
    layer = random_layer(order=order)
    edge, step = torch.full((1, 3), side, dtype=torch.float64), 0.5 * side
    slopes = layer.compute_derivatives(edge).slopes
    live = layer.trainable_mask()
    gained = (layer.postacts(edge + step) - layer.postacts(edge))[0]
    torch.testing.assert_close(gained[live], (slopes * step)[0][live])


@pytest.mark.parametrize("reach", [1.0, 3.0])  # inside the grid, and beyond it
def test_slopes_are_the_derivatives_of_the_activations(reach: float) -> None:
    layer, x = random_layer(), reach * uniform_rows(20, 3)
    slopes = layer.compute_derivatives(x).slopes
    h = 1e-6
    difference = (layer.postacts(x + h) - layer.postacts(x - h)) / (2 * h)
    torch.testing.assert_close(slopes, difference.detach(), rtol=1e-6, atol=1e-6)  # of central differences


@pytest.mark.parametrize("reach", [1.0, 3.0])
def test_gradients_flow_to_inputs_and_weights(reach: float) -> None:
    layer, x = random_layer(), (reach * uniform_rows(3, 3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, w: _with_weight(layer, x, w), (x, layer.weight))


@pytest.mark.parametrize(
    ("is_uniform", "order", "reach"),
    [(True, 2, 1.0), (True, 3, 3.0), (False, 3, 1.0), (False, 5, 3.0)],  # on the grid, and off it
)
def test_second_derivatives_are_right_too(is_uniform: bool, order: int, reach: float) -> None:
    layer, x = random_layer(order=order), (reach * uniform_rows(2, 3)).requires_grad_()
    if not is_uniform:
        layer.knots[:, order + 1] += 0.1
    assert (layer.spacing() is not None) == is_uniform
    assert torch.autograd.gradcheck(layer.features, (x,))
    assert torch.autograd.gradgradcheck(layer.features, (x,))


def test_off_the_grid_a_second_derivative_is_zero() -> None:
    x = torch.full((1, 3), 2.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(random_layer().features(x).sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    assert slope.all()
    assert not bend.any()


def test_whether_knots_are_uniform_is_found_again_when_they_change() -> None:
    layer = random_layer()
    assert layer.spacing() is layer.spacing()
    layer.knots[0, 4] += 0.1
    assert layer.spacing() is None
    layer.knots = random_layer().knots
    assert layer.spacing() is not None
    with torch.inference_mode():
        layer.knots = layer.knots.clone()
        assert layer.spacing() is not None
        layer.knots[0, 4] += 0.1
        assert layer.spacing() is None


def test_what_is_not_a_number_stays_so() -> None:
    for layer in (random_layer(), random_layer(order=0)):
        x = torch.tensor([[0.5, torch.nan, 0.1], [0.5, 0.2, 0.1]], dtype=torch.float64)
        out = layer(x)
        assert out.isnan().all(1).tolist() == [True, False]


def test_infinite_inputs_do_not_break_other_rows() -> None:
    layer, x = random_layer(), uniform_rows(3, 3)
    x[0, 1] = torch.inf
    assert torch.equal(layer(x)[1:], layer(x[1:]))


def test_a_layer_in_single_precision_follows_the_one_in_double_precision() -> None:
    layer, x = random_layer(), 1.5 * uniform_rows(20, 3)
    expected = layer(x)
    values = layer.float()(x.float())
    assert values.dtype == torch.float32
    torch.testing.assert_close(values.double(), expected, rtol=1e-5, atol=1e-5)


def _with_weight(layer: KANLayer, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.func.functional_call(layer, {"weight": weight}, (x,))


def test_the_slope_of_a_fixed_function_follows_the_chain_rule() -> None:
    x = torch.linspace(-1, 1, 7, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(symbolic_value(SINE, x).sum(), x)
    torch.testing.assert_close(slope, 0.7 * 1.5 * torch.cos(1.5 * x.detach() + 0.2))
    torch.testing.assert_close(symbolic_slope(SINE, x), slope)


def test_the_grid_size_is_that_of_the_knots() -> None:
    assert KANLayer(1, 1, grid_size=7, order=2).grid_size == 7
    assert KANLayer(1, 1, grid_size=7, order=2).knots.shape == (1, 7 + 1 + 2 * 2)
