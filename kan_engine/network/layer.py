"""KANLayer: an activation on every edge, a sum or a product at every node.

Implements equations 2.3 and 2.10 of the KAN paper and the multiplication nodes of KAN 2.0
(arXiv:2408.10205, section 2).
"""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from kan_engine.expressions.formulas_of_x import find_function
from kan_engine.network.tensor_formulas import evaluate_function
from kan_engine.numerics.malloc import keep_freed_memory
from kan_engine.splines.base_functions import SILU
from kan_engine.splines.basis import Spacing, uniform_spacing
from kan_engine.splines.features import Features, features_and_slopes
from kan_engine.splines.knots import extend_knots, uniform_grid

keep_freed_memory()


@dataclass(frozen=True)
class SymbolicEdge:
    """A fixed activation ``c · f(a·x + b) + d`` with a function f from the library.

    Attributes:
        with_spline: Whether the spline of the edge is added to it, as a correction that is trained.
        is_trained: Whether Levenberg-Marquardt adjusts a, b, c and d.
    """

    function: str
    a: float
    b: float
    c: float
    d: float
    _: KW_ONLY
    with_spline: bool = False
    is_trained: bool = False

    @property
    def constants(self) -> tuple[float, float, float, float]:
        """a, b, c and d."""
        return self.a, self.b, self.c, self.d


@dataclass(frozen=True)
class LayerDerivatives:
    """Features and derivatives of a layer at given rows.

    Attributes:
        features: Feature tensor F.
        slopes: ∂node/∂x along every edge; None if they were not asked for.
        others: ∂node/∂φ of every activation φ; None if all nodes are sums, where it is 1.
        constants: ∂node/∂(a, b, c, d) of every edge of ``list_trained_functions``.
    """

    features: Float[Tensor, "batch in_dim terms"]
    slopes: Float[Tensor, "batch in_dim out_dim"] | None
    others: Float[Tensor, "batch in_dim out_dim"] | None
    constants: Float[Tensor, "batch functions 4"]


class KANLayer(nn.Module):
    """Activations on the edges from ``in_dim`` to ``out_dim`` nodes, and their sums.

    An activation is φ(x) = scale_base · b(x) + Σ_m c_m B_m(x) (eq. 2.10, where the coefficients include
    the scale of the spline). All activations of an input share its features. A layer is therefore one matrix
    product of the feature tensor F [batch, in, G+k+1] and the weights W [in, G+k+1, out]. Outside its grid
    an activation continues along its tangent. The last ``products`` nodes multiply their incoming activations
    instead of adding them. A node without live incoming edges is 0.

    Attributes:
        knots: Extended knots per input, [in, G+1+2k].
        mask: Live edges, [in, out]; a pruned edge contributes nothing.
        weight: Weights W; the last feature is the base function.
        base: Name of the base function b.
        symbolic: Fixed functions by edge (input, output); they replace the splines of these edges, or are
            added to them.
        groups: Number of equal groups of inputs and outputs. There are no edges between different groups, and
            the forward pass skips them.
        products: Number of multiplication nodes, the last ones.
    """

    knots: Tensor
    mask: Tensor

    def __init__(
        self,
        in_dim: int,
        out_dim: int,
        *,
        grid_size: int,
        order: int,
        base: str = SILU,
        groups: int = 1,
        products: int = 0,
    ) -> None:
        super().__init__()
        self.in_dim, self.out_dim, self.order, self.groups = in_dim, out_dim, order, groups
        self.base, self.products = base, products
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
        """Live edges with a spline."""
        trainable = self.mask.clone()
        for place, edge in self.symbolic.items():
            trainable[place] &= edge.with_spline
        return trainable

    def symbolic_mask(self) -> Bool[Tensor, "in_dim out_dim"]:
        """Live edges with a function of the library."""
        symbolic = torch.zeros_like(self.mask)
        for place, _ in self._live_symbolic():
            symbolic[place] = True
        return symbolic

    def list_trained_functions(self) -> list[tuple[int, int]]:
        """Live edges with a function whose constants are trained."""
        return [place for place, edge in self._live_symbolic() if edge.is_trained]

    def features(self, x: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch in_dim terms"]:
        """Basis values and base function at ``x``, continued along the tangent outside the grid."""
        values: Tensor = Features.apply(x, self.knots, self.order, self.spacing(), self.base)  # type: ignore[no-untyped-call]
        return values

    def spacing(self) -> Spacing | None:
        """The spacing of the knots if they are uniform, otherwise None; cached until the knots change."""
        if self.knots.is_inference():  # inference tensors have no version counter
            return uniform_spacing(self.knots, self.order)
        cache = self._known_spacing
        if cache is None or cache[0] is not self.knots or cache[1] != self.knots._version:
            cache = self.knots, self.knots._version, uniform_spacing(self.knots, self.order)
            self._known_spacing = cache
        return cache[2]

    def effective_weight(self) -> Float[Tensor, "in_dim terms out_dim"]:
        """Weights in which pruned and symbolic edges are zero."""
        trainable = self.trainable_mask()
        return self.weight if bool(trainable.all()) else self.weight * trainable.unsqueeze(1)

    def forward(
        self, x: Float[Tensor, "batch in_dim"], features: Float[Tensor, "batch in_dim terms"] | None = None
    ) -> Float[Tensor, "batch out_dim"]:
        """Sum, or product, of the incoming activations of every output node.

        Args:
            x: Inputs of the layer.
            features: Features at ``x``, if they are known; one group uses them.
        """
        if self.products:
            return self.combine_postacts(self.postacts(x, features))
        if self.groups == 1:
            features = self.features(x) if features is None else features
            out = features.flatten(1) @ self.effective_weight().flatten(0, 1)
        else:
            out = self._forward_groups(x)
        for (i, j), edge in self._live_symbolic():
            out = out + _scatter_to_node(symbolic_value(edge, x[:, i]), j, self.out_dim)
        return out

    def _forward_groups(self, x: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "batch out_dim"]:
        """Sums of the splines, as one matrix product per group."""
        return self.group_sums(x, self.groups, self.group_blocks(self.effective_weight())).flatten(1)

    def group_blocks(
        self, weight: Shaped[Tensor, "in_dim terms out_dim"]
    ) -> Shaped[Tensor, "in_dim terms _"]:
        """Part of a weight-shaped tensor within groups: for each input, the outputs of its own group."""
        if self.groups == 1:
            return weight
        inputs, terms, outputs = weight.shape
        # Diagonal blocks: inputs and outputs of the same group
        blocks = weight.view(self.groups, inputs // self.groups, terms, self.groups, outputs // self.groups)
        return blocks.diagonal(dim1=0, dim2=3).permute(3, 0, 1, 2).flatten(0, 1)

    @torch.no_grad()
    def set_group_blocks_(self, within: Float[Tensor, "in_dim terms _"]) -> None:
        """Set the weights within groups, in the layout of ``group_blocks``."""
        inputs, size = self.in_dim // self.groups, within.shape[2]
        for group, part in enumerate(torch.split(within, inputs)):
            block = (
                slice(group * inputs, (group + 1) * inputs),
                slice(None),
                slice(group * size, (group + 1) * size),
            )
            self.weight[block] = part

    def group_sums(
        self,
        x: Float[Tensor, "batch in_dim"],
        groups: int,
        weight: Float[Tensor, "in_dim terms outputs"],
    ) -> Float[Tensor, "batch groups outputs"]:
        """Sums of the splines over each of several equal groups of inputs.

        Args:
            x: Inputs of the layer.
            groups: Number of groups.
            weight: Weights of each input, for the outputs of its group or for all outputs.
        """
        features = self.features(x).view(len(x), groups, -1).transpose(0, 1)
        blocks = weight.reshape(groups, -1, weight.shape[2])
        return torch.bmm(features, blocks).transpose(0, 1)

    def postacts(
        self, x: Float[Tensor, "batch in_dim"], features: Float[Tensor, "batch in_dim terms"] | None = None
    ) -> Float[Tensor, "batch in_dim out_dim"]:
        """Value of every activation, before the nodes add or multiply them; arguments as for ``forward``."""
        features = self.features(x) if features is None else features
        values = torch.einsum("nit,ito->nio", features, self.effective_weight())
        for (i, j), edge in self._live_symbolic():
            values[:, i, j] += symbolic_value(edge, x[:, i])
        return values

    def combine_postacts(
        self, postacts: Float[Tensor, "batch in_dim out_dim"]
    ) -> Float[Tensor, "batch out_dim"]:
        """Node values: the sums or products of the given activations."""
        sums = self.out_dim - self.products
        total = postacts[:, :, :sums].sum(1)
        if not self.products:
            return total
        # Pruned factors count as 1, and a product without factors is 0
        alive = self.mask[:, sums:]
        product = postacts[:, :, sums:].masked_fill(~alive, 1.0).prod(1) * alive.any(0)
        return torch.cat([total, product], 1)

    def cofactors(
        self, postacts: Float[Tensor, "batch in_dim out_dim"]
    ) -> Float[Tensor, "batch in_dim out_dim"]:
        """∂node/∂φ of every activation φ: 1 in a sum; in a product, the product of all other activations."""
        sums = self.out_dim - self.products
        factors = postacts[:, :, sums:].masked_fill(~self.mask[:, sums:], 1.0)
        unit = torch.ones_like(factors[:, :1])
        # Products of all earlier and of all later factors, since division fails where a factor is 0
        before = torch.cat([unit, factors[:, :-1].cumprod(1)], 1)
        after = torch.cat([factors[:, 1:].flip(1).cumprod(1).flip(1), unit], 1)
        return torch.cat([torch.ones_like(postacts[:, :, :sums]), before * after], 2)

    @torch.no_grad()
    def compute_derivatives(self, x: Float[Tensor, "batch in_dim"]) -> LayerDerivatives:
        """Features and derivatives at ``x``, for a backward pass."""
        features, derivative = features_and_slopes(x, self.knots, self.order, self.spacing(), self.base)
        cofactors = self.cofactors(self.postacts(x, features)) if self.products else None
        slopes = torch.einsum("nit,ito->nio", derivative, self.effective_weight())
        for (i, j), edge in self._live_symbolic():
            slopes[:, i, j] += symbolic_slope(edge, x[:, i])
        constants = self._compute_constant_derivatives(x, cofactors)
        slopes = slopes if cofactors is None else slopes * cofactors
        return LayerDerivatives(features, slopes, cofactors, constants)

    @torch.no_grad()
    def compute_weight_derivatives(
        self, x: Float[Tensor, "batch in_dim"], features: Float[Tensor, "batch in_dim terms"] | None = None
    ) -> LayerDerivatives:
        """``compute_derivatives`` without slopes, which inputs of the network do not need."""
        features = self.features(x) if features is None else features
        cofactors = self.cofactors(self.postacts(x, features)) if self.products else None
        constants = self._compute_constant_derivatives(x, cofactors)
        return LayerDerivatives(features, None, cofactors, constants)

    def _compute_constant_derivatives(
        self, x: Float[Tensor, "batch in_dim"], cofactors: Float[Tensor, "batch in_dim out_dim"] | None
    ) -> Float[Tensor, "batch functions 4"]:
        places = self.list_trained_functions()
        derivatives = x.new_empty(len(x), len(places), 4)
        for number, (i, j) in enumerate(places):
            values = symbolic_derivatives(self.symbolic[i, j], x[:, i])
            derivatives[:, number] = values if cofactors is None else values * cofactors[:, i, j, None]
        return derivatives

    def _live_symbolic(self) -> Iterator[tuple[tuple[int, int], SymbolicEdge]]:
        return ((place, edge) for place, edge in self.symbolic.items() if self.mask[place])


def symbolic_value(edge: SymbolicEdge, x: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """c · f(a·x + b) + d; differentiable in x."""
    return edge.c * evaluate_function(edge.function, edge.a * x + edge.b) + edge.d


def symbolic_slope(edge: SymbolicEdge, x: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Derivative c · a · f'(a·x + b)."""
    return edge.c * edge.a * _inner_slope(edge, x)


def symbolic_derivatives(edge: SymbolicEdge, x: Float[Tensor, " batch"]) -> Float[Tensor, "batch 4"]:
    """Derivatives of c · f(a·x + b) + d in a, b, c and d."""
    slope = edge.c * _inner_slope(edge, x)
    value = evaluate_function(edge.function, edge.a * x + edge.b)
    return torch.stack([slope * x, slope, value, torch.ones_like(x)], 1)


def _inner_slope(edge: SymbolicEdge, x: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    inner = (edge.a * x.detach().double() + edge.b).cpu().numpy()
    return torch.as_tensor(find_function(edge.function).derivative(inner), dtype=x.dtype, device=x.device)


def _scatter_to_node(values: Float[Tensor, " batch"], node: int, nodes: int) -> Float[Tensor, "batch nodes"]:
    return values[:, None] * torch.eye(nodes, dtype=values.dtype, device=values.device)[node]
