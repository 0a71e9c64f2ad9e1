"""Ranked closed forms of a hidden node with its incoming and outgoing edges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import Expression, apply_function, count_nodes, mul
from kan_engine.formulas.core.constant_fitting import Array
from kan_engine.formulas.reading.curve_form import PLACEHOLDER
from kan_engine.formulas.reading.edge_candidates import Choice, ExtractionContext, find_edge_candidates
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.network_curves import NodeCurves
from kan_engine.formulas.reading.univariate_fit import FitPoints, Suggestion, suggest

T = TypeVar("T")


def find_node_choices(
    node: NodeCurves,
    reading: ExtractionContext,
    outer: Sequence[Suggestion] | None = None,
    max_choices: int = 24,
) -> list[Choice]:
    """Return the best closed forms of a hidden node with its edges; empty if it has no inputs.

    Args:
        node: The node.
        reading: Data, units and limits.
        outer: Fits of the output edge, if they are known.
        max_choices: Number of forms.
    """
    if not node.entering:
        return []
    fits = fit_outer_functions(node, reading) if outer is None else outer
    choices = _combine_edges(node, reading, fits, 2 * max_choices)
    admissible = [
        candidate
        for candidate in choices
        if candidate.total.is_finite and reading.allows_tree(candidate.total.tree)
    ]
    # tanh and a sigmoid fit equally well
    return sorted(admissible, key=lambda choice: (choice.score, count_nodes(choice.total.tree)))[:max_choices]


def fit_outer_functions(
    node: NodeCurves, reading: ExtractionContext, *, beside_a_line: bool = False
) -> list[Suggestion]:
    """Fits of the output edge by the library functions that it may have, best score first."""
    fits = suggest(FitPoints(node.values), node.leaving, beside_a_line=beside_a_line)
    required_function = reading.fixed.get((1, node.place, reading.output))
    if required_function is None:
        fits = [f for f in fits if reading.allows_tree(apply_function(f.function, PLACEHOLDER))]
    else:
        fits = [f for f in fits if f.function == required_function]
    return sorted(fits, key=lambda fit: reading.known.score(fit.error, fit.complexity))


def _combine_edges(
    node: NodeCurves,
    reading: ExtractionContext,
    fits: Sequence[Suggestion],
    max_combinations: int,
    *,
    max_inner: int = 4,
    max_outer: int = 5,
) -> Iterator[Choice]:
    """Yield functions of the sum or product of the incoming edges.

    Args:
        node, reading: See ``find_node_choices``.
        fits: Of the output edge.
        max_combinations: Combinations of incoming edges.
        max_inner: Candidates of each edge into a sum; a product has no redundant factors and offsets.
        max_outer: Functions of the output edge; a product whose best one is a line has no other.
    """
    noise, total_spread, inner = reading.known, float(np.std(node.values)) or 1.0, []
    # The first coefficient of a sum may become exact, so that its term cannot be dropped
    curves = list(node.entering.items())
    if not node.is_product:
        curves.sort(key=lambda edge: -float(np.std(edge[1])))
    for i, v in curves:
        near = noise if node.is_product else noise.scale_to_part(float(np.std(v)), total_spread)
        edges = find_edge_candidates(v, i, reading, near, reading.fixed.get((0, i, node.place)))
        candidates = [edge for edge in edges if edge.total.terms] if node.is_product else edges[:max_inner]
        inner.append([(edge.score(near), edge.total) for edge in candidates])
    is_plain_product = node.is_product and fits and fits[0].function == "x"
    for picks in select_best_combinations(inner, max_combinations, lambda pair: pair[0]):
        score, parts = sum(edge_score for edge_score, _ in picks), [total for _, total in picks]
        inside = _multiply(parts, [v for _, v in curves]) if node.is_product else sum(parts, LinearSum({}))
        for fit in fits[: 1 if is_plain_product else max_outer]:
            yield Choice(score + noise.score(fit.error, fit.complexity), inside.apply(fit))


def _multiply(
    factors: Sequence[LinearSum], curves: Sequence[Float[Array, " rows"]], min_offset: float = 1e-4
) -> LinearSum:
    """The product of sums, as one term.

    Args:
        factors: Forms of the curves.
        curves: What enters the node.
        min_offset: Constant of a factor over its largest value; a smaller one is dropped.
    """
    size, trees = 1.0, list[Expression]()
    for factor, v in zip(factors, curves, strict=True):
        has_offset = abs(factor.constant) > min_offset * float(np.abs(v).max())
        factor_size, unit = LinearSum(factor.terms, factor.constant if has_offset else 0.0).normalize()
        size, trees = size * factor_size, [*trees, unit.tree]
    return LinearSum({mul(*trees): size})


def select_best_combinations(
    parts: list[list[T]], count: int, score: Callable[[T], float]
) -> list[tuple[T, ...]]:
    """Beam search for the ``count`` combinations of one choice per part with the lowest summed scores."""
    beam: list[tuple[float, tuple[T, ...]]] = [(0.0, ())]
    for choices in parts:
        longer = [(total + score(choice), (*picks, choice)) for total, picks in beam for choice in choices]
        beam = sorted(longer, key=lambda pair: pair[0])[: 4 * count]
    return [picks for _, picks in beam[:count]]
