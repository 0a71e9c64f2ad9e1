"""Simplify formulas to a short canonical form with the same values.

``normal_form.py`` computes the canonical form of a node, ``rewrites.py`` and SymPy generate other forms. This
module selects the shortest form, from the leaves to the root. Algebra alone does not prove a form equal: each
step is evaluated on the data, and discarded if it changes a value by more than rounding.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from kan_engine.expressions.constraints import list_functions
from kan_engine.expressions.evaluation import complexity
from kan_engine.expressions.nice_constants import nice_constants
from kan_engine.expressions.nodes import (
    Add,
    Expression,
    Mul,
    Number,
    Parameter,
    Pow,
    Variable,
    children,
    rebuild,
    substitute,
    variables,
    walk,
)
from kan_engine.expressions.simplification.display_form import to_display_form
from kan_engine.expressions.simplification.normal_form import canonicalize
from kan_engine.expressions.simplification.numeric_equivalence import CheckRows
from kan_engine.expressions.simplification.rewrites import generate_rewrites
from kan_engine.expressions.sympy_bridge import from_sympy, to_sympy
from kan_engine.expressions.thresholds import (
    DEFAULT_NICE_CONSTANTS,
    DEFAULT_SIMPLIFICATION,
    NiceConstantThresholds,
    SimplificationThresholds,
)

__all__ = ["from_sympy", "nice_constants", "simplify", "snap_floats", "to_sympy"]


def simplify(
    tree: Expression,
    columns: Mapping[str, NDArray[Any]],
    should_stop: Callable[[], bool] = lambda: False,
    *,
    forbidden: frozenset[str] = frozenset(),
    thresholds: SimplificationThresholds = DEFAULT_SIMPLIFICATION,
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
    """
    if any(isinstance(node, Parameter) for node in walk(tree)) or not variables(tree):
        return tree
    used = {name: np.asarray(columns[name], dtype=np.float64) for name in variables(tree)}
    unwanted = forbidden - list_functions(tree)
    every_row = CheckRows(used, unwanted, thresholds)
    if not every_row.are_equal(tree, tree):  # no finite value
        return tree
    some_rows = CheckRows(_select_rows(used, thresholds.max_sample_rows), unwanted, thresholds)
    for sample in (some_rows, every_row):
        for form in _generate_forms(tree, sample, should_stop):
            for result in (to_display_form(form), form):
                is_short = complexity(result) <= complexity(tree) + thresholds.max_extra_nodes
                if is_short and every_row.are_equal(tree, result) and not unwanted & list_functions(result):
                    return result
    return tree


def snap_floats(
    tree: Expression,
    accepts: Callable[[Expression], bool],
    relative_tolerance: float = 1e-8,
    *,
    thresholds: NiceConstantThresholds = DEFAULT_NICE_CONSTANTS,
) -> Expression:
    """Replace measured numbers one by one by nice constants, if the caller accepts the result.

    Simplification combines constants, after which a product such as 0.0795… may be recognised as 1/(4π).
    """
    for value in [
        node.value for node in walk(tree) if isinstance(node, Number) and isinstance(node.value, float)
    ]:
        for constant in nice_constants(value, relative_tolerance * abs(value), thresholds):
            candidate = _replace_part(tree, Number(value), constant)
            if candidate != tree and accepts(candidate):
                tree = candidate
                break
    return tree


def _replace_part(tree: Expression, old: Expression, new: Expression) -> Expression:
    if tree == old:
        return new
    parts = children(tree)
    return rebuild(tree, [_replace_part(part, old, new) for part in parts]) if parts else tree


def _select_rows(columns: Mapping[str, NDArray[np.float64]], most: int) -> dict[str, NDArray[np.float64]]:
    """Return at most ``most`` evenly spaced rows of the table, and those with the extremes of each column."""
    rows = min(len(column) for column in columns.values())
    chosen = set(np.linspace(0, rows - 1, min(rows, most)).astype(int).tolist())
    for column in columns.values():
        chosen |= (
            {int(np.nanargmin(column)), int(np.nanargmax(column))} if np.isfinite(column).any() else set()
        )
    return {name: column[sorted(chosen)] for name, column in columns.items()}


def _generate_forms(
    tree: Expression, sample: CheckRows, should_stop: Callable[[], bool]
) -> Iterator[Expression]:
    """Yield results, best first; all are equal on the rows of ``sample``, but maybe not on other rows."""
    start, limits = canonicalize(tree, sample), sample.thresholds
    search = _Search(sample, should_stop)
    best = search.find_shortest(start)
    if complexity(best) <= limits.max_sympy_nodes and not should_stop():
        for form in _sympy_forms(best, limits):
            candidate = canonicalize(form, sample)
            if sample.are_equal(best, candidate):
                best = min(best, search.find_shortest(candidate), key=cost)
    yield best
    yield start


def cost(tree: Expression) -> tuple[int, int]:
    """Return the sort key of forms: complexity plus the number of sums, then the digits of floats.

    Counting sums prefers x**2 + x*y + y**2 to x*(x + y) + y**2.
    """
    nodes = list(walk(to_display_form(tree)))
    digits = sum(
        len(repr(abs(n.value))) for n in nodes if isinstance(n, Number) and isinstance(n.value, float)
    )
    return complexity(nodes[0]) + sum(isinstance(node, Add) for node in nodes), digits


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
        for _ in range(self._sample.thresholds.max_rounds):
            better = self._improve(best)
            if better == best:
                break
            best = better
        return best

    def _improve(self, node: Expression) -> Expression:
        """Return the best of the node and its rewrites, each with simplified children."""
        best = node
        for form in generate_rewrites(node, self._sample):
            if self._trials <= 0 or self._should_stop():
                break
            self._trials -= 1
            candidate = self._canonicalize_checked(form, node)
            if self._sample.forbidden & list_functions(candidate):
                continue
            longest = complexity(node) + self._sample.thresholds.max_detour_nodes
            if candidate != node and complexity(candidate) <= longest:
                candidate = self._shorten_parts(candidate)
                best = min(best, candidate, key=cost)
        return best

    def _shorten_parts(self, tree: Expression) -> Expression:
        parts = children(tree)
        if not parts:
            return tree
        return self._canonicalize_checked(rebuild(tree, [self.find_shortest(part) for part in parts]), tree)

    def _canonicalize_checked(self, form: Expression, otherwise: Expression) -> Expression:
        result = canonicalize(form, self._sample)
        return result if self._sample.are_equal(otherwise, result) else otherwise


def _sympy_forms(tree: Expression, limits: SimplificationThresholds) -> Iterator[Expression]:
    """Yield forms by SymPy: of the whole tree, and with one exact polynomial in it factored."""
    symbols = {name: sympy.Symbol(f"x{place}") for place, name in enumerate(variables(tree))}
    names = {symbol.name: name for name, symbol in symbols.items()}
    for step in (sympy.factor_terms, sympy.together):
        yield from _apply_sympy(tree, step, symbols, names)
    for node in dict.fromkeys(walk(tree)):
        is_short = isinstance(node, Add) and len(node.terms) <= limits.max_factored_terms
        if is_short and _is_polynomial(node, limits.max_factored_exponent):
            for factored in _apply_sympy(node, sympy.factor, symbols, names):
                yield substitute(tree, {node: factored})


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
