"""Penalty: what the weights of a network cost."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.network.layer import KANLayer


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """A quadratic price of the weights: ``½ Σ (ridge · w² + smoothness · (Δ²c)²)``.

    Δ²c are the second differences of neighbouring spline coefficients (Eilers and Marx, "Flexible
    smoothing with B-splines and penalties", Statistical Science 11, 1996).

    Args:
        ridge: Price of every weight.
        smoothness: Price of every activation's bends.
        adaptive: Whether Levenberg-Marquardt adds a price of roughness of its own, for every activation
            as much as the data support (``evidence.Evidence``). Other methods do without.
    """

    ridge: float = 0.0
    smoothness: float = 0.0
    adaptive: bool = True

    @property
    def is_charged(self) -> bool:
        """Whether weights have a fixed price at all."""
        return self.ridge > 0 or self.smoothness > 0

    def matrix(self, layer: KANLayer) -> Float[Tensor, "terms terms"]:
        """Q with ½ wᵀQw the fixed price of one activation of the layer."""
        terms = layer.weight.shape[1]
        eye = torch.eye(terms, dtype=layer.weight.dtype, device=layer.weight.device)
        bends = differences(layer, 2)
        return self.ridge * eye + self.smoothness * bends.T @ bends

    def price(self, network: KAN) -> Float[Tensor, ""]:
        """The fixed price of all weights of a network; differentiable."""
        total = network.stack[0].weight.new_zeros(())
        for layer in network.all_layers if self.is_charged else ():
            weight = layer.effective_weight()
            total = total + (weight * (self.matrix(layer) @ weight)).sum() / 2
        return total


def differences(layer: KANLayer, order: int) -> Float[Tensor, "_ terms"]:
    """D: differences of this order of neighbouring coefficients; the base function is free.

    As many differences are taken as there are coefficients for.
    """
    eye = torch.eye(layer.weight.shape[1], dtype=layer.weight.dtype, device=layer.weight.device)
    coefficients = len(eye) - 1
    return eye[:-1].diff(n=min(order, coefficients - 1), dim=0)
