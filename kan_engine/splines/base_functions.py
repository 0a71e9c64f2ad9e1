"""Base functions b of activations (eq. 2.10), which features, compiled networks and exports read.

Functions of arrays apply only NumPy's ufuncs and numbers to their argument: exports replay them, see
``export.recording``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class BaseFunction:
    """A base function.

    Attributes:
        value, slope: b and b′ of arrays.
        derivative: The n-th derivative of a tensor x, given x and n; b itself for 0.
    """

    value: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    derivative: Callable[[Tensor, int], Tensor]


def _silu(x: Any) -> Any:
    return x / (1.0 + np.exp(-x))


def _silu_slope(x: Any) -> Any:
    # Product rule, with the slope σ·(1 - σ) of the sigmoid σ
    s = 1.0 / (1.0 + np.exp(-x))
    return s * (1.0 + x * (1.0 - s))


def _silu_derivative(x: Float[Tensor, "*dims"], derivative: int) -> Float[Tensor, "*dims"]:
    """x·σ(x), or its n-th derivative x·σ⁽ⁿ⁾ + n·σ⁽ⁿ⁻¹⁾ (Leibniz's rule)."""
    if derivative == 0:
        return torch.nn.functional.silu(x)
    s = torch.sigmoid(x)
    lower, upper = (_evaluate_polynomial(_sigmoid_polynomial(n), s) for n in (derivative - 1, derivative))
    return torch.addcmul(derivative * lower, x, upper)


@lru_cache
def _sigmoid_polynomial(derivative: int) -> tuple[int, ...]:
    """Coefficients of σ⁽ⁿ⁾ as a polynomial in σ, lowest power first, from σ′ = σ - σ² and the chain rule."""
    if derivative == 0:
        return 0, 1
    slope = [power * c for power, c in enumerate(_sigmoid_polynomial(derivative - 1))][1:]
    return tuple(a - b for a, b in zip([0, *slope, 0], [0, 0, *slope], strict=True))


def _evaluate_polynomial(coefficients: tuple[int, ...], s: Float[Tensor, "*dims"]) -> Float[Tensor, "*dims"]:
    total = torch.full_like(s, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        total = total.mul_(s).add_(c)
    return total


def _identity_derivative(x: Float[Tensor, "*dims"], derivative: int) -> Float[Tensor, "*dims"]:
    return x if derivative == 0 else torch.full_like(x, derivative == 1)


SILU = "silu"
BASE_FUNCTIONS = {
    SILU: BaseFunction(_silu, _silu_slope, _silu_derivative),
    "identity": BaseFunction(lambda x: 1.0 * x, lambda x: 0.0 * x + 1.0, _identity_derivative),
    "zero": BaseFunction(lambda x: 0.0 * x, lambda x: 0.0 * x, lambda x, _: torch.zeros_like(x)),
}
"""Every base function by its name in ``KANConfig``."""
