"""The density of one column: p(x) = exp(f(x)) / Z with f the activation of a KAN[1,1], by maximum likelihood.

f = Σ c_m B_m is linear in its coefficients, so the penalised log-likelihood

    Σ_i w_i f(x_i) - W log Z - λ/2 |D³c|²,    Z = ∫ exp f

is concave, and Newton's method finds its maximum. Its gradient is the sum of every B_m over the rows minus
its expectation under the density. Its Hessian, without the penalty, is -W times the covariance of the B_m
under the density (Kooperberg and Stone, "A study of logspline density estimation", Computational Statistics &
Data Analysis 12, 1991). The penalty on third differences is 0 for parabolas: with λ → ∞ the density becomes
the normal distribution of these rows (Silverman, "On the estimation of a probability density function by the
maximum penalized likelihood method", Annals of Statistics 10, 1982).

Off the grid f continues along its tangent, so that tails are exponential. A tail that does not fall has no
integral; Newton's method rejects steps that lead to one. A bounded side of the support has no tail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int

from kan_engine.density.thresholds import DEFAULT_DENSITY, DensityThresholds
from kan_engine.errors import TrainingDiverged
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.numerics.quadrature import gauss_legendre
from kan_engine.splines.base_functions import SILU
from kan_engine.splines.features import features_and_slopes
from kan_engine.splines.knots import extend_knots

Vector = Float[np.ndarray, " _"]
Matrix = Float[np.ndarray, "_ _"]


@dataclass(frozen=True, eq=False)
class UnivariateGrid:
    """A grid on the unit scale, with the quadrature rule and the tails of a density on it.

    Args:
        points: The G + 1 points.
        order: Order k of the spline.
        has_tails: Whether the density continues below the first point and above the last one.
        thresholds: Of densities on the grid.
    """

    points: Vector
    order: int
    has_tails: tuple[bool, bool]
    thresholds: DensityThresholds = DEFAULT_DENSITY

    @cached_property
    def knots(self) -> Float[torch.Tensor, "1 knots"]:
        """Extended knots [1, G+1+2k]."""
        return extend_knots(torch.from_numpy(self.points)[None], self.order)

    def basis(self, z: Vector) -> Matrix:
        """Values of the B_m; off the grid they continue along their tangents."""
        return self._evaluate_terms(z)[0]

    @cached_property
    def quadrature_rule(self) -> tuple[Matrix, Vector]:
        """The B_m at the quadrature nodes, and the weights."""
        nodes, weights = gauss_legendre(self.points, self.thresholds.quadrature_points)
        return self.basis(nodes), weights

    @cached_property
    def tails(self) -> list[tuple[Vector, Vector]]:
        """Values of the B_m at the start of each tail, and their outward slopes."""
        values, slopes = self._evaluate_terms(self.points[[0, -1]])
        sides = zip(self.has_tails, values, slopes, (-1.0, 1.0), strict=True)
        return [(value, sign * slope) for has_tail, value, slope, sign in sides if has_tail]

    @cached_property
    def third_differences(self) -> Matrix:
        """The matrix D³ of third differences of neighbouring coefficients."""
        count = len(self.points) - 1 + self.order
        return np.diff(np.eye(count), n=min(3, count - 1), axis=0)

    def _evaluate_terms(self, z: Vector) -> tuple[Matrix, Matrix]:
        values, slopes = features_and_slopes(torch.from_numpy(z)[:, None], self.knots, self.order, None, SILU)
        return values[:, 0, :-1].numpy(), slopes[:, 0, :-1].numpy()


@dataclass(frozen=True)
class Moments:
    """log Z, and the mean and covariance of the B_m under the density."""

    log_z: float
    mean: Vector
    covariance: Matrix


@dataclass(frozen=True, eq=False)
class FoldSums:
    """Sufficient statistics of the likelihood for every fold.

    Args:
        sums: Σ w_i B_m(x_i) of every fold.
        weights: Σ w_i of every fold.
    """

    sums: Matrix
    weights: Vector

    @staticmethod
    def from_rows(
        grid: UnivariateGrid, z: Vector, w: Vector, part: Int[np.ndarray, " rows"], parts: int
    ) -> FoldSums:
        """Sum over rows on the unit scale; ``part`` is the fold of each row."""
        sums = np.zeros((parts, len(grid.points) - 1 + grid.order))
        # Blocks of rows bound the memory of the basis
        for start in range(0, len(z), grid.thresholds.block_rows):
            block = slice(start, start + grid.thresholds.block_rows)
            basis, of_block = grid.basis(z[block]), part[block]
            for number in range(parts):
                mask = of_block == number
                sums[number] += w[block][mask] @ basis[mask]
        return FoldSums(sums, np.bincount(part, w, parts))

    def sum_except(self, part: int | None) -> tuple[Vector, float]:
        """Sum over all folds except one, or over all folds for None."""
        mask = np.arange(len(self.weights)) != (-1 if part is None else part)
        return self.sums[mask].sum(0), float(self.weights[mask].sum())


def density_moments(grid: UnivariateGrid, c: Vector, *, max_tail_length: float = 10.0) -> Moments | None:
    """Integrals of the density with these coefficients; None for an infinite value or too slow a tail.

    With few rows at an end, the likelihood may favour a thin tail that never falls, whose integrals would
    dominate all others. Therefore the mean length of a tail is limited to ``max_tail_length``.

    Args:
        max_tail_length: Mean of a tail's exponential distribution, in lengths of the grid. With few rows at
            an end, the likelihood may favour a thin tail that never falls.
    """
    basis, weights = grid.quadrature_rule
    values = basis @ c
    starts = [(float(value @ c), float(slope @ c)) for value, slope in grid.tails]
    longest = max_tail_length * float(grid.points[-1] - grid.points[0])
    if not np.isfinite(values).all() or any(not slope < -1 / longest for _, slope in starts):
        return None
    # The largest exponent is factored out, so that nothing overflows
    top = max([float(values.max()), *(value for value, _ in starts)])
    masses = weights * np.exp(values - top)
    tail_masses = [np.exp(value - top) / -slope for value, slope in starts]
    z = float(masses.sum() + sum(tail_masses))
    # Moments of the basis over the grid, to which those of the tails are added in closed form
    mean = masses @ basis
    second = (basis * masses[:, None]).T @ basis
    for (value, outwards), (_, slope), mass in zip(grid.tails, starts, tail_masses, strict=True):
        length = 1 / -slope  # mean of the tail's exponential distribution
        mean += mass * (value + length * outwards)
        outer_product = np.outer(value, outwards)
        second += mass * (np.outer(value, value) + length * (outer_product + outer_product.T))
        second += mass * 2 * length**2 * np.outer(outwards, outwards)
    mean, second = mean / z, second / z
    return Moments(top + float(np.log(z)), mean, second - np.outer(mean, mean))


def maximise_likelihood(
    grid: UnivariateGrid,
    sums: Vector,
    weight: float,
    lamb: float,
    start: Vector,
    *,
    newton_tolerance: float = 1e-10,
    penalty_rounding: float = 1e-12,
) -> Vector:
    """Coefficients that maximise the penalised likelihood, by Newton's method with step halving.

    A constant added to f does not change the density; the coefficients keep their mean.

    Args:
        grid: The grid of the B_m.
        sums: Σ w_i B_m(x_i).
        weight: Σ w_i.
        lamb: λ per row.
        start: Initial coefficients; their density must have an integral.
        newton_tolerance: Expected gain in the mean log-likelihood at which Newton's method stops.
        penalty_rounding: Ridge relative to the largest penalty, since smaller terms are lost in rounding.

    Raises:
        TrainingDiverged: The initial density has no integral.
    """
    target, price = sums / weight, lamb * grid.third_differences.T @ grid.third_differences
    thresholds = grid.thresholds
    # A constant in f has no effect on the density; the rank-one term keeps the mean of the coefficients
    ridge = thresholds.ridge + penalty_rounding * float(price.diagonal().max())
    regulariser = price + np.full((len(start), len(start)), 1 / len(start)) + ridge * np.eye(len(start))

    def loss(c: Vector, at: Moments) -> float:
        return float(at.log_z - target @ c + 0.5 * lamb * np.square(grid.third_differences @ c).sum())

    c, here = start, density_moments(grid, start)
    if here is None:
        raise TrainingDiverged(0)
    now = loss(c, here)
    for _ in range(thresholds.max_newton_steps):
        # Newton step: the Fisher information is the Hessian, since f is linear in its coefficients
        gradient = here.mean - target + price @ c
        step = -np.linalg.solve(here.covariance + regulariser, gradient)
        decrease = -float(gradient @ step)
        if decrease < newton_tolerance:
            break
        trial = _backtrack(grid, c, step, now, decrease, loss)
        if trial is None:
            break
        c, here, now = trial
    return c


def _backtrack(
    grid: UnivariateGrid,
    c: Vector,
    step: Vector,
    now: float,
    decrease: float,
    loss: Callable[[Vector, Moments], float],
    *,
    max_halvings: int = 40,
    sufficient_decrease: float = 1e-4,
) -> tuple[Vector, Moments, float] | None:
    """Take the longest of step, step/2, … that decreases the loss sufficiently; None if none does.

    Args:
        max_halvings: Of a step of Newton's method.
        sufficient_decrease: Share of the decrease predicted by the slope that a step must achieve.
    """
    share = 1.0
    for _ in range(max_halvings):
        there = c + share * step
        at = density_moments(grid, there)
        if at is not None and (value := loss(there, at)) <= now - sufficient_decrease * share * decrease:
            return there, at, value
        share /= 2
    return None


def normal_coefficients(
    grid: UnivariateGrid, mean: float, std: float, *, max_initial_depth: float = 200.0
) -> Vector:
    """Coefficients that approximate a normal distribution, with falling tails.

    Args:
        max_initial_depth: Of the initial parabola below its top; deeper values make no difference.
    """
    greville = grid.knots[0, 1:-1].unfold(0, grid.order, 1).mean(-1).numpy()
    # A parabola at the Greville points, flattened where its exponentials would underflow
    c: Vector = -0.5 * np.square((greville - mean) / std)
    return c if c.min() > -max_initial_depth else c * (max_initial_depth / -c.min())


@dataclass(frozen=True, eq=False)
class PenaltyChoice:
    """A grid with the λ that maximises the cross-validated log-likelihood.

    Args:
        lamb: λ per row.
        score: Log-likelihood of all rows, each under the density fitted without its fold.
    """

    grid: UnivariateGrid
    lamb: float
    score: float


def select_penalty(grid: UnivariateGrid, rows: FoldSums, start: Vector) -> PenaltyChoice:
    """Choose λ by cross-validation, from the largest downwards."""
    now = [start] * len(rows.weights)
    trials: list[PenaltyChoice] = []
    for lamb in grid.thresholds.lambs:
        # Every fold starts from its coefficients at the next larger λ
        now = [maximise_likelihood(grid, *rows.sum_except(part), lamb, c) for part, c in enumerate(now)]
        scores = (log_likelihood(grid, c, rows.sums[part], rows.weights[part]) for part, c in enumerate(now))
        trials.append(PenaltyChoice(grid, lamb, sum(scores)))
        best = max(range(len(trials)), key=lambda place: trials[place].score)
        if len(trials) - 1 - best >= grid.thresholds.lamb_patience:
            break
    return max(trials, key=lambda entry: entry.score)


def log_likelihood(grid: UnivariateGrid, c: Vector, sums: Vector, weight: float) -> float:
    """Log-likelihood of rows with these sums, on the unit scale."""
    return float(sums @ c - weight * log_normaliser(grid, c))


def log_normaliser(grid: UnivariateGrid, c: Vector) -> float:
    """log Z; the density of the coefficients must have an integral."""
    moments = density_moments(grid, c)
    assert moments is not None  # noqa: S101 - Newton's method accepts no others
    return moments.log_z


Ends = tuple[float | None, float | None]


def place_uniform_points(z: Vector, ends: Ends, size: int, margin: float) -> Vector:
    """Points at equal distances over rows and margin, a share of their range; a bounded side has its end."""
    low, high = float(z.min()), float(z.max())
    reach = margin * (high - low)
    start = low - reach if ends[0] is None else ends[0]
    return np.linspace(start, high + reach if ends[1] is None else ends[1], size + 1)


def place_stretched_points(
    z: Vector, ends: Ends, size: int, *, stretched_grid_margin: float = 0.5, min_spread: float = 1e-6
) -> Vector:
    """Points at equal distances in asinh((z - median) / spread): dense at the median, sparse far away.

    Args:
        stretched_grid_margin: Extent of the grid beyond the rows on an unbounded side, as a share of their
            range on the asinh scale.
        min_spread: Lower limit of half the interquartile range in a stretched grid.
    """
    lower, middle, upper = np.quantile(z, [0.25, 0.5, 0.75])
    spread = max(float(upper - lower) / 2, min_spread)
    low, high = (None if end is None else float(np.arcsinh((end - middle) / spread)) for end in ends)
    u = place_uniform_points(np.arcsinh((z - middle) / spread), (low, high), size, stretched_grid_margin)
    points: Vector = middle + spread * np.sinh(u)
    points[0] = points[0] if ends[0] is None else ends[0]
    points[-1] = points[-1] if ends[1] is None else ends[1]
    return points


def build_network(grid: UnivariateGrid, c: Vector) -> KAN:
    """A KAN[1,1] whose activation has these coefficients."""
    network = KAN(KANConfig(width=(1, 1), grid_size=len(grid.points) - 1, order=grid.order))
    layer = network.stack[0]
    layer.knots = grid.knots.clone()
    with torch.no_grad():
        layer.weight[0, :-1, 0] = torch.from_numpy(c)
    return network
