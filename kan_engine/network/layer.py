"""KANLayer: an activation on every edge, a sum or a product on every node.

Equations 2.3 and 2.10 of the KAN paper; products are those of KAN 2.0 (arXiv:2408.10205, section 2).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from kan_engine.expressions.library import LIBRARY, NumpyFunction
from kan_engine.numerics.malloc import keep_freed_memory
from kan_engine.splines.basis import Spacing, uniform_spacing
from kan_engine.splines.features import Features, evaluate
from kan_engine.splines.knots import extend_knots, uniform_grid

keep_freed_memory()


@dataclass(frozen=True)
class SymbolicEdge:
    """A fixed activation ``c · f(a·x + b) + d`` with f from the library."""

    function: str
    a: float
    b: float
    c: float
    d: float


@dataclass(frozen=True)
class Passage:
    """What rows leave behind on their way through a layer.

    Attributes:
        features: F.
        slopes: ∂node/∂x along every edge.
        others: ∂node/∂φ of every activation φ; None where all nodes are sums, in which it is 1.
    """

    features: Float[Tensor, "batch in_dim terms"]
    slopes: Float[Tensor, "batch in_dim out_dim"]
    others: Float[Tensor, "batch in_dim out_dim"] | None = None


class KANLayer(nn.Module):
    """Activations on the edges from ``in_dim`` to ``out_dim`` nodes, and their sums.

    An activation is φ(x) = scale_base · silu(x) + Σ_m c_m B_m(x) (eq. 2.10, with the scale of the
    spline inside its coefficients). All activations of an input share its features, so a layer is
    one matrix product of the feature tensor F [batch, in, G+k+1] and the weights W [in, G+k+1, out].
    Outside its grid an activation goes on along its tangent. The last nodes may multiply what enters them
    instead; a node that nothing enters is 0.

    Attributes:
        knots: Extended knots per input, [in, G+1+2k].
        mask: Which edges are alive, [in, out]; a pruned edge contributes nothing.
        weight: W; the last feature is the base function.
        symbolic: Edges that a fixed function has replaced.
        groups: Equal groups of inputs and outputs without edges between different ones; these are not
            computed with.
        products: How many of the nodes, the last ones, multiply what enters them.
    """

    knots: Tensor
    mask: Tensor

    def __init__(
        self, in_dim: int, out_dim: int, *, grid_size: int, order: int, groups: int = 1, products: int = 0
    ) -> None:
        super().__init__()
        self.in_dim, self.out_dim, self.order, self.groups = in_dim, out_dim, order, groups
        self.products = products
        low = torch.full((in_dim,), -1.0, dtype=torch.float64)
        self.register_buffer("knots", extend_knots(uniform_grid(low, -low, grid_size), order))
        within = torch.ones(in_dim // groups, out_dim // groups, dtype=torch.bool)
        self.register_buffer("mask", torch.block_diag(*[within] * groups))  # type: ignore[no-untyped-call]
        self.weight = nn.Parameter(torch.zeros(in_dim, grid_size + order + 1, out_dim, dtype=torch.float64))
        self.symbolic: dict[tuple[int, int], SymbolicEdge] = {}
        self._known_spacing: tuple[Tensor, int, Spacing | None] | None = None

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
        values: Tensor = Features.apply(x, self.knots, self.order, self.spacing())  # type: ignore[no-untyped-call]
        return values

    def spacing(self) -> Spacing | None:
        """The spacing of the knots if they are uniform, found once and again when they have changed."""
        if self.knots.is_inference():  # such tensors do not count their changes
            return uniform_spacing(self.knots, self.order)
        known = self._known_spacing
        if known is None or known[0] is not self.knots or known[1] != self.knots._version:
            known = self.knots, self.knots._version, uniform_spacing(self.knots, self.order)
            self._known_spacing = known
        return known[2]

    def effective_weight(self) -> Float[Tensor, "in_dim terms out_dim"]:
        """Weights with pruned and symbolic edges set to zero."""
        trainable = self.trainable_mask()
        return self.weight if bool(trainable.all()) else self.weight * trainable.unsqueeze(1)

    def forward(self, x: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch out_dim"]:
        """Sum, or product, of the incoming activations of every output node."""
        if self.products:
            return self.joined(self.postacts(x))
        if self.groups == 1:
            out = self.features(x).flatten(1) @ self.effective_weight().flatten(0, 1)
        else:
            out = self._group_by_group(x)
        for (i, j), edge in self._live_symbolic():
            out = out + _on_node(symbolic_value(edge, x[:, i]), j, self.out_dim)
        return out

    def _group_by_group(self, x: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch out_dim"]:
        """Sums of the splines, as one product per group."""
        return self.by_group(x, self.groups, self.within_groups(self.effective_weight())).flatten(1)

    def within_groups(
        self, weight: Shaped[Tensor, "in_dim terms out_dim"]
    ) -> Shaped[Tensor, "in_dim terms _"]:
        """Weights of each input to the outputs of its own group alone, or what else is told of them."""
        if self.groups == 1:
            return weight
        inputs, terms, outputs = weight.shape
        blocks = weight.view(self.groups, inputs // self.groups, terms, self.groups, outputs // self.groups)
        return blocks.diagonal(dim1=0, dim2=3).permute(3, 0, 1, 2).flatten(0, 1)

    @torch.no_grad()
    def set_within_groups_(self, within: Float[Tensor, "in_dim terms _"]) -> None:
        """Put back what ``within_groups`` gave of the weights."""
        inputs, size = self.in_dim // self.groups, within.shape[2]
        for group, part in enumerate(torch.split(within, inputs)):
            own = (
                slice(group * inputs, (group + 1) * inputs),
                slice(None),
                slice(group * size, (group + 1) * size),
            )
            self.weight[own] = part

    def by_group(
        self,
        x: Float[Tensor, "batch in_dim"],
        groups: int,
        weight: Float[Tensor, "in_dim terms outputs"],
    ) -> Float[Tensor, "batch groups outputs"]:
        """What the splines of each equal group of inputs add up to.

        Args:
            x: Inputs of the layer.
            groups: How many groups.
            weight: Weights of each input, to the outputs of its group or to all.
        """
        features = self.features(x).view(len(x), groups, -1).transpose(0, 1)
        blocks = weight.reshape(groups, -1, weight.shape[2])
        return torch.bmm(features, blocks).transpose(0, 1)

    def postacts(self, x: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch in_dim out_dim"]:
        """Value of every activation, before nodes add or multiply them."""
        values = torch.einsum("nit,ito->nio", self.features(x), self.effective_weight())
        for (i, j), edge in self._live_symbolic():
            values[:, i, j] = symbolic_value(edge, x[:, i])
        return values

    def joined(self, postacts: Float[Tensor, "batch in_dim out_dim"]) -> Float[Tensor, "batch out_dim"]:
        """The nodes that these activations add, or multiply, up to."""
        sums = self.out_dim - self.products
        total = postacts[:, :, :sums].sum(1)
        if not self.products:
            return total
        alive = self.mask[:, sums:]
        product = postacts[:, :, sums:].masked_fill(~alive, 1.0).prod(1) * alive.any(0)
        return torch.cat([total, product], 1)

    def others(
        self, postacts: Float[Tensor, "batch in_dim out_dim"]
    ) -> Float[Tensor, "batch in_dim out_dim"]:
        """What each activation is multiplied by in its node: 1 in a sum, in a product all others together."""
        sums = self.out_dim - self.products
        factors = postacts[:, :, sums:].masked_fill(~self.mask[:, sums:], 1.0)
        one = torch.ones_like(factors[:, :1])
        before = torch.cat([one, factors[:, :-1].cumprod(1)], 1)
        after = torch.cat([factors[:, 1:].flip(1).cumprod(1).flip(1), one], 1)
        return torch.cat([torch.ones_like(postacts[:, :, :sums]), before * after], 2)

    @torch.no_grad()
    def passage(self, x: Float[Tensor, "batch in_dim"]) -> Passage:
        """All that a backward pass needs."""
        features, derivative = evaluate(x, self.knots, self.order, self.spacing())
        slopes = torch.einsum("nit,ito->nio", derivative, self.effective_weight())
        for (i, j), edge in self._live_symbolic():
            slopes[:, i, j] = symbolic_slope(edge, x[:, i])
        if not self.products:
            return Passage(features, slopes)
        others = self.others(self.postacts(x))
        return Passage(features, slopes * others, others)

    def _live_symbolic(self) -> Iterator[tuple[tuple[int, int], SymbolicEdge]]:
        return ((place, edge) for place, edge in self.symbolic.items() if self.mask[place])


def symbolic_value(edge: SymbolicEdge, x: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """c · f(a·x + b) + d; differentiable in x."""
    value = edge.c * _library(LIBRARY[edge.function].value, edge, x) + edge.d
    if not x.requires_grad:
        return value
    # The library speaks NumPy; adding a zero with the right slope lets gradients flow through it.
    return value + symbolic_slope(edge, x) * (x - x.detach())


def symbolic_slope(edge: SymbolicEdge, x: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Derivative c · a · f'(a·x + b)."""
    return edge.c * edge.a * _library(LIBRARY[edge.function].derivative, edge, x)


def _library(
    function: NumpyFunction, edge: SymbolicEdge, x: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """A function of the library, which computes in float64, at a·x + b; dtype and device of x."""
    inner = (edge.a * x.detach().double() + edge.b).cpu().numpy()
    return torch.as_tensor(function(inner), dtype=x.dtype, device=x.device)


def _on_node(values: Float[Tensor, " batch"], node: int, nodes: int) -> Float[Tensor, "batch nodes"]:
    return values[:, None] * torch.eye(nodes, dtype=values.dtype, device=values.device)[node]
