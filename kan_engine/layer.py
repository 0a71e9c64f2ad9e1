"""KANLayer: an activation on every edge, a sum on every node (eq. 2.3 and 2.10 of the KAN paper)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kan_engine.library import LIBRARY
from kan_engine.spline import b_spline_basis_and_slope, extend_knots, grid_range, uniform_grid


@dataclass(frozen=True)
class SymbolicEdge:
    """A fixed activation ``c · f(a·x + b) + d`` with f from the library."""

    function: str
    a: float
    b: float
    c: float
    d: float


class KANLayer(nn.Module):
    """Activations on the edges from ``in_dim`` to ``out_dim`` nodes, and their sums.

    An activation is φ(x) = scale_base · silu(x) + Σ_m c_m B_m(x) (eq. 2.10, with the scale of the
    spline inside its coefficients). All activations of an input share its features, so a layer is
    one matrix product of the feature tensor F [batch, in, G+k+1] and the weights W [in, G+k+1, out].
    Outside its grid an activation goes on along its tangent.

    Attributes:
        knots: Extended knots per input, [in, G+1+2k].
        mask: Which edges are alive, [in, out]; a pruned edge contributes nothing.
        weight: W; the last feature is the base function.
        symbolic: Edges that a fixed function has replaced.
    """

    knots: Tensor
    mask: Tensor

    def __init__(self, in_dim: int, out_dim: int, *, grid_size: int, order: int) -> None:
        super().__init__()
        self.in_dim, self.out_dim, self.order = in_dim, out_dim, order
        low = torch.full((in_dim,), -1.0, dtype=torch.float64)
        self.register_buffer("knots", extend_knots(uniform_grid(low, -low, grid_size), order))
        self.register_buffer("mask", torch.ones(in_dim, out_dim, dtype=torch.bool))
        self.weight = nn.Parameter(torch.zeros(in_dim, grid_size + order + 1, out_dim, dtype=torch.float64))
        self.symbolic: dict[tuple[int, int], SymbolicEdge] = {}

    @property
    def grid_size(self) -> int:
        """Number of grid intervals G."""
        return self.knots.shape[1] - 1 - 2 * self.order

    def trainable_mask(self) -> Bool[Tensor, "in_dim out_dim"]:
        """Edges whose activation is a live spline."""
        trainable = self.mask.clone()
        for edge in self.symbolic:
            trainable[edge] = False
        return trainable

    def features(self, x: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch in_dim terms"]:
        """Basis values and the base function at ``x``, continued along the tangent off the grid."""
        values: Tensor = _Features.apply(x, self.knots, self.order)  # type: ignore[no-untyped-call]
        return values

    def effective_weight(self) -> Float[Tensor, "in_dim terms out_dim"]:
        """Weights with pruned and symbolic edges set to zero."""
        return self.weight * self.trainable_mask().unsqueeze(1)

    def forward(self, x: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch out_dim"]:
        """Sum of the incoming activations of every output node."""
        out = self.features(x).flatten(1) @ self.effective_weight().flatten(0, 1)
        for (i, j), edge in self._live_symbolic():
            out = out + _on_node(symbolic_value(edge, x[:, i]), j, self.out_dim)
        return out

    def postacts(self, x: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch in_dim out_dim"]:
        """Value of every activation, before the sum."""
        values = torch.einsum("nit,ito->nio", self.features(x), self.effective_weight())
        for (i, j), edge in self._live_symbolic():
            values[:, i, j] = symbolic_value(edge, x[:, i])
        return values

    @torch.no_grad()
    def features_and_slopes(
        self, x: Float[Tensor, "batch in_dim"]
    ) -> tuple[Float[Tensor, "batch in_dim terms"], Float[Tensor, "batch in_dim out_dim"]]:
        """Feature tensor F, and ∂φ/∂x of every activation: all that a backward pass needs."""
        features, derivative = _evaluate(x, self.knots, self.order)
        slopes = torch.einsum("nit,ito->nio", derivative, self.effective_weight())
        for (i, j), edge in self._live_symbolic():
            slopes[:, i, j] = symbolic_slope(edge, x[:, i])
        return features, slopes

    def _live_symbolic(self) -> Iterator[tuple[tuple[int, int], SymbolicEdge]]:
        return ((place, edge) for place, edge in self.symbolic.items() if self.mask[place])


def symbolic_value(edge: SymbolicEdge, x: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """c · f(a·x + b) + d; differentiable in x."""
    inner = (edge.a * x + edge.b).detach().numpy()
    value = torch.as_tensor(LIBRARY[edge.function].value(inner), dtype=x.dtype)
    slope = symbolic_slope(edge, x)
    # The library speaks NumPy; adding a zero with the right slope lets gradients flow through it.
    return edge.c * value + edge.d + slope * (x - x.detach())


def symbolic_slope(edge: SymbolicEdge, x: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Derivative c · a · f'(a·x + b)."""
    inner = (edge.a * x + edge.b).detach().numpy()
    return edge.c * edge.a * torch.as_tensor(LIBRARY[edge.function].derivative(inner), dtype=x.dtype)


def _on_node(values: Float[Tensor, " batch"], node: int, nodes: int) -> Float[Tensor, "batch nodes"]:
    return values[:, None] * torch.eye(nodes, dtype=values.dtype)[node]


def _evaluate(x: Tensor, knots: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """Features and their derivatives, with the tangent continued off the grid."""
    low, high = grid_range(knots, order)
    inside = torch.minimum(torch.maximum(x, low), high)
    basis, basis_slope = b_spline_basis_and_slope(inside, knots, order)
    sigmoid = torch.sigmoid(inside)
    silu = (inside * sigmoid).unsqueeze(-1)
    silu_slope = (sigmoid * (1 + inside * (1 - sigmoid))).unsqueeze(-1)
    values, slopes = torch.cat([basis, silu], -1), torch.cat([basis_slope, silu_slope], -1)
    beyond = x - inside
    if beyond.any():
        values = values + slopes * beyond.unsqueeze(-1)
    return values, slopes


class _Features(torch.autograd.Function):
    """Features with their derivative kept, so that backward is one product instead of a recursion."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: Tensor, order: int) -> Tensor:
        values, slopes = _evaluate(x, knots, order)
        ctx.save_for_backward(slopes)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return (gradient * slopes).sum(-1), None, None
