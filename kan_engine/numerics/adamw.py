"""AdamW: Adam with the weights' decay kept out of the gradient (Loshchilov and Hutter, arXiv:1711.05101).

torch's own would do as well, but importing it takes two seconds and 70 MB in every process that trains.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

TINY = 1e-8


class AdamW:
    """Steps for some parameters by their gradients, in place.

    Args:
        parameters: Leaves of a graph; one without a gradient stays as it is.
        decay: Weight decay, in units of the learning rate.
        betas: How much of the running means of the gradient and of its square a step leaves.
    """

    def __init__(self, parameters: Sequence[Tensor], *, decay: float, betas: tuple[float, float]) -> None:
        self._parameters, self._decay, self._betas = list(parameters), decay, betas
        self._taken = 0
        self._means = [torch.zeros_like(p) for p in self._parameters]
        self._squares = [torch.zeros_like(p) for p in self._parameters]

    def forget_gradients(self) -> None:
        """Begin a new gradient."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step_(self, rate: float) -> None:
        """Take a step with this learning rate."""
        self._taken += 1
        first, second = self._betas
        size = rate / (1 - first**self._taken)
        unbias = (1 - second**self._taken) ** -0.5
        for parameter, mean, square in zip(self._parameters, self._means, self._squares, strict=True):
            gradient = parameter.grad
            if gradient is None:
                continue
            mean.lerp_(gradient, 1 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            parameter.mul_(1 - rate * self._decay)
            parameter.addcdiv_(mean, square.sqrt().mul_(unbias).add_(TINY), value=-size)
