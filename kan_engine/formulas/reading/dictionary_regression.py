"""Sums of one or two dictionary terms; all pairs from one Gram matrix.

Inner constants of the terms of one dictionary are nice numbers (sin(2πu), exp(-u²/2)); its terms occur alone,
multiplied with each other, and multiplied by powers of u. Those of the other dictionary come from the grid of
starts over the interval; the caller refines them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from kan_engine.expressions.evaluation import evaluate, parametrize_floats
from kan_engine.expressions.library import LIBRARY, Function, select_functions
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.expressions.nodes import ONE, PI, Expression, apply_function, mul, number
from kan_engine.formulas.core.pair_gains import measure_pair_gains
from kan_engine.formulas.reading.curve_form import PLACEHOLDER, CurveForm, relative_error
from kan_engine.formulas.reading.function_starts import MAX_FUNCTION_VALUE, Array
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.formulas.reading.univariate_fit import FitPoints
from kan_engine.numerics.ties import round_ranks

MAX_FACTORS = 200
"""The simplest terms with nice constants, which are multiplied with each other."""

NICE_POWERS = ("sqrt", "1/x", "1/x^2", "1/sqrt")
COARSE_POWERS = ("x", "x^2", "x^3", "1/x", "1/x^2", "sqrt", "1/sqrt")


Factors = list[tuple[Expression, int]]
"""Trees with their complexities."""


@dataclass(frozen=True, eq=False)
class _Dictionary:
    """Terms, each the product of two factors.

    Attributes:
        factors: The first is 1, whose complexity makes up for that of the product.
        pairs: Indices of the factors [terms, 2].
        prices: Complexity of each term and its coefficient.
        values: Of each term [terms, points].
    """

    factors: Factors
    pairs: NDArray[np.int64]
    prices: Array
    values: Array

    @staticmethod
    def evaluate(
        factors: Factors,
        pairs: Int[np.ndarray, "terms 2"],
        u: Float[Array, " points"],
        min_relative_range: float = 1e-9,
    ) -> _Dictionary:
        """Evaluate the terms; keep those that are finite and vary, each curve once, cheapest first."""
        factors = [(ONE, -1), *factors]
        with np.errstate(all="ignore"):
            parts = [np.broadcast_to(evaluate(tree, {PLACEHOLDER.name: u}), u.shape) for tree, _ in factors]
            values = np.stack(parts)[pairs].prod(1)
        size = np.abs(values).max(1)
        usable = np.flatnonzero(size < MAX_FUNCTION_VALUE)  # false for NaN
        # Unit curves about their means are equal for terms that a sum cannot tell apart
        deviations = values[usable] - values[usable].mean(1, keepdims=True)
        length = np.linalg.norm(deviations, axis=1)
        is_varying = length > min_relative_range * size[usable]
        unit = deviations[is_varying] / length[is_varying, None]
        # A few points, with the sign of the largest value, tell whether two curves are the same
        largest = np.take_along_axis(unit, np.abs(unit).argmax(1)[:, None], 1)
        keys = np.round(unit[:, ::7] * np.sign(largest), 10) + 0.0
        places = usable[is_varying][np.sort(np.unique(keys, axis=0, return_index=True)[1])]
        prices = np.array([price for _, price in factors])[pairs].sum(1) + 2.0
        places = places[np.argsort(prices[places], kind="stable")]
        return _Dictionary(factors, pairs[places], prices[places], values[places])

    @cached_property
    def lengths_about_mean(self) -> Float[Array, " terms"]:
        """Norms of the terms after subtraction of their means."""
        return np.asarray(np.linalg.norm(self.values - self.values.mean(1, keepdims=True), axis=1))

    def make_tree(self, place: int) -> Expression:
        """A term."""
        return mul(*(self.factors[factor][0] for factor in self.pairs[place]))


def fit_term_sums(
    axis: FitPoints, v: Float[Array, " points"], noise: NoiseModel, tails: tuple[int, ...] = (1, 2, 4)
) -> Iterator[CurveForm]:
    """Yield the best sums of one and two terms, with and without low powers of u.

    Args:
        axis: Fit points of the curve.
        v: Values of the curve at the fit points.
        noise: Noise model of the curve.
        tails: Numbers of powers 1, u, u², … (the tail) that a sum has besides its terms; the last one only
            with single terms.
    """
    for dictionary in get_dictionaries(axis):
        for tail in tails if len(dictionary.pairs) else ():
            match = _Projection.build(dictionary, _power_matrix(axis.u, tail), v, noise)
            selection = _select_sums(match, dictionary, is_single=tail == tails[-1])
            yield from (_build_sum(places, dictionary, axis.u, v, tail) for places in selection)


def get_dictionaries(axis: FitPoints) -> Iterator[_Dictionary]:
    """The dictionaries with nice constants and with those of the grid, at the fit points."""
    functions = (*select_functions("nice edge sums"), *(LIBRARY[name] for name in NICE_POWERS))
    yield axis.compute_once(
        "nice terms", lambda: _Dictionary.evaluate(*_build_nice_terms(MAX_FACTORS, functions), axis.u)
    )
    yield axis.compute_once("coarse terms", lambda: _Dictionary.evaluate(*_build_coarse_terms(axis), axis.u))


def _select_sums(
    match: _Projection,
    dictionary: _Dictionary,
    *,
    is_single: bool,
    max_single_terms: int = 4,
    max_pairs: int = 8,
    max_paired_terms: int = 1000,
    max_considered_pairs: int = 2000,
) -> list[tuple[int, ...]]:
    """Return the indices of the terms of the sums with the best scores.

    Args:
        match: The curve and the dictionary.
        dictionary: The terms.
        is_single: Whether sums have one term only.
        max_single_terms, max_pairs: Sums of one and two terms that are kept.
        max_paired_terms: The cheapest terms, which form pairs.
        max_considered_pairs: Best pairs, before pairs of the same shapes are dropped.
    """
    singles = np.argsort(match.score(match.onto**2, match.prices), kind="stable")
    selection: list[tuple[int, ...]] = [(int(i),) for i in singles[:max_single_terms]]
    if is_single:
        return selection
    match = match.truncate(max_paired_terms)
    pairs = _score_pairs(match)
    order = np.argsort(pairs, axis=None, kind="stable")[:max_considered_pairs]
    order = order[np.isfinite(pairs.ravel()[order])]
    # The first pair of every two shapes: neighbours on a grid lead to the same form
    places = np.stack(np.unravel_index(order, pairs.shape), 1)
    shapes = {
        place: parametrize_floats(dictionary.make_tree(place))[0] for place in np.unique(places).tolist()
    }
    diverse: dict[tuple[Expression, Expression], tuple[int, int]] = {}
    for i, j in places.tolist():
        diverse.setdefault((shapes[i], shapes[j]), (i, j))
    return [*selection, *list(diverse.values())[:max_pairs]]


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
    left: float
    whole: float
    known: NoiseModel

    @staticmethod
    def build(
        dictionary: _Dictionary,
        powers: Float[Array, "points powers"],
        v: Float[Array, " points"],
        noise: NoiseModel,
        min_share: float = 1e-8,
    ) -> _Projection:
        """Project a curve and the terms.

        Args:
            dictionary: The terms.
            powers: The tail [points, powers].
            v: Values of the curve.
            noise: Noise model of the curve.
            min_share: Length of a term orthogonal to the tail, over its length about its mean; a shorter one
                lies in the tail.
        """
        # Orthogonal to the tail, which every sum has with free coefficients
        low = np.linalg.qr(powers)[0]
        independent = dictionary.values - (dictionary.values @ low) @ low.T
        norms = np.linalg.norm(independent, axis=1)
        unit = (
            independent / np.where(norms > min_share * dictionary.lengths_about_mean, norms, np.inf)[:, None]
        )
        target = v - low @ (low.T @ v)
        return _Projection(
            unit=unit,
            onto=unit @ target,
            prices=dictionary.prices,
            left=float(target @ target),
            whole=float(np.sum((v - v.mean()) ** 2)),
            known=noise,
        )

    def truncate(self, count: int) -> _Projection:
        """Keep only the first ``count`` terms."""
        return replace(self, unit=self.unit[:count], onto=self.onto[:count], prices=self.prices[:count])

    def score(
        self, gains: Float[Array, " *terms"], price: Float[Array, " *terms"]
    ) -> Float[Array, " *terms"]:
        """Score as in ``NoiseModel.score``, from the explained sum of squares and the complexity."""
        share = np.maximum((self.left - gains) / self.whole, 0.0)
        return round_ranks(0.5 * np.log10(share + self.known.noise**2) + self.known.price * price)


def _score_pairs(match: _Projection, min_share: float = 1e-7) -> Float[Array, "terms terms"]:
    """Scores of all pairs of terms that are independent by a squared share; infinite for the others."""
    gains = measure_pair_gains(match.unit, match.onto, min_share)
    scores = match.score(gains, match.prices[:, None] + match.prices)
    return np.where(np.isfinite(gains), scores, np.inf)


def _power_matrix(u: Float[Array, " points"], tail: int) -> Float[Array, "points powers"]:
    scale = max(abs(float(u[0])), abs(float(u[-1])), 1e-300)
    return (u[:, None] / scale) ** np.arange(tail)


def _build_sum(
    places: tuple[int, ...],
    dictionary: _Dictionary,
    u: Float[Array, " points"],
    v: Float[Array, " points"],
    tail: int,
) -> CurveForm:
    # Least squares with columns of length 1, whose sizes may differ by decades
    columns = np.hstack([_power_matrix(u, tail), dictionary.values[list(places)].T])
    scales = np.linalg.norm(columns, axis=0)
    coefficients = np.linalg.lstsq(columns / scales, v, rcond=None)[0] / scales
    error = relative_error(columns @ coefficients - v, v)
    # Powers of u were scaled to 1, so that their coefficients return to its unit
    scale = max(abs(float(u[0])), abs(float(u[-1])), 1e-300)
    trees = [*map(dictionary.make_tree, places), *(PLACEHOLDER**power for power in range(1, tail))]
    factors = [*coefficients[tail:], *(coefficients[1:tail] / scale ** np.arange(1, tail))]
    total = LinearSum(dict(zip(trees, map(float, factors), strict=True)), float(coefficients[0]))
    return CurveForm(total, error, int(dictionary.prices[list(places)].sum()) + 2 * (tail - 1))


@lru_cache(maxsize=1)
def _build_nice_terms(
    max_factors: int, functions: tuple[Function, ...]
) -> tuple[Factors, Int[np.ndarray, "terms 2"]]:
    """Build functions of nice arguments, then their products with powers of u and with each other."""
    u = PLACEHOLDER
    arguments: list[tuple[Expression, int]] = [(u, 0)]
    arguments += [(mul(number(k), u), 1) for k in (2.0, 3.0, Fraction(1, 2), 4.0)]
    arguments += [(mul(PI, u), 1), (mul(2, PI, u), 1), (mul(PI, u, Fraction(1, 2)), 2)]
    arguments += [(u**2, 1), (u**3, 2), (u**4, 3), (1 / u, 1), (u ** Fraction(1, 2), 1)]
    arguments += [(u + 1, 1), (u - 1, 1), (u + 2, 1)]
    arguments += [(u**2 + 1, 2), (u**2 + u, 2), (u**2 - 1, 2), (u**3 + u, 3)]
    singles = [(argument, price + 1) for argument, price in arguments]
    for argument, price in arguments:
        for f in functions:
            inner = [(argument, 0)]
            if f.equation == "exponential":
                inner += [(-argument, 0), (argument / -2, 1)]
            singles += [
                (apply_function(f.name, inner_argument), price + f.complexity + extra_price)
                for inner_argument, extra_price in inner
            ]
    singles.sort(key=lambda pair: pair[1])
    # Indices of the factors, where 0 is the factor 1: every term alone, then the products of the simplest
    alone = np.stack(np.broadcast_arrays(0, np.arange(1, len(singles) + 1)), 1)
    products = np.stack(np.triu_indices(min(max_factors, len(singles))), 1) + 1
    return singles, np.concatenate([alone, products])


def _build_coarse_terms(
    axis: FitPoints,
    exponents: tuple[float, ...] = (
        *(-12.0, -9.0, -6.0, -4.5, -3.5, -2.5, -1.5, -0.7, -0.3),
        *(0.2, 0.35, 0.7, 1.4, 2.5, 3.5, 4.5, 6.0, 8.0),
    ),
) -> tuple[Factors, Int[np.ndarray, "terms 2"]]:
    """Build functions with at most one inner constant of the grid of starts, alone and multiplied by u.

    Args:
        axis: With the grid of starts.
        exponents: p of u^p, over positive points.
    """
    names, starts = {*COARSE_POWERS, *(f.name for f in select_functions("edge sums"))}, axis.starts
    library = list(LIBRARY)
    terms: Factors = [(PLACEHOLDER, 0)]
    for place in np.flatnonzero(starts.may_move.sum(1) < 2).tolist():
        name, (a, b) = library[starts.functions[place]], starts.constants[place]
        if name in names:
            scale = float(a) if starts.may_move[place, 0] else int(a)
            inside = LinearSum({PLACEHOLDER: scale}, float(b)).tree
            price = LIBRARY[name].complexity + int(starts.may_move[place].any())
            terms.append((apply_function(name, inside), price))
    if float(axis.u[0]) > 0:
        terms += [(PLACEHOLDER ** make_measured(p), 3) for p in exponents]
    # Every term alone, and multiplied by u, which is the first of them
    places = np.arange(2, len(terms) + 1)
    return terms, np.stack([np.repeat([0, 1], len(places)), np.tile(places, 2)], 1)
