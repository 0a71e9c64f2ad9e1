"""Networks of one shape side by side: how they start, what they give, and each of them as a KAN."""

from dataclasses import replace
from typing import get_args

import pytest
import torch

from kan_engine.network.layer import SymbolicEdge
from kan_engine.structure.batched_levenberg_marquardt import standardize_nodes
from kan_engine.structure.batched_networks import (
    InnerFunction,
    InputTerms,
    Node,
    compute_outputs,
    extract_network,
    fit_curves,
    initialize_networks,
    node_values,
    remove_node,
)
from tests.support.engine.bundles import INPUTS, KINDS, X, random_bundle, terms_of
from tests.support.engine.networks import uniform_rows

TERMS = terms_of(X)
FRESH = uniform_rows(30, INPUTS, seed=1)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("node", KINDS)
def test_networks_start_at_different_places_and_give_nothing_yet(node: Node) -> None:
    bundle = initialize_networks((node,), TERMS, 4, generator(), direct=True)
    assert len({tuple(row.tolist()) for row in bundle.inner[0]}) == 4
    assert float(compute_outputs(bundle, TERMS).abs().max()) == 0
    assert not bool(bundle.held.any())


def test_free_sums_start_from_one_given_curve_after_the_other() -> None:
    bundle = initialize_networks((Node(),), TERMS, 4, generator(), direct=False)
    splines = bundle.inner[0].view(4, INPUTS, -1)
    for place, name in enumerate(["line", "square", "log", "line"]):
        curve = fit_curves(TERMS, TERMS.curves[name])
        slopes = splines[place] / curve
        torch.testing.assert_close(slopes, slopes[:, :1].expand_as(slopes))


@pytest.mark.parametrize("inner", get_args(InnerFunction))
def test_no_factor_starts_far_from_1(inner: InnerFunction) -> None:
    bundle = initialize_networks((Node(is_product=True, inner=inner),), TERMS, 8, generator(), direct=False)
    coefficients = bundle.inner[0].view(8, INPUTS, -1)
    factors = torch.einsum("nit,sit->sni", TERMS.inner_features(bundle.nodes[0]), coefficients)
    assert float((factors - 1).abs().max()) <= (1.1 if inner != "free" else 0.4)


def test_networks_without_direct_edges_have_no_coefficients_for_them() -> None:
    with_them, without = (
        initialize_networks((Node(),), TERMS, 1, generator(), direct=d) for d in (True, False)
    )
    assert with_them.flat.shape[1] - without.flat.shape[1] == TERMS.flat.shape[1]


def test_a_node_multiplies_or_adds_up_what_enters_it() -> None:
    line = InputTerms(TERMS.values, TERMS.knots, TERMS.order, {"line": X})
    factors, terms = torch.tensor([[2.0, 3.0, -1.0, 0.5]]), torch.tensor([[3.0, 0.5]])
    bundle = random_bundle((Node(inner="line"), Node(is_product=True, inner="line")), line, count=1)
    bundle = replace(bundle, inner=(terms.double(), factors.double()))
    torch.testing.assert_close(node_values(bundle, 0, line)[0][0], 3 * X[:, 0] + 0.5 * X[:, 1])
    torch.testing.assert_close(node_values(bundle, 1, line)[0][0], (2 + 3 * X[:, 0]) * (0.5 * X[:, 1] - 1))


def test_some_of_the_networks_are_what_they_were() -> None:
    bundle = random_bundle((KINDS[0], KINDS[-1]), TERMS, count=4)
    torch.testing.assert_close(compute_outputs(bundle[[2, 0]], TERMS), compute_outputs(bundle, TERMS)[[2, 0]])


def test_coefficients_in_a_row_make_the_same_networks_again() -> None:
    bundle = random_bundle((KINDS[0], KINDS[-1]), TERMS)
    again = bundle.replace_coefficients(bundle.flat)
    assert all(
        torch.equal(old, new)
        for old, new in zip(bundle.coefficient_groups, again.coefficient_groups, strict=True)
    )
    assert bundle.inner_size == sum(part.shape[1] for part in bundle.inner)


@pytest.mark.parametrize("nodes", [(), (Node(),), (Node(is_product=True, is_curved=False),)])
def test_a_network_keeps_its_order_grid_and_kinds_of_edges_as_a_kan(nodes: tuple[Node, ...]) -> None:
    terms = terms_of(X, order=2, grid=5)
    network = extract_network(random_bundle(nodes, terms), 1, terms)
    assert (network.config.order, network.layers[0].grid_size) == (2, 5)
    assert network.config.products == sum(node.is_product for node in nodes)
    # Without hidden nodes the direct edges are the network
    assert (network.direct is not None) is bool(nodes)


def test_what_leaves_a_node_without_a_curve_is_a_line() -> None:
    bundle = random_bundle((Node(is_product=True, is_curved=False),), TERMS)
    edge = extract_network(bundle, 0, TERMS).stack[1].symbolic[0, 0]
    assert edge == SymbolicEdge("x", 1.0, 0.0, float(bundle.outer[0][0]), float(bundle.constant[0]))


@pytest.mark.parametrize("is_product", [False, True])
@pytest.mark.parametrize("is_curved", [False, True])
def test_a_given_curve_becomes_a_spline_as_close_as_the_grid_allows(
    is_product: bool, is_curved: bool
) -> None:
    node = Node(is_product=is_product, inner="log", is_curved=is_curved)
    errors = []
    for grid in (3, 12):
        terms = terms_of(X, grid=grid)
        bundle = initialize_networks((node,), terms, 1, generator(), direct=False)
        bundle = standardize_nodes(
            replace(bundle, outer=(torch.ones_like(bundle.outer[0]).cumsum(1),)), terms
        )
        expected = compute_outputs(bundle, terms_of(FRESH, grid=grid))[0]
        found = extract_network(bundle, 0, terms)(FRESH)[:, 0].detach()
        errors.append(float((found - expected).abs().max()))
    assert errors[1] < errors[0] / 20


def test_the_constant_of_an_additive_network_survives_a_pruned_edge() -> None:
    bundle = random_bundle((), TERMS)
    size = bundle.direct.shape[1] // INPUTS
    held = torch.zeros_like(bundle.held)
    held[:size] = True
    direct = bundle.direct.clone()
    direct[:, :size] = 0.0
    bundle = replace(bundle, direct=direct, held=held)
    network = extract_network(bundle, 0, TERMS)
    assert network.layers[0].mask[:, 0].tolist() == [False, True]
    torch.testing.assert_close(network(FRESH)[:, 0], compute_outputs(bundle, terms_of(FRESH))[0])


def test_direct_edges_that_are_held_are_pruned_beside_hidden_nodes() -> None:
    bundle = random_bundle((Node(),), TERMS)
    held = torch.zeros_like(bundle.held)
    held[-1 - bundle.direct.shape[1] // INPUTS : -1] = True
    network = extract_network(replace(bundle, held=held), 0, TERMS)
    assert network.direct is not None
    assert network.direct.mask[:, 0].tolist() == [True, False]


def test_without_their_last_node_networks_are_additive() -> None:
    bundle = remove_node(random_bundle((Node(),), TERMS), 0)
    assert (bundle.nodes, tuple(bundle.ends.shape)) == ((), (2, 0, 2))
    assert extract_network(bundle, 0, TERMS).config.width == (INPUTS, 1)
