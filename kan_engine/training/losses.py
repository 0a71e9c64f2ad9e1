"""Losses with their gradient and Gauss-Newton root at the network's outputs.

A loss is a weighted mean over rows, ``L = Σ_n w_n ℓ(f_n, y_n) / Σ_n w_n``. Its Gauss-Newton matrix is
``Σ_n w_n J_nᵀ H_n J_n`` with the Hessian ``H = RᵀR`` of ℓ with respect to the outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Loss:
    """A loss of a row, as a function of outputs f [batch, out] and targets y.

    Attributes:
        per_row: ℓ of every row.
        derivatives: ∂ℓ/∂f, and R with RᵀR = ∂²ℓ/∂f².
        is_noisy: Whether targets have noise, whose variance follows from the loss.
    """

    per_row: Callable[[Tensor, Tensor], Tensor]
    derivatives: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    is_noisy: bool = False

    @staticmethod
    def from_function(function: Callable[[Tensor, Tensor], Tensor]) -> "Loss":
        """A loss of one's own, whose derivatives are those of autograd.

        Args:
            function: Mean loss of outputs [batch, out] and targets [batch, columns], such as
                ``torch.nn.functional.huber_loss``; one row at a time is given to it.
        """

        def compute_row_loss(f: Tensor, y: Tensor) -> Tensor:
            return function(f[None], y[None])

        def differentiate(f: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            slope = torch.func.grad(compute_row_loss)
            gradient = torch.vmap(slope)(f, y)
            values, vectors = torch.linalg.eigh(torch.vmap(torch.func.jacrev(slope))(f, y))
            # Where the loss curves down, its Gauss-Newton matrix leaves this direction out
            return gradient, values.clamp_min(0.0).sqrt().unsqueeze(2) * vectors.mT

        # Its unit is unknown, so that what it is of noise follows from its value
        return Loss(torch.vmap(compute_row_loss), differentiate, is_noisy=True)


def get_loss(loss: str | Loss) -> Loss:
    """The loss of this name, or the loss itself."""
    return LOSSES[loss] if isinstance(loss, str) else loss


def loss_per_row(
    kind: str | Loss, outputs: Float[Tensor, "batch out_dim"], targets: Float[Tensor, "batch _"]
) -> Float[Tensor, " batch"]:
    """Loss ℓ of every row; arguments as for ``LOSSES``."""
    return get_loss(kind).per_row(outputs, targets)


def gradient_and_root(
    kind: str | Loss, outputs: Float[Tensor, "batch out_dim"], targets: Float[Tensor, "batch _"]
) -> tuple[Float[Tensor, "batch out_dim"], Float[Tensor, "batch out_dim out_dim"]]:
    """Gradient ∂ℓ/∂f, and R with RᵀR = ∂²ℓ/∂f²."""
    return get_loss(kind).derivatives(outputs, targets)


def _differentiate_squared(f: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return f - y, _identity(f).expand(len(f), -1, -1)


def _differentiate_logistic(f: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    p = torch.sigmoid(f)
    return p - y, (p * (1 - p)).sqrt().unsqueeze(1)


def _differentiate_softmax(f: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """H = diag(p) - ppᵀ = Σ_a p_a (e_a - p)(e_a - p)ᵀ."""
    p, eye = torch.softmax(f, 1), _identity(f)
    return p - eye[y[:, 0].long()], p.sqrt().unsqueeze(2) * (eye - p.unsqueeze(1))


def _identity(f: Tensor) -> Tensor:
    return torch.eye(f.shape[1], dtype=f.dtype, device=f.device)


LOSSES = {
    "squared": Loss(lambda f, y: (f - y).square().sum(1) / 2, _differentiate_squared, is_noisy=True),
    "logistic": Loss(lambda f, y: (functional.softplus(f) - y * f)[:, 0], _differentiate_logistic),
    "softmax": Loss(
        lambda f, y: functional.cross_entropy(f, y[:, 0].long(), reduction="none"), _differentiate_softmax
    ),
}
"""``squared``: half the squared error, summed over outputs, of values [batch, out]. ``logistic``: cross-
entropy of one log-odds output, for 0 and 1. ``softmax``: cross-entropy of C logits, for class numbers."""
