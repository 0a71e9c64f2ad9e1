"""Hidden nodes that may explain what the curves of a network leave, found by projection pursuit.

A node g(Σ f_s) is fitted to the residuals alone, from several starts (Friedman and Stuetzle, "Projection
pursuit regression", Journal of the American Statistical Association 76, 1981), with curves f_s, not lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

from kan_engine.compact.curves import Curve, Curves, Edge
from kan_engine.compact.fit import fit_curves
from kan_engine.compact.losses import link
from kan_engine.compact.problem import Problem
from kan_engine.compact.thresholds import CompactThresholds

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Proposal:
    """A node to add.

    Attributes:
        curves: Of the node, by edge.
        gain: Share of the squared residuals that it explains.
    """

    curves: dict[Edge, Curve]
    gain: float


def propose_wide_node(
    problem: Problem,
    curves: Curves,
    sources: Sequence[int],
    generator: np.random.Generator,
    thresholds: CompactThresholds,
    should_stop: Callable[[], bool],
) -> list[Proposal]:
    """Return the best node that reads all of these sources; nothing if it was stopped before."""
    residual = make_residual_problem(problem, curves, generator, thresholds)
    starts = [_additive_start(curves, sources, residual)] + [
        _random_start(sources, residual, generator) for _ in range(thresholds.wide_starts)
    ]
    proposals = _fit_starts(residual, curves, starts, thresholds, should_stop)
    return _rank(proposals)[:1]


def propose_pair_nodes(
    problem: Problem,
    curves: Curves,
    sources: Sequence[int],
    generator: np.random.Generator,
    thresholds: CompactThresholds,
    should_stop: Callable[[], bool],
    *,
    pairs_per_round: int = 3,
) -> list[Proposal]:
    """Return the best node of each of the best pairs of sources, best first.

    Args:
        pairs_per_round: Nodes with two inputs that are added at once.
    """
    residual = make_residual_problem(problem, curves, generator, thresholds)
    pairs = rank_pairs(residual, sources)[: thresholds.max_pairs]
    starts = []
    for pair in pairs:
        # Both signs: a node may bend the sum or the difference of two inputs
        for sign in (1.0, -1.0):
            starts.append({s: _line(residual, s, scale) for s, scale in zip(pair, (1.0, sign), strict=True)})
    best: dict[tuple[Edge, ...], Proposal] = {}
    for proposal in _rank(_fit_starts(residual, curves, starts, thresholds, should_stop)):
        edges = tuple(sorted(edge for edge in proposal.curves if edge.layer == "inner"))
        best.setdefault(edges, proposal)
    return list(best.values())[:pairs_per_round]


def _rank(proposals: Iterable[Proposal]) -> list[Proposal]:
    return sorted(proposals, key=lambda proposal: -proposal.gain)


def make_residual_problem(
    problem: Problem,
    curves: Curves,
    generator: np.random.Generator,
    thresholds: CompactThresholds,
    *,
    min_proposal_rows: int = 300,
) -> Problem:
    """Return a sample of the rows with the residuals as targets.

    Args:
        min_proposal_rows: Of the fit of a node to the residuals, however many outputs there are.
    """
    rows = np.arange(len(problem))
    max_rows = max(min_proposal_rows, thresholds.proposal_rows // problem.targets.shape[1])
    if len(rows) > max_rows:
        rows = np.sort(generator.choice(len(rows), max_rows, replace=False))
    part = problem.select(rows)
    return replace(part, targets=part.targets - link(part.loss, part.outputs(curves)), loss="squared")


def rank_pairs(
    residual: Problem, sources: Sequence[int], *, pair_functions: int = 3, pair_ridge: float = 0.05
) -> list[tuple[int, int]]:
    """Return pairs of sources by the share of the residuals that products of their functions explain.

    Args:
        pair_functions, pair_ridge: Straightest functions whose products rank the pairs, and their ridge,
            relative to the mean square of a product.
    """
    share = (residual.weights / residual.weights.sum())[:, None]
    residuals = residual.targets - (share * residual.targets).sum(0)
    scores = {}
    for i, j in combinations(sources, 2):
        features_i, features_j = (
            residual.features[i][:, :pair_functions],
            residual.features[j][:, :pair_functions],
        )
        # Products of functions span the interactions, which no sum of curves explains
        products = (features_i[:, :, None] * features_j[:, None]).reshape(len(residuals), -1)
        products = products - (share * products).sum(0)
        # Ridge regression of the residuals on the products; the explained square ranks the pair
        gram = products.T @ (share * products)
        aim = products.T @ (share * residuals)
        ridge = pair_ridge * np.trace(gram) / len(gram) * np.eye(len(gram))
        scores[i, j] = float((aim * np.linalg.solve(gram + ridge, aim)).sum())
    return sorted(scores, key=lambda pair: (-scores[pair], pair))


def _line(residual: Problem, source: int, scale: float) -> Float[Array, " terms"]:
    coefficients = np.zeros(residual.features[source].shape[1])
    coefficients[0] = scale
    return coefficients


def _additive_start(
    curves: Curves, sources: Sequence[int], residual: Problem
) -> dict[int, Float[Array, " _"]]:
    """The direct curves to the first output, so that the node bends their sum."""
    start = {}
    for s in sources:
        curve = curves.by_edge.get(Edge("direct", s, 0))
        start[s] = _line(residual, s, 0.01) if curve is None else curve.coefficients
    return start


def _random_start(
    sources: Sequence[int], residual: Problem, generator: np.random.Generator
) -> dict[int, Float[Array, " _"]]:
    start = {}
    for s in sources:
        coefficients = np.zeros(residual.features[s].shape[1])
        # A random slope with less curvature
        count = min(2, len(coefficients))
        coefficients[:count] = generator.normal(size=count) * np.array([1.0, 0.3])[:count]
        start[s] = coefficients
    return start


def _fit_starts(
    residual: Problem,
    curves: Curves,
    starts: Sequence[dict[int, Float[Array, " _"]]],
    thresholds: CompactThresholds,
    should_stop: Callable[[], bool],
) -> Iterator[Proposal]:
    node = 1 + max(curves.nodes, default=-1)
    outputs = residual.targets.shape[1]
    zero = Curves({}, np.zeros(outputs))
    before = residual.mean_loss(zero)
    for start in starts:
        if should_stop():
            return
        # Inner curves are scaled so that the node stays within [-1, 1], the range of its grid
        extent = float(np.abs(sum(residual.features[s] @ c for s, c in start.items())).max())
        inner = {
            Edge("inner", s, node): Curve(
                c / max(extent, 1e-300), thresholds.start_shrinkage, thresholds.start_smoothing
            )
            for s, c in start.items()
        }
        terms = len(residual.node_basis.curvature)
        outer = {
            Edge("outer", node, o): Curve(
                _first_outer(residual, inner, terms, o),
                thresholds.start_shrinkage,
                thresholds.start_smoothing,
            )
            for o in range(outputs)
        }
        fit = fit_curves(residual, zero.add({**inner, **outer}), thresholds.proposal_steps, thresholds)
        yield Proposal(dict(fit.curves.by_edge), 1 - residual.mean_loss(fit.curves) / max(before, 1e-300))


def _first_outer(
    residual: Problem, inner: dict[Edge, Curve], terms: int, output: int
) -> Float[Array, " terms"]:
    """Least-squares curve from the first values of a node to the residuals."""
    u = sum(residual.features[edge.start] @ curve.coefficients for edge, curve in inner.items())
    values = residual.node_basis.evaluate(u)
    # Normal equations of the weighted fit, with a ridge relative to the sum of the weights
    weighted_values = values.T * residual.weights
    gram = weighted_values @ values + 1e-2 * residual.weights.sum() * np.eye(terms)
    coefficients: Array = np.linalg.solve(gram, weighted_values @ residual.targets[:, output])
    return coefficients
