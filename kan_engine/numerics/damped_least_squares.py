"""Levenberg-Marquardt for one least-squares problem or a batch of independent ones.

A step s solves (H + μ·D) s = -g, where H is the Gauss-Newton matrix, g the gradient and D the diagonal of H.
A problem accepts it if its objective falls; then μ falls, else μ grows (Marquardt, "An algorithm for
least-squares estimation of nonlinear parameters", SIAM J. Appl. Math. 11, 1963).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.numerics.damping_config import DampingConfig

P = TypeVar("P", bound="Point")
T = TypeVar("T", bound="HasObjective")


def damping_scale(matrix: Float[Tensor, "problem P P"], config: DampingConfig) -> Float[Tensor, "problem P"]:
    """D: the diagonal, bounded from below."""
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    # An unknown without effect has a diagonal of 0, of which no multiple would damp it
    return torch.maximum(diagonal, config.min_diagonal * diagonal.amax(1, keepdim=True) + 1e-300)


@dataclass(eq=False)
class Damping:
    """μ of every problem.

    Attributes:
        value: μ.
        growth: Factor of μ at the next rejected step.
    """

    config: DampingConfig
    value: Float[Tensor, " problem"]
    growth: Float[Tensor, " problem"] = field(init=False)

    def __post_init__(self) -> None:
        """Start with the first factor."""
        self.growth = torch.full_like(self.value, self.config.increase)

    @staticmethod
    def start(config: DampingConfig, problems: int = 1) -> Damping:
        """μ before the first step."""
        return Damping(config, torch.full((problems,), config.initial, dtype=torch.float64))

    def select(self, problems: Bool[Tensor, " problem"]) -> Damping:
        """μ of some of the problems."""
        subset = Damping(self.config, self.value[problems])
        subset.growth = self.growth[problems]
        return subset

    def update_(
        self, is_accepted: Bool[Tensor, " problem"], ratio: Float[Tensor, " problem"] | None = None
    ) -> None:
        """Lower μ where a step was accepted, and raise it elsewhere.

        Args:
            is_accepted: Whether the objective fell.
            ratio: Of the actual to the predicted decrease.
        """
        config = self.config
        fall: Tensor | float = config.decrease
        if ratio is not None:
            # Nielsen's rule: μ falls smoothly with the gain ratio, least where the quadratic model is poor
            fall = (1 - (2 * ratio.clamp_max(1.0) - 1) ** 3).clamp_min(config.decrease)
        value = self.value * torch.where(is_accepted, fall, self.growth)
        self.growth = torch.where(is_accepted, config.increase, self.growth * config.acceleration)
        self.value = value.clamp(config.lowest, config.highest)


@dataclass(frozen=True, eq=False)
class DampedMatrix:
    """The Cholesky factors of damped matrices.

    Attributes:
        factor: Lower triangles.
        is_definite: False where there is no factor.
    """

    factor: Float[Tensor, "problem P P"]
    is_definite: Bool[Tensor, " problem"]

    @staticmethod
    def build(matrix: Float[Tensor, "problem P P"], shift: Float[Tensor, "problem P"]) -> DampedMatrix:
        """Factorise.

        Args:
            matrix: H.
            shift: Added to its diagonal.
        """
        damped_matrix = matrix.clone()
        damped_matrix.diagonal(dim1=1, dim2=2).add_(shift)
        # The info code of each matrix of the batch is positive where it is indefinite
        factor, info = torch.linalg.cholesky_ex(damped_matrix)
        return DampedMatrix(factor, info == 0)

    def step(self, gradient: Float[Tensor, "problem P"]) -> Float[Tensor, "problem P"]:
        """The step s; 0 where the matrix is indefinite or s is not finite."""
        # Two triangular systems solve the damped normal equations
        s = -torch.cholesky_solve(gradient[..., None], self.factor)[..., 0]
        return torch.where((self.is_definite & s.isfinite().all(1))[:, None], s, 0.0)


@dataclass(frozen=True, eq=False)
class NormalEquations:
    """H and g at a point.

    Attributes:
        matrix: H.
        gradient: g, half the gradient of the objective.
        ridge: Added to the diagonal whatever μ is, besides the damping.
    """

    matrix: Float[Tensor, "problem P P"]
    gradient: Float[Tensor, "problem P"]
    ridge: Float[Tensor, "problem _"] | float = 0.0


class Point(ABC):
    """Unknowns of all problems, with what was computed there.

    Attributes:
        objective: The objectives; a step has to lower them.
    """

    objective: Float[Tensor, " problem"]

    @abstractmethod
    def linearize(self) -> NormalEquations | None:
        """Return the normal equations; None where the derivatives are not finite."""

    @abstractmethod
    def move(self: P, step: Float[Tensor, "problem P"]) -> P:
        """Return the point after a step."""

    def merge(self: P, is_accepted: Bool[Tensor, " problem"], candidate: P) -> P:
        """Take the proposed unknowns of the problems that accept them; one problem takes all or none."""
        return candidate if bool(is_accepted.all()) else self


@runtime_checkable
class HasObjective(Protocol):
    """What ``take_step`` compares."""

    @property
    def objective(self) -> Float[Tensor, " problem"]:
        """The objectives."""
        ...


@dataclass(frozen=True, eq=False)
class Proposal(Generic[T]):
    """A point to accept or reject.

    Attributes:
        predicted: Decrease of the objective if it were quadratic; None leaves μ to fixed factors.
        accepted: Which problems accept it; by default those whose objective falls.
    """

    point: T
    predicted: Float[Tensor, " problem"] | None = None
    accepted: Bool[Tensor, " problem"] | None = None


@dataclass(frozen=True, eq=False)
class Step(Generic[T]):
    """A step of all problems.

    Attributes:
        point: The point that was accepted by at least one problem, or where the step began.
        accepted: Which problems accepted it.
        gain: Relative decrease of each objective.
    """

    point: T
    accepted: Bool[Tensor, " problem"]
    gain: Float[Tensor, " problem"]


def descend(
    point: P, damping: Damping, *, steps: int, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[Step[P]]:
    """Take steps; the caller ends them by leaving the loop.

    Args:
        point: Where to start.
        damping: Changed in place.
        steps: Maximum number of steps.
        should_stop: Called before every proposal; once true, there are no further steps.
    """
    for _ in range(steps):
        if should_stop() or (equations := point.linearize()) is None:
            return
        step = take_step(point, _Proposer(point, equations, damping.config), damping, should_stop)
        point = point.merge(step.accepted, step.point)
        yield Step(point, step.accepted, step.gain)


class _Proposer(Generic[P]):
    """Solves the normal equations of a point for one μ after the other."""

    def __init__(self, point: P, equations: NormalEquations, config: DampingConfig) -> None:
        self._point, self._equations = point, equations
        self._scale = damping_scale(equations.matrix, config)

    def __call__(self, damping: Float[Tensor, " problem"]) -> Proposal[P]:
        equations = self._equations
        damped_matrix = DampedMatrix.build(equations.matrix, damping[:, None] * self._scale + equations.ridge)
        return Proposal(self._point.move(damped_matrix.step(equations.gradient)))


def take_step(
    point: T,
    propose: Callable[[Float[Tensor, " problem"]], Proposal[T]],
    damping: Damping,
    should_stop: Callable[[], bool] = lambda: False,
) -> Step[T]:
    """Try larger μ until a problem accepts its step.

    Args:
        point: Where to start.
        propose: Proposes a point for each μ.
        damping: Changed in place.
        should_stop: Called before every proposal but the first.
    """
    for number in range(damping.config.tries):
        if number and should_stop():
            break
        proposal = propose(damping.value)
        fall = point.objective - proposal.point.objective
        is_accepted = fall > 0 if proposal.accepted is None else proposal.accepted  # NaN does not fall
        ratio = None if proposal.predicted is None else fall / proposal.predicted.clamp_min(1e-300)
        is_last = bool((damping.value >= damping.config.highest).all())
        damping.update_(is_accepted, ratio)
        if bool(is_accepted.any()):
            return Step(proposal.point, is_accepted, torch.where(is_accepted, fall / point.objective, 0.0))
        if is_last:
            break
    zeros = torch.zeros_like(point.objective)
    return Step(point, zeros > 0, zeros)
