"""Sparse additive forms: sums of few terms that read well, from one constant up; there is always one.

Terms are chosen by forward selection from curves of single columns, then also from products of those that
were chosen, for y and, where y is positive, for log y. How many is decided by cross-validation that repeats
the whole choice, by the one-standard-error rule (Breiman et al., Classification and Regression Trees, 1984)
on clipped squares. Rows with extreme values are left out of the fit where that pays on all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log2

import numpy as np

from kan_engine.expressions.constraints import NO_LIMITS, Limits
from kan_engine.expressions.evaluation import (
    Expression,
    Number,
    Variable,
    add,
    apply_function,
    evaluate,
    mul,
    power,
    variables,
)
from kan_engine.symbolic.additive_terms import MOST_FACTORS, Term, products_of, terms_of
from kan_engine.symbolic.constant_fitting import Array, Data, error, refit, together
from kan_engine.symbolic.constant_snapping import PROVED, as_form, polished, rounded
from kan_engine.symbolic.description_length import NODE_BITS
from kan_engine.symbolic.extraction import Formula
from kan_engine.symbolic.forward_selection import (
    NOTHING_LEFT,
    clipped_squares,
    enough,
    folds_of,
    is_no_worse,
    path,
    relevant,
    solutions,
)

MOST_TERMS = 12
ROWS_PER_TERM = 2  # and one for the constant, at least
MOST_COLUMNS = 40  # whose curves are offered; of more those that matter
CONSTANT_BITS = 5.0  # of a coefficient, about
NODES_OF_A_TERM = 3  # that it adds to a sum beside its own: the sum, the product, the coefficient
CROSS_STEPS = 5  # of a refit without a fold
FAR, VERY_FAR = 10.0, 30.0  # deviations from the median of an extreme target, and of an extreme column
MOST_EXTREME = 0.05  # share of the rows that may be left out


@dataclass(frozen=True, kw_only=True)
class Additive:
    """Sparse additive forms of a target.

    Attributes:
        formulas: First that of as many terms as are enough, then ever shorter ones; the last is a constant.
        fit: The rows of the first data that their bits and errors were counted on: without the extreme ones
            where these were left out.
        validation: The same of the other data.
        errors: Of forms of as many terms as the first formula has, at every row of both, which neither chose
            their terms nor measured their coefficients.
        losses: Their squares, clipped.
    """

    formulas: list[Formula]
    fit: Data
    validation: Data
    errors: Array
    losses: Array


def additive_forms(
    fit: Data,
    validation: Data,
    weights: Array | None = None,
    *,
    limits: Limits = NO_LIMITS,
    constant: float | None = None,
) -> Additive:
    """Forms of a target from one constant up to at most ``MOST_TERMS`` terms.

    Args:
        fit: Columns and target.
        validation: The same of the rows that formulas are compared on; the forms are fitted to both.
        weights: Of all rows, first those of ``fit``.
        limits: What the forms may contain; a constant always may.
        constant: What the shortest form is; the mean of the target if not given.
    """
    columns, target = together(fit, validation)
    weights = np.ones(len(target)) if weights is None else weights
    names = columns_that_matter((columns, target), weights, MOST_COLUMNS)
    table = _Table({name: columns[name] for name in names}, target, weights, limits)
    plan = _choose(table)
    first, second = (_some(fit, plan.rows[: len(fit[1])]), _some(validation, plan.rows[len(fit[1]) :]))
    if not len(first[1]) or not len(second[1]):
        first, second = fit, validation
    mean = float(np.average(target[plan.rows], weights=weights[plan.rows]))
    shortest = constant_form(mean if constant is None else constant)
    trees = [shortest, *plan.trees()]  # of as many terms as their places tell
    found = {size: _formula(tree, first, second, limits) for size, tree in enumerate(trees)}
    allowed = [
        size for size, f in found.items() if size == 0 or (np.isfinite(f.error) and limits.allow(f.tree))
    ]
    return Additive(
        formulas=[found[size] for size in reversed(allowed)],
        fit=first,
        validation=second,
        errors=plan.errors[allowed[-1]],
        losses=plan.losses[allowed[-1]],
    )


def constant_form(value: float) -> Expression:
    """The formula that is the same at all rows; its constant counts as measured."""
    return Number(float(value))


def columns_that_matter(data: Data, weights: Array, most: int) -> list[str]:
    """Names of at most so many columns, in their order."""
    columns, target = data
    names = list(columns)
    if len(names) <= most:
        return names
    rows = _usual(target, FAR)
    matrix = np.stack(list(columns.values()), 1)[rows]
    return [names[place] for place in relevant(matrix, target[rows], weights[rows], most)]


def cross_losses(tree: Expression, data: Data) -> Array:
    """Clipped squared error at every row, by the formula with its constants fitted to the other folds."""
    target = data[1]
    form, folds = as_form(tree), folds_of(len(target))
    errors = np.empty(len(target))
    for fold in np.unique(folds):
        held = folds == fold
        others = _some(data, ~held)
        learnt = refit(form, others, iterations=CROSS_STEPS) if np.isfinite(error(form, others)) else form
        errors[held] = evaluate(learnt.tree, _some(data, held)[0], learnt.values) - target[held]
    return clipped_squares(errors, target)


@dataclass(frozen=True, eq=False)
class _Table:
    """What forms are found for."""

    columns: Mapping[str, Array]
    target: Array
    weights: Array
    limits: Limits

    @cached_property
    def folds(self) -> np.ndarray:
        """Fold of every row."""
        return folds_of(len(self.target))

    @cached_property
    def row_sets(self) -> list[np.ndarray]:
        """All rows; those with a usual target; those of them with usual columns. Each once."""
        everything = np.ones(len(self.target), dtype=bool)
        usual = _usual(self.target, FAR)
        both = usual.copy()
        for values in self.columns.values():
            both &= _usual(values, VERY_FAR)
        sets = {rows.tobytes(): rows for rows in (everything, usual, both)}
        return [rows for rows in sets.values() if rows.mean() >= 1 - MOST_EXTREME]


@dataclass(frozen=True, eq=False)
class _Plan:
    """A way to find forms.

    Attributes:
        rows: Which rows are read.
        singles: Terms of single columns that are offered.
        matrix: Their values, [rows, terms].
        is_log: Whether the sum is that of log y.
        has_products: Whether products of terms are offered as well.
        products: Those that have been looked at, None for one that is not offered.
    """

    table: _Table
    rows: np.ndarray
    singles: list[Term]
    matrix: Array
    is_log: bool = False
    has_products: bool = False
    products: dict[Expression, Term | None] = field(default_factory=dict)

    @cached_property
    def errors(self) -> Array:
        """Of every number of terms at every row, by forms found without its fold."""
        target, folds = self.table.target, self.table.folds
        learning = [self.rows & (folds != fold) for fold in np.unique(folds)]
        most = _most(min(int(rows.sum()) for rows in learning))
        errors = np.zeros((most + 1, len(target)))
        for fold, rows in zip(np.unique(folds), learning, strict=True):
            held = folds == fold
            for size, predicted in enumerate(self._predict(rows, held, most)):
                errors[size, held] = predicted - target[held]
        return errors

    @cached_property
    def losses(self) -> Array:
        """The squares of these errors, clipped."""
        return clipped_squares(self.errors, self.table.target)

    @cached_property
    def size(self) -> int:
        """How many terms are enough; the last of them also pay for their constants."""
        most = enough(self.losses, self.table.weights)
        everything = self._predict(self.rows, self.rows, most)
        target, weights = self.table.target[self.rows], self.table.weights[self.rows]
        left = [np.average(clipped_squares(value - target, target), weights=weights) for value in everything]
        bits = len(target) / 2 * np.log2(np.maximum(left, NOTHING_LEFT * (left[0] or 1.0)))
        price = 1 + np.log2(len(target)) / 2
        return int(np.argmin(bits + price * np.arange(most + 1)))

    @property
    def lowest(self) -> Array:
        """The losses of so many terms."""
        return np.asarray(self.losses[self.size])

    def trees(self) -> list[Expression]:
        """The forms of one term, two terms and so on, fitted to all rows that are read."""
        if not self.size:
            return []
        found = []
        for terms, constant, coefficients in self._sums(self.rows, self.size):
            products = [mul(float(c), term.tree) for c, term in zip(coefficients, terms, strict=True)]
            tree = add(float(constant), *products)
            found.append(apply_function("exp", tree) if self.is_log else tree)
        return found[1:]

    def _predict(self, learnt: np.ndarray, held: np.ndarray, most: int) -> list[Array]:
        """The target of some rows by sums of 0, 1, … terms that were found on others."""
        found = []
        for terms, constant, coefficients in self._sums(learnt, most):
            value = constant + _matrix(terms, held) @ coefficients
            with np.errstate(over="ignore"):
                found.append(np.exp(value) if self.is_log else value)
        return found + [found[-1]] * (most + 1 - len(found))

    def _sums(self, rows: np.ndarray, most: int) -> Iterator[tuple[list[Term], float, Array]]:
        """Terms, constant and coefficients of sums of 0, 1, … terms."""
        target, weights = self.table.target[rows], self.table.weights[rows]
        wanted = np.log(target) if self.is_log else target
        first = _most(
            int(rows.sum())
        )  # products may be enough where more terms of one column would be needed
        terms = self._take(
            self.singles, self.matrix[rows], rows, wanted, first if self.has_products else most
        )
        if self.has_products and len(terms) > 1:
            products = self._products(terms)
            wider = np.hstack([self.matrix[rows], _matrix(products, rows)])
            terms = self._take([*self.singles, *products], wider, rows, wanted, most)
        matrix = _matrix(terms, rows)
        for size, found in enumerate(solutions(matrix, wanted, weights)):
            constant, slopes = float(found[0]), found[1:]
            if self.is_log:  # the mean of exp is not exp of the mean: Duan's smearing, JASA 78, 1983
                fitted = np.exp(constant + matrix[:, :size] @ slopes)
                constant += float(np.log(np.average(target / fitted, weights=weights)))
            yield terms[:size], constant, slopes

    def _take(
        self, offered: list[Term], matrix: Array, rows: np.ndarray, wanted: Array, most: int
    ) -> list[Term]:
        prices = np.array([NODE_BITS * (term.complexity + NODES_OF_A_TERM) for term in offered])
        prices += CONSTANT_BITS + log2(len(offered) or 1)
        return [offered[place] for place in path(matrix, wanted, self.table.weights[rows], prices, most)]

    def _products(self, terms: list[Term]) -> list[Term]:
        names = list(dict.fromkeys(name for term in terms for name in variables(term.tree)))[:MOST_FACTORS]
        simple = {tree for name in names for tree in (Variable(name), power(Variable(name), -1))}
        factors = [term for term in self.singles if term.tree in simple]
        others = [term for term in terms[:MOST_FACTORS] if term.tree not in simple]
        return products_of([*factors, *others], self.rows, self.table.limits, self.products)


def _choose(table: _Table) -> _Plan:
    """The way whose forms do best on rows left out; a richer one has to be clearly better."""
    best: _Plan | None = None
    for rows in table.row_sets:
        terms = [
            t for name, values in table.columns.items() for t in terms_of(name, values, rows, table.limits)
        ]
        best = _better(best, _Plan(table, rows, terms, _matrix(terms, np.ones(len(rows), dtype=bool))))
    assert best is not None  # noqa: S101 - all rows are a set
    if best.size:
        best = _better(best, replace(best, has_products=True))
    if (table.target > 0).all() and "exp" not in table.limits.forbidden:
        logarithm = _better(None, replace(best, is_log=True, has_products=False))
        if logarithm.size:
            logarithm = _better(logarithm, replace(logarithm, has_products=True))
        best = _better(best, logarithm)
    return best


def _better(known: _Plan | None, other: _Plan) -> _Plan:
    if known is None or not is_no_worse(known.lowest, other.lowest, known.table.weights):
        return other
    return known


def _formula(tree: Expression, fit: Data, validation: Data, limits: Limits) -> Formula:
    """With short constants; snapped ones where it is exact."""
    form, spread = as_form(tree), float(np.std(validation[1])) or 1.0
    if error(form, validation) / spread < PROVED:
        return Formula.of(polished(form, fit, validation, limits.forbidden), fit, validation)
    return Formula.of(rounded(form, together(fit, validation)).bound, fit, validation)


def _usual(values: Array, far: float) -> np.ndarray:
    """Rows whose value is no extreme one; all of them where most values are the same."""
    middle = np.median(values)
    scale = 1.4826 * float(np.median(np.abs(values - middle)))
    if scale == 0:
        return np.ones(len(values), dtype=bool)
    usual: np.ndarray = np.abs(values - middle) <= far * scale
    return usual


def _most(rows: int) -> int:
    return max(0, min(MOST_TERMS, (rows - 1) // ROWS_PER_TERM))


def _matrix(terms: list[Term], rows: np.ndarray) -> Array:
    if not terms:
        return np.zeros((int(rows.sum()), 0))
    return np.asarray(np.stack([term.values for term in terms], 1)[rows])


def _some(data: Data, rows: np.ndarray) -> Data:
    columns, target = data
    return {name: values[rows] for name, values in columns.items()}, target[rows]
