"""L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.4) with a backtracking line search.

torch's own version forgets curvature below an absolute threshold and gives up when one line search
fails; both happen long before a spline network has converged.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

MEMORY = 20  # pairs of steps and gradient changes kept
ARMIJO = 1e-4  # share of the predicted fall that a step must reach
HALVINGS = 25


def minimise_(parameters: Sequence[Tensor], objective: Callable[[], Tensor]) -> Iterator[float]:
    """Change the parameters in place, one accepted step per yielded objective; ends at a minimum.

    Args:
        parameters: Leaves that require gradients.
        objective: Their function, differentiable.
    """
    pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=MEMORY)
    value, gradient = _evaluate(parameters, objective)
    while True:
        direction = -_inverse_hessian_times(gradient, pairs)
        slope = float(direction @ gradient)
        if slope >= 0 and pairs:
            pairs.clear()
            continue
        # Without curvature the length of the gradient says nothing: begin with a short step.
        length = 1.0 if pairs else min(1.0, 1.0 / max(float(gradient.abs().sum()), 1e-300))
        taken = _line_search(parameters, objective, direction, value, slope, length)
        if taken is None and pairs:
            pairs.clear()
            continue
        if taken is None:
            return
        step, value, fresh = taken
        change = fresh - gradient
        if float(step @ change) > 1e-12 * float(step.norm() * change.norm()):
            pairs.append((step, change))
        gradient = fresh
        yield value


def _inverse_hessian_times(
    gradient: Float[Tensor, " P"], pairs: deque[tuple[Tensor, Tensor]]
) -> Float[Tensor, " P"]:
    """The two-loop recursion."""
    q, factors = gradient.clone(), []
    for step, change in reversed(pairs):
        factor = (step @ q) / (step @ change)
        q -= factor * change
        factors.append(factor)
    if pairs:
        step, change = pairs[-1]
        q *= (step @ change) / (change @ change)
    for (step, change), factor in zip(pairs, reversed(factors), strict=True):
        q += (factor - (change @ q) / (step @ change)) * step
    return q


def _line_search(
    parameters: Sequence[Tensor],
    objective: Callable[[], Tensor],
    direction: Float[Tensor, " P"],
    value: float,
    slope: float,
    length: float,
) -> tuple[Tensor, float, Tensor] | None:
    """Step, objective and gradient at the first length that falls enough; None if none does."""
    start = _flat(parameters)
    for _ in range(HALVINGS):
        step = length * direction
        _set_flat_(parameters, start + step)
        reached, gradient = _evaluate(parameters, objective)
        if reached < value + ARMIJO * length * slope:  # strictly: at a minimum the slope is 0
            return step, reached, gradient
        length *= 0.4
    _set_flat_(parameters, start)
    return None


def _evaluate(parameters: Sequence[Tensor], objective: Callable[[], Tensor]) -> tuple[float, Tensor]:
    value = objective()
    gradients = torch.autograd.grad(value, parameters, materialize_grads=True)
    return float(value.detach()), torch.cat([gradient.flatten() for gradient in gradients])


def _flat(parameters: Sequence[Tensor]) -> Float[Tensor, " P"]:
    return torch.cat([parameter.detach().flatten() for parameter in parameters])


@torch.no_grad()
def _set_flat_(parameters: Sequence[Tensor], values: Float[Tensor, " P"]) -> None:
    for parameter in parameters:
        count = parameter.numel()
        parameter.copy_(values[:count].view_as(parameter))
        values = values[count:]
