"""AdamW: Adam with decoupled weight decay (Loshchilov and Hutter, arXiv:1711.05101).

torch.optim.AdamW would do as well, but importing it costs every training process two seconds and 70 MB.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


class AdamW:
    """AdamW on a sequence of parameters, changed in place.

    Args:
        parameters: Leaf tensors; a parameter without a gradient is not changed.
        decay: Weight decay per step, in units of the learning rate.
        betas: Decay rates of the running means of the gradient and of its square.
        epsilon: Added to the root of the mean square, so that a parameter without slope is not divided by 0.
    """

    def __init__(
        self,
        parameters: Sequence[Float[Tensor, "..."]],
        *,
        decay: float,
        betas: tuple[float, float],
        epsilon: float = 1e-8,
    ) -> None:
        self._parameters, self._decay, self._betas = list(parameters), decay, betas
        self._epsilon = epsilon
        self._taken = 0
        self._means = [torch.zeros_like(p) for p in self._parameters]
        self._squares = [torch.zeros_like(p) for p in self._parameters]

    def clear_gradients(self) -> None:
        """Set the gradients of all parameters to None."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step_(self, rate: float) -> None:
        """Take one step with learning rate ``rate``."""
        self._taken += 1
        mean_decay, square_decay = self._betas
        # Both running means start at 0; dividing by 1 - betaᵗ removes this bias
        size = rate / (1 - mean_decay**self._taken)
        unbias = (1 - square_decay**self._taken) ** -0.5
        for parameter, mean, square in zip(self._parameters, self._means, self._squares, strict=True):
            gradient = parameter.grad
            if gradient is None:
                continue
            mean.lerp_(gradient, 1 - mean_decay)
            square.mul_(square_decay).addcmul_(gradient, gradient, value=1 - square_decay)
            # Decoupled decay: weights shrink in proportion, whatever the scale of the gradient
            parameter.mul_(1 - rate * self._decay)
            parameter.addcdiv_(mean, square.sqrt().mul_(unbias).add_(self._epsilon), value=-size)
