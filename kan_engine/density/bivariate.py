"""The density of two columns: p(x) = exp(f(x)) / Z with f a KAN[2,h,1], by maximum penalised likelihood.

f is the network plus a falling parabola of each column on two fixed direct edges. Off the grid the network
grows at most linearly. Therefore the parabolas dominate, and Z = ∫ exp f exists for all weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.density.bivariate_likelihood import FittedBivariate, Likelihood, ShouldStop, log_normaliser
from kan_engine.density.bivariate_mesh import BivariateMesh, WeightedPoints
from kan_engine.network.grid_updates import update_misplaced_layer_grids_
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.network.layer import SymbolicEdge


@torch.no_grad()
def build_normal_network(frame: BivariateMesh, nodes: int) -> KAN:
    """Build a network that represents the normal distribution of the rows as far as its nodes allow.

    Hidden nodes are projections of the whitened rows on directions around the circle. The squares of at least
    three of them span all quadratic forms.
    """
    size = len(frame.points[0]) - 1
    width = (2, nodes, 1) if nodes else (2, 1)
    network = KAN(KANConfig(width=width, grid_size=size, order=frame.order, direct=True))
    direct, first_layer = network.direct, network.stack[0]
    assert direct is not None  # noqa: S101 - direct=True creates it
    for layer in (first_layer, direct):
        layer.knots = frame.knots.clone()
    # Direct edges: the quadratic terms of independent normal distributions
    stds = frame.stds
    for place, (mean, std) in enumerate(zip(frame.means, stds.tolist(), strict=True)):
        direct.symbolic[place, 0] = SymbolicEdge("x^2", 1 / std, -mean / std, -0.5, 0.0)
    if nodes:
        _set_normal_weights_(network, frame, np.diag(1 / stds**2))
    return network


def _set_normal_weights_(
    network: KAN,
    frame: BivariateMesh,
    direct_form: Float[np.ndarray, "2 2"],
    *,
    stds_per_node_unit: float = 4.0,
) -> None:
    """Set projections, and parabolas of them that sum to the normal quadratic form minus ``direct_form``.

    Args:
        stds_per_node_unit: Initial scale of a hidden node.
    """
    first_layer, last_layer = network.stack
    nodes, order = first_layer.out_dim, first_layer.order
    # Directions around the circle after whitening: all projections have the same spread
    angles = np.pi * np.arange(nodes) / nodes
    precision = np.linalg.inv(frame.covariance)
    root = np.linalg.cholesky(precision).T  # |root·x|² is the quadratic form of the normal distribution
    directions = np.stack([np.cos(angles), np.sin(angles)], 1) @ root / stds_per_node_unit
    for place, mean in enumerate(frame.means):
        greville = first_layer.knots[place, 1:-1].unfold(0, order, 1).mean(-1)  # coefficients of x itself
        # First layer: every node is a linear projection of the centred columns
        slopes = torch.from_numpy(directions[:, place])
        first_layer.weight[place, :-1] = (greville - mean)[:, None] * slopes
    update_misplaced_layer_grids_(last_layer, frame.lattice.nodes(network))
    # Least squares: weights of the squared projections whose sum is the missing quadratic form
    forms = np.stack([directions[:, 0] ** 2, 2 * directions[:, 0] * directions[:, 1], directions[:, 1] ** 2])
    target = (direct_form - precision)[np.triu_indices(2)] * [1, 2, 1] / 2
    shares = np.linalg.lstsq(forms, target, rcond=None)[0]
    for node in range(nodes):
        last_layer.weight[node, :-1, 0] = float(shares[node]) * _square_coefficients(
            last_layer.knots[node], order
        )


def _square_coefficients(knots: Float[Tensor, " knots"], order: int) -> Float[Tensor, " basis"]:
    """Coefficients of x²: the mean product of two different knots of each basis function (its blossom)."""
    inner = knots[1:-1].unfold(0, order, 1)
    return (inner.sum(-1).square() - inner.square().sum(-1)) / (order * (order - 1))


@dataclass(frozen=True, eq=False)
class BivariateSelection:
    """A network trained at the λ that maximises the cross-validated log-likelihood.

    Args:
        network: Fitted to all rows.
        lamb: λ per row.
        held: Log-density of every row, on the unit scale, under the network fitted without its fold.
        steps: Mean log-likelihood after every step with all rows.
    """

    network: KAN
    lamb: float
    held: Float[Tensor, " rows"]
    steps: list[float]


def select_bivariate_network(
    frame: BivariateMesh,
    rows: WeightedPoints,
    part: Int[Tensor, " rows"],
    nodes: int,
    should_stop: ShouldStop,
    *,
    joint_lamb_patience: int = 2,
    min_likelihood_loss: float = 1.0,
) -> BivariateSelection:
    """Choose λ by cross-validation, from the largest downwards, then train one of the networks on all rows.

    Args:
        frame: Mesh of the two columns.
        rows: Rows to fit.
        part: Fold of every row.
        nodes: Number of hidden nodes; 0 makes the columns independent.
        should_stop: Once true, no further λ is tried and training ends.
        joint_lamb_patience: λ that are worse than the best by ``min_likelihood_loss``, after which no smaller
            one is tried.
        min_likelihood_loss: In log-likelihood.
    """
    trials: list[_PenaltyTrial] = []
    for trial in _cross_validate(frame, rows, part, nodes, should_stop):
        trials.append(trial)
        best = max(trials, key=lambda entry: entry.score)
        min_score = best.score - min_likelihood_loss
        # Smaller λ fit noise once several of them are clearly worse than the best
        worse = sum(entry.score < min_score for entry in trials[trials.index(best) :])
        if worse >= joint_lamb_patience:
            break
    result = _train_on_all_rows(Likelihood(frame, rows), best, should_stop)
    return BivariateSelection(result.network, best.lamb, best.held, result.steps)


@dataclass(frozen=True, eq=False)
class _PenaltyTrial:
    """Networks fitted at one λ, each without one of the folds.

    Args:
        score: Log-likelihood of all rows, each under the network fitted without its fold.
    """

    lamb: float
    without: list[FittedBivariate]
    held: Float[Tensor, " rows"]
    score: float


def _cross_validate(
    frame: BivariateMesh,
    rows: WeightedPoints,
    part: Int[Tensor, " rows"],
    nodes: int,
    should_stop: ShouldStop,
    *,
    steps_per_lamb: int = 6,
) -> Iterator[_PenaltyTrial]:
    """Yield the trial of each λ, until training changes none of the networks any more.

    Args:
        steps_per_lamb: For each λ in cross-validation.
    """
    # Rows of every fold, and the likelihood of all rows outside of it
    fold_indices = [(part == number).nonzero()[:, 0] for number in range(int(part.max()) + 1)]
    likelihoods = [
        Likelihood(frame, rows[(part != number).nonzero()[:, 0]]) for number in range(len(fold_indices))
    ]
    network = build_normal_network(frame, nodes)
    without = [FittedBivariate(network, log_normaliser(network, frame.medium_rule), [])] * len(fold_indices)
    for lamb in frame.thresholds.joint_lambs:
        pairs, log_densities = zip(likelihoods, without, strict=True), torch.empty_like(rows.weights)
        # Each network starts from its weights at the next larger λ
        now = [likelihood.train(before, lamb, steps_per_lamb, should_stop) for likelihood, before in pairs]
        # Every row is evaluated under the network that was not trained on its fold
        for model, indices in zip(now, fold_indices, strict=True):
            log_densities[indices] = model.log_densities(rows[indices])
        yield _PenaltyTrial(lamb, now, log_densities, float(rows.weights @ log_densities))
        if should_stop() or all(a is b for a, b in zip(now, without, strict=True)):
            return
        without = now


def _train_on_all_rows(
    likelihood: Likelihood, best: _PenaltyTrial, should_stop: ShouldStop
) -> FittedBivariate:
    """Train the network that fits all rows best; take the next one if its integral becomes unreliable."""
    # The networks of the folds are good starts; the best on all rows comes first
    starts = sorted(best.without, key=lambda model: likelihood.evaluate(model.network, best.lamb).objective)
    for start in starts:
        result = likelihood.train(start, best.lamb, likelihood.frame.thresholds.final_steps, should_stop)
        if result is not start:
            return result
    return replace(starts[0], steps=[])
