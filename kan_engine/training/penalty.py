"""Quadratic penalty of the weights of a network."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.network.layer import KANLayer


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """Quadratic penalty of the weights: ``½ Σ (ridge · w² + smoothness · (Δ²c)²)``.

    Δ²c are the second differences of neighbouring spline coefficients (Eilers and Marx, "Flexible
    smoothing with B-splines and penalties", Statistical Science 11, 1996).

    Args:
        ridge: Strength of the penalty on every weight.
        smoothness: Strength of the penalty on the second differences.
        adaptive: Whether Levenberg-Marquardt adds a roughness penalty whose strength is chosen for every
            activation from the data (``evidence.Evidence``). Other optimisers ignore it.
    """

    ridge: float = 0.0
    smoothness: float = 0.0
    adaptive: bool = True

    @property
    def is_active(self) -> bool:
        """Whether ``ridge`` or ``smoothness`` is positive."""
        return self.ridge > 0 or self.smoothness > 0

    def matrix(self, layer: KANLayer) -> Float[Tensor, "terms terms"]:
        """Matrix Q of the penalty ½ wᵀQw of one activation of the layer."""
        terms = layer.weight.shape[1]
        eye = torch.eye(terms, dtype=layer.weight.dtype, device=layer.weight.device)
        bends = difference_matrix(layer, 2)
        return self.ridge * eye + self.smoothness * bends.T @ bends

    def value(self, network: KAN) -> Float[Tensor, ""]:
        """Value of the penalty for all weights of a network; differentiable."""
        total = network.stack[0].weight.new_zeros(())
        for layer in network.all_layers if self.is_active else ():
            # Sum of ½ wᵀQw over all edges of the layer
            weight = layer.effective_weight()
            total = total + (weight * (self.matrix(layer) @ weight)).sum() / 2
        return total


def frozen_terms(layer: KANLayer, train_base: bool, train_splines: bool) -> Bool[Tensor, "1 terms 1"]:
    """Which weights of an activation are not trained."""
    frozen = torch.full((1, layer.weight.shape[1], 1), not train_splines, device=layer.weight.device)
    frozen[:, -1] = not train_base
    return frozen


def difference_matrix(layer: KANLayer, order: int) -> Float[Tensor, "_ terms"]:
    """Matrix D of the differences of order ``order`` of the spline coefficients.

    The base function is not included. The order is reduced if there are too few coefficients for it.
    """
    eye = torch.eye(layer.weight.shape[1], dtype=layer.weight.dtype, device=layer.weight.device)
    coefficients = len(eye) - 1
    return eye[:-1].diff(n=min(order, coefficients - 1), dim=0)
