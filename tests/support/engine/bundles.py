"""Bundles of networks with nodes of every kind, far from any special case."""

from dataclasses import replace
from itertools import product
from typing import get_args

import torch

from kan_engine.splines.knots import extend_knots, uniform_grid
from kan_engine.structure.batched_levenberg_marquardt import standardize_nodes
from kan_engine.structure.batched_networks import (
    InnerFunction,
    InputTerms,
    NetworkBatch,
    Node,
    initialize_networks,
)
from tests.support.engine.networks import uniform_rows

INPUTS = 2
X = uniform_rows(120, INPUTS)
WEIGHTS = torch.linspace(0.5, 2.0, len(X), dtype=torch.float64)
KINDS = [
    Node(is_product=multiplies, inner=inner, is_curved=curved)
    for multiplies, inner, curved in product((False, True), get_args(InnerFunction), (True, False))
]
"""Every kind of node, those that multiply last."""


def terms_of(x: torch.Tensor, *, order: int = 3, grid: int = 6) -> InputTerms:
    """Basis values on [-1.01, 1.01], and curves of every kind."""
    low = torch.full((INPUTS,), -1.01, dtype=torch.float64)
    curves = {"line": x, "square": x**2 - 0.3, "log": torch.log(x + 2)}
    return InputTerms.build(x, extend_knots(uniform_grid(low, -low, grid), order), order, curves)


def random_bundle(
    nodes: tuple[Node, ...], terms: InputTerms, *, count: int = 2, direct: bool = True, seed: int = 0
) -> NetworkBatch:
    """Networks with random coefficients, whose grids lie around the values of the nodes."""
    generator = torch.Generator().manual_seed(seed)
    bundle = initialize_networks(nodes, terms, count, generator, direct=direct)
    noise = torch.randn(bundle.flat.shape, dtype=torch.float64, generator=generator)
    noise[:, : bundle.inner_size] *= 0.3
    return standardize_nodes(bundle.replace_coefficients(bundle.flat + noise), terms)


def held_at_random(bundle: NetworkBatch, *, seed: int = 0) -> NetworkBatch:
    """The networks with about a third of their linear coefficients held."""
    is_held = torch.rand(len(bundle.held), generator=torch.Generator().manual_seed(seed)) < 0.3
    is_held[: bundle.inner_size] = False
    return replace(bundle, held=is_held)


def with_held_edge(bundle: NetworkBatch, place: int, i: int) -> NetworkBatch:
    """The networks without the edge of input i into a node: held at 0, or in a product at 1."""
    flat, is_held = bundle.flat.clone(), bundle.held.clone()
    before, edge_size = (
        sum(part.shape[1] for part in bundle.inner[:place]),
        bundle.inner[place].shape[1] // INPUTS,
    )
    edge = slice(before + i * edge_size, before + (i + 1) * edge_size)
    is_held[edge], flat[:, edge] = True, 0.0
    if bundle.nodes[
        place
    ].is_product:  # a spline is 1 where all of its coefficients are, a curve has a number
        flat[:, edge if bundle.nodes[place].inner == "free" else edge.start] = 1.0
    return replace(bundle.replace_coefficients(flat), held=is_held)
