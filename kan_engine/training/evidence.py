"""Evidence: smoothness of every activation, estimated from the training rows by maximum likelihood.

The roughness penalty ½ Σ_e λ_e w_eᵀQw_e is the negative logarithm of a Gaussian prior. With A the Hessian of
the objective and σ² the variance of the residuals, the λ that maximise the evidence satisfy

    λ_e = σ²/N · γ_e / w_eᵀQw_e,    γ_e = rank Q - λ_e tr((A⁻¹)_ee Q),

where γ_e is the number of coefficients of edge e that the data determine (MacKay, "Bayesian interpolation",
Neural Computation 4, 1992; within Levenberg-Marquardt: Foresee and Hagan, ICNN 1997). With little noise the
penalty vanishes with the residuals, so that it does not limit the accuracy. Where there are no rows, the
activation continues smoothly.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.training.penalty import difference_matrix
from kan_engine.training.thresholds import TrainingThresholds


class Evidence:
    """Strengths λ of the roughness penalty of every activation; 0 until the first update.

    Args:
        network: The network in training; every call uses its current weights.
        observations: Effective number of rows, times the outputs for squared errors.
        is_noisy: Whether the variance of the residuals is estimated, as for squared errors; it is 1 for
            cross-entropies.
        thresholds: Bounds of λ, γ and the variance.
    """

    def __init__(
        self, network: KAN, observations: float, *, is_noisy: bool, thresholds: TrainingThresholds
    ) -> None:
        self._network, self._observations, self._is_noisy = network, observations, is_noisy
        self._thresholds = thresholds
        self.reset_()

    def reset_(self) -> None:
        """Set all λ to 0 and adapt to the present grid sizes."""
        layers = self._network.all_layers
        self._strengths = [layer.weight.new_zeros(layer.mask.shape) for layer in layers]
        self._differences = [difference_matrix(layer, layer.order + 2) for layer in layers]

    @property
    def strengths(self) -> list[Float[Tensor, "_ _"]]:
        """λ of every edge of every layer."""
        return self._strengths

    def penalty_value(self) -> float:
        """Value of the penalty, ½ Σ λ wᵀQw."""
        return sum(
            float((strength * rough).sum()) / 2
            for strength, rough in zip(self._strengths, self._roughness(), strict=True)
        )

    def gradients(self) -> list[Float[Tensor, "_ _ _"]]:
        """Gradient λQw of the penalty for every edge."""
        return [
            strength.unsqueeze(1) * (d.T @ bends)
            for strength, d, bends in zip(
                self._strengths, self._differences, self._coefficient_differences(), strict=True
            )
        ]

    def penalty_blocks(self, edges: Sequence[Bool[Tensor, "_ _"]]) -> list[Float[Tensor, "_ _ _"]]:
        """Hessian blocks λQ of the penalty for these edges, layer by layer."""
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
        *,
        min_determined_coefficients: float = 1e-6,
    ) -> None:
        """Compute λ from the Cholesky factor of A.

        Args:
            factor: Cholesky factor of A, in the order of ``gauss_newton.flatten_weights``: layer, edge, term.
            curvature: Diagonal of the Hessian of the loss, without penalties.
            loss: Weighted mean loss of the residuals, without penalties.
            edges: Edges of each layer that A contains.
            min_determined_coefficients: Of an edge; smaller values are rounding errors.
        """
        inverse, start, gammas, limits = torch.cholesky_inverse(factor), 0, [], []
        strongest = self._thresholds.max_relative_strength
        for strength, d, alive in zip(self._strengths, self._differences, edges, strict=True):
            q, count = d.T @ d, int(alive.sum())
            stop = start + count * len(q)
            # Trace of each edge's block of the inverse Hessian times Q, which gives its γ
            blocks = inverse[start:stop, start:stop].view(count, len(q), count, len(q))
            traces = torch.einsum("tse,ts->e", blocks.diagonal(dim1=0, dim2=2), q)
            gamma, limit = torch.zeros_like(strength), torch.zeros_like(strength)
            gamma[alive] = (len(d) - strength[alive] * traces).clamp(min_determined_coefficients, len(d))
            limit[alive] = curvature[start:stop].view(count, len(q))[:, :-1].sum(1)
            gammas.append(gamma)
            limits.append(strongest * limit / q.trace())
            start = stop
        # Fixed point of the evidence: variance times determined coefficients, over the roughness of the edge
        variance = self._variance(loss, sum(float(gamma.sum()) for gamma in gammas))
        self._strengths = [
            torch.minimum(variance * gamma / rough.clamp_min(1e-300), limit)
            for gamma, rough, limit in zip(gammas, self._roughness(), limits, strict=True)
        ]

    def _variance(self, loss: float, gamma_sum: float, *, min_free_share: float = 0.1) -> float:
        """σ²/N; the mean loss is half the mean squared residual.

        Args:
            min_free_share: Degrees of freedom of the residuals, as a share of the observations.
        """
        if not self._is_noisy:
            return 1 / self._observations
        # Degrees of freedom of the residuals, bounded from below where the network interpolates
        free = max(self._observations - gamma_sum, min_free_share * self._observations)
        return 2 * loss / free

    def _roughness(self) -> list[Float[Tensor, "_ _"]]:
        """wᵀQw of every edge, as a sum of squares: w·(Qw) would lose all digits for smooth w."""
        return [bends.square().sum(1) for bends in self._coefficient_differences()]

    def _coefficient_differences(self) -> list[Float[Tensor, "_ _ _"]]:
        """Dw of every edge by repeated differences, which are more accurate than the matrix product."""
        orders = [len(d[0]) - 1 - len(d) for d in self._differences]
        weights = (layer.effective_weight().detach()[:, :-1] for layer in self._network.all_layers)
        return [weight.diff(n=order, dim=1) for weight, order in zip(weights, orders, strict=True)]
