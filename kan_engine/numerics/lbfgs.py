"""L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.4) with a backtracking line search.

torch.optim.LBFGS discards curvature below an absolute threshold and stops when one line search fails. Both
happen long before a spline network has converged.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

ObjectiveTerms = Callable[[], Iterable[Tensor]]


class LBFGS:
    """L-BFGS on a sequence of parameters, changed in place.

    Args:
        parameters: Leaf tensors that require gradients.
        objective: Returns the differentiable terms of the objective; only one graph is in memory at a time.
        frozen: Masks of the values of each parameter that stay as they are; all move by default.
        max_pairs: Stored pairs of step and gradient change.
        armijo_share: Share of the predicted decrease that a step must reach.
        max_line_search_steps: Step lengths that one line search tries.
    """

    def __init__(
        self,
        parameters: Sequence[Float[Tensor, "..."]],
        objective: ObjectiveTerms,
        *,
        frozen: Sequence[Bool[Tensor, "..."]] | None = None,
        max_pairs: int = 20,
        armijo_share: float = 1e-4,
        max_line_search_steps: int = 25,
    ) -> None:
        self._parameters, self._objective = parameters, objective
        self._frozen = None if frozen is None else _flatten(frozen)
        self._armijo_share, self._max_line_search_steps = armijo_share, max_line_search_steps
        self._pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=max_pairs)
        self._reached: tuple[float, Tensor] | None = None  # objective and gradient at the parameters

    def advance_(self) -> float | None:
        """Take one step and return the objective, or None at a minimum."""
        if self._reached is None:
            self._reached = self._evaluate()
        while not self._step_():
            if not self._pairs:
                return None
            self._pairs.clear()
        return self._reached[0]

    def _step_(self) -> bool:
        """Search along the quasi-Newton direction; return whether the objective decreased."""
        assert self._reached is not None  # noqa: S101 - advance_ sets it
        value, gradient = self._reached
        direction = -_inverse_hessian_times(gradient, self._pairs)
        slope = float(direction @ gradient)
        if slope >= 0 and self._pairs:
            return False
        # Without curvature pairs the length of the gradient has no meaning: begin with a short step.
        length = 1.0 if self._pairs else min(1.0, 1.0 / max(float(gradient.abs().sum()), 1e-300))
        result = self._search_line_(direction, value, slope, length)
        if result is None:
            return False
        step, value, new_gradient = result
        change = new_gradient - gradient
        # Only pairs of positive curvature keep the approximate inverse Hessian positive definite
        if float(step @ change) > 1e-12 * float(step.norm() * change.norm()):
            self._pairs.append((step, change))
        self._reached = value, new_gradient
        return True

    def _search_line_(
        self, direction: Float[Tensor, " P"], value: float, slope: float, length: float
    ) -> tuple[Float[Tensor, " P"], float, Float[Tensor, " P"]] | None:
        """Step, objective and gradient at the first length of the Armijo condition; None without one."""
        start = _flatten(self._parameters)
        for _ in range(self._max_line_search_steps):
            step = length * direction
            _set_flat_(self._parameters, start + step)
            new_value, gradient = self._evaluate()
            if new_value < value + self._armijo_share * length * slope:  # strict: the slope is 0 at a minimum
                return step, new_value, gradient
            length *= 0.4
        _set_flat_(self._parameters, start)
        return None

    def _evaluate(self) -> tuple[float, Float[Tensor, " P"]]:
        value, total = 0.0, torch.zeros_like(_flatten(self._parameters))
        for term in self._objective():
            gradients = torch.autograd.grad(term, self._parameters, materialize_grads=True)
            total += torch.cat([gradient.flatten() for gradient in gradients])
            value += float(term.detach())
        # Without a gradient there, no step goes there
        return value, total if self._frozen is None else total.masked_fill(self._frozen, 0.0)


def _inverse_hessian_times(
    gradient: Float[Tensor, " P"], pairs: deque[tuple[Tensor, Tensor]]
) -> Float[Tensor, " P"]:
    """Product of the inverse Hessian approximation with the gradient, by the two-loop recursion."""
    q, factors = gradient.clone(), []
    for step, change in reversed(pairs):
        factor = (step @ q) / (step @ change)
        q -= factor * change
        factors.append(factor)
    # Initial inverse Hessian: a multiple of the identity with the curvature along the last step
    if pairs:
        step, change = pairs[-1]
        q *= (step @ change) / (change @ change)
    for (step, change), factor in zip(pairs, reversed(factors), strict=True):
        q += (factor - (change @ q) / (step @ change)) * step
    return q


def _flatten(parameters: Sequence[Shaped[Tensor, "..."]]) -> Shaped[Tensor, " P"]:
    return torch.cat([parameter.detach().flatten() for parameter in parameters])


@torch.no_grad()
def _set_flat_(parameters: Sequence[Float[Tensor, "..."]], values: Float[Tensor, " P"]) -> None:
    for parameter in parameters:
        count = parameter.numel()
        parameter.copy_(values[:count].view_as(parameter))
        values = values[count:]
