"""The penalised likelihood of two columns, and its maximisation.

The penalty λ/2 |Df|² takes third differences of f itself, along and across both columns on a lattice over the
grid. It is equal for all networks that represent the same function, and 0 for paraboloids. With λ → ∞ the
density becomes the normal distribution of these rows, as for one column (see ``univariate.py``).

The step is a Levenberg-Marquardt step with the Fisher information, the covariance of ∂f/∂w under the density,
in place of the Gauss-Newton matrix (Amari, "Natural gradient works efficiently in learning", Neural
Computation 10, 1998). If f is linear in its weights, this is Newton's method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.cost import JACOBIAN_BYTES
from kan_engine.density.bivariate_mesh import LATTICE_POINTS, BivariateMesh, WeightedPoints
from kan_engine.density.thresholds import DensityThresholds
from kan_engine.network.grid_updates import update_misplaced_layer_grids_
from kan_engine.network.kan import KAN, copy_network
from kan_engine.numerics.damped_least_squares import Damping, NormalEquations, Point, descend
from kan_engine.training.gauss_newton import add_square_, flatten_weights, set_weights_, trainable_edges

ShouldStop = Callable[[], bool]


@torch.no_grad()
def log_normaliser(network: KAN, rule: WeightedPoints) -> float:
    """log Z, by a quadrature rule."""
    return _log_integral(rule.values(network), rule)


def _log_integral(values: Float[Tensor, " places"], rule: WeightedPoints) -> float:
    return float(torch.logsumexp(values + rule.weights.log(), 0))


@dataclass(frozen=True, eq=False)
class FittedBivariate:
    """A network after training at one λ.

    Args:
        network: The trained network.
        log_z: log Z by the medium rule.
        steps: Mean log-likelihood after every step.
    """

    network: KAN
    log_z: float
    steps: list[float]

    @torch.no_grad()
    def log_densities(self, rows: WeightedPoints) -> Float[Tensor, " rows"]:
        """Log-density of rows inside the support."""
        return rows.values(self.network) - self.log_z


@dataclass(frozen=True, eq=False)
class ObjectiveEvaluation:
    """The objective of a network at its current weights.

    Args:
        values: Outputs at the nodes of the coarse rule.
        bends: Third differences on the lattice.
        loss: Mean negative log-density of the rows.
        objective: The loss plus the penalty.
    """

    values: Float[Tensor, " places"]
    bends: Float[Tensor, " bends"]
    loss: float
    objective: float


@dataclass(frozen=True, eq=False)
class Likelihood:
    """The penalised likelihood of rows.

    Args:
        frame: Mesh of the two columns.
        rows: Rows to fit.
    """

    frame: BivariateMesh
    rows: WeightedPoints

    @property
    def _limits(self) -> DensityThresholds:
        return self.frame.thresholds

    @torch.no_grad()
    def train(
        self, start: FittedBivariate, lamb: float, max_steps: int, should_stop: ShouldStop
    ) -> FittedBivariate:
        """Train a copy for at most ``max_steps`` steps at this λ; return ``start`` if log Z is unreliable."""
        network = copy_network(start.network)
        self._update_grids_(network, lamb)
        steps = list(self._run_steps_(network, lamb, max_steps, should_stop))
        # Two quadrature rules that disagree reveal a density too narrow for the coarse one
        coarse, medium = (
            log_normaliser(network, rule) for rule in (self.frame.coarse_rule, self.frame.medium_rule)
        )
        return (
            FittedBivariate(network, medium, steps)
            if abs(coarse - medium) < self._limits.joint_max_log_z_error
            else start
        )

    @torch.no_grad()
    def evaluate(self, network: KAN, lamb: float) -> ObjectiveEvaluation:
        """The objective of the network at this λ."""
        rule, share = self.frame.coarse_rule, self.rows.weights / self.rows.weights.sum()
        values, bends = (
            rule.values(network),
            _third_differences(self.frame.lattice.values(network)[:, None])[:, 0],
        )
        # Negative mean log-density: log Z minus the mean of f over the rows
        loss = _log_integral(values, rule) - float(share @ self.rows.values(network))
        weights = flatten_weights(network, trainable_edges(network))
        price = lamb * float(bends @ bends) + self._limits.joint_ridge * float(weights @ weights)
        return ObjectiveEvaluation(values, bends, loss, loss + 0.5 * price)

    def _update_grids_(self, network: KAN, lamb: float, *, joint_max_regrid_loss: float = 0.01) -> None:
        """Move the grids to the values of their nodes, unless the objective increases too much.

        Args:
            joint_max_regrid_loss: Increase of the objective above which an updated grid is undone.
        """
        for layer in network.stack[1:]:
            knots, weight, before = layer.knots, layer.weight, self.evaluate(network, lamb)
            is_moved = update_misplaced_layer_grids_(layer, self.frame.lattice.nodes(network))
            if is_moved and self.evaluate(network, lamb).objective > before.objective + joint_max_regrid_loss:
                layer.knots, layer.weight = knots, weight

    def _run_steps_(
        self, network: KAN, lamb: float, max_steps: int, should_stop: ShouldStop
    ) -> Iterator[float]:
        """Train in place; yield the mean log-likelihood after every step that lowers the objective."""
        weights = flatten_weights(network, trainable_edges(network))
        point = _NetworkPoint.build(self, network, lamb, weights)
        for step in descend(
            point, Damping.start(self._limits.joint_damping), steps=max_steps, should_stop=should_stop
        ):
            step.point.put_(step.point.weights)  # the last proposal may have been rejected
            if not step.accepted:
                return
            fall, point = float(point.objective - step.point.objective), step.point
            yield -point.here.loss
            if fall < self._limits.joint_min_step_gain / len(self.rows):
                return

    def matrix_and_gradient(
        self, network: KAN, lamb: float, weights: Float[Tensor, " P"], here: ObjectiveEvaluation
    ) -> tuple[Float[Tensor, "P P"], Float[Tensor, " P"]]:
        """Gauss-Newton matrix and gradient of the objective."""
        mean, matrix = self._jacobian_moments(network, len(weights), here.values)
        bends, price = _third_differences(self.frame.lattice.jacobian(network)), torch.zeros_like(matrix)
        add_square_(price, bends)
        # Fisher information plus the Hessian of the penalty, λ DᵀD, and a ridge
        matrix.add_(price, alpha=lamb).diagonal().add_(self._limits.joint_ridge)
        # Expectation of the slopes under the density minus their mean over the rows, plus the penalty's slope
        gradient = (
            mean
            - self.rows.mean_slopes(network)
            + lamb * here.bends @ bends
            + self._limits.joint_ridge * weights
        )
        return matrix, gradient

    def _jacobian_moments(
        self,
        network: KAN,
        count: int,
        values: Float[Tensor, " places"],
        *,
        joint_negligible_mass: float = 1e-10,
    ) -> tuple[Float[Tensor, " P"], Float[Tensor, "P P"]]:
        """Mean and covariance of the Jacobian under the density.

        Args:
            joint_negligible_mass: Share of the probability mass; a step leaves out nodes with less.
        """
        rule = self.frame.coarse_rule
        # Probabilities of the quadrature nodes; those of negligible mass do not contribute
        p = torch.softmax(values + rule.weights.log(), 0)
        mean, second = p.new_zeros(count), p.new_zeros(count, count)
        indices = (p > joint_negligible_mass).nonzero()[:, 0]
        # Second moments of the slopes, over blocks of nodes that fit into memory
        for part in torch.split(indices, max(1, JACOBIAN_BYTES // (8 * count))):
            slopes = rule[part].jacobian(network)
            mean += p[part] @ slopes
            add_square_(second, slopes.mul_(p[part, None].sqrt()))
        return mean, second - torch.outer(mean, mean)


@dataclass(frozen=True, eq=False)
class _NetworkPoint(Point):
    """Weights of a network, and the objective there."""

    likelihood: Likelihood
    network: KAN
    lamb: float
    weights: Float[Tensor, " P"]
    here: ObjectiveEvaluation
    objective: Float[Tensor, " 1"]

    @staticmethod
    def build(
        likelihood: Likelihood, network: KAN, lamb: float, weights: Float[Tensor, " P"]
    ) -> _NetworkPoint:
        here = likelihood.evaluate(network, lamb)
        objective = torch.tensor([here.objective], dtype=torch.float64)
        return _NetworkPoint(likelihood, network, lamb, weights, here, objective)

    def linearize(self) -> NormalEquations:
        matrix, gradient = self.likelihood.matrix_and_gradient(
            self.network, self.lamb, self.weights, self.here
        )
        return NormalEquations(matrix[None], gradient[None])

    def move(self, step: Float[Tensor, "1 P"]) -> _NetworkPoint:
        weights = self.weights + step[0]
        self.put_(weights)
        return _NetworkPoint.build(self.likelihood, self.network, self.lamb, weights)

    def put_(self, weights: Float[Tensor, " P"]) -> None:
        """Set the weights of the network."""
        set_weights_(self.network, trainable_edges(self.network), weights)


def _third_differences(values: Float[Tensor, "points terms"]) -> Float[Tensor, "bends terms"]:
    """All third differences of values on the lattice; the squares of mixed ones count three times."""
    lattice = values.view(LATTICE_POINTS, LATTICE_POINTS, -1)
    # With these binomial weights the penalty does not depend on a rotation of the columns
    mixed_weight = 3**0.5
    parts = [
        lattice.diff(n=3, dim=0),
        lattice.diff(n=3, dim=1),
        mixed_weight * lattice.diff(n=2, dim=0).diff(dim=1),
        mixed_weight * lattice.diff(n=2, dim=1).diff(dim=0),
    ]
    return torch.cat([part.flatten(0, 1) for part in parts])
