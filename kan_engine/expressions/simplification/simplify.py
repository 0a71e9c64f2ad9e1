"""Simplify formulas to a short canonical form with the same values.

``normal_form.py`` computes the canonical form of a node, ``rewrites.py`` and SymPy generate other forms. This
module selects the shortest form, from the leaves to the root. Algebra alone does not prove a form equal: each
step is evaluated on the data, and discarded if it changes a value by more than rounding.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from math import isclose

import numpy as np
import sympy
from jaxtyping import Float, Shaped

from kan_engine.expressions.constraints import list_functions
from kan_engine.expressions.evaluation import complexity
from kan_engine.expressions.nice_constants import nice_constants
from kan_engine.expressions.nodes import (
    ONE,
    Add,
    Call,
    Expression,
    Mul,
    Number,
    Parameter,
    Pow,
    Variable,
    children,
    is_constant,
    rebuild,
    substitute,
    variables,
    walk,
)
from kan_engine.expressions.simplification.display_form import to_display_form
from kan_engine.expressions.simplification.normal_form import canonicalize
from kan_engine.expressions.simplification.numeric_equivalence import CheckRows
from kan_engine.expressions.simplification.ordering import write_rounded
from kan_engine.expressions.simplification.quotients import combine_all_fractions, generate_quotients
from kan_engine.expressions.simplification.rewrites import generate_rewrites
from kan_engine.expressions.simplification.terms import (
    ORDER_DIGITS,
    flat_parts,
    is_negative,
    is_short,
    split_coefficient,
    starts_negative,
)
from kan_engine.expressions.sympy_bridge import from_sympy, to_sympy
from kan_engine.expressions.thresholds import (
    DEFAULT_SIMPLIFICATION,
    SimplificationThresholds,
)

__all__ = ["from_sympy", "nice_constants", "simplify", "to_sympy"]


def simplify(
    tree: Expression,
    columns: Mapping[str, Shaped[np.ndarray, " rows"]],
    should_stop: Callable[[], bool] = lambda: False,
    *,
    forbidden: frozenset[str] = frozenset(),
    thresholds: SimplificationThresholds = DEFAULT_SIMPLIFICATION,
    max_extra_nodes: int = 1,
) -> Expression:
    """Return the shortest canonical form found that has the tree's values on every row of ``columns``.

    Signs are determined from the data: √(x²) is x if all x are positive, else |x|. Rows on which the tree is
    not finite are ignored. The number of trials is limited; a formula too large for it is only canonicalized.

    Args:
        tree: A formula without parameters; one with parameters is returned unchanged.
        columns: The rows on which the values of the result must be equal.
        should_stop: Called between trials; true returns the best form so far.
        forbidden: Functions that the result must not contain unless the tree does.
        thresholds: How long to search, and when two forms are equal.
        max_extra_nodes: By which the result may be longer than the formula: exp(3*x) for exp(x)**3.
    """
    if any(isinstance(node, Parameter) for node in walk(tree)) or not variables(tree):
        return tree
    used_columns = {name: np.asarray(columns[name], dtype=np.float64) for name in variables(tree)}
    exclusions = forbidden - list_functions(tree)
    every_row = CheckRows(used_columns, exclusions, thresholds)
    if not every_row.are_equal(tree, tree):  # no finite value
        return tree
    # A sample of the rows is searched first; all rows decide, and are searched if the sample misleads
    some_rows = CheckRows(_select_rows(used_columns, thresholds.max_sample_rows), exclusions, thresholds)
    for sample in (some_rows, every_row):
        for form in _generate_forms(tree, sample, should_stop):
            for result in (to_display_form(form), form):
                longest = complexity(tree) + max_extra_nodes
                is_short = complexity(result) <= longest or cost(result) < cost(tree)
                if is_short and every_row.are_equal(tree, result) and not exclusions & list_functions(result):
                    return result
    return tree


def _select_rows(
    columns: Mapping[str, Float[np.ndarray, " rows"]], max_rows: int
) -> dict[str, Float[np.ndarray, " sample"]]:
    """Return at most ``max_rows`` evenly spaced rows, and those with the extremes of each column."""
    rows = min(len(column) for column in columns.values())
    # Signs change and values overflow at the extremes first, so that every sample contains them
    selection = set(np.linspace(0, rows - 1, min(rows, max_rows)).astype(int).tolist())
    for column in columns.values():
        selection |= (
            {int(np.nanargmin(column)), int(np.nanargmax(column))} if np.isfinite(column).any() else set()
        )
    return {name: column[sorted(selection)] for name, column in columns.items()}


def _generate_forms(
    tree: Expression, sample: CheckRows, should_stop: Callable[[], bool]
) -> Iterator[Expression]:
    """Yield results, best first; all are equal on the rows of ``sample``, but maybe not on other rows."""
    start, limits = canonicalize(tree, sample), sample.thresholds
    search = _Search(sample, should_stop)
    best = search.find_shortest(start)
    if complexity(start) <= limits.max_sympy_nodes and not should_stop():
        # From the common form of fractions the result does not depend on how the tree was written
        common = canonicalize(combine_all_fractions(start, sample), sample)
        if sample.are_equal(start, common):
            best = min(search.find_shortest(common), best, key=cost)
    if complexity(best) <= limits.max_sympy_nodes and not should_stop():
        for form in _sympy_forms(best):
            candidate = canonicalize(form, sample)
            if sample.are_equal(best, candidate):
                best = min(best, search.find_shortest(candidate), key=cost)
    yield best
    yield start


@lru_cache(maxsize=10_000)
def cost(
    tree: Expression, *, nested_price: int = 3, hidden_limit_price: int = 3
) -> tuple[int, int, int, int, str]:
    """Return the sort key of forms: complexity plus the number of sums, and prices of what reads badly.

    Counting sums prefers x**2 + x*y + y**2 to x*(x + y) + y**2. Of forms of equal length, the one with fewer
    sums, then the shorter text, then the one with fewer signs as in 1 - x and -2*x is first, so that the
    order depends neither on the form that was found first nor on the last digits of the constants.

    Args:
        tree: A form.
        nested_price: Of fractions in the sums of a fraction, and of exponentials in a sum times another:
            1/(1/x + 1/y) is one symbol shorter than x*y/(x + y), 1/(5/(x*y) - 1/6) is three, and
            exp(-x)*(exp(-2*x) + 3) one than exp(-3*x) + 3*exp(-x).
        hidden_limit_price: Of an exponential and a measured constant below the bar: 0.11/(exp(-x) + 0.045) is
            two symbols shorter than 2.5/(22*exp(-x) + 1), which shows the limit 2.5; of tanh(x) + 1; and of
            the square in 1.23*(x + 2.300648)**2 - 4.186540, which is 1.23*x**2 + 5.68*x + 2.35.
    """
    form = to_display_form(tree)
    nodes, text = list(walk(form)), write_rounded(form)
    sums = sum(isinstance(node, Add) for node in nodes)
    # Sums below a bar: nested fractions and hidden limits are hard to read there
    below = [terms for node in nodes if (terms := _terms_below(node))]
    nested_count = sum(map(_contains_fraction, below)) + sum(map(_nests_divisors, nodes))
    hidden_count = (
        sum(map(_hides_limit, below)) + sum(map(_is_logistic, nodes)) + sum(map(_is_long_square, nodes))
    )
    price = nested_price * nested_count + hidden_limit_price * hidden_count
    signs = sum(map(_starts_with_sign, nodes))
    return (
        complexity(form) + sums + price,
        sums + nested_count,
        len(text),
        signs,
        text.replace("(", "~"),
    )  # 3*(x + 1) before (3*x + 3)


def _starts_with_sign(node: Expression) -> bool:
    if isinstance(node, Add):
        return not is_constant(node) and starts_negative(node)
    return isinstance(node, Mul) and split_coefficient(node)[0] < 0


def _terms_below(node: Expression) -> tuple[Expression, ...]:
    """Return the terms of a sum with a negative exponent; nothing of another node."""
    match node:
        case Pow(Add(terms), Number(exponent)) if exponent < 0:
            return terms
    return ()


def _contains_fraction(terms: tuple[Expression, ...]) -> bool:
    """Whether terms below the bar have a bar of their own, unless they are 1 and small: 1 + u*v/c**2."""
    for term in terms:
        above = [factor for factor in flat_parts([term], Mul) if not is_constant(factor)]
        inner = [factor for factor in above if isinstance(factor, Pow) and is_negative(factor.exponent)]
        if inner and (len(inner) == len(above) or ONE not in terms):
            return True
    return False


def _hides_limit(terms: tuple[Expression, ...]) -> bool:
    is_measured = any(isinstance(split_coefficient(term)[0], float) for term in terms)
    return ONE not in terms and is_measured and any(map(is_constant, terms)) and _contains_exponential(terms)


def _is_logistic(node: Expression) -> bool:
    """Whether a node is ±tanh(u) ± 1, a logistic function."""
    if not isinstance(node, Add) or len(node.terms) != 2:
        return False
    wave_term, constant_term = sorted(node.terms, key=is_constant)
    (size, _, wave), (offset, _, constant) = split_coefficient(wave_term), split_coefficient(constant_term)
    is_wave = isinstance(wave, Call) and wave.function == "tanh" and constant == ONE
    return is_wave and isclose(abs(float(size)), abs(float(offset)), rel_tol=10.0**-ORDER_DIGITS)


def _is_long_square(node: Expression) -> bool:
    """Whether a node is a completed square plus a constant, with long numbers."""
    if not isinstance(node, Add):
        return False
    squares = [
        factor.base.terms
        for factor in flat_parts(node.terms, Mul)
        if isinstance(factor, Pow) and factor.exponent == _TWO and isinstance(factor.base, Add)
    ]
    shifts = [term for term in chain.from_iterable(squares) if isinstance(term, Number)]
    constants = [term for term in node.terms if isinstance(term, Number)]
    return bool(shifts and constants) and not all(is_short(part.value) for part in (*shifts, *constants))


_TWO = Number(Fraction(2))


def _nests_divisors(node: Expression) -> bool:
    """Whether a sum of fractions or exponentials is divided, or multiplied by an exponential, once more."""
    if not isinstance(node, Mul):
        return False
    sums = [factor.terms for factor in node.factors if isinstance(factor, Add)]
    if _contains_exponential([node]) and any(map(_contains_exponential, sums)):
        return True
    divisors = [
        f for f in node.factors if isinstance(f, Pow) and is_negative(f.exponent) and not is_constant(f)
    ]
    return bool(divisors) and any(map(_contains_fraction, sums))


def _contains_exponential(terms: Iterable[Expression]) -> bool:
    return any(isinstance(factor, Call) and factor.function == "exp" for factor in flat_parts(terms, Mul))


class _Search:
    """Greedy descent over the forms of every node, with a limited number of trials."""

    def __init__(self, sample: CheckRows, should_stop: Callable[[], bool]) -> None:
        self._sample = sample
        self._should_stop = should_stop
        self._trials = sample.thresholds.max_trials
        self._known: dict[Expression, Expression] = {}

    def find_shortest(self, tree: Expression) -> Expression:
        """Return the form with the lowest ``cost`` found for a canonical tree."""
        if tree not in self._known:
            self._known[tree] = tree  # ends the recursion if rewriting leads back to the tree
            self._known[tree] = self._descend(tree)
        return self._known[tree]

    def _descend(self, tree: Expression) -> Expression:
        parts = [self.find_shortest(part) for part in children(tree)]
        best = self._canonicalize_checked(rebuild(tree, parts), tree) if parts else tree
        # Rescaling keeps the parts as they are, so it is tried where no rewriting helps
        for _ in range(self._sample.thresholds.max_rounds):
            better = self._improve(best)
            if better == best:
                better = self._rescale(best)
            if better == best:
                break
            best = better
        return best

    def _improve(self, node: Expression, *, max_detour_nodes: int = 3) -> Expression:
        """Return the best of the node and its rewrites, each with simplified children.

        Args:
            max_detour_nodes: By which a form may be longer before its children are simplified.
        """
        best = node
        for form in generate_rewrites(node, self._sample):
            if self._trials <= 0 or self._should_stop():
                break
            self._trials -= 1
            candidate = self._canonicalize_checked(form, node)
            if self._sample.forbidden & list_functions(candidate):
                continue
            # A longer form may lead to a shorter one; the limit bounds the detour
            longest = complexity(node) + max_detour_nodes
            if candidate != node and complexity(candidate) <= longest:
                candidate = self._shorten_parts(candidate)
                best = min(best, candidate, key=cost)
        return best

    def _rescale(self, node: Expression) -> Expression:
        """Return the best of the node and the other ways to write it as a quotient, whose parts stay."""
        if self._should_stop():
            return node
        forms = {canonicalize(form, self._sample) for form in generate_quotients(node, self._sample)}
        shorter = sorted((form for form in forms if cost(form) < cost(node)), key=cost)
        return next((form for form in shorter if self._is_allowed(form, node)), node)

    def _is_allowed(self, form: Expression, node: Expression) -> bool:
        return self._sample.are_equal(node, form) and not self._sample.forbidden & list_functions(form)

    def _shorten_parts(self, tree: Expression) -> Expression:
        parts = children(tree)
        if not parts:
            return tree
        return self._canonicalize_checked(rebuild(tree, [self.find_shortest(part) for part in parts]), tree)

    def _canonicalize_checked(self, form: Expression, otherwise: Expression) -> Expression:
        result = canonicalize(form, self._sample)
        return result if self._sample.are_equal(otherwise, result) else otherwise


def _sympy_forms(
    tree: Expression, *, max_factored_terms: int = 12, max_factored_exponent: int = 8
) -> Iterator[Expression]:
    """Yield forms by SymPy: of the whole tree, and with one exact polynomial in it factored.

    Args:
        max_factored_terms, max_factored_exponent: Of a polynomial that SymPy factors.
    """
    # Neutral symbols, since a column may have any name
    symbols = {name: sympy.Symbol(f"x{place}") for place, name in enumerate(variables(tree))}
    names = {symbol.name: name for name, symbol in symbols.items()}
    for step in (sympy.factor_terms, sympy.together):
        yield from _apply_sympy(tree, step, symbols, names)
    for node in dict.fromkeys(walk(tree)):
        is_short = isinstance(node, Add) and len(node.terms) <= max_factored_terms
        if is_short and _is_polynomial(node, max_factored_exponent):
            for factorization in _apply_sympy(node, sympy.factor, symbols, names):
                yield substitute(tree, {node: factorization})


def _apply_sympy(
    tree: Expression,
    step: Callable[[sympy.Expr], sympy.Expr],
    symbols: Mapping[str, sympy.Symbol],
    names: Mapping[str, str],
) -> Iterator[Expression]:
    """Yield the result of a SymPy function if it differs from the tree and can be converted back."""
    before = to_sympy(tree, symbols)
    after = step(before)
    if after != before:
        # SymPy may return a function that the library does not have
        with suppress(ValueError):
            yield from_sympy(after, names)


def _is_polynomial(tree: Expression, largest: int) -> bool:
    """Whether a tree is a polynomial with exact coefficients and exponents of at most ``largest``."""
    match tree:
        case Number(value):
            return isinstance(value, Fraction)
        case Variable():
            return True
        case Add() | Mul():
            return all(_is_polynomial(part, largest) for part in children(tree))
        case Pow(base, Number(exponent)):
            return _is_polynomial(base, largest) and exponent % 1 == 0 and 2 <= exponent <= largest
    return False
