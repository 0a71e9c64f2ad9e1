"""A linear function as a network and as a formula."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.expressions.evaluation import Expression, Variable, add, mul, number
from kan_engine.network.kan import KAN, KANConfig

LinearKind = Literal["constant", "linear", "log_linear", "logistic"]


@torch.no_grad()
def build_linear_network(
    slopes: Float[np.ndarray, "d outputs"],
    intercepts: Float[np.ndarray, " outputs"],
    inputs: Standardizer,
    outputs: TargetScaler | None,
    *,
    order: int = 3,
) -> KAN:
    """The KAN [d, m] with G = 1 that equals x @ slopes + intercepts, inside and outside the grid.

    A spline is the line a·x + b if its coefficients are a·ξ + b at the Greville abscissae ξ, the means of
    k neighbouring knots (de Boor, A Practical Guide to Splines). Edges with slope 0 are pruned. If all edges
    of an output have slope 0, one remains for the constant.

    Args:
        slopes: Slopes in raw units, one column per output; for a classifier, per logit.
        intercepts: Values at x = 0.
        inputs: Affine unit scale of the inputs.
        outputs: Scale of the target; None for logits.
        order: Order of the splines, at least 1.
    """
    network = KAN(KANConfig(width=slopes.shape, grid_size=1, order=order))
    layer = network.stack[0]
    mean, std = (0.0, 1.0) if outputs is None else (outputs.mean, outputs.std)
    # Slopes and values at the centre, in the scales of the network's inputs and outputs
    lines = slopes * inputs.scale[:, None] / std
    levels = (intercepts + inputs.center @ slopes - mean) / std
    # An output without slopes keeps one edge, which carries the constant
    alive = lines != 0
    alive[0, ~alive.any(0)] = True
    layer.mask[:] = torch.from_numpy(alive)
    knots = layer.knots[0].numpy()
    # Greville abscissae: coefficients on a line there give that line as the spline
    abscissae = np.array([knots[m + 1 : m + 1 + order].mean() for m in range(1 + order)])
    # The constant of an output is divided among its live edges
    offsets = np.where(alive, levels / alive.sum(0), 0.0)
    coefficients = lines[:, None] * abscissae[:, None] + offsets[:, None]  # (in, terms, out)
    layer.weight[:, :-1] = torch.from_numpy(coefficients)
    return network


def classify_linear_network(network: KAN, outputs: TargetScaler | None) -> LinearKind:
    """What a linear network is: of a target, of its logarithm, of log-odds, or a constant of any of these."""
    if not network.stack[0].weight[:, :-1].diff(dim=1).any():  # the coefficients of a constant are equal
        return "constant"
    if outputs is None:
        return "logistic"
    return "linear" if outputs.transform == "identity" else "log_linear"


def linear_formula(names: Sequence[str], slopes: Float[np.ndarray, " d"], intercept: float) -> Expression:
    """Σ slope · column + intercept, without columns of slope 0."""
    terms = [mul(number(float(a)), Variable(name)) for name, a in zip(names, slopes, strict=True) if a != 0]
    return add(*terms, number(float(intercept)))
