"""Grid updates and grid refinement that leave the activations unchanged up to the least-squares fit."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.network.kan import KAN, Network, copy_network
from kan_engine.network.layer import KANLayer
from kan_engine.network.row_blocks import row_blocks
from kan_engine.splines.knots import (
    extend_knots,
    factorize_features,
    grid_range,
    quantile_grid,
    refine_coef,
    solve_coef,
    uniform_grid,
)
from kan_engine.splines.thresholds import DEFAULT_GRIDS, GridThresholds


@torch.no_grad()
def update_grid_(
    network: KAN,
    x: Float[Tensor, "batch in_dim"],
    *,
    uniform_share: float = 1.0,
    grid_size: int | None = None,
    thresholds: GridThresholds,
) -> None:
    """Move every grid to the inputs of its layer, layer by layer (KAN paper, section 2.2).

    Coefficients are refitted by least squares, so that each activation remains the same function as far as
    the new grid can represent it.

    Args:
        network: Changed in place.
        x: Rows from which the inputs of every layer are computed.
        uniform_share: 1 for uniform grids, 0 for quantiles.
        grid_size: New number of intervals; None keeps the present number.
        thresholds: Position of the grids.
    """
    h = x
    for layer in network.stack:
        blocks = [layer(h[block]) for block in row_blocks(network, len(h))]
        out = torch.cat(blocks)  # inputs of the next layer, before this grid moves
        fit_grid_to_inputs_(layer, h, thresholds, uniform_share=uniform_share, grid_size=grid_size)
        h = out
    if network.direct is not None:
        fit_grid_to_inputs_(network.direct, x, thresholds, uniform_share=uniform_share, grid_size=grid_size)


@torch.no_grad()
def update_misplaced_grids_(
    network: KAN, x: Float[Tensor, "batch in_dim"], thresholds: GridThresholds
) -> bool:
    """Move the grids whose inputs have left them or fill too little of them.

    All other grids remain exactly the same. Moving a grid loses digits, since the old spline is not in the
    spline space of the new knots.

    Returns:
        Whether any grid was moved.
    """
    has_moved, h = False, x
    for layer in network.all_layers:
        h = x if layer is network.direct else h
        out = torch.cat([layer(h[block]) for block in row_blocks(network, len(h))])
        has_moved |= update_misplaced_layer_grids_(layer, h, thresholds)
        h = out
    return has_moved


@torch.no_grad()
def update_misplaced_layer_grids_(
    layer: KANLayer, h: Float[Tensor, "batch in_dim"], thresholds: GridThresholds = DEFAULT_GRIDS
) -> bool:
    """``update_misplaced_grids_`` for one layer with inputs ``h``."""
    stray = _find_misplaced_inputs(layer, h, thresholds)
    if stray.any():
        target = quantile_grid(h, layer.grid_size, uniform_share=1.0, thresholds=thresholds)
        _replace_grid_(layer, torch.where(stray[:, None], target, _inner_grid(layer)), stray)
    return bool(stray.any())


@torch.no_grad()
def has_misplaced_grids(network: KAN, x: Float[Tensor, "batch in_dim"], thresholds: GridThresholds) -> bool:
    """Whether ``update_misplaced_grids_`` would move any grid."""
    layer_inputs = zip(network.all_layers, network.preacts(x), strict=True)
    return any(bool(_find_misplaced_inputs(layer, h, thresholds).any()) for layer, h in layer_inputs)


def _find_misplaced_inputs(
    layer: KANLayer,
    h: Float[Tensor, "batch in_dim"],
    thresholds: GridThresholds,
    *,
    min_margin_share: float = 0.25,
    min_filled_share: float = 0.8,
) -> Bool[Tensor, " in_dim"]:
    """Inputs that reach an end of their grid or span less than ``min_filled_share`` of it.

    A constant input is selected only if it lies outside its grid.

    Args:
        min_margin_share: Of the margin that must remain, for new rows outside the observed range.
        min_filled_share: Of a grid, that its inputs should span.
    """
    low, high = grid_range(layer.knots, layer.order)
    minimum, maximum = h.amin(0), h.amax(0)
    # New rows need a margin between the inputs and the ends of the grid
    reach = min_margin_share * thresholds.margin * (high - low)
    outside = (minimum < low + reach) | (maximum > high - reach)
    # A constant spans no part of any grid, so only inputs that vary can fill too little
    varies = maximum - minimum > 1e-6 * (high - low)
    is_sparse = maximum - minimum < min_filled_share * (high - low)
    return (minimum < low) | (maximum > high) | (varies & (outside | is_sparse))


def refine(network: Network, grid_size: int) -> Network:
    """Grid extension: the same functions on finer grids over the same ranges (eq. 2.16).

    If ``grid_size`` is a multiple of the present size, the knots are nested and the functions are equal up to
    rounding. Otherwise they are equal up to the least-squares fit.
    """
    finer = copy_network(network)
    refine_(finer, grid_size)
    return finer


@torch.no_grad()
def refine_(network: KAN, grid_size: int) -> None:
    """``refine`` in place."""
    for layer in network.all_layers:
        grid = _subdivide(_inner_grid(layer), grid_size)
        if grid_size % layer.grid_size:
            _replace_grid_(layer, grid)
            continue
        finer = extend_knots(grid, layer.order)
        coef = refine_coef(layer.weight[:, :-1], layer.knots, finer, layer.order)
        layer.weight = torch.nn.Parameter(torch.cat([coef, layer.weight[:, -1:]], 1))
        layer.knots = finer


def _inner_grid(layer: KANLayer) -> Float[Tensor, "in_dim grid"]:
    """The G + 1 grid points, without the k extension knots on each side."""
    return layer.knots[:, layer.order : layer.knots.shape[1] - layer.order]


def _subdivide(grid: Float[Tensor, "in_dim grid"], size: int) -> Float[Tensor, "in_dim _"]:
    """``size`` intervals over the same range, with the local density of the given grid."""
    intervals = grid.shape[1] - 1
    # Positions in units of the old intervals, which keeps their local density
    places = torch.linspace(0, intervals, size + 1, dtype=grid.dtype, device=grid.device)
    index = places.long().clamp(max=intervals - 1)
    return grid[:, index] + (places - index) * (grid[:, index + 1] - grid[:, index])


@torch.no_grad()
def initialise_grids_(
    network: KAN, x: Float[Tensor, "batch in_dim"], *, reach: float, thresholds: GridThresholds
) -> None:
    """Fit the grids of the inputs to the rows and set those of all hidden nodes to [-reach, reach]."""
    for layer in network.all_layers:
        if layer is network.stack[0] or layer is network.direct:
            fit_grid_to_inputs_(layer, x, thresholds)
        else:
            high = torch.full_like(layer.knots[:, 0], reach)
            _replace_grid_(layer, uniform_grid(-high, high, layer.grid_size, thresholds))


@torch.no_grad()
def fit_grid_to_inputs_(
    layer: KANLayer,
    h: Float[Tensor, "batch in_dim"],
    thresholds: GridThresholds,
    *,
    uniform_share: float = 1.0,
    grid_size: int | None = None,
) -> None:
    """``update_grid_`` for one layer with inputs ``h``."""
    size = grid_size or layer.grid_size
    _replace_grid_(layer, quantile_grid(h, size, uniform_share=uniform_share, thresholds=thresholds))


def _replace_grid_(
    layer: KANLayer, grid: Float[Tensor, "in_dim grid"], is_moved: Bool[Tensor, " in_dim"] | None = None
) -> None:
    """Replace the grid of a layer and refit its coefficients by least squares on a dense sample.

    The sample covers the whole new grid, so that activations keep their shape outside the data as well. The
    weight of the base function remains the same; the spline is fitted to the difference.

    Args:
        layer: Changed in place.
        grid: New grid of every input.
        is_moved: Inputs whose grid changes; others keep knots and coefficients bit for bit. None means all.
    """
    size = grid.shape[1] - 1
    # Activations at eight points per new interval, before the knots change
    x = _subdivide(grid, 8 * size).T  # (samples, in_dim)
    values = torch.einsum("nit,ito->nio", layer.features(x), layer.weight)
    knots = extend_knots(grid, layer.order)
    # The base function keeps its weight, and grids that stay keep all coefficients
    weight = layer.weight.new_zeros(layer.in_dim, size + layer.order + 1, layer.out_dim)
    weight[:, -1] = layer.weight[:, -1]
    if is_moved is not None:
        weight[~is_moved], knots[~is_moved] = layer.weight[~is_moved], layer.knots[~is_moved]
    layer.knots = knots
    features, basis = layer.features(x), None
    for i in range(layer.in_dim) if is_moved is None else is_moved.nonzero()[:, 0].tolist():
        if basis is None or not torch.equal(features[:, i, :-1], basis):  # hidden nodes often share a grid
            basis = features[:, i, :-1]
            factors = factorize_features(basis)
        # Least-squares fit of the spline to what the base function leaves
        residuals = values[:, i] - features[:, i, -1:] * weight[i, -1]
        weight[i, :-1] = solve_coef(factors, residuals)
    layer.weight = torch.nn.Parameter(weight)
