"""Levenberg-Marquardt for KANs: damping by gain ratio; a step is accepted if the objective decreases."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.numerics.damped_least_squares import (
    DampedMatrix,
    Damping,
    Proposal,
    damping_scale,
    take_step,
)
from kan_engine.training.evidence import Evidence
from kan_engine.training.gauss_newton import (
    EdgeMasks,
    acceleration_gradient,
    add_edge_blocks_,
    flatten_edges,
    flatten_weights,
    gauss_newton_system,
    keep_forward_passes,
    set_weights_,
    trainable_edges,
)
from kan_engine.training.losses import Loss
from kan_engine.training.penalty import Penalty, frozen_terms
from kan_engine.training.rescaling_symmetry import symmetry_directions
from kan_engine.training.rows import TrainingRows
from kan_engine.training.thresholds import TrainingThresholds


class TrainingDamping(Damping):
    """State of the damping between steps; μ follows the gain ratio.

    Attributes:
        is_curved: Whether the objective is curved along the steps, so that the next step is accelerated.
        trust: Share of the predicted decrease that the last step reached, from 0 to 1; 0 before the first.
        hold: Weight of the penalty on changes of the hidden nodes' mean and spread (see
            ``rescaling_symmetry``). With 1 a change costs as much as if no other activation compensated it.
        thresholds: Of the training.
    """

    def __init__(
        self,
        value: float | None = None,
        *,
        trust: float = 0.0,
        hold: float = 0.0,
        thresholds: TrainingThresholds,
    ) -> None:
        initial_value = thresholds.damping.initial if value is None else value
        super().__init__(thresholds.damping, torch.tensor([initial_value], dtype=torch.float64))
        self.is_curved, self.trust, self.hold, self.thresholds = False, trust, hold, thresholds

    def update_(
        self,
        is_accepted: Bool[Tensor, " problem"],
        ratio: Float[Tensor, " problem"] | None = None,
        *,
        min_straight_ratio: float = 0.8,
    ) -> None:
        """Adapt to a step that was accepted or rejected.

        Args:
            min_straight_ratio: Share of the predicted decrease, below which later steps are accelerated.
        """
        super().update_(is_accepted, ratio)
        if not is_accepted or ratio is None:
            self.is_curved = True
        else:
            self.is_curved |= float(ratio) < min_straight_ratio
            self.trust = float(ratio.clamp(0.0, 1.0))

    def restart_(self, *, max_first_damping: float = 1.0) -> None:
        """Lower μ for the steps from another point.

        Args:
            max_first_damping: After a point from which no damping led further.
        """
        self.value.clamp_(max=max_first_damping)
        self.growth.fill_(self.config.increase)


@dataclass(frozen=True, kw_only=True)
class TrainingObjective:
    """Objective: weighted mean loss on the rows, plus the fixed penalty and the evidence penalty."""

    rows: TrainingRows
    loss: str | Loss
    penalty: Penalty
    evidence: Evidence | None = None
    train_base: bool = True
    train_splines: bool = True

    @torch.no_grad()
    def penalty_value(self, network: KAN) -> float:
        """Sum of the fixed penalty and the evidence penalty."""
        quadratic = float(self.penalty.value(network)) if self.penalty.is_active else 0.0
        return quadratic + (self.evidence.penalty_value() if self.evidence else 0.0)

    def find_frozen(self, network: KAN, edges: EdgeMasks, length: int) -> Bool[Tensor, " P"]:
        """The weights that are not trained, in the order of ``flatten_weights``."""
        frozen = [
            frozen_terms(layer, self.train_base, self.train_splines).expand_as(layer.weight)
            for layer in network.all_layers
        ]
        return flatten_edges(frozen, edges, length)


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
    network: KAN, problem: TrainingObjective, damping: TrainingDamping, loss: float, *, weigh: bool = False
) -> AcceptedStep | None:
    """Take one accepted step of Levenberg-Marquardt, in place.

    Args:
        network: Changed in place.
        problem: Objective to minimise.
        damping: Changed in place.
        loss: Weighted mean loss of the network before the step.
        weigh: Whether to update the evidence first.

    Returns:
        None if no damping lowers the objective: the network is at a minimum.
    """
    problem = replace(problem, rows=problem.rows.keep_features(network))
    edges = trainable_edges(network)
    passes = keep_forward_passes(network, problem.rows)
    # Gauss-Newton matrix and gradient of the loss, to which all penalties are added
    matrix, gradient = gauss_newton_system(network, problem.rows, problem.loss, edges, passes)
    if not len(gradient) or not torch.isfinite(gradient).all():
        return None
    start = flatten_weights(network, edges)
    blocks = [problem.penalty.matrix(layer)[None] for layer in network.all_layers]
    if problem.penalty.is_active:
        add_edge_blocks_(matrix, edges, blocks)
    if problem.evidence and weigh:
        _update_evidence_(network, problem, matrix, gradient, edges, loss, damping)
    if problem.evidence:
        add_edge_blocks_(matrix, edges, problem.evidence.penalty_blocks(edges))
    gradient = gradient + _penalty_gradient(network, problem, edges)
    # A frozen weight is not coupled to others, and has no slope
    frozen = problem.find_frozen(network, edges, len(start))
    gradient[frozen] = 0.0
    matrix[frozen], matrix[:, frozen] = 0.0, 0.0
    matrix.diagonal()[frozen] = 1.0
    scale = damping_scale(matrix[None], damping.config)
    # The loss hardly determines scale and shift of hidden nodes, so changes of them are penalised
    gauge = symmetry_directions(network, problem.rows, problem.loss, edges) * ~frozen
    hold = damping.hold * damping.trust * (gauge.T @ gauge)

    here = _NetworkPoint.build(torch.zeros_like(start), loss, problem.penalty_value(network))

    def propose(value: Float[Tensor, " 1"]) -> Proposal[_NetworkPoint]:
        damped_matrix = DampedMatrix.build((matrix + hold)[None], value[:, None] * scale)
        if not damped_matrix.is_definite:
            return Proposal(here, accepted=damped_matrix.is_definite)
        shift = damped_matrix.step(gradient[None])[0]
        # Decrease in the quadratic model, without the damping
        decrease = -shift @ gradient - shift @ matrix @ shift / 2
        if damping.is_curved:
            bend = acceleration_gradient(network, problem.rows, problem.loss, edges, shift, passes) * ~frozen
            shift = _accelerate_step(damped_matrix, bend, scale[0], shift, damping)
        set_weights_(network, edges, start + shift)
        loss = problem.rows.loss(network, problem.loss)
        point = _NetworkPoint.build(shift, loss, problem.penalty_value(network))
        set_weights_(network, edges, start)
        return Proposal(point, decrease[None])

    step = take_step(here, propose, damping)
    if not step.accepted:
        damping.restart_()
        return None
    set_weights_(network, edges, start + step.point.shift)
    return AcceptedStep(step.point.loss, float(step.gain))


@dataclass(frozen=True, eq=False)
class _NetworkPoint:
    """Weights at a shift from the start of a step, with the loss and the objective there."""

    shift: Float[Tensor, " P"]
    loss: float
    objective: Float[Tensor, " 1"]

    @staticmethod
    def build(shift: Float[Tensor, " P"], loss: float, penalty: float) -> _NetworkPoint:
        return _NetworkPoint(shift, loss, torch.tensor([loss + penalty], dtype=torch.float64))


def _accelerate_step(
    damped_matrix: DampedMatrix,
    bend: Float[Tensor, " P"],
    scale: Float[Tensor, " P"],
    shift: Float[Tensor, " P"],
    damping: TrainingDamping,
    *,
    min_acceleration: float = 0.05,
    max_acceleration: float = 0.75,
) -> Float[Tensor, " P"]:
    """Add the geodesic acceleration (see ``acceleration_gradient``) unless it is unreliably large.

    Args:
        min_acceleration, max_acceleration: Acceleration over step: below negligible, above unreliable.
    """
    # Second-order correction of the step, from the same Cholesky factor
    acceleration = damped_matrix.step(bend[None])[0] / 2
    units = scale.sqrt()
    # Length relative to the step, in the norm of the damping
    size = 2 * float((units * acceleration).norm() / (units * shift).norm().clamp_min(1e-300))
    damping.is_curved = size > min_acceleration
    return shift + acceleration if size < max_acceleration else shift


def _update_evidence_(
    network: KAN,
    problem: TrainingObjective,
    matrix: Float[Tensor, "P P"],
    gradient: Float[Tensor, " P"],
    edges: EdgeMasks,
    loss: float,
    damping: TrainingDamping,
    *,
    evidence_jitter: float = 1e-13,
) -> None:
    """Update λ to maximise the evidence; without a Cholesky factor of A, λ remains the same.

    The decrease that this step is expected to reach is not noise and is subtracted from the loss. Otherwise
    the first steps of a refit, far from the minimum, would set λ too high.

    Args:
        evidence_jitter: Share of the diagonal added before the evidence, so that directions without effect
            are invertible.
    """
    assert problem.evidence is not None  # noqa: S101 - the caller checks it
    hessian = matrix.clone()
    add_edge_blocks_(hessian, edges, problem.evidence.penalty_blocks(edges))
    # Directions without effect get a small diagonal, so that the matrix has a Cholesky factor
    jitter = evidence_jitter * damping_scale(hessian[None], damping.config)[0]
    factor, info = torch.linalg.cholesky_ex(hessian + torch.diag(jitter))
    if not info:
        # Decrease of the loss along the undamped Newton step
        slope = gradient + _penalty_gradient(network, problem, edges)
        shift = -torch.cholesky_solve(slope[:, None], factor)[:, 0]
        fall = float(-shift @ gradient - shift @ matrix @ shift / 2)
        noise_loss = max(loss - damping.trust * max(fall, 0.0), 0.0)
        problem.evidence.update_(factor, matrix.diagonal(), noise_loss, edges)


def _penalty_gradient(network: KAN, problem: TrainingObjective, edges: EdgeMasks) -> Float[Tensor, " P"]:
    """Gradient Qw of all penalties, in the order of ``flatten_weights``."""
    prices = [problem.penalty.matrix(layer) @ layer.weight.detach() for layer in network.all_layers]
    if problem.evidence:
        prices = [a + b for a, b in zip(prices, problem.evidence.gradients(), strict=True)]
    return flatten_edges(prices, edges, len(flatten_weights(network, edges)))
