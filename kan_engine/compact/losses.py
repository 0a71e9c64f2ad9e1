"""Losses of soft targets: values, log-odds of a probability, or logits of a distribution.

A teacher answers with probabilities, which the losses of the training do not take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import expit, log_softmax, softmax

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class SoftLoss:
    """A loss of a row, whose gradient at the outputs is link(f) - y.

    Attributes:
        per_row: ℓ(f, y) of every row.
        link: The values or probabilities p that outputs f mean.
        root: Of p: R with RᵀR = ∂²ℓ/∂f².
    """

    per_row: Callable[[Array, Array], Array]
    link: Callable[[Array], Array]
    root: Callable[[Array], Array]


def loss_per_row(
    kind: str, outputs: Float[Array, "rows outputs"], targets: Float[Array, "rows outputs"]
) -> Float[Array, " rows"]:
    """Return the loss of every row.

    Args:
        kind: Of ``LOSSES``.
        outputs: Of the network, [rows, outputs].
        targets: Values or probabilities, [rows, outputs]; for ``logistic`` of the second class.
    """
    return LOSSES[kind].per_row(outputs, targets)


def link(kind: str, outputs: Float[Array, "rows outputs"]) -> Float[Array, "rows outputs"]:
    """Return the values or probabilities that outputs mean."""
    return LOSSES[kind].link(outputs)


def gradient_and_root(
    kind: str, outputs: Float[Array, "rows outputs"], targets: Float[Array, "rows outputs"]
) -> tuple[Float[Array, "rows outputs"], Float[Array, "rows outputs outputs"]]:
    """Return ∂ℓ/∂f, and R with RᵀR = ∂²ℓ/∂f², as in ``kan_engine.training.losses``."""
    p = link(kind, outputs)
    return p - targets, LOSSES[kind].root(p)


LOSSES = {
    "squared": SoftLoss(
        per_row=lambda outputs, targets: np.square(outputs - targets).sum(1) / 2,
        link=lambda outputs: outputs,
        root=lambda p: np.broadcast_to(np.eye(p.shape[1]), (len(p), p.shape[1], p.shape[1])),
    ),
    "logistic": SoftLoss(
        # Cross-entropy from the log-odds without overflow
        per_row=lambda outputs, targets: (np.logaddexp(0.0, outputs) - targets * outputs)[:, 0],
        link=expit,
        root=lambda p: np.sqrt(p * (1 - p))[:, :, None],
    ),
    "softmax": SoftLoss(
        per_row=lambda outputs, targets: -(targets * log_softmax(outputs, axis=1)).sum(1),
        link=lambda outputs: softmax(outputs, axis=1),
        # R = diag(√p)(I - 1pᵀ), so that RᵀR = diag(p) - ppᵀ, since probabilities sum to 1
        root=lambda p: np.sqrt(p)[:, :, None] * (np.eye(p.shape[1]) - p[:, None]),
    ),
}
"""Those of ``kan_engine.training.losses``, by the same names."""
