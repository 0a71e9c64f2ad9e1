"""The density of two columns: p(x) = exp(f(x)) / Z with f a KAN[2,h,1], by maximum penalised likelihood.

f is the network plus a falling parabola of either column, which two direct edges hold fixed: off the grid the
network grows no faster than a line, so that the parabolas win and Z = ∫ exp f exists whatever the network
learns.

The price λ/2 |Df|² is one of third differences of f itself, along and across both columns on a lattice over
the grid: it is the same for all networks that are the same function, and paraboloids are free of it. With
λ → ∞ the density becomes the normal law of these rows, as it does for one column (see ``line_density``).

The step is that of Levenberg and Marquardt with the Fisher information, the covariance of ∂f/∂w under the
density, in place of the Gauss-Newton matrix (Amari, "Natural gradient works efficiently in learning", Neural
Computation 10, 1998); where f is linear in its weights this is Newton's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.gauss_newton import (
    Edges,
    flat,
    gauss_newton,
    jacobian,
    mean_slopes,
    set_flat_,
    trainable_edges,
)
from kan_engine.grid import follow_, is_stray
from kan_engine.layer import SymbolicEdge
from kan_engine.network import KAN, KANConfig, copied
from kan_engine.quadrature import gauss_legendre
from kan_engine.rows import Rows
from kan_engine.spline import extend_knots

TAIL = 4.0  # how far integrals go beyond the grid, in standard deviations
TAIL_PANELS = 3  # of the quadrature over a tail, for each in an interval of the grid
LATTICE = 21  # points of the lattice along either column
NEGLIGIBLE = 1e-13  # share of the mass, of nodes that a step does without
LAMBS = tuple(10.0 ** (-2 * exponent / 3) for exponent in range(9))  # prices to try, per row
WORSE = 3  # prices that were worse than the best by LOSS, after which no lower one is tried
LOSS = 1.0  # in log-likelihood
STEPS = 10  # at each price
UNRELIABLE = 0.01  # error of log Z: the density has spikes between the nodes of the quadrature
SLOW, SLOWNESS = 2, 1e-5  # steps in a row that gain no more than this: converged
LOST = 0.01  # of the objective, in moving a grid: the old one is better, then
LOOK = 4  # steps between two looks at the grids of hidden nodes
TRIES = 12
FLOOR = 1e-5  # of the unit of the damping, over the largest: what hardly matters yet does not run off
REACH = 4.0  # standard deviations that are a unit of a hidden node at first
BLOCK = 2**15  # rows at a time
RIDGE = 1e-9  # price of a weight: of all networks that are one function, the one with small weights

ShouldStop = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Frame:
    """What two columns are like on the unit scale.

    Args:
        points: Grid of each column.
        ends: Where the support of each ends, infinite where it does not.
        means: Of each column.
        covariance: Of both.
    """

    points: tuple[Float[np.ndarray, " _"], Float[np.ndarray, " _"]]
    ends: tuple[tuple[float, float], tuple[float, float]]
    means: tuple[float, float]
    covariance: Float[np.ndarray, "2 2"]

    @cached_property
    def coarse(self) -> Rows:
        """Nodes of the quadrature over the support, with their weights, for training."""
        return self._rule(parts=1, points=5)

    @cached_property
    def fine(self) -> Rows:
        """The same for what is served."""
        return self._rule(parts=3, points=6)

    @cached_property
    def lattice(self) -> Float[Tensor, "points 2"]:
        """Places over both grids, as dense as these are."""
        return _product([_along(grid, LATTICE) for grid in self.points])

    def _rule(self, *, parts: int, points: int) -> Rows:
        lines = [gauss_legendre(self._panels(place, parts), points) for place in (0, 1)]
        nodes = _product([nodes for nodes, _ in lines])
        weights = torch.from_numpy(np.outer(lines[0][1], lines[1][1]).ravel())
        return Rows(x=nodes, targets=torch.zeros(len(nodes), 1, dtype=nodes.dtype), weights=weights)

    def _panels(self, place: int, parts: int) -> np.ndarray:
        grid, (low, high) = self.points[place], self.ends[place]
        far = TAIL * self.covariance[place, place] ** 0.5 * np.linspace(0, 1, TAIL_PANELS * parts + 1)[1:]
        below = grid[0] - far[::-1] if np.isinf(low) else np.zeros(0)
        above = grid[-1] + far if np.isinf(high) else np.zeros(0)
        return np.concatenate([below, _along(grid, parts * (len(grid) - 1) + 1), above])


def _along(grid: np.ndarray, count: int) -> np.ndarray:
    """So many places from the first point of a grid to its last, as dense as it is."""
    places: np.ndarray = np.interp(np.linspace(0, len(grid) - 1, count), range(len(grid)), grid)
    return places


def _product(lines: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(np.meshgrid(*lines, indexing="ij"), -1).reshape(-1, 2))


@torch.no_grad()
def begin(frame: Frame, nodes: int, order: int) -> KAN:
    """A network that is the normal law of the rows, as far as its nodes allow.

    Hidden nodes are projections of the rows, scaled to no correlation, on directions around the circle.
    Squares of three of them or more make up every quadratic form.
    """
    size = len(frame.points[0]) - 1
    width = (2, nodes, 1) if nodes else (2, 1)
    network = KAN(KANConfig(width=width, grid_size=size, order=order, direct=True))
    direct, first = network.direct, network.stack[0]
    assert direct is not None  # noqa: S101 - it was asked for
    for layer in (first, direct):
        layer.knots = extend_knots(torch.from_numpy(np.stack(frame.points)), order)
    stds = np.sqrt(np.diag(frame.covariance))
    for place, (mean, std) in enumerate(zip(frame.means, stds.tolist(), strict=True)):
        direct.symbolic[place, 0] = SymbolicEdge("x^2", 1 / std, -mean / std, -0.5, 0.0)
    if nodes:
        _lay_normal_(network, frame, np.diag(1 / stds**2))
    return network


def _lay_normal_(network: KAN, frame: Frame, known: Float[np.ndarray, "2 2"]) -> None:
    """Projections, and parabolas of them that add up to the form of the normal law but for ``known``."""
    first, last = network.stack
    nodes, order = first.out_dim, first.order
    angles = np.pi * np.arange(nodes) / nodes
    precision = np.linalg.inv(frame.covariance)
    root = np.linalg.cholesky(precision).T  # |root·x|² is the form of the normal law
    directions = np.stack([np.cos(angles), np.sin(angles)], 1) @ root / REACH
    for place, mean in enumerate(frame.means):
        greville = first.knots[place, 1:-1].unfold(0, order, 1).mean(-1)  # coefficients of x itself
        slopes = torch.from_numpy(directions[:, place])
        first.weight[place, :-1] = (greville - mean)[:, None] * slopes
    follow_(network, frame.lattice)
    forms = np.stack([directions[:, 0] ** 2, 2 * directions[:, 0] * directions[:, 1], directions[:, 1] ** 2])
    wanted = (known - precision)[np.triu_indices(2)] * [1, 2, 1] / 2
    shares = np.linalg.lstsq(forms, wanted, rcond=None)[0]
    for node in range(nodes):
        last.weight[node, :-1, 0] = float(shares[node]) * _square(last.knots[node], order)


def _square(knots: Float[Tensor, " knots"], order: int) -> Float[Tensor, " basis"]:
    """Coefficients of x²: the mean product of two of the knots of each function (its blossom)."""
    inner = knots[1:-1].unfold(0, order, 1)
    return (inner.sum(-1).square() - inner.square().sum(-1)) / (order * (order - 1))


@torch.no_grad()
def log_normaliser(network: KAN, rule: Rows) -> float:
    """log Z."""
    return float(torch.logsumexp(_values(network, rule.x) + rule.weights.log(), 0))


@torch.no_grad()
def log_densities(network: KAN, x: Tensor, rule: Rows) -> Float[Tensor, " rows"]:
    """Of rows on the unit scale, where the support does not end."""
    return _values(network, x) - log_normaliser(network, rule)


def _values(network: KAN, x: Tensor) -> Tensor:
    return torch.cat([network(part)[:, 0] for part in torch.split(x, BLOCK)])


@dataclass(frozen=True, eq=False)
class Likelihood:
    """The penalised likelihood of rows.

    Args:
        frame: Where they live.
        rows: What is to become likely, on the unit scale; their targets are not looked at.
    """

    frame: Frame
    rows: Rows

    def steps(self, network: KAN, lamb: float, most: int, should_stop: ShouldStop) -> Iterator[float]:
        """Train in place; the mean log-likelihood after every step that brings something."""
        damping, slow, before = 1e-3, 0, self._objective(network, lamb)
        for number in range(most):
            if should_stop() or slow >= SLOW:
                return
            if number % LOOK == 0 and is_stray(network, self.frame.lattice):
                before = self._follow_(network, lamb, before)
            found = self._step_(network, lamb, damping, before)
            if found is None:
                return
            damping, after = found
            slow, before = slow + 1 if before - after < SLOWNESS else 0, after
            yield -self.loss(network)

    def _follow_(self, network: KAN, lamb: float, before: float) -> float:
        """Move the grids to where their nodes are, unless that loses what was learnt; the objective then."""
        as_it_was = copied(network).state_dict()
        follow_(network, self.frame.lattice)
        after = self._objective(network, lamb)
        if after < before + LOST:
            return after
        network.load_state_dict(as_it_was)
        return before

    @torch.no_grad()
    def loss(self, network: KAN) -> float:
        """Mean of minus the log-density."""
        share = self.rows.weights / self.rows.weights.sum()
        return log_normaliser(network, self.frame.coarse) - float(share @ _values(network, self.rows.x))

    @torch.no_grad()
    def _objective(self, network: KAN, lamb: float) -> float:
        weights = flat(network, trainable_edges(network))
        rough = float(_bends(_values(network, self.frame.lattice)[:, None]).square().sum())
        return self.loss(network) + 0.5 * (lamb * rough + RIDGE * float(weights @ weights))

    @torch.no_grad()
    def _step_(self, network: KAN, lamb: float, damping: float, before: float) -> tuple[float, float] | None:
        """The next damping, and the objective after a step that made it fall; None if none does."""
        edges = trainable_edges(network)
        matrix, gradient = self._slopes(network, lamb, edges)
        start = flat(network, edges)
        scale = matrix.diagonal().clamp_min(FLOOR * float(matrix.diagonal().max()))
        for _ in range(TRIES):
            factor, failed = torch.linalg.cholesky_ex(matrix + torch.diag(damping * scale))
            if not failed:
                set_flat_(network, edges, start - torch.cholesky_solve(gradient[:, None], factor)[:, 0])
                after = self._objective(network, lamb)
                if after < before:
                    return max(damping / 5, 1e-9), after
                set_flat_(network, edges, start)
            damping *= 5
        return None

    def _slopes(self, network: KAN, lamb: float, edges: Edges) -> tuple[Tensor, Tensor]:
        """Gauss-Newton matrix and gradient of the objective."""
        rule = self.frame.coarse
        f = _values(network, rule.x)
        p = torch.softmax(f + rule.weights.log(), 0)
        kept = p > NEGLIGIBLE
        # With targets one below what the network gives, the gradient of squared errors is the mean slope.
        nodes = replace(rule, x=rule.x[kept], targets=f[kept, None] - 1, weights=p[kept])
        second, mean = gauss_newton(network, nodes, "squared", edges)
        bends = _bends(jacobian(network, self.frame.lattice, edges))
        rough = _bends(_values(network, self.frame.lattice)[:, None])[:, 0]
        weights = flat(network, edges)
        matrix = second - torch.outer(mean, mean) + lamb * bends.T @ bends + RIDGE * torch.eye(len(weights))
        gradient = mean - mean_slopes(network, self.rows, edges) + lamb * bends.T @ rough + RIDGE * weights
        return matrix, gradient


def _bends(values: Float[Tensor, "points terms"]) -> Float[Tensor, "bends terms"]:
    """All third differences of values on the lattice: those along the columns, and thrice those across."""
    on = values.view(LATTICE, LATTICE, -1)
    mixed = 3**0.5
    parts = [
        on.diff(n=3, dim=0),
        on.diff(n=3, dim=1),
        mixed * on.diff(n=2, dim=0).diff(dim=1),
        mixed * on.diff(n=2, dim=1).diff(dim=0),
    ]
    return torch.cat([part.flatten(0, 1) for part in parts])


@dataclass(frozen=True, eq=False)
class PlaneFit:
    """A network at the price under which rows were likeliest that others were fitted without.

    Args:
        network: Fitted to all rows.
        lamb: The price λ, per row.
        held: Log-density of every row, on the unit scale, under the network fitted without its part.
        steps: Mean log-likelihood after every step.
    """

    network: KAN
    lamb: float
    held: Float[Tensor, " rows"]
    steps: list[float]


def best_plane(
    frame: Frame,
    rows: Rows,
    part: Int[Tensor, " rows"],
    nodes: int,
    order: int,
    should_stop: ShouldStop,
) -> PlaneFit:
    """Cross-validation over the prices, from the stiffest on, then a fit to all rows.

    Args:
        frame: Where the rows live.
        rows: Rows on the unit scale.
        part: Which part of them every row belongs to.
        nodes: Of the hidden layer; none make the columns independent.
        order: Order k of the splines.
        should_stop: Once true, no further price is tried, and training ends.
    """
    parts = int(part.max()) + 1
    networks = [begin(frame, nodes, order) for _ in range(parts)]
    others = [Likelihood(frame, rows[part != number]) for number in range(parts)]
    tried: list[tuple[float, Tensor]] = []
    best = 0
    for lamb in LAMBS:
        held, before = torch.empty(len(rows), dtype=rows.x.dtype), networks
        trained = zip(networks, others, strict=True)
        networks = [_trained(network, likelihood, lamb, should_stop)[0] for network, likelihood in trained]
        for fold in range(parts):
            held[part == fold] = log_densities(networks[fold], rows.x[part == fold], frame.fine)
        tried.append((float(rows.weights @ held), held))
        best = max(range(len(tried)), key=lambda place: tried[place][0])
        is_worse = sum(score < tried[best][0] - LOSS for score, _ in tried[best:]) >= WORSE
        if is_worse or should_stop() or all(a is b for a, b in zip(networks, before, strict=True)):
            break
    network, steps = begin(frame, nodes, order), list[float]()
    for lamb in LAMBS[: best + 1]:
        network, more = _trained(network, Likelihood(frame, rows), lamb, should_stop)
        steps += more
    return PlaneFit(network, LAMBS[best], tried[best][1], steps)


def _trained(
    network: KAN, likelihood: Likelihood, lamb: float, should_stop: ShouldStop
) -> tuple[KAN, list[float]]:
    """The network trained at this price, with its steps; as it was if its integral is not reliable."""
    trained, frame = copied(network), likelihood.frame
    steps = list(likelihood.steps(trained, lamb, STEPS, should_stop))
    error = abs(log_normaliser(trained, frame.coarse) - log_normaliser(trained, frame.fine))
    return (trained, steps) if error < UNRELIABLE else (network, [])
