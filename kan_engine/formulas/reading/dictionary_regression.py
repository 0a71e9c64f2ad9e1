"""Sparse sums of dictionary terms: all pairs from one Gram matrix, triples from the best pairs.

For a raw column, the inner constants of the terms are nice numbers (sin(2πu), exp(-u²/2)). Terms occur alone,
multiplied with each other, and multiplied by powers of u. For every curve, another dictionary takes the inner
constants from a grid over the interval; the caller refines them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import evaluate
from kan_engine.expressions.library import LIBRARY, Function, select_functions
from kan_engine.expressions.nodes import (
    PI,
    Expression,
    Parameter,
    Variable,
    add,
    apply_function,
    mul,
    number,
    substitute,
)
from kan_engine.formulas.core.constant_fitting import ParametricForm, refit_constants
from kan_engine.formulas.core.thresholds import ClosedFormThresholds, SymbolicThresholds
from kan_engine.formulas.reading.function_starts import MAX_FUNCTION_VALUE, Array
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints
from kan_engine.numerics.ties import round_ranks

PLACEHOLDER = Variable("u")


@dataclass(frozen=True)
class DictionaryTerm:
    """A term with its parameters and its complexity.

    Attributes:
        price: Complexity of the term.
        factors: Indices in its dictionary of the two terms whose product it is.
    """

    tree: Expression
    parameters: tuple[float, ...]
    price: int
    factors: tuple[int, int] | None = None


@dataclass(frozen=True)
class Candidate:
    """A closed form of an edge: a tree in the placeholder ``u`` with parameters, without its constant term.

    Attributes:
        parameters: Starting values.
        linear: Indices of the parameters that multiply a whole term; scaling all of them scales the tree.
        constant: Additive constant, not part of the tree.
        error: RMSE over the spread of the curve.
    """

    tree: Expression
    parameters: tuple[float, ...]
    linear: tuple[int, ...]
    constant: float
    error: float
    complexity: int

    def score(self, known: NoiseModel) -> float:
        """Score under a noise model; lower is better."""
        return known.score(self.error, self.complexity)


def refit_candidate(candidate: Candidate, u: Array, v: Array, iterations: int) -> Candidate:
    """Refit all constants jointly; return the candidate unchanged if all its parameters are linear."""
    if len(candidate.parameters) == len(candidate.linear):
        return candidate
    place = Parameter(len(candidate.parameters))
    form = ParametricForm(add(candidate.tree, place), np.array([*candidate.parameters, candidate.constant]))
    points = LabelledRows.from_columns({PLACEHOLDER.name: u}, v)
    better = refit_constants(form, points, iterations=iterations)
    reached = evaluate(better.tree, points.columns, better.values)
    *parameters, constant = map(float, better.values)
    error = relative_error(reached - v, v)
    return replace(candidate, parameters=tuple(parameters), constant=constant, error=error)


def relative_error(residual: Array, v: Array) -> float:
    """RMSE over the spread of the curve."""
    return float(np.sqrt(np.mean(residual**2) / max(float(np.var(v)), 1e-300)))


@dataclass(frozen=True, eq=False)
class _Dictionary:
    """Terms with their values [terms, points]; terms of one kind differ only in their parameters."""

    terms: list[DictionaryTerm]
    values: Array

    @cached_property
    def lengths_about_mean(self) -> Array:
        """Norms of the terms after subtraction of their means."""
        return np.asarray(np.linalg.norm(self.values - self.values.mean(1, keepdims=True), axis=1))

    @cached_property
    def complexities(self) -> Array:
        """Complexity of each term and its coefficient."""
        return np.array([term.price + 1.0 for term in self.terms])

    @cached_property
    def kinds(self) -> list[int]:
        """Number of the kind of each term; terms with the same tree have the same number."""
        numbers: dict[Expression, int] = {}
        return [numbers.setdefault(term.tree, len(numbers)) for term in self.terms]


def fit_term_sums(axis: FitPoints, v: Array, *, known: NoiseModel, raw: bool) -> Iterator[Candidate]:
    """Yield the best sums of one, two and three terms, with and without low powers of u.

    Args:
        axis: Fit points of the curve.
        v: Values of the curve at the fit points.
        known: Noise model of the curve.
        raw: Whether inner constants are likely to be nice numbers.
    """
    for dictionary in _get_dictionaries(axis, raw, known.thresholds):
        for tail in known.thresholds.closed_forms.tail_lengths:
            chosen = _select_sums(dictionary, axis.u, v, tail, known)
            yield from (_build_sum(places, dictionary, axis.u, v, tail) for places in chosen)


def _get_dictionaries(axis: FitPoints, raw: bool, thresholds: SymbolicThresholds) -> Iterator[_Dictionary]:
    limits, least = thresholds.closed_forms, thresholds.min_relative_range
    if raw:
        functions = (*select_functions("nice edge sums"), *(LIBRARY[name] for name in NICE_POWERS))
        yield axis.compute_once(
            ("nice terms", thresholds),
            lambda: _evaluate_terms(
                _build_nice_terms(limits.max_dictionary_factors, functions), axis.u, least
            ),
        )
    yield axis.compute_once(
        ("coarse terms", thresholds),
        lambda: _evaluate_terms(_build_coarse_terms(axis, limits), axis.u, least),
    )


def _evaluate_terms(terms: list[DictionaryTerm], u: Array, min_relative_range: float) -> _Dictionary:
    """Evaluate the terms; keep those that are finite and vary, each curve once, cheapest first."""
    values = np.empty((len(terms), len(u)))
    with np.errstate(all="ignore"):
        for place, term in enumerate(terms):
            if term.factors is None:
                values[place] = evaluate(term.tree, {PLACEHOLDER.name: u}, term.parameters)
            else:
                values[place] = values[term.factors[0]] * values[term.factors[1]]
    size = np.abs(values).max(1)
    usable = size < MAX_FUNCTION_VALUE  # false for NaN
    centered = values[usable] - values[usable].mean(1, keepdims=True)
    length = np.linalg.norm(centered, axis=1)
    varied = length > min_relative_range * size[usable]
    places = np.flatnonzero(usable)[varied]
    unit = centered[varied] / length[varied, None]
    largest = np.take_along_axis(unit, np.abs(unit).argmax(1)[:, None], 1)
    keys = np.round(unit[:, ::7] * np.sign(largest), 10) + 0.0
    first = np.sort(np.unique(keys, axis=0, return_index=True)[1])
    kept = sorted((int(places[place]) for place in first), key=lambda place: terms[place].price)
    return _Dictionary([terms[place] for place in kept], values[kept])


def _select_sums(
    dictionary: _Dictionary, u: Array, v: Array, tail: int, known: NoiseModel
) -> list[tuple[int, ...]]:
    """Return the indices of the terms of the sums with the best scores."""
    if not dictionary.terms:
        return []
    limits, least = known.thresholds.closed_forms, known.thresholds.min_independent_share
    match = _Projection.build(dictionary, _power_matrix(u, tail), v, known)
    singles = match.score(match.onto**2, match.prices)
    order = np.argsort(singles, kind="stable")
    chosen: list[tuple[int, ...]] = [(int(i),) for i in order[: limits.max_single_terms]]
    if tail == limits.tail_lengths[-1]:
        return chosen
    match = match.truncate(limits.max_paired_terms)
    gram = match.unit @ match.unit.T
    pairs = _score_pairs(match, gram, least)
    order = np.argsort(pairs, axis=None, kind="stable")
    best = _select_diverse_pairs(order[: limits.max_considered_pairs], pairs, dictionary)
    chosen += best[: limits.max_pairs]
    if best and 10 ** (float(pairs[best[0]]) - known.price * float(match.prices[list(best[0])].sum())) > (
        limits.close_floor_factor * known.noise
    ):
        triples = _extend_pairs(best[: limits.max_extended_pairs], match, gram, least)
        chosen += [triple for _, triple in sorted(triples)[: limits.max_triples]]
    return chosen


@dataclass(frozen=True, eq=False)
class _Projection:
    """A curve and a dictionary, both projected orthogonally to the tail.

    Attributes:
        unit: Terms, scaled to length 1; 0 for a term that lies in the tail.
        onto: Inner products of the unit terms with the curve.
        left: Sum of squares of the projected curve.
        whole: Sum of squares of the curve about its mean.
    """

    unit: Array
    onto: Array
    prices: Array
    target: Array
    left: float
    whole: float
    known: NoiseModel

    @staticmethod
    def build(dictionary: _Dictionary, powers: Array, v: Array, known: NoiseModel) -> _Projection:
        low = np.linalg.qr(powers)[0]
        rest = dictionary.values - (dictionary.values @ low) @ low.T
        norms = np.linalg.norm(rest, axis=1)
        least = known.thresholds.closed_forms.min_share_beyond_tail * dictionary.lengths_about_mean
        unit = rest / np.where(norms > least, norms, np.inf)[:, None]
        target = v - low @ (low.T @ v)
        return _Projection(
            unit=unit,
            onto=unit @ target,
            prices=dictionary.complexities,
            target=target,
            left=float(target @ target),
            whole=float(np.sum((v - v.mean()) ** 2)),
            known=known,
        )

    def truncate(self, count: int) -> _Projection:
        """Keep only the first ``count`` terms."""
        return replace(self, unit=self.unit[:count], onto=self.onto[:count], prices=self.prices[:count])

    def score(self, explained: Array, price: Array) -> Array:
        """Score as in ``NoiseModel.score``, from the explained sum of squares and the complexity."""
        share = np.maximum((self.left - explained) / self.whole, 0.0)
        return round_ranks(0.5 * np.log10(share + self.known.noise**2) + self.known.price * price)


def _score_pairs(match: _Projection, gram: Array, least: float) -> Array:
    onto, rest = match.onto, 1 - gram**2
    usable = np.triu(rest > least, 1)
    with np.errstate(all="ignore"):
        both = (onto[:, None] ** 2 + onto**2 - 2 * gram * onto[:, None] * onto) / rest
    return np.where(
        usable, match.score(np.where(usable, both, 0.0), match.prices[:, None] + match.prices), np.inf
    )


def _select_diverse_pairs(
    places: NDArray[np.int64], pairs: Array, dictionary: _Dictionary
) -> list[tuple[int, int]]:
    """Keep the first pair for every two kinds of terms: neighbours on a grid lead to the same form."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    for i, j in zip(*np.unravel_index(places, pairs.shape), strict=True):
        found.setdefault((dictionary.kinds[i], dictionary.kinds[j]), (int(i), int(j)))
    return list(found.values())


def _extend_pairs(
    pairs: list[tuple[int, int]], match: _Projection, gram: Array, least: float
) -> list[tuple[float, tuple[int, ...]]]:
    """Add the best third term to each pair; return the triples with their scores.

    A third term has to be independent of the pair by ``min_independent_share``, here ``least``.
    """
    found: list[tuple[float, tuple[int, ...]]] = []
    for i, j in pairs:
        second = match.unit[j] - gram[i, j] * match.unit[i]
        second = second / np.linalg.norm(second)
        a, b, along = gram[i], match.unit @ second, float(second @ match.target)
        rest = 1 - a**2 - b**2
        good = rest > least
        more = (match.onto - a * match.onto[i] - b * along) ** 2 / np.where(good, rest, np.inf)
        scores = match.score(
            match.onto[i] ** 2 + along**2 + more, match.prices[i] + match.prices[j] + match.prices
        )
        k = int(np.argmin(np.where(good, scores, np.inf)))
        found.append((float(scores[k]), (i, j, k)))
    return found


def _power_matrix(u: Array, tail: int) -> Array:
    scale = max(abs(float(u[0])), abs(float(u[-1])), 1e-300)
    return (u[:, None] / scale) ** np.arange(tail)


def _build_sum(places: tuple[int, ...], dictionary: _Dictionary, u: Array, v: Array, tail: int) -> Candidate:
    terms = [dictionary.terms[place] for place in places]
    low = _power_matrix(u, tail)
    columns = np.concatenate([dictionary.values[list(places)].T, low], 1)
    scales = np.linalg.norm(columns, axis=0)
    coefficients, *_ = np.linalg.lstsq(columns / scales, v, rcond=None)
    coefficients = coefficients / scales
    error = relative_error(columns @ coefficients - v, v)
    parts: list[Expression] = []
    values: list[float] = []
    linear = []
    for term, coefficient in zip(terms, coefficients, strict=False):
        linear.append(len(values))
        inner: dict[Expression, Expression] = {
            Parameter(n): Parameter(len(values) + 1 + n) for n in range(len(term.parameters))
        }
        parts.append(mul(Parameter(len(values)), substitute(term.tree, inner)))
        values += [float(coefficient), *term.parameters]
    scale = max(abs(float(u[0])), abs(float(u[-1])), 1e-300)
    for power in range(1, tail):
        linear.append(len(values))
        parts.append(mul(Parameter(len(values)), PLACEHOLDER**power))
        values.append(float(coefficients[len(terms) + power] / scale**power))
    price = sum(term.price + 1 for term in terms) + 2 * (tail - 1)
    constant = float(coefficients[len(terms)])
    return Candidate(add(*parts), tuple(values), tuple(linear), constant, error, price)


@lru_cache(maxsize=1)
def _build_nice_terms(max_factors: int, functions: tuple[Function, ...]) -> list[DictionaryTerm]:
    """Build functions of nice arguments, then their products with powers of u and with each other."""
    u = PLACEHOLDER
    arguments: list[tuple[Expression, int]] = [(u, 0)]
    arguments += [(mul(number(k), u), 1) for k in (2.0, 3.0, 0.5, 4.0)]
    arguments += [(mul(PI, u), 1), (mul(2, PI, u), 1), (mul(PI, u, number(0.5)), 2)]
    arguments += [(u**2, 1), (u**3, 2), (u**4, 3), (1 / u, 1), (u ** Fraction(1, 2), 1)]
    arguments += [(u + 1, 1), (u - 1, 1), (u + 2, 1)]
    arguments += [(u**2 + 1, 2), (u**2 + u, 2), (u**2 - 1, 2), (u**3 + u, 3)]
    singles: list[tuple[Expression, int]] = []
    for argument, price in arguments:
        singles.append((argument, price + 1))
        singles += [(apply_function(f.name, argument), price + f.complexity) for f in functions]
        singles += [
            (apply_function(f.name, inner), price + f.complexity + more)
            for f in functions
            if f.equation == "exponential"
            for inner, more in ((-argument, 0), (argument / -2, 1))
        ]
    singles.sort(key=lambda pair: pair[1])
    simple = list(enumerate(singles[:max_factors]))
    products = [
        DictionaryTerm(mul(first, second), (), p + q + 1, (i, j))
        for i, (first, p) in simple
        for j, (second, q) in simple[i:]
    ]
    return [*(DictionaryTerm(tree, (), price) for tree, price in singles), *products]


NICE_POWERS = ("sqrt", "1/x", "1/x^2", "1/sqrt")
COARSE_POWERS = frozenset({"x", "x^2", "x^3", "1/x", "1/x^2", "sqrt", "1/sqrt"})


def _build_coarse_terms(axis: FitPoints, limits: ClosedFormThresholds) -> list[DictionaryTerm]:
    """Build functions with one inner constant from the grid of starts, alone and multiplied by u."""
    library, stride = list(LIBRARY.values()), 2
    names = COARSE_POWERS | {function.name for function in select_functions("edge sums")}
    terms = []
    for starts in (axis.constant_free_starts, axis.one_constant_starts):
        for place in range(len(starts.a)):
            function = library[int(starts.function[place])]
            name, is_scale_free = function.name, function.is_scale_free
            if name not in names or (is_scale_free and starts is axis.one_constant_starts and place % stride):
                continue
            a, b = float(starts.a[place]), float(starts.b[place])
            if not is_scale_free:
                term = DictionaryTerm(apply_function(name, mul(Parameter(0), PLACEHOLDER)), (a,), 1)
            elif b:
                term = DictionaryTerm(
                    apply_function(name, add(mul(number(a), PLACEHOLDER), Parameter(0))), (b,), 1
                )
            else:
                term = DictionaryTerm(apply_function(name, mul(number(a), PLACEHOLDER)), (), 0)
            terms.append(replace(term, price=term.price + function.complexity))
    if float(axis.u[0]) > 0:
        power, price = PLACEHOLDER ** Parameter(0), limits.power_complexity
        terms += [DictionaryTerm(power, (p,), price) for p in limits.coarse_exponents]
    return [*terms, *(DictionaryTerm(mul(PLACEHOLDER, t.tree), t.parameters, t.price + 1) for t in terms)]
