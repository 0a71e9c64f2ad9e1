"""Ranked closed forms of a hidden node with its incoming and outgoing edges.

A node that adds logarithms becomes a product of powers w; its output edge is fitted as a function of w.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import TypeVar

import numpy as np

from kan_engine.expressions.evaluation import (
    Expression,
    Variable,
    apply_function,
    count_nodes,
    evaluate,
    mul,
    power,
)
from kan_engine.formulas.core.constant_fitting import Array
from kan_engine.formulas.reading.closed_forms import (
    Effort,
    has_close_form,
    is_varying,
    iterate_closed_forms,
    iterate_logarithms,
    select_best_forms,
)
from kan_engine.formulas.reading.curve_form import PLACEHOLDER, CurveForm
from kan_engine.formulas.reading.edge_candidates import Choice, ExtractionContext, find_edge_candidates
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.network_curves import NodeCurves
from kan_engine.formulas.reading.univariate_fit import FitPoints, Suggestion, suggest

T = TypeVar("T")


def find_node_choices(
    node: NodeCurves, reading: ExtractionContext, outer: Sequence[Suggestion] | None = None, most: int = 24
) -> list[Choice]:
    """Return the best closed forms of a hidden node with its edges; empty if it has no inputs.

    Args:
        node: The node.
        reading: Data, units and limits.
        outer: Fits of the output edge; if not given, other forms of the node are searched, too.
        most: Number of forms.
    """
    if not node.entering:
        return []
    found = list(_combine_edges(node, reading, outer, 2 * most))
    if outer is None and not node.is_product and _is_free(node, reading):
        found += _find_power_choices(node, reading, most)
    allowed = [each for each in found if each.total.is_finite and reading.allows_tree(each.total.tree)]
    # tanh and a sigmoid fit equally well
    return sorted(allowed, key=lambda choice: (choice.score, count_nodes(choice.total.tree)))[:most]


def fit_outer_functions(
    node: NodeCurves, reading: ExtractionContext, *, beside_a_line: bool = False
) -> list[Suggestion]:
    """Fits of the output edge by the library functions that it may have, best score first."""
    fits = suggest(FitPoints(node.values), node.leaving, beside_a_line=beside_a_line)
    required = reading.fixed.get((1, node.place, reading.output))
    if required is None:
        fits = [f for f in fits if reading.allows_tree(apply_function(f.function, PLACEHOLDER))]
    else:
        fits = [f for f in fits if f.function == required]
    return sorted(fits, key=lambda fit: reading.known.score(fit.error, fit.complexity))


def search_outer_forms(
    node: NodeCurves, fits: Sequence[Suggestion], reading: ExtractionContext, most: int = 3
) -> list[CurveForm]:
    """Longer closed forms of the output edge; empty if a single function is close enough."""
    near = reading.known.get_close_error()
    if not _is_free(node, reading) or reading.known.is_noisy or any(fit.error <= near for fit in fits):
        return []
    axis = FitPoints(node.values)
    return reading.search_forms(axis, node.leaving, reading.known, is_logarithm=True)[:most]


def _is_free(node: NodeCurves, reading: ExtractionContext) -> bool:
    """Whether no function of an edge of the node is required."""
    edges = [*((0, i, node.place) for i in node.entering), (1, node.place, reading.output)]
    return not any(edge in reading.fixed for edge in edges)


def _combine_edges(
    node: NodeCurves,
    reading: ExtractionContext,
    outer: Sequence[Suggestion] | None,
    most: int,
    *,
    max_inner: int = 4,
    max_outer: int = 5,
) -> Iterator[Choice]:
    """Yield functions and longer forms of the sum or product of the incoming edges.

    Args:
        node, reading, outer: See ``find_node_choices``.
        most: Combinations of incoming edges.
        max_inner: Candidates of each edge into a sum; a product has no redundant factors and offsets.
        max_outer: Functions of the output edge; a product whose best one is a line has no other.
    """
    known, whole, inner = reading.known, float(np.std(node.values)) or 1.0, []
    # The first coefficient of a sum may become exact, so that its term cannot be dropped
    curves = list(node.entering.items())
    if not node.is_product:
        curves.sort(key=lambda edge: -float(np.std(edge[1])))
    for i, v in curves:
        near = known if node.is_product else known.scale_to_part(float(np.std(v)), whole)
        edges = find_edge_candidates(v, i, reading, near, reading.fixed.get((0, i, node.place)))
        kept = [edge for edge in edges if edge.total.terms] if node.is_product else edges[:max_inner]
        inner.append([(edge.score(near), edge.total) for edge in kept])
    fits = fit_outer_functions(node, reading) if outer is None else outer
    longer = search_outer_forms(node, fits, reading) if outer is None else []
    is_plain_product = node.is_product and fits and fits[0].function == "x"
    for picks in select_best_combinations(inner, most, lambda pair: pair[0]):
        score, parts = sum(own for own, _ in picks), [total for _, total in picks]
        inside = _multiply(parts, [v for _, v in curves]) if node.is_product else sum(parts, LinearSum({}))
        for fit in fits[: 1 if is_plain_product else max_outer]:
            yield Choice(score + known.score(fit.error, fit.complexity), inside.apply(fit))
        for form in longer:
            yield Choice(score + form.score(known), form.total.replace(PLACEHOLDER, inside.tree))


def _multiply(factors: Sequence[LinearSum], curves: Sequence[Array], min_offset: float = 1e-4) -> LinearSum:
    """The product of sums, as one term.

    Args:
        factors: Forms of the curves.
        curves: What enters the node.
        min_offset: Constant of a factor over its largest value; a smaller one is dropped.
    """
    size, trees = 1.0, list[Expression]()
    for factor, v in zip(factors, curves, strict=True):
        has_offset = abs(factor.constant) > min_offset * float(np.abs(v).max())
        own, unit = LinearSum(factor.terms, factor.constant if has_offset else 0.0).normalize()
        size, trees = size * own, [*trees, unit.tree]
    return LinearSum({mul(*trees): size})


def _find_power_choices(
    node: NodeCurves,
    reading: ExtractionContext,
    most: int,
    *,
    max_logarithm_error: float = 3e-3,
    max_snap_distance: float = 0.02,
    max_noisy_snap_distance: float = 0.12,
    max_complexity: int = 6,
    max_logarithms: int = 2,
    shifts: Sequence[int] = (0, 1, -1, 2, -2),
) -> Iterator[Choice]:
    """Yield choices for a node whose incoming edges are all logarithms, as functions of w = Π x^q.

    Args:
        node, reading, most: See ``find_node_choices``.
        max_logarithm_error: Over the spread of the node; below it, an edge counts as a logarithm.
        max_snap_distance, max_noisy_snap_distance: Of an exponent from a whole number, half or third.
        max_complexity: Of a close form that ends the search.
        max_logarithms: Powers of w whose logarithms are fitted with inner constants.
        shifts: Exponents t of factors w^t, which may move between the node and direct edges of logarithms.
    """
    known, whole = reading.known, float(np.std(node.values)) or 1.0
    slopes, inner = dict[str, float](), 0.0
    for i, v in node.entering.items():
        slope, error = _fit_log_slope(reading.fit.columns[reading.fit.names[i]], v, whole)
        if not (slope and error < max(max_logarithm_error, known.floor)):
            return
        slopes[reading.fit.names[i]] = slope
        inner += known.scale_to_part(float(np.std(v)), whole).score(error, 1)
    near = max_noisy_snap_distance if known.is_noisy else max_snap_distance
    smallest, found = min(map(abs, slopes.values())), list[CurveForm]()
    for effort, factor in product((Effort.PLAIN, Effort.SINGLE), (1, -1, 0.5, -0.5)):
        exponents = {name: slope / (factor * smallest) for name, slope in slopes.items()}
        w = _build_power_product(exponents, near)
        values = None if w is None else evaluate(w, reading.fit.columns)
        if w is None or values is None or not is_varying(values):
            continue
        logarithms = reading.logarithms[: max_logarithms if effort else None]
        axis = FitPoints(values)
        found += [
            replace(form, total=form.total.replace(PLACEHOLDER, w))
            for form in iterate_closed_forms(axis, node.leaving, known, effort)
        ]
        for t in shifts:
            rest, moved = LinearSum({apply_function("log", w): -t}), node.leaving + t * np.log(values)
            for form in iterate_logarithms(axis, moved, known, effort, logarithms):
                total = form.total.replace(PLACEHOLDER, w) + rest
                found.append(CurveForm(total, form.error, form.complexity + int(t != 0)))
        # Splines are less accurate where values of w are rare
        if has_close_form(found, known.scale(2.0), max_complexity):
            break
    for form in select_best_forms(filter(reading.accepts_candidate, found), known, most):
        yield Choice(form.score(known) + inner, form.total)


def _build_power_product(exponents: Mapping[str, float], near: float, largest: int = 6) -> Expression | None:
    """Return Π x^q with q snapped to whole numbers, halves and thirds.

    None if an exponent is not near such a number, or exceeds the ``largest`` one.
    """
    powers = {name: _snap_exponent(exponent, near) for name, exponent in exponents.items()}
    if any(p is None or abs(p) > largest for p in powers.values()):
        return None
    return mul(*(power(Variable(name), p) for name, p in powers.items() if p))


def _fit_log_slope(column: Array, v: Array, whole: float) -> tuple[float, float]:
    """Return the slope of an edge in the log of its input, and the error over the spread of the node."""
    if float(column.min()) <= 0:
        return 0.0, float("inf")
    log = np.log(column)
    log = log - log.mean()
    slope = float(log @ v / (log @ log))
    return slope, float(np.std(v - slope * log)) / whole


def _snap_exponent(ratio: float, near: float) -> Fraction | None:
    """Return a nonzero whole number, half or third within ``near``, simplest first; else None."""
    nearest = (Fraction(round(ratio * q), q) for q in (1, 2, 3))
    return next((f for f in nearest if f and abs(float(f) - ratio) <= near), None)


def select_best_combinations(
    parts: list[list[T]], count: int, score: Callable[[T], float]
) -> list[tuple[T, ...]]:
    """Beam search for the ``count`` combinations of one choice per part with the lowest summed scores."""
    beam: list[tuple[float, tuple[T, ...]]] = [(0.0, ())]
    for offered in parts:
        longer = [(total + score(choice), (*picks, choice)) for total, picks in beam for choice in offered]
        beam = sorted(longer, key=lambda pair: pair[0])[: 4 * count]
    return [picks for _, picks in beam[:count]]
