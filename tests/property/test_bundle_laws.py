"""Laws of networks that are fitted at once, for nodes of every kind in any mixture."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_engine.structure.batched_levenberg_marquardt import fit_batch, standardize_nodes, subdivide_grids
from kan_engine.structure.batched_networks import (
    InputTerms,
    NetworkBatch,
    Node,
    compute_outputs,
    extract_network,
    forward,
    jacobian,
    node_values,
    remove_node,
)
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE
from tests.support.engine.bundles import (
    KINDS,
    WEIGHTS,
    X,
    held_at_random,
    random_bundle,
    terms_of,
    with_held_edge,
)
from tests.support.engine.networks import uniform_rows

# Under test, beartype draws the items that it checks with `random`, also while strategies build bundles.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

few = settings(max_examples=25, deadline=None, derandomize=True)
FRESH = uniform_rows(40, 2, seed=7)
TARGET = torch.sin(2 * X[:, 0] + X[:, 1] ** 2)


@st.composite
def bundles(draw: st.DrawFn, kinds: list[Node] = KINDS, least: int = 0) -> tuple[NetworkBatch, InputTerms]:
    """Two networks of any shape, and the terms of ``X``."""
    nodes = draw(st.lists(st.sampled_from(kinds), min_size=least, max_size=3).map(tuple))
    nodes = tuple(sorted(nodes, key=lambda node: node.is_product))
    terms = terms_of(X, order=draw(st.sampled_from([2, 3])), grid=draw(st.sampled_from([3, 4])))
    direct = not nodes or draw(st.booleans())
    return random_bundle(nodes, terms, direct=direct, seed=draw(st.integers(0, 99))), terms


@few
@given(bundles())
def test_the_jacobian_is_the_derivative(drawn: tuple[NetworkBatch, InputTerms]) -> None:
    bundle, terms = drawn
    slopes = jacobian(bundle, terms, forward(bundle, terms))
    step = 1e-6
    for place in range(2):
        moves = step * torch.eye(bundle.flat.shape[1], dtype=torch.float64)  # one network per coefficient
        many = bundle[[place] * len(moves)]
        up, down = (
            compute_outputs(many.replace_coefficients(many.flat + sign * moves), terms) for sign in (1, -1)
        )
        expected = ((up - down) / (2 * step)).T
        scale = 1 + float(expected.abs().max())
        torch.testing.assert_close(slopes[place], expected, atol=1e-6 * scale, rtol=1e-5)


@few
@given(bundles())
def test_a_finer_grid_leaves_the_function_unchanged(drawn: tuple[NetworkBatch, InputTerms]) -> None:
    bundle, terms = drawn
    order, grid = terms.order, terms.grid_size
    fine = subdivide_grids(bundle, terms)
    for place in range(2):
        expected = compute_outputs(bundle, terms_of(FRESH, order=order, grid=grid))[place]
        torch.testing.assert_close(
            compute_outputs(fine, terms_of(FRESH, order=order, grid=2 * grid))[place], expected
        )


@few
@given(bundles(), st.integers(0, 99))
def test_held_coefficients_never_move(drawn: tuple[NetworkBatch, InputTerms], seed: int) -> None:
    bundle, terms = drawn
    bundle = held_at_random(bundle, seed=seed)
    for place in range(len(bundle.nodes)):
        bundle = with_held_edge(bundle, place, seed % 2)
    fit = fit_batch(
        bundle, terms, TARGET.expand(2, -1), WEIGHTS, steps=3, rounds=2, thresholds=DEFAULT_STRUCTURE
    )
    assert torch.equal(fit.flat[:, bundle.held], bundle.flat[:, bundle.held])
    assert torch.equal(fit.held, bundle.held)


@few
@given(bundles([node for node in KINDS if node.inner != "log"]))
def test_a_network_of_a_bundle_is_a_kan(drawn: tuple[NetworkBatch, InputTerms]) -> None:
    """Splines hold lines and squares, too, but for the pull towards 0 of those that are fitted."""
    bundle, terms = drawn
    expected = compute_outputs(bundle, terms_of(FRESH, order=terms.order, grid=terms.grid_size))
    for place in range(2):
        found = extract_network(bundle, place, terms)(FRESH)[:, 0]
        scale = 1 + float(expected[place].abs().max())
        torch.testing.assert_close(found, expected[place], atol=1e-5 * scale, rtol=1e-5)


@few
@given(bundles(least=1), st.data())
def test_an_edge_that_is_held_at_nothing_is_pruned_from_the_kan(
    drawn: tuple[NetworkBatch, InputTerms], data: st.DataObject
) -> None:
    bundle, terms = drawn
    place, i = data.draw(st.integers(0, len(bundle.nodes) - 1)), data.draw(st.integers(0, 1))
    bundle = with_held_edge(bundle, place, i)
    network = extract_network(bundle, 0, terms)
    expected, found = compute_outputs(bundle, terms)[0], network(X)[:, 0]
    assert not network.layers[0].mask[i, place]
    assert network.edge_count == extract_network(drawn[0], 0, terms).edge_count - 1
    torch.testing.assert_close(found, expected, atol=2e-2 * (1 + float(expected.abs().max())), rtol=0)


@few
@given(bundles(least=1), st.data())
def test_a_node_that_nothing_leaves_can_go(
    drawn: tuple[NetworkBatch, InputTerms], data: st.DataObject
) -> None:
    bundle, terms = drawn
    place = data.draw(st.integers(0, len(bundle.nodes) - 1))
    outer = [torch.zeros_like(part) if at == place else part for at, part in enumerate(bundle.outer)]
    bundle = held_at_random(replace(bundle, outer=tuple(outer)))
    smaller = remove_node(bundle, place)
    assert smaller.nodes == bundle.nodes[:place] + bundle.nodes[place + 1 :]
    assert len(smaller.held) == smaller.flat.shape[1]
    torch.testing.assert_close(compute_outputs(smaller, terms), compute_outputs(bundle, terms))


@few
@given(bundles(least=1))
def test_settled_nodes_have_deviation_1_and_lie_inside_their_grids(
    drawn: tuple[NetworkBatch, InputTerms],
) -> None:
    bundle, terms = drawn
    noise = torch.randn(bundle.flat.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    bundle = standardize_nodes(bundle.replace_coefficients(bundle.flat + 0.1 * noise), terms)
    for place in range(len(bundle.nodes)):
        value, _ = node_values(bundle, place, terms)
        torch.testing.assert_close(value.std(1, correction=0), torch.ones(2, dtype=torch.float64))
        assert bool((bundle.ends[:, place, 0] < value.amin(1)).all())
        assert bool((value.amax(1) < bundle.ends[:, place, 1]).all())
