"""Losses of soft targets: values, log-odds of a probability, or logits of a distribution.

A teacher answers with probabilities, which the losses of the training do not take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float
from scipy.special import expit, log_softmax, softmax

Array = np.ndarray


@dataclass(frozen=True)
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


def _factor_squared(p: Array) -> Array:
    return np.broadcast_to(np.eye(p.shape[1]), (len(p), p.shape[1], p.shape[1]))


def _factor_softmax(p: Array) -> Array:
    # R = diag(√p)(I - 1pᵀ), so that RᵀR = diag(p) - ppᵀ, since probabilities sum to 1
    root: Array = np.sqrt(p)[:, :, None] * (np.eye(p.shape[1]) - p[:, None])
    return root


LOSSES = {
    "squared": SoftLoss(lambda f, y: np.square(f - y).sum(1) / 2, lambda f: f, _factor_squared),
    # Cross-entropy from the log-odds without overflow
    "logistic": SoftLoss(
        lambda f, y: (np.logaddexp(0.0, f) - y * f)[:, 0], expit, lambda p: np.sqrt(p * (1 - p))[:, :, None]
    ),
    "softmax": SoftLoss(
        lambda f, y: -(y * log_softmax(f, axis=1)).sum(1), partial(softmax, axis=1), _factor_softmax
    ),
}
"""Those of ``kan_engine.training.losses``, by the same names."""
