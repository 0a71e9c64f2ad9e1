"""The density of one column: p(x) = exp(f(x)) / Z with f the activation of a KAN[1,1], by maximum likelihood.

f = Σ c_m B_m is linear in its coefficients, so the penalised log-likelihood

    Σ_i w_i f(x_i) - W log Z - λ/2 |D³c|²,    Z = ∫ exp f

is concave, and Newton's method finds its maximum: its gradient is what the rows have of every B_m beyond
what the density expects, and its Hessian, without the price, is -W times the covariance of the B_m under the
density (Kooperberg and Stone, "A study of logspline density estimation", Computational Statistics & Data
Analysis 12, 1991). The price is one of third differences, which parabolas are free of: with λ → ∞ the
density becomes the normal law of these rows (Silverman, "On the estimation of a probability density function
by the maximum penalized likelihood method", Annals of Statistics 10, 1982).

Off the grid f goes on along its tangent, so that tails are exponential; a tail that does not fall has no
integral, and no step leads there. Where the support ends there is no tail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int

from kan_engine.errors import TrainingDiverged
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.numerics.quadrature import gauss_legendre
from kan_engine.splines.features import evaluate
from kan_engine.splines.knots import extend_knots

POINTS = 10  # of the quadrature, on every interval of the grid
MARGIN = 0.25  # reach of the grid beyond the rows where there is no end, as a share of their range
FAR_MARGIN = 0.5  # the same where it is stretched
LAMBS = tuple(10.0 ** (exponent / 2) for exponent in range(8, -17, -1))  # prices to try, per row
WORSE = 5  # prices in a row that are worse than the best, after which no lower one is tried
NEWTON_STEPS = 60
PRECISION = 1e-10  # of a row's mean log-likelihood: where Newton's method ends
HALVINGS = 40
PROMISED = 1e-4  # of the fall that the slope promises, by which a step has to lower the loss
ROUNDING = 1e-12  # of the price: what is less is lost in it
RIDGE = 1e-9  # of Newton's matrix: coefficients where no row lies stay finite
LONGEST_TAIL = 10.0  # mean of the exponential law of a tail, in lengths of the grid
FLATTEST = 200.0  # of a first parabola, below its top: what is further down is all the same
BLOCK = 2**16  # rows at a time
NARROWEST = 1e-6  # spread of the middle half, by which a grid is stretched

Vector = Float[np.ndarray, " _"]
Matrix = Float[np.ndarray, "_ _"]


@dataclass(frozen=True, eq=False)
class LineGrid:
    """A grid on the unit scale, and what integrals over it and over its tails need.

    Args:
        points: The G + 1 points.
        order: Order k of the spline.
        has_tails: Whether the density goes on below the first and above the last of them.
    """

    points: Vector
    order: int
    has_tails: tuple[bool, bool]

    @cached_property
    def knots(self) -> torch.Tensor:
        """Extended knots [1, G+1+2k]."""
        return extend_knots(torch.from_numpy(self.points)[None], self.order)

    def basis(self, z: Vector) -> Matrix:
        """Values of the B_m, along their tangents off the grid."""
        return self._terms(z)[0]

    @cached_property
    def rule(self) -> tuple[Matrix, Vector]:
        """The B_m at the nodes of the quadrature, and the weights."""
        nodes, weights = gauss_legendre(self.points, POINTS)
        return self.basis(nodes), weights

    @cached_property
    def tails(self) -> list[tuple[Vector, Vector]]:
        """Values of the B_m where each tail begins, and their slopes outwards."""
        values, slopes = self._terms(self.points[[0, -1]])
        sides = zip(self.has_tails, values, slopes, (-1.0, 1.0), strict=True)
        return [(value, sign * slope) for has_tail, value, slope, sign in sides if has_tail]

    @cached_property
    def bends(self) -> Matrix:
        """D³ of neighbouring coefficients."""
        count = len(self.points) - 1 + self.order
        return np.diff(np.eye(count), n=min(3, count - 1), axis=0)

    def _terms(self, z: Vector) -> tuple[Matrix, Matrix]:
        values, slopes = evaluate(torch.from_numpy(z)[:, None], self.knots, self.order, None)
        return values[:, 0, :-1].numpy(), slopes[:, 0, :-1].numpy()


@dataclass(frozen=True)
class Moments:
    """log Z, and mean and covariance of the B_m under the density."""

    log_z: float
    mean: Vector
    covariance: Matrix


@dataclass(frozen=True, eq=False)
class PartSums:
    """What the likelihood needs to know of rows, in as many parts as they were divided in.

    Args:
        sums: Σ w_i B_m(x_i) of every part.
        weights: Σ w_i of every part.
    """

    sums: Matrix
    weights: Vector

    @staticmethod
    def of(grid: LineGrid, z: Vector, w: Vector, part: Int[np.ndarray, " rows"], parts: int) -> PartSums:
        """Rows on the unit scale, each in one of the parts."""
        sums = np.zeros((parts, len(grid.points) - 1 + grid.order))
        for start in range(0, len(z), BLOCK):
            block = slice(start, start + BLOCK)
            basis, of_block = grid.basis(z[block]), part[block]
            for number in range(parts):
                chosen = of_block == number
                sums[number] += w[block][chosen] @ basis[chosen]
        return PartSums(sums, np.bincount(part, w, parts))

    def without(self, part: int | None) -> tuple[Vector, float]:
        """Sums of all parts but one, or of all."""
        kept = np.arange(len(self.weights)) != (-1 if part is None else part)
        return self.sums[kept].sum(0), float(self.weights[kept].sum())


def moments(grid: LineGrid, c: Vector) -> Moments | None:
    """Integrals of the density that these coefficients give; None if it has none.

    Where few rows hold it up, the likelihood may ask for a tail that never falls, however thin: its integrals
    would hide all others. No tail reaches further than ``LONGEST_TAIL``.
    """
    basis, weights = grid.rule
    values = basis @ c
    starts = [(float(value @ c), float(slope @ c)) for value, slope in grid.tails]
    longest = LONGEST_TAIL * float(grid.points[-1] - grid.points[0])
    if not np.isfinite(values).all() or any(not slope < -1 / longest for _, slope in starts):
        return None
    top = max([float(values.max()), *(value for value, _ in starts)])
    masses = weights * np.exp(values - top)
    tail_masses = [np.exp(value - top) / -slope for value, slope in starts]
    z = float(masses.sum() + sum(tail_masses))
    mean = masses @ basis
    second = (basis * masses[:, None]).T @ basis
    for (value, outwards), (_, slope), mass in zip(grid.tails, starts, tail_masses, strict=True):
        length = 1 / -slope  # mean of the exponential law of a tail
        mean += mass * (value + length * outwards)
        mixed = np.outer(value, outwards)
        second += mass * (np.outer(value, value) + length * (mixed + mixed.T))
        second += mass * 2 * length**2 * np.outer(outwards, outwards)
    mean, second = mean / z, second / z
    return Moments(top + float(np.log(z)), mean, second - np.outer(mean, mean))


def maximum(grid: LineGrid, sums: Vector, weight: float, lamb: float, start: Vector) -> Vector:
    """The coefficients of the largest penalised likelihood, by Newton's method with halved steps.

    A constant in f changes nothing; the coefficients keep their mean.

    Args:
        grid: Where the B_m live.
        sums: Σ w_i B_m(x_i).
        weight: Σ w_i.
        lamb: λ per row.
        start: Coefficients whose density has an integral.
    """
    target, price = sums / weight, lamb * grid.bends.T @ grid.bends
    ridge = RIDGE + ROUNDING * float(price.diagonal().max())
    held = price + np.full((len(start), len(start)), 1 / len(start)) + ridge * np.eye(len(start))

    def loss(c: Vector, at: Moments) -> float:
        return float(at.log_z - target @ c + 0.5 * lamb * np.square(grid.bends @ c).sum())

    c, here = start, moments(grid, start)
    if here is None:
        raise TrainingDiverged(0)
    now = loss(c, here)
    for _ in range(NEWTON_STEPS):
        gradient = here.mean - target + price @ c
        step = -np.linalg.solve(here.covariance + held, gradient)
        expected = -float(gradient @ step)
        if expected < PRECISION:
            break
        moved = _moved(grid, c, step, now, expected, loss)
        if moved is None:
            break
        c, here, now = moved
    return c


def _moved(
    grid: LineGrid,
    c: Vector,
    step: Vector,
    now: float,
    expected: float,
    loss: Callable[[Vector, Moments], float],
) -> tuple[Vector, Moments, float] | None:
    """The longest of step, step/2, … that does what it promises; None if rounding decides."""
    share = 1.0
    for _ in range(HALVINGS):
        there = c + share * step
        at = moments(grid, there)
        if at is not None and (value := loss(there, at)) <= now - PROMISED * share * expected:
            return there, at, value
        share /= 2
    return None


def normal_start(grid: LineGrid, mean: float, std: float) -> Vector:
    """Coefficients of about the normal law, with tails that fall."""
    greville = grid.knots[0, 1:-1].unfold(0, grid.order, 1).mean(-1).numpy()
    c: Vector = -0.5 * np.square((greville - mean) / std)
    return c if c.min() > -FLATTEST else c * (FLATTEST / -c.min())


@dataclass(frozen=True, eq=False)
class Priced:
    """A grid with the price under which rows were likeliest that were not fitted, and how likely.

    Args:
        lamb: The price λ, per row.
        score: Log-likelihood of all rows, each under the density of the parts that it is not in.
    """

    grid: LineGrid
    lamb: float
    score: float


def best_price(grid: LineGrid, rows: PartSums, start: Vector) -> Priced:
    """Cross-validation over the prices, from the stiffest on."""
    now = [start] * len(rows.weights)
    tried: list[Priced] = []
    for lamb in LAMBS:
        now = [maximum(grid, *rows.without(part), lamb, c) for part, c in enumerate(now)]
        scores = (log_likelihood(grid, c, rows.sums[part], rows.weights[part]) for part, c in enumerate(now))
        tried.append(Priced(grid, lamb, sum(scores)))
        best = max(range(len(tried)), key=lambda place: tried[place].score)
        if len(tried) - 1 - best >= WORSE:
            break
    return max(tried, key=lambda entry: entry.score)


def log_likelihood(grid: LineGrid, c: Vector, sums: Vector, weight: float) -> float:
    """Of rows with these sums, on the unit scale."""
    return float(sums @ c - weight * log_normaliser(grid, c))


def log_normaliser(grid: LineGrid, c: Vector) -> float:
    """log Z of coefficients whose density has an integral."""
    found = moments(grid, c)
    assert found is not None  # noqa: S101 - every maximum has one
    return found.log_z


Ends = tuple[float | None, float | None]


def uniform_points(z: Vector, ends: Ends, size: int, margin: float = MARGIN) -> Vector:
    """A grid of equal intervals over the rows and a margin; up to an end where there is one."""
    low, high = float(z.min()), float(z.max())
    reach = margin * (high - low)
    first = low - reach if ends[0] is None else ends[0]
    return np.linspace(first, high + reach if ends[1] is None else ends[1], size + 1)


def stretched_points(z: Vector, ends: Ends, size: int) -> Vector:
    """A grid that is uniform in asinh((z - median) / spread): fine in the middle, logarithmic far from it."""
    lower, middle, upper = np.quantile(z, [0.25, 0.5, 0.75])
    spread = max(float(upper - lower) / 2, NARROWEST)
    first, last = (None if end is None else float(np.arcsinh((end - middle) / spread)) for end in ends)
    u = uniform_points(np.arcsinh((z - middle) / spread), (first, last), size, FAR_MARGIN)
    points: Vector = middle + spread * np.sinh(u)
    points[0] = points[0] if ends[0] is None else ends[0]
    points[-1] = points[-1] if ends[1] is None else ends[1]
    return points


def network_of(grid: LineGrid, c: Vector) -> KAN:
    """The KAN[1,1] with this activation."""
    network = KAN(KANConfig(width=(1, 1), grid_size=len(grid.points) - 1, order=grid.order))
    layer = network.stack[0]
    layer.knots = grid.knots.clone()
    with torch.no_grad():
        layer.weight[0, :-1, 0] = torch.from_numpy(c)
    return network
