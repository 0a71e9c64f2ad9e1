"""Grids, knots and least-squares coefficients of B-splines.

A *grid* has the G + 1 points of G intervals; *knots* are the grid with k more points on each side.
All splines are non-periodic and of order k (cubic: k = 3), with G + k basis functions.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.splines.thresholds import DEFAULT_GRIDS, GridThresholds


def uniform_grid(
    low: Float[Tensor, " in_dim"],
    high: Float[Tensor, " in_dim"],
    size: int,
    thresholds: GridThresholds = DEFAULT_GRIDS,
) -> Float[Tensor, "in_dim grid"]:
    """G + 1 equally spaced points from ``low`` to ``high``.

    A range that is too narrow to be divided in floating point, such as that of a constant, is widened by
    0.5 on each side.
    """
    # Range in which the smallest permitted interval would be lost in rounding
    digit = torch.finfo(low.dtype).eps * (1 + torch.maximum(low.abs(), high.abs()))
    narrow = high - low < 16 * digit * size / thresholds.min_interval_share
    low, high = torch.where(narrow, low - 0.5, low), torch.where(narrow, high + 0.5, high)
    steps = torch.linspace(0, 1, size + 1, dtype=low.dtype, device=low.device)
    return torch.lerp(low[:, None], high[:, None], steps)  # exact at both ends


def quantile_grid(
    x: Float[Tensor, "batch in_dim"], size: int, *, uniform_share: float, thresholds: GridThresholds
) -> Float[Tensor, "in_dim grid"]:
    """A grid adapted to the data: weighted mean of uniform points and quantiles (KAN paper, appendix A).

    No interval is narrower than ``min_interval_share`` times the uniform interval, even if values repeat. If
    one would be, the points of this input move towards the uniform points by the smallest sufficient amount.

    Args:
        x: Observed inputs.
        size: Number of intervals G.
        uniform_share: 1 gives a uniform grid, 0 the quantiles; values in between, the weighted mean.
        thresholds: Margin beyond the data on each side, and the minimum interval.
    """
    low, high = x.amin(0), x.amax(0)
    reach = thresholds.margin * (high - low)
    uniform = uniform_grid(low - reach, high + reach, size, thresholds)
    if uniform_share >= 1:
        return uniform
    sorted_values = x.sort(dim=0).values
    # Empirical quantiles at equal shares of the rows, with the ends of the uniform grid
    places = torch.linspace(0, len(x) - 1, size + 1, dtype=torch.float64, device=x.device).round().long()
    quantiles = sorted_values[places].T.clone()
    quantiles[:, 0], quantiles[:, -1] = uniform[:, 0], uniform[:, -1]
    mean_grid = quantiles + uniform_share * (uniform - quantiles)
    return _widen_intervals(mean_grid, uniform, thresholds.min_interval_share)


def _widen_intervals(
    grid: Float[Tensor, "in_dim grid"], uniform: Float[Tensor, "in_dim grid"], min_share: float
) -> Float[Tensor, "in_dim grid"]:
    """Mix in the smallest share of the uniform grid that makes every interval wide enough."""
    min_width, step = grid.diff(dim=1).amin(1, keepdim=True), uniform.diff(dim=1).amin(1, keepdim=True)
    # The narrowest interval grows linearly with the share, which gives the smallest sufficient one
    lacking = (min_share * step - min_width).clamp_min(0)
    share = lacking / (lacking + (1 - min_share) * step)
    return grid + share * (uniform - grid)


def robust_range(
    x: Float[Tensor, "batch in_dim"],
    *,
    min_isolating_gap: float = 1.0,
    min_rows_for_isolation: int = 50,
    max_isolated_share: float = 0.02,
) -> tuple[Float[Tensor, " in_dim"], Float[Tensor, " in_dim"]]:
    """The range of every column without isolated values at its ends.

    Values at an end are isolated if they at least double the range of the other values. Examples are a
    typing error and the end of a heavy tail.

    Args:
        min_isolating_gap: Gap over the range of the other values, above which values at an end are isolated.
        min_rows_for_isolation: With fewer rows no value counts as isolated.
        max_isolated_share: Of the rows, isolated at either end of a column; at least one row.
    """
    sorted_values = x.sort(dim=0).values
    rows = len(sorted_values)
    is_enough = rows >= min_rows_for_isolation
    max_count = max(1, int(max_isolated_share * rows)) if is_enough else 0
    low_index = torch.zeros(x.shape[1], dtype=torch.long, device=x.device)
    high_index = torch.full_like(low_index, rows - 1)
    # Range of the rows in the middle, which cannot be isolated
    middle = sorted_values[max_count : rows - max_count]
    inner = middle[-1] - middle[0]  # positive unless nearly all rows share a value
    for k in range(max_count, 0, -1):  # from the centre outwards: the first isolating gap counts
        above, below = (
            sorted_values[rows - k] - sorted_values[rows - k - 1],
            sorted_values[k] - sorted_values[k - 1],
        )
        spread = torch.where(inner > 0, sorted_values[rows - k - 1] - sorted_values[k], torch.inf)
        min_gap = min_isolating_gap * spread
        high_index = torch.where((high_index == rows - 1) & (above > min_gap), rows - k - 1, high_index)
        low_index = torch.where((low_index == 0) & (below > min_gap), k, low_index)
    columns = torch.arange(x.shape[1], device=x.device)
    return sorted_values[low_index, columns], sorted_values[high_index, columns]


def extend_knots(grid: Float[Tensor, "in_dim grid"], order: int) -> Float[Tensor, "in_dim knots"]:
    """Extend a grid by ``order`` points on each side, with the spacing of its first and last interval."""
    first_step, last_step = grid[:, 1:2] - grid[:, :1], grid[:, -1:] - grid[:, -2:-1]
    steps = torch.arange(1, order + 1, dtype=grid.dtype, device=grid.device)
    return torch.cat(
        [grid[:, :1] - first_step * steps.flip(0), grid, grid[:, -1:] + last_step * steps], dim=1
    )


def grid_range(
    knots: Float[Tensor, "in_dim knots"], order: int
) -> tuple[Float[Tensor, " in_dim"], Float[Tensor, " in_dim"]]:
    """First and last point of the grid, for every input."""
    return knots[:, order], knots[:, knots.shape[1] - 1 - order]


def fit_coef(
    features: Float[Tensor, "batch terms"],
    values: Float[Tensor, "batch out_dim"],
    ridge: float = 1e-12,
) -> Float[Tensor, "terms out_dim"]:
    """Least-squares coefficients of ``values`` in the columns of ``features``.

    Solved in float64 by QR of the rows [F; √ridge·I], which keeps twice as many digits as the normal
    equations. The ridge, relative to the mean squared norm of the columns, determines terms without data.
    """
    return solve_coef(factorize_features(features, ridge), values).to(features.dtype)


def factorize_features(
    features: Float[Tensor, "batch terms"], ridge: float = 1e-12
) -> tuple[Float[Tensor, "rows terms"], Float[Tensor, "terms terms"]]:
    """The factors Q and R in ``fit_coef``, of batch + terms rows, for several fits to the same features."""
    wide = features.double()
    scale = wide.square().sum(0).mean().clamp_min(1e-300)
    # Rows √ridge·I turn the ridge regression into ordinary least squares
    damp = (ridge * scale).sqrt() * torch.eye(wide.shape[1], dtype=wide.dtype, device=wide.device)
    q, r = torch.linalg.qr(torch.cat([wide, damp]))
    return q, r


def solve_coef(
    factors: tuple[Float[Tensor, "rows terms"], Float[Tensor, "terms terms"]],
    values: Float[Tensor, "batch out_dim"],
) -> Float[Tensor, "terms out_dim"]:
    """The coefficients in ``fit_coef`` in float64, from the factors of the features."""
    q, r = factors
    targets = torch.cat([values.double(), values.new_zeros(len(r), values.shape[1]).double()])
    solution: Tensor = torch.linalg.solve_triangular(r, q.T @ targets, upper=True)
    return solution


def refine_coef(
    coef: Float[Tensor, "in_dim basis out_dim"],
    knots: Float[Tensor, "in_dim knots"],
    finer: Float[Tensor, "in_dim finer_knots"],
    order: int,
) -> Float[Tensor, "in_dim finer_basis out_dim"]:
    """Coefficients of the same splines on finer knots, whose grid has all points of the old one.

    A coefficient is the polar form of a piece at the k knots inside the support of its basis function
    (Ramshaw, "Blossoming: a connect-the-dots approach to splines", 1987): de Boor's recursion with another
    argument in every step. Nothing is solved, so that the splines are equal to rounding.
    """
    places = torch.arange(finer.shape[1] - 1 - order, device=coef.device)
    cells = finer.shape[1] - 1 - 2 * order
    # A cell in the middle of each support, and the old cell in which it lies
    cell = (places - order // 2).clamp(0, cells - 1)
    middle = (finer[:, cell + order] + finer[:, cell + order + 1]) / 2
    old_grid = knots[:, order + 1 : knots.shape[1] - 1 - order].contiguous()
    old_cell = torch.searchsorted(old_grid, middle.contiguous())
    inputs = torch.arange(len(coef), device=coef.device)[:, None]
    # The k + 1 coefficients of the old piece, reduced to one by as many steps as there are arguments
    local = [coef[inputs, old_cell + offset] for offset in range(order + 1)]
    for step in range(1, order + 1):
        argument = finer[:, places + step]
        for offset in range(order, step - 1, -1):
            low = knots[inputs, old_cell + offset]
            high = knots[inputs, old_cell + offset + order + 1 - step]
            share = ((argument - low) / (high - low)).unsqueeze(-1)
            local[offset] = torch.lerp(local[offset - 1], local[offset], share)
    return local[order]
