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
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.training.penalty import differences

STIFFEST = 1e4  # bound of the price, in units of the data's own curvature: such an activation is a polynomial
LEAST_SHARE = 0.1  # of the observations that count as free of parameters, however many these are
LEAST_DETERMINED = 1e-6  # coefficients of an edge: below this γ is rounding


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
        self.begin_()

    def begin_(self) -> None:
        """Forget all prices, on grids that may be of another size: the data determine every coefficient."""
        layers = self._network.all_layers
        self._strengths = [layer.weight.new_zeros(layer.mask.shape) for layer in layers]
        self._differences = [differences(layer, layer.order + 2) for layer in layers]

    @property
    def strengths(self) -> list[Float[Tensor, "_ _"]]:
        """λ of every edge of every layer."""
        return self._strengths

    def price(self) -> float:
        """½ Σ λ wᵀQw."""
        return sum(
            float((strength * rough).sum()) / 2
            for strength, rough in zip(self._strengths, self._roughness(), strict=True)
        )

    def gradients(self) -> list[Float[Tensor, "_ _ _"]]:
        """λQw of every edge."""
        return [
            strength.unsqueeze(1) * (d.T @ bends)
            for strength, d, bends in zip(self._strengths, self._differences, self._bends(), strict=True)
        ]

    def blocks(self, edges: Sequence[Bool[Tensor, "_ _"]]) -> list[Float[Tensor, "_ _ _"]]:
        """λQ of these edges, layer by layer."""
        return [
            strength[alive][:, None, None] * (d.T @ d)
            for strength, d, alive in zip(self._strengths, self._differences, edges, strict=True)
        ]

    def update_(
        self,
        factor: Float[Tensor, "P P"],
        curvature: Float[Tensor, " P"],
        loss: float,
        edges: Sequence[Bool[Tensor, "_ _"]],
    ) -> None:
        """λ from the Cholesky factor of A.

        Args:
            factor: Of A, whose order is that of ``gauss_newton.flat``: layer, edge, term.
            curvature: Diagonal of the Hessian of the loss alone.
            loss: Weighted mean loss of the residuals, without any price.
            edges: Which edges of each layer A is about.
        """
        inverse, start, determined, bounds = torch.cholesky_inverse(factor), 0, [], []
        for strength, d, alive in zip(self._strengths, self._differences, edges, strict=True):
            q, count = d.T @ d, int(alive.sum())
            stop = start + count * len(q)
            blocks = inverse[start:stop, start:stop].view(count, len(q), count, len(q))
            traces = torch.einsum("tse,ts->e", blocks.diagonal(dim1=0, dim2=2), q)
            gamma, bound = torch.zeros_like(strength), torch.zeros_like(strength)
            gamma[alive] = (len(d) - strength[alive] * traces).clamp(LEAST_DETERMINED, len(d))
            bound[alive] = curvature[start:stop].view(count, len(q))[:, :-1].sum(1)
            determined.append(gamma)
            bounds.append(STIFFEST * bound / q.trace())
            start = stop
        variance = self._variance(loss, sum(float(gamma.sum()) for gamma in determined))
        self._strengths = [
            torch.minimum(variance * gamma / rough.clamp_min(1e-300), bound)
            for gamma, rough, bound in zip(determined, self._roughness(), bounds, strict=True)
        ]

    def _variance(self, loss: float, determined: float) -> float:
        """σ²/N, where the mean loss of rows is half their squared residuals."""
        if not self._is_noisy:
            return 1 / self._observations
        return 2 * loss / max(self._observations - determined, LEAST_SHARE * self._observations)

    def _roughness(self) -> list[Float[Tensor, "_ _"]]:
        """wᵀQw of every edge, as a sum of squares: w·(Qw) would lose all digits where w is smooth."""
        return [bends.square().sum(1) for bends in self._bends()]

    def _bends(self) -> list[Float[Tensor, "_ _ _"]]:
        """Dw of every edge, by repeated differences, which keep more digits than the product."""
        orders = [len(d[0]) - 1 - len(d) for d in self._differences]
        weights = (layer.effective_weight().detach()[:, :-1] for layer in self._network.all_layers)
        return [weight.diff(n=order, dim=1) for weight, order in zip(weights, orders, strict=True)]
