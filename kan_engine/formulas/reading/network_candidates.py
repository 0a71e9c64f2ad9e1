"""Closed forms of the parts of a network: its hidden nodes and its direct edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kan_engine.expressions.evaluation import complexity, evaluate
from kan_engine.formulas.core.constant_fitting import Array
from kan_engine.formulas.reading.edge_candidates import Choice, ExtractionContext, find_edge_choices
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.network_curves import CurveByInput, NetworkCurves
from kan_engine.formulas.reading.node_candidates import find_node_choices, fit_outer_functions
from kan_engine.network.kan import KAN


@dataclass(frozen=True)
class NetworkPart:
    """A hidden node or a direct edge.

    Attributes:
        curve: Contribution to T(y), per row.
        choices: Closed forms of the contribution.
    """

    curve: Array
    choices: list[Choice]


def iterate_part_variants(
    network: KAN, reading: ExtractionContext, max_shared: int = 3
) -> Iterator[list[NetworkPart]]:
    """Yield the parts of a network: first as trained, then with linear terms moved to direct edges.

    If all inputs of an adding node have direct edges too, a multiple of its sum can move between the node and
    the direct edges. The later variants choose the multiple that makes the output edge of the node a single
    function.

    Args:
        network: The network.
        reading: Data, units and limits.
        max_shared: Functions tried for a node that shares a linear term with direct edges.
    """
    curves = NetworkCurves.compute(network, reading.scaled, reading.output, reading.scale)
    direct, layer = curves.direct, len(network.all_layers) - 1
    if len(network.stack) == 1 and len(direct) == 1:  # as exact as the values
        direct = dict.fromkeys(direct, reading.network_target)

    def build_direct_parts(direct: CurveByInput) -> list[NetworkPart]:
        choices = find_edge_choices(direct, reading, layer)
        return [
            NetworkPart(curve, edge_choices)
            for curve, edge_choices in zip(direct.values(), choices, strict=True)
        ]

    parts = [NetworkPart(node.leaving, find_node_choices(node, reading)) for node in curves.nodes]
    yield [*parts, *build_direct_parts(direct)]
    for place, node in enumerate(() if reading.fixed else curves.nodes):
        if node.is_product or not set(node.entering) <= set(direct):
            continue
        fits = [f for f in fit_outer_functions(node, reading, beside_a_line=True) if f.function != "x"]
        for fit in fits[:max_shared]:
            shifted_curves = {
                i: v + fit.e * node.entering[i] if i in node.entering else v for i, v in direct.items()
            }
            choices = find_node_choices(node, reading, [replace(fit, e=0.0)])
            part = NetworkPart(node.leaving - fit.e * node.values, choices)
            yield [part, *parts[:place], *parts[place + 1 :], *build_direct_parts(shifted_curves)]


def find_short_combinations(
    parts: list[NetworkPart],
    reading: ExtractionContext,
    longest: int,
    *,
    slack: int = 4,
    max_error_ratio: float = 0.8,
    max_combinations: int = 8,
) -> list[tuple[Choice, ...]]:
    """Return combinations of choices for all parts, simplest first.

    Each combination has a much lower error than the one before. A part may be replaced by its mean. The
    errors of the parts are treated as independent.

    Args:
        parts: Parts of the network.
        reading: Data, units and limits.
        longest: Complexity limit of a combination, before simplification.
        slack: Complexity that simplification may save.
        max_error_ratio: Of squared errors; a longer combination has to lower the error to this share.
        max_combinations: Combinations from the simplest to the most accurate one.
    """
    # For every complexity the combination with the lowest loss so far, part by part
    levels: dict[int, tuple[float, tuple[Choice, ...]]] = {0: (0.0, ())}
    for part in parts:
        longer: dict[int, tuple[float, tuple[Choice, ...]]] = {}
        for loss, length, choice in _rate_choices(part, reading):
            for before, (total, picks) in levels.items():
                level = before + length
                if level <= longest + slack and loss + total < longer.get(level, (np.inf, ()))[0]:
                    longer[level] = loss + total, (*picks, choice)
        levels = longer
    # The front: a longer combination has to lower the loss clearly, also beside the noise
    noise = (reading.known.noise * float(np.std(sum(part.curve for part in parts)))) ** 2
    front: list[tuple[Choice, ...]] = []
    lowest = np.inf
    for _, (loss, picks) in sorted(levels.items(), key=lambda level: level[0]):
        if any(choice.total.terms for choice in picks) and loss + noise < max_error_ratio * lowest:
            lowest = loss + noise
            front.append(picks)
    steps = np.linspace(0, len(front) - 1, min(max_combinations, len(front)))
    return [front[place] for place in np.unique(steps.round().astype(int))]


def _rate_choices(part: NetworkPart, reading: ExtractionContext) -> Iterator[tuple[float, int, Choice]]:
    """Yield (mean squared error, complexity, choice) for the mean of the curve and for every choice."""
    yield float(part.curve.var()), 0, Choice(0.0, LinearSum({}, float(part.curve.mean())))
    for choice in part.choices:
        loss = float(np.mean((evaluate(choice.total.tree, reading.fit.columns) - part.curve) ** 2))
        if np.isfinite(loss):
            yield loss, complexity(LinearSum(choice.total.terms).tree) + 1, choice
