"""Add hidden nodes to a network and eliminate curves again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from kan_engine.compact.curves import Curve, Curves, Edge
from kan_engine.compact.elimination import eliminate_curves
from kan_engine.compact.fit import Fit, fit_curves
from kan_engine.compact.problem import Problem
from kan_engine.compact.proposals import propose_pair_nodes, propose_wide_node
from kan_engine.compact.thresholds import CompactThresholds


def grow(
    problem: Problem,
    get_base: Callable[[], Curves],
    sources: Sequence[int],
    generator: np.random.Generator,
    thresholds: CompactThresholds,
    should_stop: Callable[[], bool],
    max_curves: int,
) -> Iterator[Fit]:
    """Yield networks of all sizes: first with one more node that reads all sources, then with pairs.

    Args:
        problem: The rows.
        get_base: Returns the network to grow; asked before every growth.
        sources: That new nodes may read.
        generator: Of the starts.
        thresholds: Decision numbers.
        should_stop: Called often.
        max_curves: Of the networks that are wanted.
    """
    for propose in (propose_wide_node, propose_pair_nodes):
        base = get_base()
        proposals = propose(problem, base, sources, generator, thresholds, should_stop)
        if should_stop():
            return
        node_curves: dict[Edge, Curve] = {}
        for place, proposal in enumerate(proposals):
            # All proposals use the same number for their node
            node_curves |= _renumber_node(proposal.curves, place)
        fit = fit_curves(problem, base.add(node_curves), thresholds.growth_steps, thresholds, should_stop)
        yield from eliminate_curves(problem, fit, thresholds, should_stop, max_curves=max_curves)


def _renumber_node(curves: dict[Edge, Curve], shift: int) -> dict[Edge, Curve]:
    """The same node with a higher number."""
    return {
        edge._replace(end=edge.end + shift)
        if edge.layer == "inner"
        else edge._replace(start=edge.start + shift): curve
        for edge, curve in curves.items()
    }
