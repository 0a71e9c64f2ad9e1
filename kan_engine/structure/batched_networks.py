"""Many small networks of one shape, as a batch that ``batched_levenberg_marquardt`` fits jointly.

All networks share the rows and the grids of the inputs, so the basis values are computed once. Targets may
differ, for example as transforms of one target. A network adds the outputs of its hidden nodes, and Σ f(x)
over the direct edges if there are any. Quantities that differ between networks have a leading axis ``start``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kan_engine.network.kan import KAN, KANConfig
from kan_engine.network.layer import SymbolicEdge
from kan_engine.splines.base_functions import SILU
from kan_engine.splines.basis import uniform_spacing
from kan_engine.splines.features import features_and_slopes
from kan_engine.splines.knots import extend_knots, fit_coef, uniform_grid

InnerFunction = Literal["free", "line", "log", "square"]


@dataclass(frozen=True, kw_only=True)
class Node:
    """Specification of a hidden node.

    Attributes:
        is_product: Whether the node multiplies its incoming edges; else it adds them.
        inner: Functions of the incoming edges: a ``free`` spline of each input, or a multiple of a given
            curve of each input. A multiplying node also adds a constant to that multiple.
        is_curved: Whether the output edge is a spline; else it is a multiple of the value of the node.
    """

    is_product: bool = False
    inner: InnerFunction = "free"
    is_curved: bool = True


@dataclass(frozen=True)
class InputTerms:
    """Basis values of the inputs and their knots, which all networks of a batch share.

    Attributes:
        curves: Given curves of the inputs, by their name in ``InnerFunction``.
    """

    values: Float[Tensor, "batch in_dim terms"]
    knots: Float[Tensor, "in_dim knots"]
    order: int
    curves: Mapping[str, Float[Tensor, "batch in_dim"]]

    @staticmethod
    def build(
        x: Float[Tensor, "batch in_dim"],
        knots: Float[Tensor, "in_dim knots"],
        order: int,
        curves: Mapping[str, Float[Tensor, "batch in_dim"]] | None = None,
    ) -> InputTerms:
        """Evaluate the basis functions on the knots, without the base function."""
        features, _ = features_and_slopes(x, knots, order, uniform_spacing(knots, order), SILU)
        return InputTerms(features[..., :-1].contiguous(), knots, order, curves or {})

    @property
    def flat(self) -> Float[Tensor, "batch _"]:
        """Basis values of all inputs, concatenated."""
        return self.values.flatten(1)

    @property
    def grid_size(self) -> int:
        """Number of grid intervals G."""
        return self.values.shape[2] - self.order

    def inner_features(self, node: Node) -> Float[Tensor, "batch in_dim _"]:
        """Features that the inner coefficients of a node multiply."""
        if node.inner == "free":
            return self.values
        curve = self.curves[node.inner][..., None]
        return torch.cat([torch.ones_like(curve), curve], 2) if node.is_product else curve


@dataclass(frozen=True)
class NetworkBatch:
    """Coefficients of all networks of a batch.

    Attributes:
        nodes: Hidden nodes; multiplying nodes come last.
        inner: Coefficients of the incoming edges, per node, input by input.
        outer: Coefficients of the output edge, per node.
        ends: Ends of the grid of the output edge, per node.
        direct: Coefficients of the direct edges; no columns if there are none.
        constant: Constants added to the outputs.
        held: Mask of the coefficients that keep their values, in the order of ``flat``.
    """

    nodes: tuple[Node, ...]
    inner: tuple[Float[Tensor, "start _"], ...]
    outer: tuple[Float[Tensor, "start _"], ...]
    ends: Float[Tensor, "start nodes 2"]
    direct: Float[Tensor, "start _"]
    constant: Float[Tensor, "start 1"]
    held: Bool[Tensor, " P"]

    @property
    def coefficient_groups(self) -> tuple[Float[Tensor, "start _"], ...]:
        """All coefficients by group; the output is linear in all but the inner ones."""
        return *self.inner, *self.outer, self.direct, self.constant

    @property
    def flat(self) -> Float[Tensor, "start P"]:
        """All coefficients of each network, concatenated."""
        return torch.cat(self.coefficient_groups, 1)

    @property
    def inner_size(self) -> int:
        """Number of inner coefficients, which precede the linear ones in ``flat``."""
        return sum(part.shape[1] for part in self.inner)

    def replace_coefficients(self, values: Float[Tensor, "start P"]) -> NetworkBatch:
        """Return the networks with other coefficients.

        Args:
            values: Coefficients in the order of ``flat``.
        """
        *nodes, direct, constant = torch.split(values, [part.shape[1] for part in self.coefficient_groups], 1)
        count = len(self.nodes)
        return replace(
            self, inner=tuple(nodes[:count]), outer=tuple(nodes[count:]), direct=direct, constant=constant
        )

    def __getitem__(self, places: list[int]) -> NetworkBatch:
        """Return the networks with these indices."""
        return replace(
            self,
            inner=tuple(part[places] for part in self.inner),
            outer=tuple(part[places] for part in self.outer),
            ends=self.ends[places],
            direct=self.direct[places],
            constant=self.constant[places],
        )


def initialize_networks(
    nodes: tuple[Node, ...],
    terms: InputTerms,
    count: int,
    generator: torch.Generator,
    *,
    direct: bool,
) -> NetworkBatch:
    """Return networks whose nodes start with random multiples of the given curves of their inputs.

    Nodes with free splines use the curves in turn, so that starts differ. Factors of a product start near 1,
    so that every start depends on all inputs.

    Args:
        nodes: Hidden nodes.
        terms: Input terms of the rows, with their curves.
        count: Number of networks.
        generator: Source of the random multiples.
        direct: Whether the networks have direct edges.
    """
    inputs, size = terms.values.shape[1:]
    zeros = terms.values.new_zeros
    given_curves = [fit_curves(terms, values) for values in terms.curves.values()]
    inner = []
    for node in nodes:
        slopes = torch.empty(count, inputs, dtype=torch.float64).uniform_(-1, 1, generator=generator)
        # No slope near 0, where an input would have no effect at the start
        slopes = slopes.sign() * (0.3 + 0.7 * slopes.abs())
        if node.inner == "free":
            curves = torch.stack([given_curves[place % len(given_curves)] for place in range(count)])
            # A factor varies around 1, a summand around 0
            spread = slopes[..., None] * curves
            inner.append((1 + 0.3 * spread if node.is_product else spread).flatten(1))
        elif node.is_product:
            inner.append(torch.stack([torch.ones_like(slopes), slopes], 2).flatten(1))
        else:
            inner.append(slopes)
    outer = [zeros(count, size if node.is_curved else 1) for node in nodes]
    bundle = NetworkBatch(
        nodes=nodes,
        inner=tuple(inner),
        outer=tuple(outer),
        ends=torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(count, len(nodes), 1),
        direct=zeros(count, inputs * size if direct else 0),
        constant=zeros(count, 1),
        held=torch.zeros(0, dtype=torch.bool),
    )
    return replace(bundle, held=torch.zeros(bundle.flat.shape[1], dtype=torch.bool))


@dataclass(frozen=True)
class ForwardPass:
    """Intermediate results of a forward pass.

    Attributes:
        total: Outputs of the networks.
        bases: Features that the outer coefficients multiply, per node.
        slopes: ∂output/∂node, per node.
        others: Product of all factors but one, per multiplying node and input; None for adding nodes.
    """

    total: Float[Tensor, "start batch"]
    bases: tuple[Float[Tensor, "start batch _"], ...]
    slopes: tuple[Float[Tensor, "start batch"], ...]
    others: tuple[Float[Tensor, "start batch in_dim"] | None, ...]


def forward(bundle: NetworkBatch, terms: InputTerms) -> ForwardPass:
    """Compute outputs and intermediate results at the rows."""
    total = bundle.constant.expand(-1, len(terms.values))
    if bundle.direct.shape[1]:
        total = total + bundle.direct @ terms.flat.T
    bases, slopes, node_cofactors = [], [], []
    for place, (node, outer) in enumerate(zip(bundle.nodes, bundle.outer, strict=True)):
        value, cofactors = node_values(bundle, place, terms)
        # The same coefficients give the value of the outer curve and its slope, which the chain rule needs
        basis, derivative = _evaluate_outer_basis(node, value, bundle.ends[:, place], terms)
        total = total + (basis @ outer[..., None])[..., 0]
        bases.append(basis)
        slopes.append((derivative @ outer[..., None])[..., 0])
        node_cofactors.append(cofactors)
    return ForwardPass(total, tuple(bases), tuple(slopes), tuple(node_cofactors))


def compute_outputs(bundle: NetworkBatch, terms: InputTerms) -> Float[Tensor, "start batch"]:
    """Compute the outputs of the networks."""
    return forward(bundle, terms).total


def node_values(
    bundle: NetworkBatch, place: int, terms: InputTerms
) -> tuple[Float[Tensor, "start batch"], Float[Tensor, "start batch in_dim"] | None]:
    """Return the values of a node [start, batch], and for a product all products of factors but one.

    The second result is [start, batch, in_dim], or None for an adding node.
    """
    node, inner = bundle.nodes[place], bundle.inner[place]
    features = terms.inner_features(node)
    if not node.is_product:
        return inner @ features.flatten(1).T, None
    # One factor per input of every network at every row, [start, batch, in_dim]
    factors = torch.einsum("nit,sit->sni", features, inner.view(-1, *features.shape[1:]))
    unit = torch.ones_like(factors[..., :1])
    # Cofactors from products of both sides: without division a factor may be 0
    before = torch.cat([unit, factors[..., :-1]], 2).cumprod(2)
    after = torch.cat([unit, factors[..., 1:].flip(2)], 2).cumprod(2).flip(2)
    return factors.prod(2), before * after


def _evaluate_outer_basis(
    node: Node, value: Float[Tensor, "start batch"], ends: Float[Tensor, "start 2"], terms: InputTerms
) -> tuple[Float[Tensor, "start batch terms"], Float[Tensor, "start batch terms"]]:
    """Return the features of the outer coefficients and their derivatives in the node [start, batch, _]."""
    if not node.is_curved:
        return value[..., None], torch.ones_like(value)[..., None]
    knots = extend_knots(uniform_grid(ends[:, 0], ends[:, 1], terms.grid_size), terms.order)
    # Every network has a grid of its own, so networks take the place of inputs
    spacing = uniform_spacing(knots, terms.order)
    pair = features_and_slopes(value.T.contiguous(), knots, terms.order, spacing, SILU)
    basis, derivative = (part[..., :-1].transpose(0, 1) for part in pair)
    return basis, derivative


def jacobian(bundle: NetworkBatch, terms: InputTerms, at: ForwardPass) -> Float[Tensor, "start batch P"]:
    """Derivatives of the outputs in all coefficients, in the order of ``flat``."""
    inner = []
    for node, slope, cofactors in zip(bundle.nodes, at.slopes, at.others, strict=True):
        # Chain rule through the node; in a product the other factors multiply
        if cofactors is None:
            inner.append(slope[..., None] * terms.inner_features(node).flatten(1))
        else:
            inner.append(((slope[..., None] * cofactors)[..., None] * terms.inner_features(node)).flatten(2))
    return torch.cat([*inner, linear_jacobian(bundle, terms, at)], 2)


def linear_jacobian(
    bundle: NetworkBatch, terms: InputTerms, at: ForwardPass
) -> Float[Tensor, "start batch _"]:
    """Derivatives of the outputs in the linear coefficients, which do not depend on these coefficients."""
    count, rows = at.total.shape
    direct_terms = terms.flat if bundle.direct.shape[1] else terms.flat[:, :0]
    constant = terms.values.new_ones(count, rows, 1)
    return torch.cat([*at.bases, direct_terms.expand(count, *direct_terms.shape), constant], 2)


def fit_curves(terms: InputTerms, values: Float[Tensor, "batch in_dim"]) -> Float[Tensor, "in_dim terms"]:
    """Fit a spline per input to the given values; return its coefficients."""
    columns = [fit_coef(terms.values[:, i], values[:, i : i + 1], ridge=1e-9) for i in range(values.shape[1])]
    return torch.cat(columns, 1).T


@torch.no_grad()
def extract_network(bundle: NetworkBatch, place: int, terms: InputTerms) -> KAN:
    """Convert one network to a KAN; splines on its grid approximate the given curves."""
    nodes = bundle.nodes
    inputs, size = terms.values.shape[1:]
    products = sum(node.is_product for node in nodes)
    config = KANConfig(
        width=(inputs, len(nodes), 1) if nodes else (inputs, 1),
        grid_size=terms.grid_size,
        order=terms.order,
        direct=bool(nodes) and bool(bundle.direct.shape[1]),
        products=products,
    )
    network = KAN(config)
    pruned_edges = _find_pruned_edges(bundle, inputs)
    if not nodes:
        layer = network.stack[0]
        layer.knots = terms.knots.clone()
        layer.mask[:, 0] = ~pruned_edges[-1]
        # The basis of an input sums to 1, so that an equal share of the constant fits into every edge
        constant_share = bundle.constant[place] / layer.mask.sum()  # among the live edges
        layer.weight[:, :-1, 0] = bundle.direct[place].view(inputs, size) + constant_share
        return network
    inner_layer, outer_layer = network.stack
    inner_layer.knots = terms.knots.clone()
    # The grid of a node without an outer spline has no effect
    grids = [
        [-1.0, 1.0] if not node.is_curved else ends.tolist()
        for node, ends in zip(nodes, bundle.ends[place], strict=True)
    ]
    low, high = torch.tensor(grids, dtype=torch.float64).unbind(1)
    outer_layer.knots = extend_knots(uniform_grid(low, high, terms.grid_size), terms.order)
    for k, node in enumerate(nodes):
        inner_layer.weight[:, :-1, k] = _inner_spline_coefficients(bundle.inner[k][place], node, terms)
        inner_layer.mask[:, k] = ~pruned_edges[k]
        if node.is_curved:
            outer_layer.weight[k, :-1, 0] = bundle.outer[k][place] + bundle.constant[place] / len(nodes)
        else:
            share = float(bundle.constant[place]) / len(nodes)
            outer_layer.symbolic[k, 0] = SymbolicEdge("x", 1.0, 0.0, float(bundle.outer[k][place, 0]), share)
    if network.direct is not None:
        network.direct.knots = terms.knots.clone()
        network.direct.weight[:, :-1, 0] = bundle.direct[place].view(inputs, size)
        network.direct.mask[:, 0] = ~pruned_edges[-1]
    return network


def _inner_spline_coefficients(
    coefficients: Float[Tensor, " inner"], node: Node, terms: InputTerms
) -> Float[Tensor, "in_dim terms"]:
    inputs = terms.values.shape[1]
    if node.inner == "free":
        return coefficients.view(inputs, -1)
    # A given curve becomes the spline next to it on the grid of its input
    curves = fit_curves(terms, terms.curves[node.inner])
    if node.is_product:
        constants, slopes = coefficients.view(inputs, 2).unbind(1)
        return constants[:, None] + slopes[:, None] * curves  # the basis values of an input sum to 1
    return coefficients[:, None] * curves


def _find_pruned_edges(bundle: NetworkBatch, inputs: int) -> list[Bool[Tensor, " in_dim"]]:
    """Return the masks of pruned edges: those into each node, then the direct edges.

    An edge is pruned if all its coefficients are held.
    """
    sizes = [part.shape[1] for part in bundle.coefficient_groups]
    pieces = torch.split(bundle.held, sizes)
    edges = [pieces[k].view(inputs, -1).all(1) for k in range(len(bundle.nodes))]
    no_edges = torch.zeros(inputs, dtype=torch.bool)
    return [*edges, pieces[-2].view(inputs, -1).all(1) if sizes[-2] else no_edges]


def remove_node(bundle: NetworkBatch, place: int) -> NetworkBatch:
    """Return the networks without one hidden node."""
    sizes = [part.shape[1] for part in bundle.coefficient_groups]
    removed_groups = place, place + len(bundle.nodes)
    masks = [piece for at, piece in enumerate(torch.split(bundle.held, sizes)) if at not in removed_groups]
    places = [at for at in range(len(bundle.nodes)) if at != place]
    return replace(
        bundle,
        nodes=tuple(bundle.nodes[at] for at in places),
        inner=tuple(bundle.inner[at] for at in places),
        outer=tuple(bundle.outer[at] for at in places),
        ends=bundle.ends[:, places],
        held=torch.cat(masks),
    )
