"""Grids: where they lie, and that functions stay when they move."""

from itertools import pairwise

import pytest
import torch

from kan_engine.network.grid_updates import (
    has_misplaced_grids,
    refine,
    update_grid_,
    update_misplaced_grids_,
)
from kan_engine.network.kan import KAN, copy_network
from kan_engine.network.layer import KANLayer
from kan_engine.splines.knots import grid_range, quantile_grid, uniform_grid
from kan_engine.splines.thresholds import DEFAULT_GRIDS, GridThresholds
from tests.support.engine.networks import random_network, uniform_rows


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def range_of(layer: KANLayer) -> tuple[torch.Tensor, torch.Tensor]:
    return grid_range(layer.knots, layer.order)


def test_a_uniform_grid_goes_from_low_to_high_in_equal_steps() -> None:
    grid = uniform_grid(numbers(0.0, -1.0), numbers(4.0, 1.0), 4)
    torch.testing.assert_close(grid, torch.stack([numbers(0, 1, 2, 3, 4), numbers(-1, -0.5, 0, 0.5, 1)]))


@pytest.mark.parametrize("value", [0.0, 7.0, 1e9])
def test_an_input_that_does_not_vary_gets_a_grid_of_length_one(value: float) -> None:
    grid = uniform_grid(numbers(value), numbers(value), 2)
    torch.testing.assert_close(grid[0], numbers(value - 0.5, value, value + 0.5))


def test_quantiles_put_grid_points_where_the_data_are() -> None:
    x = uniform_rows(1001, 1).pow(3)
    grid = quantile_grid(x, 10, uniform_share=0.0, thresholds=GridThresholds(margin=0.0))[0]
    inside = [int(((x >= a) & (x < b)).sum()) for a, b in pairwise(grid)]
    assert max(inside) - min(inside) <= 2  # each interval holds a tenth, to rounding


def test_a_mixed_grid_lies_between_the_uniform_one_and_the_quantiles() -> None:
    x = uniform_rows(200, 2).exp()
    uniform, mixed, quantiles = (
        quantile_grid(x, 6, uniform_share=share, thresholds=GridThresholds(margin=0.1))
        for share in (1.0, 0.25, 0.0)
    )
    torch.testing.assert_close(mixed, 0.25 * uniform + 0.75 * quantiles)
    torch.testing.assert_close(quantiles[:, [0, -1]], uniform[:, [0, -1]])


def test_every_grid_reaches_a_little_beyond_what_its_layer_sees() -> None:
    network, x = random_network((2, 3, 1), direct=True), 5 * uniform_rows(100, 2)
    seen = network.preacts(x)
    update_grid_(network, x, thresholds=DEFAULT_GRIDS)
    for layer, h in zip(network.all_layers, seen, strict=True):
        low, high = range_of(layer)
        reach = DEFAULT_GRIDS.margin * (h.amax(0) - h.amin(0))
        torch.testing.assert_close(low, h.amin(0) - reach)
        torch.testing.assert_close(high, h.amax(0) + reach)


def test_moving_grids_onto_quantiles_keeps_a_line() -> None:
    network, x = random_network((1, 1), order=3), uniform_rows(200, 1)
    with torch.no_grad():
        network.layers[0].weight[0, :-1] = (network.layers[0].knots[:, 1:-1].unfold(1, 3, 1).mean(-1)).T
        network.layers[0].weight[0, -1] = 0.0
    update_grid_(network, x, uniform_share=0.3, thresholds=DEFAULT_GRIDS)
    torch.testing.assert_close(network(x), x)


def test_a_moved_grid_can_be_finer() -> None:
    network, x = random_network((2, 2, 1), grid_size=3), uniform_rows(50, 2)
    update_grid_(network, x, grid_size=8, thresholds=DEFAULT_GRIDS)
    assert [layer.grid_size for layer in network.all_layers] == [8, 8]


def test_the_base_function_keeps_its_weight_when_the_grid_moves() -> None:
    network, x = random_network((2, 2, 1)), uniform_rows(50, 2)
    with torch.no_grad():
        network.layers[0].weight[:, -1] = 0.3
    update_grid_(network, 2 * x, thresholds=DEFAULT_GRIDS)
    assert torch.equal(network.layers[0].weight[:, -1], torch.full((2, 2), 0.3, dtype=torch.float64))


def test_a_refined_network_is_another_object() -> None:
    network = random_network((2, 2, 1), grid_size=3)
    before = copy_network(network)
    assert refine(network, 7).layers[0].grid_size == 7
    assert torch.equal(network.layers[0].weight, before.layers[0].weight)


def test_refining_to_no_multiple_keeps_the_function_up_to_the_fit() -> None:
    network, x = random_network((1, 1), grid_size=4), uniform_rows(100, 1)
    spread = float(network(x).detach().std())
    errors = [float((refine(network, size)(x) - network(x)).detach().abs().max()) for size in (5, 19)]
    assert errors[0] < 0.3 * spread
    assert errors[1] < 0.1 * errors[0]  # kinks of the third derivative between the knots shrink


def test_refining_follows_an_uneven_grid() -> None:
    network, x = random_network((1, 1), grid_size=4), uniform_rows(300, 1).pow(3)
    update_grid_(network, x, uniform_share=0.2, thresholds=DEFAULT_GRIDS)
    finer = refine(network, 8)
    order = network.layers[0].order
    coarse, fine = network.layers[0].knots[:, order:-order], finer.layers[0].knots[:, order:-order]
    torch.testing.assert_close(fine[:, ::2], coarse)
    torch.testing.assert_close(finer(x), network(x), rtol=1e-9, atol=1e-9)


def fitting(width: tuple[int, ...] = (2, 3, 1)) -> tuple[KAN, torch.Tensor]:
    """A network whose grids fit all that they see."""
    network, x = random_network(width, direct=True), uniform_rows(100, 2)
    while update_misplaced_grids_(network, x, thresholds=DEFAULT_GRIDS):
        pass
    return network, x


def test_grids_that_fit_are_left_alone_to_the_bit() -> None:
    network, x = fitting()
    before = copy_network(network).state_dict()
    assert not update_misplaced_grids_(network, x, thresholds=DEFAULT_GRIDS)
    assert not has_misplaced_grids(network, x, thresholds=DEFAULT_GRIDS)
    assert all(torch.equal(network.state_dict()[name], before[name]) for name in before)


def test_only_the_grid_of_the_node_that_left_it_moves() -> None:
    network, x = fitting()
    with torch.no_grad():
        network.layers[0].weight[:, :, 1] *= 3.0
    before, outputs = copy_network(network), network(x)
    assert has_misplaced_grids(network, x, thresholds=DEFAULT_GRIDS)
    assert update_misplaced_grids_(network, x, thresholds=DEFAULT_GRIDS)
    assert torch.equal(network.layers[0].knots, before.layers[0].knots)
    layer, old = network.layers[1], before.layers[1]
    for node, stays in enumerate([True, False, True]):
        assert torch.equal(layer.knots[node], old.knots[node]) is stays
        assert torch.equal(layer.weight[node], old.weight[node]) is stays
    h = network.preacts(x)[1][:, 1]
    low, high = range_of(layer)
    assert float(low[1]) < float(h.min()) < float(h.max()) < float(high[1])
    assert float((network(x) - outputs).detach().abs().max()) < 0.5  # a coarse grid cannot keep kinks


@pytest.mark.parametrize(
    ("low", "high", "moves"),
    [
        (-1.05, 0.9, True),  # beyond its end
        (-0.999, 0.9, True),  # so near to it that fresh rows would be beyond
        (-0.9, 0.5, True),  # less than 80 % filled
        (-0.95, 0.95, False),
    ],
)
def test_a_grid_follows_rows_that_leave_it_or_hardly_fill_it(low: float, high: float, moves: bool) -> None:
    network = random_network((1, 1))
    assert (
        update_misplaced_grids_(
            network, torch.linspace(low, high, 50, dtype=torch.float64)[:, None], thresholds=DEFAULT_GRIDS
        )
        is moves
    )


@pytest.mark.parametrize(("value", "moves"), [(0.3, False), (1.0, False), (1.5, True)])
def test_a_constant_moves_its_grid_only_from_outside(value: float, moves: bool) -> None:
    network = random_network((1, 1))
    assert (
        update_misplaced_grids_(
            network, torch.full((20, 1), value, dtype=torch.float64), thresholds=DEFAULT_GRIDS
        )
        is moves
    )
    assert not update_misplaced_grids_(
        network, torch.full((20, 1), value, dtype=torch.float64), thresholds=DEFAULT_GRIDS
    )
