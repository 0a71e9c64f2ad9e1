"""The density of two columns: p(x) = exp(f(x)) / Z with f a KAN[2,h,1], by maximum penalised likelihood.

f is the network plus a falling parabola of either column, which two direct edges hold fixed: off the grid the
network grows no faster than a line, so that the parabolas win and Z = ∫ exp f exists whatever the network
learns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.density.bivariate_likelihood import Likelihood, ShouldStop, Trained, log_normaliser
from kan_engine.density.bivariate_mesh import Frame, Places
from kan_engine.network.grid_updates import follow_layer_
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.network.layer import SymbolicEdge

LAMBS = tuple(10.0 ** (-2 * exponent / 3) for exponent in range(9))  # prices to try, per row
WORSE = 2  # prices that were worse than the best by LOSS, after which no lower one is tried
LOSS = 1.0  # in log-likelihood
STEPS, LAST_STEPS = 6, 20  # at each price, from one to the next; and in the end, with all rows
REACH = 4.0  # standard deviations that are a unit of a hidden node at first


@torch.no_grad()
def begin(frame: Frame, nodes: int) -> KAN:
    """A network that is the normal law of the rows, as far as its nodes allow.

    Hidden nodes are projections of the rows, scaled to no correlation, on directions around the circle.
    Squares of three of them or more make up every quadratic form.
    """
    size = len(frame.points[0]) - 1
    width = (2, nodes, 1) if nodes else (2, 1)
    network = KAN(KANConfig(width=width, grid_size=size, order=frame.order, direct=True))
    direct, first = network.direct, network.stack[0]
    assert direct is not None  # noqa: S101 - it was asked for
    for layer in (first, direct):
        layer.knots = frame.knots.clone()
    stds = frame.stds
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
    follow_layer_(last, frame.lattice.nodes(network))
    forms = np.stack([directions[:, 0] ** 2, 2 * directions[:, 0] * directions[:, 1], directions[:, 1] ** 2])
    wanted = (known - precision)[np.triu_indices(2)] * [1, 2, 1] / 2
    shares = np.linalg.lstsq(forms, wanted, rcond=None)[0]
    for node in range(nodes):
        last.weight[node, :-1, 0] = float(shares[node]) * _square(last.knots[node], order)


def _square(knots: Float[Tensor, " knots"], order: int) -> Float[Tensor, " basis"]:
    """Coefficients of x²: the mean product of two of the knots of each function (its blossom)."""
    inner = knots[1:-1].unfold(0, order, 1)
    return (inner.sum(-1).square() - inner.square().sum(-1)) / (order * (order - 1))


@dataclass(frozen=True, eq=False)
class PlaneFit:
    """A network at the price under which rows were likeliest that others were fitted without.

    Args:
        network: Fitted to all rows.
        lamb: The price λ, per row.
        held: Log-density of every row, on the unit scale, under the network fitted without its part.
        steps: Mean log-likelihood after every step with all rows.
    """

    network: KAN
    lamb: float
    held: Float[Tensor, " rows"]
    steps: list[float]


def best_plane(
    frame: Frame,
    rows: Places,
    part: Int[Tensor, " rows"],
    nodes: int,
    should_stop: ShouldStop,
) -> PlaneFit:
    """Cross-validation over the prices, from the stiffest on; then one of the networks learns from all rows.

    Args:
        frame: Where the rows live.
        rows: What is to become likely.
        part: Which part of them every row belongs to.
        nodes: Of the hidden layer; none make the columns independent.
        should_stop: Once true, no further price is tried, and training ends.
    """
    tried: list[_Priced] = []
    for priced in _priced(frame, rows, part, nodes, should_stop):
        tried.append(priced)
        best = max(tried, key=lambda each: each.score)
        if sum(each.score < best.score - LOSS for each in tried[tried.index(best) :]) >= WORSE:
            break
    found = _learnt(Likelihood(frame, rows), best, should_stop)
    return PlaneFit(found.network, best.lamb, best.held, found.steps)


@dataclass(frozen=True, eq=False)
class _Priced:
    """Networks that were fitted at one price, each without one of the parts.

    Args:
        score: Log-likelihood of all rows, each under the network fitted without its part.
    """

    lamb: float
    without: list[Trained]
    held: Float[Tensor, " rows"]
    score: float


def _priced(
    frame: Frame, rows: Places, part: Int[Tensor, " rows"], nodes: int, should_stop: ShouldStop
) -> Iterator[_Priced]:
    """The prices, one after the other, as long as a step leads on from one to the next."""
    own = [(part == number).nonzero()[:, 0] for number in range(int(part.max()) + 1)]
    others = [Likelihood(frame, rows[(part != number).nonzero()[:, 0]]) for number in range(len(own))]
    network = begin(frame, nodes)
    without = [Trained(network, log_normaliser(network, frame.medium), [])] * len(own)
    for lamb in LAMBS:
        pairs, held = zip(others, without, strict=True), torch.empty_like(rows.weights)
        now = [other.trained(before, lamb, STEPS, should_stop) for other, before in pairs]
        for trained, chosen in zip(now, own, strict=True):
            held[chosen] = trained.log_densities(rows[chosen])
        yield _Priced(lamb, now, held, float(rows.weights @ held))
        if should_stop() or all(a is b for a, b in zip(now, without, strict=True)):
            return
        without = now


def _learnt(whole: Likelihood, best: _Priced, should_stop: ShouldStop) -> Trained:
    """From the network on that is best for all rows; from the next one if its integral were not reliable."""
    starts = sorted(best.without, key=lambda each: whole.at(each.network, best.lamb).objective)
    for start in starts:
        found = whole.trained(start, best.lamb, LAST_STEPS, should_stop)
        if found is not start:
            return found
    return replace(starts[0], steps=[])
