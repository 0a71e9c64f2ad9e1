"""Losses of soft targets: values, log-odds of a probability, or logits of a distribution.

A teacher answers with probabilities, which the losses of the training do not take.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.special import expit, log_softmax, softmax

Array = np.ndarray
Loss = Literal["squared", "logistic", "softmax"]


def loss_per_row(
    kind: Loss, outputs: Float[Array, "rows outputs"], targets: Float[Array, "rows outputs"]
) -> Float[Array, " rows"]:
    """Return the loss of every row.

    Args:
        kind: ``squared``: half the squared error; ``logistic``, ``softmax``: cross-entropy.
        outputs: Of the network, [rows, outputs].
        targets: Values or probabilities, [rows, outputs]; for ``logistic`` of the second class.
    """
    if kind == "squared":
        losses: Array = np.square(outputs - targets).sum(1) / 2
    elif kind == "logistic":
        # Cross-entropy from the log-odds without overflow
        losses = (np.logaddexp(0.0, outputs) - targets * outputs)[:, 0]
    else:
        losses = -(targets * log_softmax(outputs, axis=1)).sum(1)
    return losses


def link(kind: Loss, outputs: Float[Array, "rows outputs"]) -> Float[Array, "rows outputs"]:
    """Return the values or probabilities that outputs mean."""
    if kind == "squared":
        return outputs
    probabilities: Array = expit(outputs) if kind == "logistic" else softmax(outputs, axis=1)
    return probabilities


def gradient_and_root(
    kind: Loss, outputs: Float[Array, "rows outputs"], targets: Float[Array, "rows outputs"]
) -> tuple[Float[Array, "rows outputs"], Float[Array, "rows roots outputs"]]:
    """Return ∂ℓ/∂f, and R with RᵀR = ∂²ℓ/∂f², as in ``kan_engine.training.losses``."""
    p = link(kind, outputs)
    if kind == "squared":
        return p - targets, np.broadcast_to(np.eye(p.shape[1]), (len(p), p.shape[1], p.shape[1]))
    if kind == "logistic":
        return p - targets, np.sqrt(p * (1 - p))[:, :, None]
    # R = diag(√p)(I - 1pᵀ), so that RᵀR = diag(p) - ppᵀ, since probabilities sum to 1
    root = np.sqrt(p)[:, :, None] * (np.eye(p.shape[1]) - p[:, None])
    return p - targets, root
