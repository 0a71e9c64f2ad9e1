"""Moving and refining grids while every activation stays the function it is."""

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.layer import KANLayer
from kan_engine.network import KAN, copied
from kan_engine.rows import row_blocks
from kan_engine.spline import extend_knots, fit_coef, quantile_grid

MARGIN = 0.02  # reach of a grid beyond the data: a fresh draw of a thousand rows lies inside


@torch.no_grad()
def update_grid_(
    network: KAN,
    x: Float[Tensor, "batch in_dim"],
    *,
    uniform_share: float = 1.0,
    grid_size: int | None = None,
) -> None:
    """Move every grid to the inputs that its layer sees, layer by layer (KAN paper, section 2.2).

    Coefficients are fitted again by least squares, so each activation stays the same function up
    to what the new grid can represent.

    Args:
        network: Changed in place.
        x: Rows that show where the inputs of every layer lie.
        uniform_share: 1 for uniform grids, 0 for quantiles.
        grid_size: New number of intervals; the present one if not given.
    """
    h = x
    for layer in network.stack:
        blocks = [layer(h[block]) for block in row_blocks(network, len(h))]
        out = torch.cat(blocks)  # what the next layer sees, before this grid moves
        _regrid_(layer, h, uniform_share, grid_size)
        h = out
    if network.direct is not None:
        _regrid_(network.direct, x, uniform_share, grid_size)


def refine(network: KAN, grid_size: int) -> KAN:
    """Grid extension: the same functions on finer grids over the same ranges (eq. 2.16).

    Where ``grid_size`` is a multiple of the present size the knots are nested and the functions
    are the same to rounding; else up to the least-squares fit.
    """
    finer = copied(network)
    refine_(finer, grid_size)
    return finer


@torch.no_grad()
def refine_(network: KAN, grid_size: int) -> None:
    """``refine`` in place."""
    for layer in network.all_layers:
        grid = layer.knots[:, layer.order : layer.knots.shape[1] - layer.order]
        _refit_(layer, _subdivide(grid, grid_size))


def _subdivide(grid: Float[Tensor, "in_dim grid"], size: int) -> Float[Tensor, "in_dim _"]:
    """``size`` intervals over the same range, as dense as the given grid is at each place."""
    intervals = grid.shape[1] - 1
    places = torch.linspace(0, intervals, size + 1, dtype=grid.dtype, device=grid.device)
    left = places.long().clamp(max=intervals - 1)
    return grid[:, left] + (places - left) * (grid[:, left + 1] - grid[:, left])


def _regrid_(
    layer: KANLayer, h: Float[Tensor, "batch in_dim"], uniform_share: float, grid_size: int | None
) -> None:
    size = grid_size or layer.grid_size
    _refit_(layer, quantile_grid(h, size, uniform_share=uniform_share, margin=MARGIN))


def _refit_(layer: KANLayer, grid: Float[Tensor, "in_dim grid"]) -> None:
    """Put the layer on a new grid; its coefficients follow by least squares on a dense sample.

    The sample covers the whole new grid, so that what lies outside the data keeps its shape too.
    The base function keeps its weight: the spline takes up the rest.
    """
    size = grid.shape[1] - 1
    x = _subdivide(grid, 8 * size).T  # (samples, in_dim)
    values = torch.einsum("nit,ito->nio", layer.features(x), layer.weight)
    knots = extend_knots(grid, layer.order)
    weight = layer.weight.new_zeros(layer.in_dim, size + layer.order + 1, layer.out_dim)
    weight[:, -1] = layer.weight[:, -1]
    layer.knots = knots
    features = layer.features(x)
    for i in range(layer.in_dim):
        rest = values[:, i] - features[:, i, -1:] * weight[i, -1]
        weight[i, :-1] = fit_coef(features[:, i, :-1], rest)
    layer.weight = torch.nn.Parameter(weight)
