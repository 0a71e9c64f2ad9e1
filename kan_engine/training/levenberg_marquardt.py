"""Levenberg-Marquardt for KANs: damping by gain ratio; a step is accepted if the objective decreases."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.training.evidence import Evidence
from kan_engine.training.gauss_newton import (
    EdgeMasks,
    acceleration_gradient,
    add_edge_blocks_,
    flatten_edges,
    flatten_weights,
    gauss_newton_system,
    set_weights_,
    trainable_edges,
)
from kan_engine.training.losses import Loss
from kan_engine.training.penalty import Penalty
from kan_engine.training.rescaling_symmetry import symmetry_directions
from kan_engine.training.rows import TrainingRows

MAX_DAMPING = 1e12
RELATIVE_JITTER = 1e-13  # added share of the diagonal, so that directions without effect are invertible
MIN_STRAIGHT_RATIO = 0.8  # share of the predicted decrease below which later steps are accelerated
MIN_ACCELERATION, MAX_ACCELERATION = 0.05, 0.75  # acceleration over step: below negligible, above unreliable


@dataclass
class Damping:
    """State of the damping between steps.

    Attributes:
        value: Damping μ.
        growth: Factor by which μ grows when a step fails.
        is_curved: Whether the objective is curved along the steps, so that the next step is accelerated.
        trust: Share of the predicted decrease that the last step reached, from 0 to 1; 0 before the first.
        hold: Weight of the penalty on changes of the hidden nodes' mean and spread (see
            ``rescaling_symmetry``). With 1 a change costs as much as if no other activation compensated it.
    """

    value: float = 1e-2
    growth: float = 2.0
    is_curved: bool = False
    trust: float = 0.0
    hold: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TrainingObjective:
    """Objective: weighted mean loss on the rows, plus the fixed penalty and the evidence penalty."""

    rows: TrainingRows
    loss: Loss
    penalty: Penalty
    evidence: Evidence | None = None

    @torch.no_grad()
    def penalty_value(self, network: KAN) -> float:
        """Sum of the fixed penalty and the evidence penalty."""
        fixed = float(self.penalty.value(network)) if self.penalty.is_active else 0.0
        return fixed + (self.evidence.penalty_value() if self.evidence else 0.0)


@dataclass(frozen=True)
class AcceptedStep:
    """Result of an accepted step.

    Attributes:
        loss: Weighted mean loss, without penalties.
        gain: Relative decrease of the objective, including penalties.
    """

    loss: float
    gain: float


@torch.no_grad()
def take_step_(
    network: KAN,
    problem: TrainingObjective,
    damping: Damping,
    loss: float,
    *,
    tries: int = 8,
    weigh: bool = False,
) -> AcceptedStep | None:
    """Take one accepted step of Levenberg-Marquardt, in place.

    Solves (H + μ·diag) s = -g and accepts s only if the objective decreases. μ follows the gain ratio, the
    actual over the predicted decrease (Nielsen, "Damping parameter in Marquardt's method", IMM-REP-1999-05).

    Args:
        network: Changed in place.
        problem: Objective to minimise.
        damping: Changed in place.
        loss: Weighted mean loss of the network before the step.
        tries: Maximum number of dampings to try.
        weigh: Whether to update the evidence first.

    Returns:
        None if no damping lowers the objective: the network is at a minimum.
    """
    edges = trainable_edges(network)
    matrix, gradient = gauss_newton_system(network, problem.rows, problem.loss, edges)
    if not len(gradient) or not torch.isfinite(gradient).all():
        return None
    start = flatten_weights(network, edges)
    fixed = [problem.penalty.matrix(layer)[None] for layer in network.all_layers]
    if problem.penalty.is_active:
        add_edge_blocks_(matrix, edges, fixed)
    if problem.evidence and weigh:
        _update_evidence_(network, problem, matrix, gradient, edges, loss, damping.trust)
    if problem.evidence:
        add_edge_blocks_(matrix, edges, problem.evidence.penalty_blocks(edges))
    gradient = gradient + _penalty_gradient(network, problem, edges)
    objective = loss + problem.penalty_value(network)
    scale = _diagonal_scale(matrix)
    gauge = symmetry_directions(network, problem.rows, problem.loss, edges)
    held = damping.hold * damping.trust * (gauge.T @ gauge)
    for _ in range(tries):
        factor, failed = torch.linalg.cholesky_ex(matrix + held + torch.diag(damping.value * scale))
        if not failed:
            shift = -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
            expected = float(-shift @ gradient - shift @ matrix @ shift / 2)
            if damping.is_curved:
                shift = _accelerate_step(network, problem, edges, factor, scale, shift, damping)
            set_weights_(network, edges, start + shift)
            fresh = problem.rows.loss(network, problem.loss)
            reached = fresh + problem.penalty_value(network)
            if reached < objective:
                _lower_damping_(damping, (objective - reached) / max(expected, 1e-300))
                return AcceptedStep(fresh, (objective - reached) / objective)
            set_weights_(network, edges, start)
        damping.value *= damping.growth
        damping.growth *= 2
        damping.is_curved = True
        if damping.value > MAX_DAMPING:
            break
    damping.value, damping.growth = min(damping.value, 1.0), 2.0
    return None


def _lower_damping_(damping: Damping, ratio: float) -> None:
    """Lower μ after an accepted step with this ratio of actual to predicted decrease."""
    damping.value = max(damping.value * max(0.01, 1 - (2 * min(ratio, 1.0) - 1) ** 3), 1e-15)
    damping.growth = 2.0
    damping.is_curved |= ratio < MIN_STRAIGHT_RATIO
    damping.trust = min(max(ratio, 0.0), 1.0)


def _accelerate_step(
    network: KAN,
    problem: TrainingObjective,
    edges: EdgeMasks,
    factor: Tensor,
    scale: Tensor,
    shift: Tensor,
    damping: Damping,
) -> Tensor:
    """Add the geodesic acceleration (see ``acceleration_gradient``) unless it is unreliably large."""
    bend = acceleration_gradient(network, problem.rows, problem.loss, edges, shift)
    acceleration = -torch.cholesky_solve(bend[:, None], factor)[:, 0] / 2
    units = scale.sqrt()
    size = 2 * float((units * acceleration).norm() / (units * shift).norm().clamp_min(1e-300))
    damping.is_curved = size > MIN_ACCELERATION
    return shift + acceleration if size < MAX_ACCELERATION else shift


def _diagonal_scale(matrix: Tensor) -> Tensor:
    """Scale of the damping: the diagonal, bounded from below."""
    diagonal = matrix.diagonal()
    return diagonal.clamp_min(1e-8 * float(diagonal.max()) + 1e-300)


def _update_evidence_(
    network: KAN,
    problem: TrainingObjective,
    matrix: Tensor,
    gradient: Tensor,
    edges: EdgeMasks,
    loss: float,
    trust: float,
) -> None:
    """Update λ to maximise the evidence; without a Cholesky factor of A, λ remains the same.

    The decrease that this step is expected to reach is not noise and is subtracted from the loss. Otherwise
    the first steps of a refit, far from the minimum, would set λ too high.
    """
    assert problem.evidence is not None  # noqa: S101 - the caller checks it
    whole = matrix.clone()
    add_edge_blocks_(whole, edges, problem.evidence.penalty_blocks(edges))
    factor, failed = torch.linalg.cholesky_ex(whole + torch.diag(RELATIVE_JITTER * _diagonal_scale(whole)))
    if not failed:
        slope = gradient + _penalty_gradient(network, problem, edges)
        shift = -torch.cholesky_solve(slope[:, None], factor)[:, 0]
        fall = float(-shift @ gradient - shift @ matrix @ shift / 2)
        left = max(loss - trust * max(fall, 0.0), 0.0)
        problem.evidence.update_(factor, matrix.diagonal(), left, edges)


def _penalty_gradient(network: KAN, problem: TrainingObjective, edges: EdgeMasks) -> Tensor:
    """Gradient Qw of all penalties, in the order of ``flatten_weights``."""
    prices = [problem.penalty.matrix(layer) @ layer.weight.detach() for layer in network.all_layers]
    if problem.evidence:
        prices = [a + b for a, b in zip(prices, problem.evidence.gradients(), strict=True)]
    return flatten_edges(prices, edges)
