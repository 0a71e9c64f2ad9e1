"""Fits, removals and conversions of curves."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kan_engine.compact.conversion import build_network
from kan_engine.compact.curve_basis import NodeBasis, build_curve_basis
from kan_engine.compact.curves import Curve, Curves, Edge
from kan_engine.compact.elimination import list_removals, merge_chains
from kan_engine.compact.fit import fit_curves, scale_nodes
from kan_engine.compact.problem import Problem
from kan_engine.compact.sources import Source
from kan_engine.compact.thresholds import DEFAULT_COMPACT

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

ROWS = 200
LEVELS = np.tile([-1.0, 1.0], (4, 1))


def make_problem(seed: int = 0) -> tuple[Problem, np.ndarray]:
    """Two numbers and a category of two columns, on the unit scale."""
    generator = np.random.default_rng(seed)
    z = generator.uniform(-1, 1, (ROWS, 4))
    kind = generator.integers(3, size=ROWS)
    z[:, 2:] = 2 * (kind[:, None] == np.array([0, 1])) - 1
    weights = generator.uniform(0.5, 1.5, ROWS)
    sources = (Source((0,), False), Source((1,), False), Source((2, 3), True))
    bases = [build_curve_basis(source, z, weights, LEVELS, DEFAULT_COMPACT) for source in sources]
    targets = np.sin(3 * z[:, :1]) + z[:, 1:2] * z[:, :1] + (kind == 1)[:, None]
    features = [basis.evaluate(z) for basis in bases]
    return Problem(bases, NodeBasis.create(DEFAULT_COMPACT), features, targets, weights, "squared"), z


def make_curves(problem: Problem) -> Curves:
    generator = np.random.default_rng(1)
    edges = [
        Edge("direct", 0, 0),
        Edge("direct", 2, 0),
        Edge("inner", 0, 0),
        Edge("inner", 1, 0),
        Edge("inner", 2, 0),
    ]
    curves = {
        edge: Curve(0.2 * generator.normal(size=problem.features[edge.start].shape[1]), 1e-5, 1e-3)
        for edge in edges
    }
    outer = Curve(
        generator.normal(size=len(problem.node_basis.curvature)) * (problem.node_basis.curvature < 20),
        1e-5,
        1e-3,
    )
    return Curves({**curves, Edge("outer", 0, 0): outer}, np.array([0.7]))


def test_the_functions_of_a_curve_are_uncorrelated_with_mean_0_and_variance_1() -> None:
    problem, _ = make_problem()
    for features in problem.features:
        share = problem.weights / problem.weights.sum()
        assert np.allclose(share @ features, 0, atol=1e-8)
        assert np.allclose((features * share[:, None]).T @ features, np.eye(features.shape[1]), atol=1e-4)


def test_the_network_equals_its_curves() -> None:
    problem, z = make_problem()
    curves = make_curves(problem)
    network = build_network(curves, problem.bases, problem.node_basis, z.shape[1])
    with torch.no_grad():
        values = network(torch.from_numpy(z)).numpy()
    assert np.abs(values - problem.outputs(curves)).max() < 1e-9
    assert network.edge_count == 8  # the two levels of the category count twice here


def test_a_fit_lowers_the_loss_and_finds_the_interaction() -> None:
    problem, _ = make_problem()
    before = problem.mean_loss(make_curves(problem))
    fit = fit_curves(problem, make_curves(problem), 40, DEFAULT_COMPACT)
    assert problem.mean_loss(fit.curves) < 0.02 * before


def test_scaling_a_node_hardly_changes_the_outputs() -> None:
    problem, _ = make_problem()
    curves = make_curves(problem)
    scaled, _ = scale_nodes(problem, curves, problem.evaluate(curves), DEFAULT_COMPACT)
    assert scaled is not curves
    error = problem.outputs(scaled) - problem.outputs(curves)
    assert np.sqrt(np.mean(error**2)) < 0.1 * problem.outputs(curves).std()


def test_the_cheapest_removal_is_a_curve_without_effect() -> None:
    problem, _ = make_problem()
    unused = Edge("direct", 1, 0)
    zero = Curve(np.zeros(problem.features[1].shape[1]), 1e-5, 1e-3)
    additive = {
        Edge("direct", s, 0): Curve(np.zeros(problem.features[s].shape[1]), 1e-5, 1e-3) for s in (0, 2)
    }
    fit = fit_curves(problem, Curves({**additive, unused: zero}, np.zeros(1)), 10, DEFAULT_COMPACT)
    assert list_removals(fit)[0].edges == (unused,)


def test_a_node_with_one_input_becomes_a_direct_curve() -> None:
    problem, _ = make_problem()
    curves = make_curves(problem).remove([Edge("inner", 1, 0), Edge("inner", 2, 0)])
    merged = merge_chains(problem, curves)
    assert merged.edges == (Edge("direct", 0, 0), Edge("direct", 2, 0))
    assert len(curves) == 4


def test_a_curve_to_every_output_is_fitted() -> None:
    problem, _ = make_problem()
    both = replace(problem, targets=np.hstack([problem.targets, -2 * problem.targets]))
    curves = Curves(
        {Edge("direct", 0, o): Curve(np.zeros(problem.features[0].shape[1]), 1e-5, 1e-3) for o in (0, 1)},
        np.zeros(2),
    )
    fit = fit_curves(both, curves, 5, DEFAULT_COMPACT)
    left = both.targets - both.outputs(fit.curves)
    share = problem.weights / problem.weights.sum()
    assert np.abs(share @ left).max() < 1e-2
    assert np.abs(left[:, 1] + 2 * left[:, 0]).max() < 0.3


def test_a_fit_ends_with_finite_values_where_a_node_overflows() -> None:
    problem, _ = make_problem()
    curves = make_curves(problem)
    far = {
        edge: replace(curve, coefficients=1e160 * curve.coefficients)
        for edge, curve in curves.by_edge.items()
    }
    fit = fit_curves(problem, curves.add(far), 3, DEFAULT_COMPACT)
    assert np.isfinite(fit.covariance).all()
