"""Levenberg-Marquardt for KANs: structured Jacobian, blocked normal matrix, damping by gain ratio.

The outputs are f(x; W) = Σ F_{L-1}(… F_0(x)·W_0 …)·W_{L-1}. With δ_l the derivative of an output in
the nodes of layer l, the Jacobian of a layer is an outer product, J_l = F_l ⊗ δ_{l+1}, and
δ_l = δ_{l+1} · φ'_l: one backward pass by hand for each row of the loss's Gauss-Newton root.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.layer import KANLayer
from kan_engine.loss import Loss, gradient_and_root
from kan_engine.network import KAN
from kan_engine.rows import Rows

BLOCK_BYTES = 64 * 2**20  # of the Jacobian at a time, whatever the number of rows
MAX_DAMPING = 1e12


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """A quadratic price of the weights: ``½ Σ (ridge · w² + smoothness · (Δ²c)²)``.

    Δ²c are the second differences of neighbouring spline coefficients (Eilers and Marx, "Flexible
    smoothing with B-splines and penalties", Statistical Science 11, 1996).
    """

    ridge: float = 0.0
    smoothness: float = 0.0

    @property
    def is_charged(self) -> bool:
        """Whether weights have a price at all."""
        return self.ridge > 0 or self.smoothness > 0

    def matrix(self, layer: KANLayer) -> Float[Tensor, "terms terms"]:
        """Q with ½ wᵀQw the price of one activation of the layer."""
        terms = layer.weight.shape[1]
        eye = torch.eye(terms, dtype=layer.weight.dtype, device=layer.weight.device)
        differences = eye[:-1].diff(n=2, dim=0)
        return self.ridge * eye + self.smoothness * differences.T @ differences

    def price(self, network: KAN) -> Float[Tensor, ""]:
        """The price of all weights of a network; differentiable."""
        total = network.stack[0].weight.new_zeros(())
        for layer in network.all_layers if self.is_charged else ():
            weight = layer.effective_weight()
            total = total + (weight * (self.matrix(layer) @ weight)).sum() / 2
        return total


@dataclass
class Damping:
    """State of the damping between steps: μ, and the factor by which it grows when steps fail."""

    value: float = 1e-2
    growth: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is minimised: the weighted mean loss on these rows plus the penalty."""

    x: Float[Tensor, "batch in_dim"]
    targets: Float[Tensor, "batch _"]
    row_weights: Float[Tensor, " batch"]
    loss: Loss
    penalty: Penalty

    @torch.no_grad()
    def objective(self, network: KAN) -> float:
        """Loss plus penalty."""
        rows = Rows(x=self.x, targets=self.targets, weights=self.row_weights)
        return rows.loss(network, self.loss) + float(self.penalty.price(network))


@torch.no_grad()
def step_(network: KAN, problem: Problem, damping: Damping, objective: float, tries: int = 8) -> float | None:
    """One accepted step of Levenberg-Marquardt, in place.

    Solves (H + μ·diag) s = -g and accepts s only if the objective falls; μ follows the gain ratio
    between the actual and the predicted fall (Nielsen, "Damping parameter in Marquardt's method",
    IMM-REP-1999-05).

    Returns:
        The new objective, or None if no damping made it fall: the network is at a minimum.
    """
    active = [layer.trainable_mask().unsqueeze(1).expand_as(layer.weight) for layer in network.all_layers]
    matrix, gradient = _normal_equations(network, problem, active)
    start = _flat(network, active)
    if not len(start) or not torch.isfinite(gradient).all():
        return None
    scale = matrix.diagonal().clamp_min(1e-8 * float(matrix.diagonal().max()) + 1e-300)
    for _ in range(tries):
        factor, failed = torch.linalg.cholesky_ex(matrix + torch.diag(damping.value * scale))
        if not failed:
            shift = -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
            expected = float(-shift @ gradient - shift @ matrix @ shift / 2)
            _set_flat_(network, active, start + shift)
            reached = problem.objective(network)
            if reached < objective:
                gain = (objective - reached) / max(expected, 1e-300)
                damping.value = max(damping.value * max(0.1, 1 - (2 * min(gain, 1.0) - 1) ** 3), 1e-15)
                damping.growth = 2.0
                return reached
        damping.value *= damping.growth
        damping.growth *= 2
        if damping.value > MAX_DAMPING:
            break
    damping.value, damping.growth = min(damping.value, 1.0), 2.0
    _set_flat_(network, active, start)
    return None


def _normal_equations(
    network: KAN, problem: Problem, active: list[Bool[Tensor, "_ _ _"]]
) -> tuple[Float[Tensor, "P P"], Float[Tensor, " P"]]:
    """Gauss-Newton matrix and gradient of the objective in the active weights."""
    sizes = [int(mask.sum()) for mask in active]
    total = sum(sizes)
    matrix, gradient = problem.x.new_zeros(total, total), problem.x.new_zeros(total)
    roots = 1 if problem.loss == "logistic" else network.config.width[-1]
    block = max(1, BLOCK_BYTES // (8 * max(total, 1) * roots))
    share = problem.row_weights / problem.row_weights.sum()
    for rows in torch.split(torch.arange(len(problem.x)), block):
        jacobian, descent = _block(network, problem, rows, share[rows], active)
        matrix.addmm_(jacobian.T, jacobian)
        gradient += descent
    weights = _flat(network, active)
    blocks = [_penalty_matrix(problem.penalty, layer) for layer in network.all_layers]
    penalty = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    kept = torch.cat([mask.permute(0, 2, 1).flatten() for mask in active])
    penalty = penalty[kept][:, kept]
    return matrix + penalty, gradient + penalty @ weights


def _penalty_matrix(penalty: Penalty, layer: KANLayer) -> Float[Tensor, "P P"]:
    """Penalty of all activations of a layer, in the order [in, out, terms]."""
    edges = torch.eye(layer.in_dim * layer.out_dim, dtype=layer.weight.dtype, device=layer.weight.device)
    return torch.kron(edges, penalty.matrix(layer))


def _block(
    network: KAN,
    problem: Problem,
    rows: Tensor,
    share: Float[Tensor, " block"],
    active: list[Bool[Tensor, "_ _ _"]],
) -> tuple[Float[Tensor, "_ P"], Float[Tensor, " P"]]:
    """Jacobian rows √share · R·J and gradient Σ share · Jᵀ∂ℓ/∂f of a block of rows."""
    h, features, slopes = problem.x[rows], [], []
    for layer in network.stack:
        f, s = layer.features_and_slopes(h)
        h = layer(h)
        features.append(f)
        slopes.append(s)
    if network.direct is not None:
        f, _ = network.direct.features_and_slopes(problem.x[rows])
        h = h + network.direct(problem.x[rows])
        features.append(f)
    first, root = gradient_and_root(problem.loss, h, problem.targets[rows])
    # The gradient rides along as one more root, so that both need a single backward pass.
    delta = torch.cat([root * share.sqrt()[:, None, None], (first * share[:, None]).unsqueeze(1)], 1)
    blocks: list[Tensor] = [delta] if network.direct is not None else []
    for s in reversed(slopes):
        blocks.insert(0, delta)
        delta = torch.einsum("nro,nio->nri", delta, s)
    jacobian, gradient = [], []
    for f, d, mask in zip(features, blocks, active, strict=True):
        kept = mask.permute(0, 2, 1).flatten()  # (in, out, terms)
        outer = torch.einsum("nro,nit->nriot", d[:, :-1], f).flatten(2)
        jacobian.append(outer.flatten(0, 1)[:, kept])
        gradient.append(torch.einsum("no,nit->iot", d[:, -1], f).flatten()[kept])
    return torch.cat(jacobian, 1), torch.cat(gradient)


def _flat(network: KAN, active: list[Bool[Tensor, "_ _ _"]]) -> Float[Tensor, " P"]:
    """Active weights as one vector, in the order layer, in, out, term."""
    return torch.cat(
        [
            layer.weight.permute(0, 2, 1)[mask.permute(0, 2, 1)]
            for layer, mask in zip(network.all_layers, active, strict=True)
        ]
    )


def _set_flat_(network: KAN, active: list[Bool[Tensor, "_ _ _"]], values: Float[Tensor, " P"]) -> None:
    """Put a vector of ``_flat`` back."""
    for layer, mask in zip(network.all_layers, active, strict=True):
        count = int(mask.sum())
        turned = layer.weight.permute(0, 2, 1).clone()
        turned[mask.permute(0, 2, 1)] = values[:count]
        layer.weight.copy_(turned.permute(0, 2, 1))
        values = values[count:]
