"""Remove curves one after the other, those first that the fit loses least by.

The loss of a removal, with all other coefficients refitted, is ½ θ_jᵀ (V_jj)⁻¹ θ_j where the loss is
quadratic (Hassibi and Stork, "Second order derivatives for network pruning: Optimal Brain Surgeon", NIPS
1992), here for all coefficients θ_j of one or several curves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kan_engine.compact.curves import Curves, Edge
from kan_engine.compact.fit import Fit, fit_curves
from kan_engine.compact.problem import Problem
from kan_engine.compact.thresholds import CompactThresholds


@dataclass(frozen=True)
class Removal:
    """Curves that can be removed together.

    Attributes:
        edges: The curves, with those that then lead nowhere.
        cost: Expected rise of the objective.
        saved: Number of curves fewer.
    """

    edges: tuple[Edge, ...]
    cost: float
    saved: int


def eliminate_curves(
    problem: Problem,
    fit: Fit,
    thresholds: CompactThresholds,
    should_stop: Callable[[], bool],
    *,
    max_curves: int,
    bulk_share: float = 0.2,
) -> Iterator[Fit]:
    """Yield the given network and then ever smaller ones, down to the smallest.

    Far above ``max_curves`` several curves are removed between two fits; without time, all that are too
    many. Below, where the cheapest removal skips sizes, networks of these sizes are yielded, too.

    Args:
        bulk_share: Of the excess curves, that is removed at once: the first ones matter little.
    """
    yield fit
    while (is_in_time := not should_stop()) or len(fit.curves) > max_curves:
        removals = list_removals(fit, problem.required)
        if not removals:
            return
        excess = len(fit.curves) - max_curves
        share = max(1, int(bulk_share * excess) if is_in_time else excess)
        curves = fit.curves
        for removal in removals[:share]:
            smaller = curves.remove(removal.edges)
            if is_admissible(smaller, problem.required):
                curves = smaller
        if len(curves) == len(fit.curves):
            return
        # A node with one input is a curve of a curve, which a single direct curve can replace
        curves = merge_chains(problem, curves)
        if excess <= 0:
            yield from _fill_sizes(problem, fit, len(curves), thresholds, should_stop)
        min_steps = thresholds.least_steps if len(fit.curves) > max_curves else 0
        steps = thresholds.elimination_steps
        fit = fit_curves(problem, curves, steps, thresholds, should_stop, least_steps=min_steps)
        yield fit


def _fill_sizes(
    problem: Problem,
    fit: Fit,
    smallest: int,
    thresholds: CompactThresholds,
    should_stop: Callable[[], bool],
) -> Iterator[Fit]:
    """Yield networks of all sizes between that of a fit and a smaller one, as far as single curves can go."""
    while len(fit.curves) > smallest + 1 and not should_stop():
        removals = list_removals(fit, problem.required)
        single = next((removal for removal in removals if removal.saved == 1), None)
        if single is None:
            return
        curves = merge_chains(problem, fit.curves.remove(single.edges))
        fit = fit_curves(problem, curves, thresholds.elimination_steps, thresholds, should_stop)
        yield fit


def list_removals(fit: Fit, source_sets: Sequence[frozenset[int]] = ()) -> list[Removal]:
    """Return what can be removed, cheapest first; one of every set of required sources stays."""
    options: list[tuple[Edge, ...]] = [(edge,) for edge in fit.curves.edges]
    # A node as a whole may cost less than its edges one by one
    options += [(*inner, *outer) for inner, outer in fit.curves.nodes.values()]
    removals = []
    for edges in options:
        smaller = fit.curves.remove(edges)
        if is_admissible(smaller, source_sets):
            lost_edges = tuple(edge for edge in fit.curves.edges if edge not in smaller.by_edge)
            saving = len(fit.curves) - count_merged(smaller)
            removals.append(Removal(edges, _removal_cost(fit, lost_edges), saving))
    return sorted(removals, key=lambda removal: (removal.cost / removal.saved, removal.edges))


def is_admissible(curves: Curves, source_sets: Sequence[frozenset[int]]) -> bool:
    """Whether every output has a curve, and one of every set of required sources is read."""
    read = set(curves.sources)
    return not has_dead_outputs(curves) and not any(group.isdisjoint(read) for group in source_sets)


def has_dead_outputs(curves: Curves) -> bool:
    """Whether an output has no curve; its constant needs one."""
    live_outputs = {edge.end for edge in curves.edges if edge.layer != "inner"}
    return len(live_outputs) < len(curves.constants)


def count_merged(curves: Curves) -> int:
    """Number of curves after ``merge_chains``."""
    edges = set(curves.edges)
    for inner, outer in curves.nodes.values():
        if len(inner) == 1:
            edges -= {*inner, *outer}
            edges |= {Edge("direct", inner[0].start, edge.end) for edge in outer}
    return len(edges)


def merge_chains(problem: Problem, curves: Curves) -> Curves:
    """Replace a node with one incoming curve by direct curves, fitted to its values."""
    for node, (inner, outer) in curves.nodes.items():
        if len(inner) > 1:
            continue
        features = problem.features[inner[0].start]
        values = problem.node_basis.evaluate(problem.node_values(curves, node))
        direct_curves, constants = {}, curves.constants.copy()
        for edge in outer:
            chain = values @ curves.by_edge[edge].coefficients
            place = Edge("direct", inner[0].start, edge.end)
            old_curve = curves.by_edge.get(place)
            # Ridge regression of the chain on the functions of its source
            gram = features.T @ features + 1e-3 * len(features) * np.eye(features.shape[1])
            coefficients = np.linalg.solve(gram, features.T @ (chain - chain.mean()))
            # The functions have mean 0, so the mean of the chain belongs to the constant of the output
            constants[edge.end] += chain.mean()
            template = old_curve or curves.by_edge[inner[0]]
            direct_curves[place] = replace(
                template,
                coefficients=coefficients if old_curve is None else coefficients + old_curve.coefficients,
            )
        curves = replace(curves.remove(inner).add(direct_curves), constants=constants)
    return curves


def _removal_cost(fit: Fit, edges: tuple[Edge, ...]) -> float:
    rows = np.concatenate([np.arange(fit.places[edge].start, fit.places[edge].stop) for edge in edges])
    theta = np.concatenate([fit.curves.by_edge[edge].coefficients for edge in edges])
    # The inverse of the block is the curvature of the loss with all other coefficients refitted
    block = fit.covariance[np.ix_(rows, rows)]
    block = block + 1e-12 * np.trace(block) * np.eye(len(rows))
    return float(theta @ np.linalg.solve(block, theta) / 2)
