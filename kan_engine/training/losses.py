"""Losses with their gradient and Gauss-Newton root at the network's outputs.

A loss is a weighted mean over rows, ``L = Σ_n w_n ℓ(f_n, y_n) / Σ_n w_n``. Its Gauss-Newton matrix is
``Σ_n w_n J_nᵀ H_n J_n`` with the Hessian ``H = RᵀR`` of ℓ with respect to the outputs.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Loss = Literal["squared", "logistic", "softmax"]


def loss_per_row(
    kind: Loss, outputs: Float[Tensor, "batch out_dim"], targets: Float[Tensor, "batch _"]
) -> Float[Tensor, " batch"]:
    """Loss ℓ of every row.

    Args:
        kind: ``squared``: half the squared error, summed over outputs; ``logistic``: cross-entropy of
            one log-odds output; ``softmax``: cross-entropy of C logits.
        outputs: Outputs of the network.
        targets: Values [batch, out]; for ``logistic`` 0 or 1; for ``softmax`` the class number [batch, 1].
    """
    if kind == "squared":
        return (outputs - targets).square().sum(1) / 2
    if kind == "logistic":
        return (torch.nn.functional.softplus(outputs) - targets * outputs)[:, 0]
    return torch.nn.functional.cross_entropy(outputs, targets[:, 0].long(), reduction="none")


def gradient_and_root(
    kind: Loss, outputs: Float[Tensor, "batch out_dim"], targets: Float[Tensor, "batch _"]
) -> tuple[Float[Tensor, "batch out_dim"], Float[Tensor, "batch roots out_dim"]]:
    """Gradient ∂ℓ/∂f, and R with RᵀR = ∂²ℓ/∂f².

    For the softmax, H = diag(p) - ppᵀ = Σ_a p_a (e_a - p)(e_a - p)ᵀ.
    """
    count = outputs.shape[1]
    eye = torch.eye(count, dtype=outputs.dtype, device=outputs.device)
    if kind == "squared":
        return outputs - targets, eye.expand(len(outputs), -1, -1)
    if kind == "logistic":
        p = torch.sigmoid(outputs)
        return p - targets, (p * (1 - p)).sqrt().unsqueeze(1)
    p = torch.softmax(outputs, 1)
    root = p.sqrt().unsqueeze(2) * (eye - p.unsqueeze(1))
    return p - eye[targets[:, 0].long()], root
