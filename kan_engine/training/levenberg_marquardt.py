"""Levenberg-Marquardt for KANs: damping by gain ratio; a step is accepted if the objective decreases."""

from dataclasses import dataclass

import torch
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.training.evidence import Evidence
from kan_engine.training.gauss_newton import (
    Edges,
    add_per_edge_,
    curvature,
    flat,
    gathered,
    gauss_newton,
    set_flat_,
    trainable_edges,
)
from kan_engine.training.losses import Loss
from kan_engine.training.penalty import Penalty
from kan_engine.training.rescaling_symmetry import gauge_rows
from kan_engine.training.rows import Rows

MAX_DAMPING = 1e12
JITTER = 1e-13  # added share of the diagonal, so that directions without effect are invertible
STRAIGHT = 0.8  # share of the predicted decrease below which later steps are accelerated
SLIGHT, STEEPEST = 0.05, 0.75  # acceleration over step: below negligible, above unreliable


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
class Problem:
    """Objective: weighted mean loss on the rows, plus the fixed penalty and the evidence penalty."""

    rows: Rows
    loss: Loss
    penalty: Penalty
    evidence: Evidence | None = None

    @torch.no_grad()
    def price(self, network: KAN) -> float:
        """Sum of the fixed penalty and the evidence penalty."""
        fixed = float(self.penalty.price(network)) if self.penalty.is_charged else 0.0
        return fixed + (self.evidence.price() if self.evidence else 0.0)


@dataclass(frozen=True)
class Taken:
    """Result of an accepted step.

    Attributes:
        loss: Weighted mean loss, without penalties.
        gain: Relative decrease of the objective, including penalties.
    """

    loss: float
    gain: float


@torch.no_grad()
def step_(
    network: KAN, problem: Problem, damping: Damping, loss: float, *, tries: int = 8, weigh: bool = False
) -> Taken | None:
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
    matrix, gradient = gauss_newton(network, problem.rows, problem.loss, edges)
    if not len(gradient) or not torch.isfinite(gradient).all():
        return None
    start = flat(network, edges)
    fixed = [problem.penalty.matrix(layer)[None] for layer in network.all_layers]
    if problem.penalty.is_charged:
        add_per_edge_(matrix, edges, fixed)
    if problem.evidence and weigh:
        _weigh_(network, problem, matrix, gradient, edges, loss, damping.trust)
    if problem.evidence:
        add_per_edge_(matrix, edges, problem.evidence.blocks(edges))
    gradient = gradient + _price_gradient(network, problem, edges)
    objective = loss + problem.price(network)
    scale = _scale(matrix)
    gauge = gauge_rows(network, problem.rows, problem.loss, edges)
    held = damping.hold * damping.trust * (gauge.T @ gauge)
    for _ in range(tries):
        factor, failed = torch.linalg.cholesky_ex(matrix + held + torch.diag(damping.value * scale))
        if not failed:
            shift = -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
            expected = float(-shift @ gradient - shift @ matrix @ shift / 2)
            if damping.is_curved:
                shift = _bent(network, problem, edges, factor, scale, shift, damping)
            set_flat_(network, edges, start + shift)
            fresh = problem.rows.loss(network, problem.loss)
            reached = fresh + problem.price(network)
            if reached < objective:
                _relax_(damping, (objective - reached) / max(expected, 1e-300))
                return Taken(fresh, (objective - reached) / objective)
            set_flat_(network, edges, start)
        damping.value *= damping.growth
        damping.growth *= 2
        damping.is_curved = True
        if damping.value > MAX_DAMPING:
            break
    damping.value, damping.growth = min(damping.value, 1.0), 2.0
    return None


def _relax_(damping: Damping, ratio: float) -> None:
    """Lower μ after an accepted step with this ratio of actual to predicted decrease."""
    damping.value = max(damping.value * max(0.01, 1 - (2 * min(ratio, 1.0) - 1) ** 3), 1e-15)
    damping.growth = 2.0
    damping.is_curved |= ratio < STRAIGHT
    damping.trust = min(max(ratio, 0.0), 1.0)


def _bent(
    network: KAN,
    problem: Problem,
    edges: Edges,
    factor: Tensor,
    scale: Tensor,
    shift: Tensor,
    damping: Damping,
) -> Tensor:
    """Add the geodesic acceleration (see ``acceleration_gradient``) unless it is unreliably large."""
    bend = curvature(network, problem.rows, problem.loss, edges, shift)
    acceleration = -torch.cholesky_solve(bend[:, None], factor)[:, 0] / 2
    units = scale.sqrt()
    size = 2 * float((units * acceleration).norm() / (units * shift).norm().clamp_min(1e-300))
    damping.is_curved = size > SLIGHT
    return shift + acceleration if size < STEEPEST else shift


def _scale(matrix: Tensor) -> Tensor:
    """Scale of the damping: the diagonal, bounded from below."""
    diagonal = matrix.diagonal()
    return diagonal.clamp_min(1e-8 * float(diagonal.max()) + 1e-300)


def _weigh_(
    network: KAN,
    problem: Problem,
    matrix: Tensor,
    gradient: Tensor,
    edges: Edges,
    loss: float,
    trust: float,
) -> None:
    """Update λ to maximise the evidence; without a Cholesky factor of A, λ remains the same.

    The decrease that this step is expected to reach is not noise and is subtracted from the loss. Otherwise
    the first steps of a refit, far from the minimum, would set λ too high.
    """
    assert problem.evidence is not None  # noqa: S101 - the caller checks it
    whole = matrix.clone()
    add_per_edge_(whole, edges, problem.evidence.blocks(edges))
    factor, failed = torch.linalg.cholesky_ex(whole + torch.diag(JITTER * _scale(whole)))
    if not failed:
        slope = gradient + _price_gradient(network, problem, edges)
        shift = -torch.cholesky_solve(slope[:, None], factor)[:, 0]
        fall = float(-shift @ gradient - shift @ matrix @ shift / 2)
        left = max(loss - trust * max(fall, 0.0), 0.0)
        problem.evidence.update_(factor, matrix.diagonal(), left, edges)


def _price_gradient(network: KAN, problem: Problem, edges: Edges) -> Tensor:
    """Gradient Qw of all penalties, in the order of ``flatten_weights``."""
    prices = [problem.penalty.matrix(layer) @ layer.weight.detach() for layer in network.all_layers]
    if problem.evidence:
        prices = [a + b for a, b in zip(prices, problem.evidence.gradients(), strict=True)]
    return gathered(prices, edges)
