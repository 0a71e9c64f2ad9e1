"""Evidence: how smooth every activation should be, read off the training rows themselves.

The price ½ Σ_e λ_e w_eᵀQw_e of roughness is the logarithm of a Gaussian prior. The λ that make the data
likeliest satisfy, with A the Hessian of the objective and σ² the variance of the residuals,

    λ_e = σ²/N · γ_e / w_eᵀQw_e,    γ_e = rank Q - λ_e tr((A⁻¹)_ee Q),

where γ_e counts the coefficients of edge e that the data determine (MacKay, "Bayesian interpolation",
Neural Computation 4, 1992; within Levenberg-Marquardt: Foresee and Hagan, ICNN 1997). With little noise
the price vanishes with the residuals, so that it costs no digits; what no row touches goes on smoothly.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.checkpoint import State
from kan_engine.network import KAN
from kan_engine.penalty import differences

STIFFEST = 1e3  # bound of λ: an activation at it is a polynomial
JITTER = 1e-13  # of the diagonal, so that directions without any effect can be inverted


class Evidence:
    """Prices λ of the roughness of every activation; 0 until they are first updated.

    Args:
        network: The network that is trained; read whenever something is asked.
        observations: Rows times outputs.
        is_noisy: Whether the variance of the residuals is to be estimated, as for squared errors; it is
            1 for cross-entropies.
    """

    def __init__(self, network: KAN, observations: float, *, is_noisy: bool) -> None:
        self._network, self._observations, self._is_noisy = network, observations, is_noisy
        self._strengths = [torch.zeros_like(layer.mask, dtype=torch.float64) for layer in network.all_layers]
        self.regrid_()

    def regrid_(self) -> None:
        """Follow the network to grids of another size."""
        self._differences = [differences(layer, layer.order + 2) for layer in self._network.all_layers]
        self._matrices = [d.T @ d for d in self._differences]

    @property
    def strengths(self) -> list[Float[Tensor, "in_dim out_dim"]]:
        """λ of every edge of every layer."""
        return self._strengths

    def price(self) -> float:
        """½ Σ λ wᵀQw."""
        return sum(
            float((strength * rough).sum()) / 2
            for strength, rough in zip(self._strengths, self._roughness(), strict=True)
        )

    def gradients(self) -> list[Float[Tensor, "in_dim terms out_dim"]]:
        """λQw of every edge."""
        return [
            strength.unsqueeze(1) * (d.T @ bends)
            for strength, d, bends in zip(self._strengths, self._differences, self._bends(), strict=True)
        ]

    def blocks(self, edges: Sequence[Tensor]) -> list[Float[Tensor, "_ terms terms"]]:
        """λQ of these edges, layer by layer."""
        return [
            strength[alive][:, None, None] * q
            for (strength, q), alive in zip(self._pairs(), edges, strict=True)
        ]

    def begin_(self, loss: float) -> None:
        """First λ on new grids: as if the data determined every coefficient."""
        self._set_([torch.full_like(lamb, len(q)) for lamb, q in self._pairs()], loss)

    def update_(self, factor: Float[Tensor, "P P"], loss: float, edges: Sequence[Tensor]) -> None:
        """λ from the Cholesky factor of A.

        Args:
            factor: Of A, whose order is that of ``levenberg_marquardt``: layer, edge, term.
            loss: Weighted mean loss, without any price.
            edges: Which edges of each layer A is about.
        """
        inverse, start, determined = torch.cholesky_inverse(factor), 0, []
        for (strength, q), alive in zip(self._pairs(), edges, strict=True):
            count, terms = int(alive.sum()), len(q)
            stop = start + count * terms
            blocks = inverse[start:stop, start:stop].view(count, terms, count, terms)
            traces = torch.einsum("tse,ts->e", blocks.diagonal(dim1=0, dim2=2), q)
            rank = max(1, terms - 1 - min(self._order + 1, terms - 2))
            gamma = torch.zeros_like(strength)
            gamma[alive] = (rank - strength[alive] * traces).clamp(1e-3, rank)
            determined.append(gamma)
            start = stop
        self._set_(determined, loss)

    def state(self) -> State:
        """The prices."""
        return {str(number): strength for number, strength in enumerate(self._strengths)}

    def restore_(self, state: State) -> None:
        """Take over what ``state`` gave."""
        self._strengths = [state[str(number)] for number in range(len(self._strengths))]
        self.regrid_()

    @property
    def _order(self) -> int:
        return self._network.config.order

    def _pairs(self) -> list[tuple[Tensor, Tensor]]:
        return list(zip(self._strengths, self._matrices, strict=True))

    def _roughness(self) -> list[Float[Tensor, "in_dim out_dim"]]:
        """wᵀQw of every edge, as a sum of squares: w·(Qw) would lose all digits where w is smooth."""
        return [bends.square().sum(1) for bends in self._bends()]

    def _bends(self) -> list[Float[Tensor, "in_dim _ out_dim"]]:
        """Dw of every edge, by repeated differences, which keep more digits than the product."""
        orders = [len(d[0]) - 1 - len(d) for d in self._differences]
        weights = (layer.effective_weight().detach()[:, :-1] for layer in self._network.all_layers)
        return [weight.diff(n=order, dim=1) for weight, order in zip(weights, orders, strict=True)]

    def _set_(self, determined: list[Tensor], loss: float) -> None:
        count = sum(float(gamma.sum()) for gamma in determined)
        variance = 2 * loss if self._is_noisy else 1.0
        free = max(self._observations - count, 0.1 * self._observations)
        variance = variance / free if self._is_noisy else variance / self._observations
        self._strengths = [
            (variance * gamma / rough.clamp_min(1e-300)).clamp(max=STIFFEST)
            for gamma, rough in zip(determined, self._roughness(), strict=True)
        ]
