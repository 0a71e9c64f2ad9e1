"""Ranked closed forms of a hidden node with its incoming and outgoing edges.

A node that adds logarithms becomes a product of powers w; its output edge is fitted as a function of w.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from typing import TypeVar

import numpy as np

from kan_engine.expressions.evaluation import (
    Expression,
    Parameter,
    Variable,
    add,
    apply_function,
    evaluate,
    mul,
    number,
    power,
    substitute,
    walk,
)
from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas.core.constant_fitting import Array, ParametricForm, fix_parameter
from kan_engine.formulas.reading.closed_forms import (
    Effort,
    find_closed_forms,
    has_close_form,
    is_varying,
    select_best_forms,
)
from kan_engine.formulas.reading.dictionary_regression import PLACEHOLDER, Candidate
from kan_engine.formulas.reading.edge_candidates import (
    Choice,
    ExtractionContext,
    find_column_candidates,
    fit_library_function,
    fit_logarithms,
    search_forms,
)
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints, Suggestion, suggest

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class HiddenNode:
    """A hidden node of a network, with its values at the rows.

    Attributes:
        curves: Outputs of the incoming edges, [rows, inputs].
        inputs: Inputs with live edges into the node.
        value: Value of the node, per row.
        leaving: Contribution of the node to T(y), per row.
        is_product: Whether the node multiplies its incoming edges; else it adds them.
        functions: Required library function of some incoming edges, by input.
        outer: Required library function of the output edge.
    """

    curves: Array
    inputs: tuple[int, ...]
    value: Array
    leaving: Array
    is_product: bool
    functions: Mapping[int, str] = field(default_factory=dict)
    outer: str | None = None

    def find_edge_candidates(self, i: int, reading: ExtractionContext, known: NoiseModel) -> list[Candidate]:
        """Closed forms of the edge from input i."""
        v = self.curves[:, i]
        if i in self.functions:
            return fit_library_function(self.functions[i], v, i, reading)
        return find_column_candidates(v, i, reading, known)

    def fit_outer_functions(self, reading: ExtractionContext) -> list[Suggestion]:
        """Fits of the output edge by library functions, best score first."""
        fits = suggest(FitPoints(self.value, reading.thresholds.closed_forms.functions), self.leaving)
        if self.outer is None:
            fits = [f for f in fits if reading.allows_tree(apply_function(f.function, PLACEHOLDER))]
        else:
            fits = [f for f in fits if f.function == self.outer]
        return sorted(fits, key=lambda fit: reading.known.score(fit.error, fit.complexity))

    def search_outer_forms(self, fits: list[Suggestion], reading: ExtractionContext) -> list[Candidate]:
        """Longer closed forms of the output edge; empty if a single function is close enough."""
        near = reading.thresholds.closed_forms.close_floor_factor * reading.known.floor
        if not self.is_free or reading.known.is_noisy or any(fit.error <= near for fit in fits):
            return []
        found = search_forms(
            FitPoints(self.value, reading.thresholds.closed_forms.functions),
            self.leaving,
            reading.known,
            as_logarithm=reading.is_log,
            most=reading.effort,
            allows=reading.accepts_candidate,
            should_stop=reading.should_stop,
        )
        return found[: reading.thresholds.max_outer_forms]

    @property
    def is_free(self) -> bool:
        """Whether no function of an edge is required."""
        return not self.functions and self.outer is None


def find_node_choices(node: HiddenNode, reading: ExtractionContext) -> list[Choice]:
    """Return the best closed forms of a hidden node with its edges; empty if it has no inputs."""
    if not node.inputs:
        return []
    if node.is_product:
        found = _find_product_choices(node, reading)
    else:
        found = find_sum_choices(node, reading)
        if node.is_free:
            found += _find_power_choices(node, reading)
    found = [choice for choice in found if reading.allows_tree(choice.tree)]
    return sorted(found, key=lambda choice: choice.score)[: reading.thresholds.max_node_choices]


def find_sum_choices(
    node: HiddenNode, reading: ExtractionContext, outer: list[Suggestion] | None = None
) -> list[Choice]:
    """Combine edge candidates to ``c · f(a · Σ edges + b)``.

    The linear parameters of the edges absorb the factor a.

    Args:
        node: A node that adds.
        reading: Data, units and limits.
        outer: Fits of the output edge; if not given, they are computed, and longer forms are added.
    """
    known, whole = reading.known, float(np.std(node.value)) or 1.0
    limits = reading.thresholds
    inner, precisions = [], []
    for i in node.inputs:
        precisions.append(known.scale_to_part(float(np.std(node.curves[:, i])), whole))
        offered = node.find_edge_candidates(i, reading, precisions[-1])
        inner.append(offered[: limits.max_inner_candidates])
    longer: list[Candidate] = []
    if outer is None:
        outer = node.fit_outer_functions(reading)
        longer = node.search_outer_forms(outer, reading)
    ranked = [
        [(edge.score(near), edge) for edge in part] for part, near in zip(inner, precisions, strict=True)
    ]
    found = []
    for picks in select_best_combinations(ranked, 2 * limits.max_node_choices, lambda pair: pair[0]):
        for fit in outer[: limits.max_outer_functions]:
            score = known.score(fit.error, fit.complexity) + sum(own for own, _ in picks)
            found.append(_apply_function_to_sum([edge for _, edge in picks], fit, score))
        for form in longer:
            score = form.score(known) + sum(own for own, _ in picks)
            found.append(_apply_form_to_sum([edge for _, edge in picks], form, score))
    return found


def _apply_function_to_sum(picks: list[Candidate], fit: Suggestion, score: float) -> Choice:
    terms: list[Expression] = []
    values: list[float] = [fit.c]
    for edge in picks:
        terms.append(renumber_parameters(edge.tree, len(values)))
        values += [v * fit.a if place in edge.linear else v for place, v in enumerate(edge.parameters)]
    shift = fit.b + fit.a * sum(edge.constant for edge in picks)
    if LIBRARY[fit.function].equation == "exponential":  # a shift of the argument is a factor
        values[0] *= float(LIBRARY[fit.function].value(shift))
    else:
        terms.append(Parameter(len(values)))
        values.append(shift)
    return Choice(score, mul(Parameter(0), apply_function(fit.function, add(*terms))), tuple(values), fit.d)


def _apply_form_to_sum(picks: list[Candidate], form: Candidate, score: float) -> Choice:
    """Substitute the sum of the edges for u in a form."""
    values = list(form.parameters)
    terms: list[Expression] = []
    for edge in picks:
        terms.append(renumber_parameters(edge.tree, len(values)))
        values += edge.parameters
    terms.append(Parameter(len(values)))
    values.append(sum(edge.constant for edge in picks))
    return Choice(score, substitute(form.tree, {PLACEHOLDER: add(*terms)}), tuple(values), form.constant)


def _find_product_choices(node: HiddenNode, reading: ExtractionContext) -> list[Choice]:
    """Combine edge candidates to ``c · f(a · Π (edge + offset) + b)``; negligible offsets are omitted."""
    known, limits = reading.known, reading.thresholds
    least = limits.closed_forms.min_relative_offset
    inner = []
    for i in node.inputs:
        v = node.curves[:, i]
        found = [e for e in node.find_edge_candidates(i, reading, known) if e.linear]
        inner.append([(edge.score(known), edge, float(np.abs(v).max())) for edge in found])
    outer = node.fit_outer_functions(reading)
    if not all(inner) or not outer:
        return []
    longer = node.search_outer_forms(outer, reading)
    outer = outer[: 1 if outer[0].function == "x" else limits.max_outer_functions]
    choices = []
    for picks in select_best_combinations(inner, 2 * limits.max_node_choices, lambda triple: triple[0]):
        for fit in outer:
            score = known.score(fit.error, fit.complexity) + sum(own for own, _, _ in picks)
            edges = [(edge, top) for _, edge, top in picks]
            choices.append(_apply_function_to_product(edges, fit, score, least))
        for form in longer:
            score = form.score(known) + sum(own for own, _, _ in picks)
            edges = [(edge, top) for _, edge, top in picks]
            choices.append(_apply_form_to_product(edges, form, score, least))
    return choices


def _apply_function_to_product(
    picks: list[tuple[Candidate, float]], fit: Suggestion, score: float, least: float
) -> Choice:
    factors, values, scale = _normalize_factors(picks, 0, least)
    scale *= fit.a
    if fit.function == "x":
        tree = mul(Parameter(len(values)), *factors)
        return Choice(score, tree, (*values, fit.c * scale), fit.d + fit.c * fit.b)
    inside: Expression = mul(Parameter(len(values)), *factors)
    values.append(scale)
    if fit.b:
        inside = add(inside, Parameter(len(values)))
        values.append(fit.b)
    tree = mul(Parameter(len(values)), apply_function(fit.function, inside))
    return Choice(score, tree, (*values, fit.c), fit.d)


def _apply_form_to_product(
    picks: list[tuple[Candidate, float]], form: Candidate, score: float, least: float
) -> Choice:
    """Substitute the product of the edges for u in a form."""
    factors, values, scale = _normalize_factors(picks, len(form.parameters) + 1, least)
    inside = mul(Parameter(len(form.parameters)), *factors)
    tree = substitute(form.tree, {PLACEHOLDER: inside})
    return Choice(score, tree, (*form.parameters, scale, *values), form.constant)


def _normalize_factors(
    picks: list[tuple[Candidate, float]], start: int, least: float
) -> tuple[list[Expression], list[float], float]:
    """Divide each factor by its first linear parameter.

    A constant is dropped if its share of the largest value of its factor is below ``least``.

    Returns:
        Trees of the factors, with parameters numbered from ``start``; the values of the parameters; the
        product of the divisors.
    """
    factors: list[Expression] = []
    values: list[float] = []
    scale = 1.0
    for edge, top in picks:
        first = edge.linear[0]
        unit = edge.parameters[first]
        scale *= unit
        scaled = [p / unit if place in edge.linear else p for place, p in enumerate(edge.parameters)]
        form = fix_parameter(ParametricForm(edge.tree, np.array(scaled)), first, number(1))
        tree = renumber_parameters(form.tree, start + len(values))
        values += form.values.tolist()
        if abs(edge.constant) > least * top:
            tree = add(tree, Parameter(start + len(values)))
            values.append(edge.constant / unit)
        factors.append(tree)
    return factors, values, scale


def _find_power_choices(node: HiddenNode, reading: ExtractionContext) -> Iterator[Choice]:
    """Yield choices for a node whose incoming edges are all logarithms, as functions of w = Π x^q."""
    known, limits = reading.known, reading.thresholds
    slopes = [_fit_log_slope(node, i, reading) for i in node.inputs]
    if not all(error < max(limits.max_logarithm_error, known.floor) and slope for slope, error in slopes):
        return
    whole = float(np.std(node.value)) or 1.0
    inner = sum(
        known.scale_to_part(float(np.std(node.curves[:, i])), whole).score(error, 1)
        for i, (_, error) in zip(node.inputs, slopes, strict=True)
    )
    near = limits.max_noisy_snap_distance if known.is_noisy else limits.max_snap_distance
    smallest = min(abs(slope) for slope, _ in slopes)
    found: list[Candidate] = []
    units = smallest, -smallest, smallest / 2, -smallest / 2
    at_ends = replace(known, floor=2 * known.floor)  # splines are less accurate where values of w are rare
    for effort, unit in product((Effort.PLAIN, Effort.SINGLE), units):
        exponents = [slope / unit for slope, _ in slopes]
        names = [reading.fit.names[i] for i in node.inputs]
        w = _build_power_product(exponents, names, near, limits.max_exponent)
        if w is not None:
            found += _fit_power_product(w, node.leaving, reading, effort)
        if has_close_form(found, at_ends, limits.closed_forms.max_logarithm_complexity):
            break
    for edge in select_best_forms(filter(reading.accepts_candidate, found), known, limits.max_node_choices):
        yield Choice(edge.score(known) + inner, edge.tree, edge.parameters, edge.constant)


def _build_power_product(
    exponents: list[float], names: list[str], near: float, largest: int
) -> Expression | None:
    """Return Π x^q with q snapped to whole numbers, halves and thirds.

    None if an exponent is not near such a number, or exceeds the ``largest`` one.
    """
    powers = [_snap_exponent(exponent, near) for exponent in exponents]
    if any(p is None or abs(p) > largest for p in powers):
        return None
    return mul(*(power(Variable(n), number(p)) for n, p in zip(names, powers, strict=True) if p))


def _fit_power_product(
    w: Expression, v: Array, reading: ExtractionContext, effort: Effort
) -> Iterator[Candidate]:
    """Yield fits of v as a function of w; if T is a logarithm, also as log F(w) - t·log w."""
    values, limits = evaluate(w, reading.fit.columns), reading.thresholds
    forms = limits.closed_forms
    if not is_varying(values, limits.min_relative_range):
        return
    axis = FitPoints(values, forms.functions)
    for edge in find_closed_forms(axis, v, known=reading.known, effort=effort):
        yield replace(edge, tree=substitute(edge.tree, {PLACEHOLDER: w}))
    if not reading.is_log:
        return
    most = forms.max_product_logarithm_factors if effort else None
    for t in limits.exponent_shifts:
        shifted = v + t * np.log(values)
        back = mul(number(-t), apply_function("log", w)) if t else number(0)
        for edge in fit_logarithms(axis, shifted, reading.known, effort, forms.logarithm_factors[:most]):
            tree = add(substitute(edge.tree, {PLACEHOLDER: w}), back)
            price = edge.complexity + int(t != 0)
            yield replace(edge, tree=tree, complexity=price, constant=edge.constant)


def _fit_log_slope(node: HiddenNode, i: int, reading: ExtractionContext) -> tuple[float, float]:
    """Return the slope of an edge in the log of its input, and the error over the spread of the node."""
    column, v = reading.fit.columns[reading.fit.names[i]], node.curves[:, i]
    if float(column.min()) <= 0:
        return 0.0, float("inf")
    log = np.log(column)
    log = log - log.mean()
    slope = float(log @ v / (log @ log))
    return slope, float(np.std(v - slope * log) / (np.std(node.value) or 1.0))


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


def renumber_parameters(tree: Expression, by: int) -> Expression:
    """Return the tree with its parameters numbered from ``by``."""
    count = len({node for node in walk(tree) if isinstance(node, Parameter)})
    return substitute(tree, {Parameter(index): Parameter(index + by) for index in range(count)})
