"""L1 norm and entropy of activations (eq. 2.17 to 2.20 of the KAN paper), and sizes of coefficients."""

import torch
from jaxtyping import Float
from torch import Tensor

from kan_engine.network.kan import KAN
from kan_engine.training.config import TrainingConfig


def edge_norms(network: KAN, x: Float[Tensor, "batch in_dim"]) -> list[Float[Tensor, "_ _"]]:
    """Mean absolute activation |φ|₁ of every edge (eq. 2.17), one [in, out] per layer."""
    norms, h = [], x
    for layer in network.stack:
        postacts = layer.postacts(h)
        norms.append(postacts.abs().mean(0))
        h = layer.combine_postacts(postacts)
    if network.direct is not None:
        norms.append(network.direct.postacts(x).abs().mean(0))
    return norms


def regularization(
    network: KAN, x: Float[Tensor, "batch in_dim"], config: TrainingConfig
) -> Float[Tensor, ""]:
    """μ1 Σ|Φ_l|₁ + μ2 Σ S(Φ_l) (eq. 2.20, without the factor λ), and the coefficients' sizes.

    |Φ|₁ is the sum of a layer's edge norms (eq. 2.18) and S the entropy of their shares (eq. 2.19). An edge
    that is exactly zero contributes 0 to both. As in pykan 0.2.8, ``lamb_coef`` weighs Σ|c| and
    ``lamb_coefdiff`` Σ|Δc| of the spline coefficients c, as means over the nodes that an input leads to.
    """
    total = x.new_zeros(())
    for norms in edge_norms(network, x):
        size = norms.sum()
        # Edges that are 0 have the share 0, whose term share·log(share) is 0
        share = norms / size.clamp_min(1e-30)
        entropy = -torch.xlogy(share, share.clamp_min(1e-30)).sum()
        total = total + config.lamb_l1 * size + config.lamb_entropy * entropy
    if config.lamb_coef or config.lamb_coefdiff:
        for layer in network.all_layers:
            coefficients = layer.effective_weight()[:, :-1]
            sizes = config.lamb_coef * coefficients.abs().sum(1)
            sizes = sizes + config.lamb_coefdiff * coefficients.diff(dim=1).abs().sum(1)
            total = total + sizes.mean(1).sum()
    return total
