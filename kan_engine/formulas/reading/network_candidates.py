"""Closed forms of the parts of a network: its hidden nodes and its direct edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from kan_engine.expressions.evaluation import apply_function, complexity, evaluate, number
from kan_engine.formulas.core.constant_fitting import Array
from kan_engine.formulas.reading.dictionary_regression import PLACEHOLDER
from kan_engine.formulas.reading.edge_candidates import (
    NO_FIXED_FUNCTIONS,
    Choice,
    ExtractionContext,
    find_edge_choices,
)
from kan_engine.formulas.reading.node_candidates import HiddenNode, find_node_choices, find_sum_choices
from kan_engine.formulas.reading.univariate_fit import FitPoints, suggest
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


def iterate_part_variants(network: KAN, reading: ExtractionContext) -> Iterator[list[NetworkPart]]:
    """Yield the parts of a network: first as trained, then with linear terms moved to direct edges.

    If all inputs of an adding node have direct edges too, a multiple of its sum can move between the node and
    the direct edges. The later variants choose the multiple that makes the output edge of the node a single
    function.
    """
    nodes, direct = _split_network(network, reading)
    fixed = _select_fixed_functions(len(network.all_layers) - 1, reading.output, reading)
    parts = [NetworkPart(node.leaving, find_node_choices(node, reading)) for node in nodes]
    yield [*parts, *_build_direct_parts(direct, reading, fixed)]
    if reading.fixed:
        return
    for place, node in enumerate(nodes):
        if node.is_product or not set(node.inputs) <= set(direct):
            continue
        fits = suggest(
            FitPoints(node.value, reading.thresholds.closed_forms.functions), node.leaving, beside_a_line=True
        )
        fits = [
            f
            for f in fits
            if f.function != "x" and reading.allows_tree(apply_function(f.function, PLACEHOLDER))
        ]
        fits.sort(key=lambda fit: reading.known.score(fit.error, fit.complexity))
        for fit in fits[: reading.thresholds.max_shared_functions]:
            moved = {i: v + fit.e * node.curves[:, i] if i in node.inputs else v for i, v in direct.items()}
            own = find_sum_choices(node, reading, [replace(fit, e=0.0)])
            part = NetworkPart(node.leaving - fit.e * node.value, own)
            yield [part, *parts[:place], *parts[place + 1 :], *_build_direct_parts(moved, reading)]


def _build_direct_parts(
    curves: dict[int, Array], reading: ExtractionContext, functions: Mapping[int, str] = NO_FIXED_FUNCTIONS
) -> list[NetworkPart]:
    choices = find_edge_choices(curves, reading, functions)
    return [NetworkPart(curve, offered) for curve, offered in zip(curves.values(), choices, strict=True)]


def find_short_combinations(
    parts: list[NetworkPart], reading: ExtractionContext, longest: int
) -> list[tuple[Choice, ...]]:
    """Return combinations of choices for all parts, simplest first.

    Each combination has a much lower error than the one before. A part may be replaced by its mean. The
    errors of the parts are treated as independent.

    Args:
        parts: Parts of the network.
        reading: Data, units and limits.
        longest: Complexity limit of a combination, before simplification.
    """
    limits = reading.thresholds
    most = longest + limits.complexity_slack
    levels: dict[int, tuple[float, tuple[Choice, ...]]] = {0: (0.0, ())}
    for part in parts:
        longer: dict[int, tuple[float, tuple[Choice, ...]]] = {}
        for loss, length, choice in _rate_choices(part, reading):
            for before, (total, picks) in levels.items():
                level = before + length
                if level <= most and loss + total < longer.get(level, (np.inf, ()))[0]:
                    longer[level] = loss + total, (*picks, choice)
        levels = longer
    noise = (reading.known.noise * float(np.std(sum(part.curve for part in parts)))) ** 2
    front: list[tuple[Choice, ...]] = []
    lowest = np.inf
    for _, (loss, picks) in sorted(levels.items()):
        if any(choice.values for choice in picks) and loss + noise < limits.max_short_error_ratio * lowest:
            lowest = loss + noise
            front.append(picks)
    steps = np.linspace(0, len(front) - 1, min(limits.max_short_combinations, len(front)))
    return [front[place] for place in np.unique(steps.round().astype(int))]


def _rate_choices(part: NetworkPart, reading: ExtractionContext) -> Iterator[tuple[float, int, Choice]]:
    """Yield (mean squared error, complexity, choice) for the mean of the curve and for every choice."""
    middle = float(part.curve.mean())
    yield float(part.curve.var()), 0, Choice(0.0, number(0), (), middle)
    for choice in part.choices:
        values = evaluate(choice.tree, reading.fit.columns, choice.values) + choice.constant
        loss = float(np.mean((values - part.curve) ** 2))
        if np.isfinite(loss):
            yield loss, complexity(choice.tree) + 1, choice


def _select_fixed_functions(layer: int, node: int, reading: ExtractionContext) -> dict[int, str]:
    """Return the required functions of the edges into a node, by input."""
    return {i: function for (number, i, j), function in reading.fixed.items() if (number, j) == (layer, node)}


def _split_network(network: KAN, reading: ExtractionContext) -> tuple[list[HiddenNode], dict[int, Array]]:
    """Return the live hidden nodes, and the live direct edges as curves by input, in units of T(y).

    A network of a single edge gives the target values themselves.
    """
    first, last = network.all_layers[0], network.all_layers[-1]
    with torch.no_grad():
        curves = first.postacts(reading.scaled).numpy()  # (batch, in, nodes)
        if len(network.stack) == 1:
            alive = torch.nonzero(first.mask[:, reading.output])[:, 0].tolist()
            if len(alive) == 1:
                return [], {alive[0]: reading.network_target}
            return [], {i: curves[:, i, reading.output] * reading.scale for i in alive}
        hidden = first(reading.scaled)
        outer = network.stack[1].postacts(hidden).numpy()
        direct = last.postacts(reading.scaled).numpy() if network.direct is not None else None
    nodes = [
        HiddenNode(
            curves=curves[:, :, place],
            inputs=tuple(torch.nonzero(first.mask[:, place])[:, 0].tolist()),
            value=hidden[:, place].numpy(),
            leaving=outer[:, place, reading.output] * reading.scale,
            is_product=place >= first.out_dim - first.products,
            functions=_select_fixed_functions(0, place, reading),
            outer=reading.fixed.get((1, place, reading.output)),
        )
        for place in range(first.out_dim)
        if network.stack[1].mask[place, reading.output]
    ]
    if direct is None:
        return nodes, {}
    alive = torch.nonzero(last.mask[:, reading.output])[:, 0].tolist()
    return nodes, {i: direct[:, i, reading.output] * reading.scale for i in alive}
