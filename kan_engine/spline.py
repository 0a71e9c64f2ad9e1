"""Grids, knots, basis functions and least-squares coefficients of B-splines.

A *grid* is the G + 1 points of G intervals; *knots* are the grid with k more points on each side.
All splines here are non-periodic and of order k (cubic: k = 3), with G + k basis functions.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def uniform_grid(
    low: Float[Tensor, " in_dim"], high: Float[Tensor, " in_dim"], size: int
) -> Float[Tensor, "in_dim grid"]:
    """G + 1 equally spaced points from ``low`` to ``high``; a point range is widened to length 1."""
    narrow = high - low < 1e-12 * (1 + high.abs())
    low, high = torch.where(narrow, low - 0.5, low), torch.where(narrow, high + 0.5, high)
    steps = torch.linspace(0, 1, size + 1, dtype=low.dtype, device=low.device)
    return low[:, None] + (high - low)[:, None] * steps


def quantile_grid(
    x: Float[Tensor, "batch in_dim"], size: int, *, uniform_share: float, margin: float
) -> Float[Tensor, "in_dim grid"]:
    """A grid that follows the data: a mix of uniform points and quantiles (KAN paper, appendix A).

    Args:
        x: Inputs seen.
        size: Number of intervals G.
        uniform_share: 1 gives a uniform grid, 0 the quantiles; in between, their weighted mean.
        margin: How far the grid reaches beyond the data on each side, in units of their range,
            so that a fresh draw from the same range lies inside.
    """
    low, high = x.amin(0), x.amax(0)
    reach = margin * (high - low)
    uniform = uniform_grid(low - reach, high + reach, size)
    if uniform_share >= 1:
        return uniform
    ordered = x.sort(dim=0).values
    places = torch.linspace(0, len(x) - 1, size + 1, device=x.device).round().long()
    quantiles = ordered[places].T.clone()
    quantiles[:, 0], quantiles[:, -1] = uniform[:, 0], uniform[:, -1]
    return uniform_share * uniform + (1 - uniform_share) * quantiles


def extend_knots(grid: Float[Tensor, "in_dim grid"], order: int) -> Float[Tensor, "in_dim knots"]:
    """Continue a grid by ``order`` points on each side, at the spacing of its first and last interval."""
    first, last = grid[:, 1:2] - grid[:, :1], grid[:, -1:] - grid[:, -2:-1]
    steps = torch.arange(1, order + 1, dtype=grid.dtype, device=grid.device)
    return torch.cat([grid[:, :1] - first * steps.flip(0), grid, grid[:, -1:] + last * steps], dim=1)


def grid_range(
    knots: Float[Tensor, "in_dim knots"], order: int
) -> tuple[Float[Tensor, " in_dim"], Float[Tensor, " in_dim"]]:
    """First and last point of the grid inside the knots."""
    return knots[:, order], knots[:, knots.shape[1] - 1 - order]


def b_spline_basis(
    x: Float[Tensor, "batch in_dim"], knots: Float[Tensor, "in_dim knots"], order: int
) -> Float[Tensor, "batch in_dim basis"]:
    """Evaluate every B-spline basis function at every input.

    Uses the Cox-de Boor recursion (de Boor, A Practical Guide to Splines, chapter IX):

        B_{m,0}(x) = 1 if t_m <= x < t_{m+1} else 0
        B_{m,k}(x) = (x - t_m) / (t_{m+k} - t_m) B_{m,k-1}(x)
                   + (t_{m+k+1} - x) / (t_{m+k+1} - t_{m+1}) B_{m+1,k-1}(x)

    Only the k + 1 functions that do not vanish on the interval of x are computed, so the cost does
    not grow with G. The basis sums to 1. Outside the grid the polynomials of the first and last
    interval go on, as in ``scipy.interpolate.BSpline(extrapolate=True)``.

    Args:
        x: Inputs, in the units of ``knots``.
        knots: Extended knots t, increasing along the last axis.
        order: Order k of the spline; 0 gives the indicator functions.

    Returns:
        Basis values B_m(x), G + k of them.

    Example:
        >>> grid = torch.linspace(-1, 1, 6).expand(2, -1)
        >>> b_spline_basis(torch.zeros(4, 2), extend_knots(grid, order=3), order=3).shape
        torch.Size([4, 2, 8])
    """
    interval = _interval(x, knots, order)
    values = _local_basis(x, knots, interval, order)
    return _spread(values, interval, order, knots.shape[1] - order - 1)


def b_spline_basis_and_slope(
    x: Float[Tensor, "batch in_dim"], knots: Float[Tensor, "in_dim knots"], order: int
) -> tuple[Float[Tensor, "batch in_dim basis"], Float[Tensor, "batch in_dim basis"]]:
    """Basis values and their first derivatives.

    The derivative is a difference of two functions of order k - 1 (de Boor, chapter X):

        B'_{m,k}(x) = k / (t_{m+k} - t_m) B_{m,k-1}(x) - k / (t_{m+k+1} - t_{m+1}) B_{m+1,k-1}(x)
    """
    interval = _interval(x, knots, order)
    size = knots.shape[1] - order - 1
    values = _spread(_local_basis(x, knots, interval, order), interval, order, size)
    if order == 0:
        return values, torch.zeros_like(values)
    lower = _local_basis(x, knots, interval, order - 1)  # (batch, in_dim, k): functions m-k+1 … m
    around = _knots_around(knots, interval, order)
    scaled = order * lower / (around[..., order:] - around[..., :order])
    slopes = torch.zeros(*x.shape, order + 1, dtype=x.dtype, device=x.device)
    slopes[..., 1:] += scaled
    slopes[..., :-1] -= scaled
    return values, _spread(slopes, interval, order, size)


def _interval(
    x: Float[Tensor, "batch in_dim"], knots: Float[Tensor, "in_dim knots"], order: int
) -> Int[Tensor, "batch in_dim"]:
    """Index m of the interval t_m <= x < t_{m+1}, held inside the grid."""
    found = torch.searchsorted(knots, x.T.contiguous(), right=True).T - 1
    return found.clamp(order, knots.shape[1] - order - 2)


def _knots_around(
    knots: Float[Tensor, "in_dim knots"], interval: Int[Tensor, "batch in_dim"], order: int
) -> Float[Tensor, "batch in_dim 2*{order}"]:
    """The 2k knots t_{m-k+1} … t_{m+k} that the functions alive on interval m depend on."""
    offsets = torch.arange(1 - order, order + 1, device=knots.device)
    places = interval.unsqueeze(-1) + offsets  # (batch, in_dim, 2k)
    inputs = torch.arange(knots.shape[0], device=knots.device)[None, :, None]
    return knots[inputs, places]


def _local_basis(
    x: Float[Tensor, "batch in_dim"],
    knots: Float[Tensor, "in_dim knots"],
    interval: Int[Tensor, "batch in_dim"],
    order: int,
) -> Float[Tensor, "batch in_dim {order}+1"]:
    """Values of the k + 1 functions m-k … m that live on interval m, by the triangular scheme."""
    values = torch.ones(*x.shape, 1, dtype=x.dtype, device=x.device)
    if order == 0:
        return values
    around = _knots_around(knots, interval, order)
    x = x.unsqueeze(-1)
    for k in range(1, order + 1):
        left, right = around[..., order - k : order], around[..., order : order + k]
        share = values / (right - left)
        values = torch.cat([(right - x) * share, torch.zeros_like(x)], dim=-1) + torch.cat(
            [torch.zeros_like(x), (x - left) * share], dim=-1
        )
    return values


def _spread(
    values: Float[Tensor, "batch in_dim local"],
    interval: Int[Tensor, "batch in_dim"],
    order: int,
    size: int,
) -> Float[Tensor, "batch in_dim {size}"]:
    """Put the local values at their places among all basis functions."""
    places = interval.unsqueeze(-1) - order + torch.arange(order + 1, device=values.device)
    dense = torch.zeros(*values.shape[:2], size, dtype=values.dtype, device=values.device)
    return dense.scatter(-1, places, values)


def fit_coef(
    features: Float[Tensor, "batch terms"],
    values: Float[Tensor, "batch out_dim"],
    ridge: float = 1e-12,
) -> Float[Tensor, "terms out_dim"]:
    """Least-squares coefficients of ``values`` in the columns of ``features``.

    Solved in float64 by QR on the rows [F; √ridge·I], which keeps twice the digits that the normal
    equations would; the ridge, relative to the mean square of F, decides terms that no row touches.
    """
    wide = features.double()
    scale = wide.square().sum(0).mean().clamp_min(1e-300)
    damp = (ridge * scale).sqrt() * torch.eye(wide.shape[1], dtype=wide.dtype, device=wide.device)
    stacked = torch.cat([wide, damp])
    targets = torch.cat([values.double(), values.new_zeros(wide.shape[1], values.shape[1]).double()])
    q, r = torch.linalg.qr(stacked)
    solution: Tensor = torch.linalg.solve_triangular(r, q.T @ targets, upper=True)
    return solution.to(features.dtype)
