"""Sparse additive forms: sums of a few readable terms; the shortest form is a constant and always exists.

Forward selection chooses terms of single columns, then also products of the chosen terms. It models y and, if
y is positive, log y. Cross-validation that repeats the whole selection decides the number of terms. The rule
is that of one standard error (Breiman et al., Classification and Regression Trees, 1984), on clipped squares.
Rows with extreme values are excluded from the fit if that reduces the loss over all rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import log2

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import NO_CONSTRAINTS, FormulaConstraints
from kan_engine.expressions.evaluation import (
    Expression,
    Variable,
    add,
    apply_function,
    mul,
    power,
    variables,
)
from kan_engine.formulas.core.constant_fitting import (
    Array,
    compute_rmse,
)
from kan_engine.formulas.core.constant_snapping import finalize_formula, round_constants, to_form
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.losses import (
    assign_folds,
    clip_squared_errors,
    constant_formula,
    is_no_worse,
)
from kan_engine.formulas.core.thresholds import (
    DEFAULT_SYMBOLIC,
    SymbolicThresholds,
)
from kan_engine.formulas.strategies.sums.additive_terms import (
    AdditiveTerm,
    build_column_terms,
    build_product_terms,
)
from kan_engine.formulas.strategies.sums.forward_selection import (
    screen_columns,
    select_columns,
    select_term_count,
    solve_nested_sums,
)


@dataclass(frozen=True, kw_only=True)
class AdditiveForms:
    """Sparse additive forms of a target.

    Attributes:
        formulas: Formulas by falling number of terms, from the selected number down to a constant, as far as
            the constraints allow them.
        fit: Fit rows that the bits and errors of the formulas were computed on, without excluded rows.
        validation: The same of the validation rows.
        errors: Cross-validated errors at every row of both tables, with as many terms as the first formula
            has. The forms were selected and fitted without the fold of the row.
        losses: Clipped squares of ``errors``.
    """

    formulas: list[Formula]
    fit: LabelledRows
    validation: LabelledRows
    errors: Array
    losses: Array


def fit_additive_forms(
    fit: LabelledRows,
    validation: LabelledRows,
    *,
    limits: FormulaConstraints = NO_CONSTRAINTS,
    constant: float | None = None,
    thresholds: SymbolicThresholds = DEFAULT_SYMBOLIC,
) -> AdditiveForms:
    """Fit forms of a target, from a constant to at most ``max_terms`` terms.

    Args:
        fit: Rows to fit.
        validation: Rows that formulas are compared on; the forms are fitted to both tables.
        limits: What the forms may contain; a constant is always allowed.
        constant: Value of the shortest form; the mean of the target if not given.
        thresholds: Of the selection, and of the constants of the forms.
    """
    everything = fit.append(validation)
    wanted = {name for group in limits.must_use for name in group}
    names = select_relevant_columns(everything, thresholds.additive.max_columns, thresholds=thresholds)
    places = [place for place, name in enumerate(everything.names) if name in names or name in wanted]
    plan = _choose_plan(_RegressionData(everything.select_columns(places), limits, thresholds))
    first, second = fit[plan.rows[: len(fit)]], validation[plan.rows[len(fit) :]]
    if not len(first) or not len(second):
        first, second = fit, validation
    rows = everything[plan.rows]
    mean = float(np.average(rows.y, weights=rows.weights))
    shortest = constant_formula(mean if constant is None else constant)
    trees = [shortest, *plan.trees()]  # the index of a tree is its number of terms
    found = {size: _build_formula(tree, first, second, limits, thresholds) for size, tree in enumerate(trees)}
    is_free = not limits.must_use and limits.max_constants is None  # then a constant is allowed
    allowed = [
        size
        for size, f in found.items()
        if (size == 0 and is_free) or (np.isfinite(f.error) and limits.allow(f.tree))
    ]
    size = allowed[-1] if allowed else 0
    errors, losses = plan.errors[size], plan.losses[size]
    return AdditiveForms(
        formulas=[found[size] for size in reversed(allowed)],
        fit=first,
        validation=second,
        errors=errors,
        losses=losses,
    )


def select_relevant_columns(
    rows: LabelledRows,
    most: int,
    *,
    thresholds: SymbolicThresholds = DEFAULT_SYMBOLIC,
) -> list[str]:
    """Return the names of at most ``most`` relevant columns, in the order of the table."""
    if len(rows.names) <= most:
        return list(rows.names)
    usual = rows[_find_usual_rows(rows.y, thresholds.additive.max_target_deviations)]
    kept = screen_columns(usual.x, usual.y, usual.weights, most, thresholds)
    return [rows.names[place] for place in kept]


@dataclass(frozen=True, eq=False)
class _RegressionData:
    """Rows, limits and thresholds of the search for forms."""

    rows: LabelledRows
    limits: FormulaConstraints
    thresholds: SymbolicThresholds

    @cached_property
    def folds(self) -> np.ndarray:
        """Fold of every row."""
        return assign_folds(len(self.rows), self.thresholds.additive)

    @cached_property
    def row_sets(self) -> list[np.ndarray]:
        """Distinct row masks: all rows, rows with a usual target, rows with usual target and columns.

        A mask that excludes more than ``max_excluded_share`` of the rows is omitted.
        """
        limits = self.thresholds.additive
        everything = np.ones(len(self.rows), dtype=bool)
        usual = _find_usual_rows(self.rows.y, limits.max_target_deviations)
        both = usual.copy()
        for values in self.rows.columns.values():
            both &= _find_usual_rows(values, limits.max_column_deviations)
        sets = {rows.tobytes(): rows for rows in (everything, usual, both)}
        return [rows for rows in sets.values() if rows.mean() >= 1 - limits.max_excluded_share]

    def max_term_count(self, rows: int) -> int:
        """Largest number of terms that this number of rows allows."""
        limits = self.thresholds.additive
        return max(0, min(limits.max_terms, (rows - 1) // limits.min_rows_per_term))


@dataclass(frozen=True, eq=False)
class _SelectionPlan:
    """Settings of one selection of forms.

    Attributes:
        rows: Mask of the rows to fit.
        singles: Candidate terms of single columns.
        matrix: Values of these terms, [rows, terms].
        is_log: Whether the sum models log y.
        has_products: Whether products of terms are candidates too.
        products: Cache of products; None for an inadmissible one.
    """

    table: _RegressionData
    rows: np.ndarray
    singles: list[AdditiveTerm]
    matrix: Array
    is_log: bool = False
    has_products: bool = False
    products: dict[Expression, AdditiveTerm | None] = field(default_factory=dict)

    @cached_property
    def errors(self) -> Array:
        """Cross-validated errors of 0, 1, … terms at every row, [sizes, rows]."""
        target, folds = self.table.rows.y, self.table.folds
        learning = [self.rows & (folds != fold) for fold in np.unique(folds)]
        most = self.table.max_term_count(min(int(rows.sum()) for rows in learning))
        errors = np.zeros((most + 1, len(target)))
        for fold, rows in zip(np.unique(folds), learning, strict=True):
            held = folds == fold
            for size, predicted in enumerate(self._predict(rows, held, most)):
                errors[size, held] = predicted - target[held]
        return errors

    @cached_property
    def losses(self) -> Array:
        """Clipped squares of ``errors``."""
        most = self.table.thresholds.additive.max_loss_deviations
        return clip_squared_errors(self.errors, self.table.rows.y, most)

    @cached_property
    def term_count(self) -> int:
        """Number of terms: by the one-standard-error rule, then by the bits of the coefficients."""
        most = select_term_count(self.losses, self.table.rows.weights)
        everything = self._predict(self.rows, self.rows, most)
        target, weights = self.table.rows.y[self.rows], self.table.rows.weights[self.rows]
        most_deviations = self.table.thresholds.additive.max_loss_deviations
        losses = [clip_squared_errors(value - target, target, most_deviations) for value in everything]
        left = [np.average(loss, weights=weights) for loss in losses]
        least = self.table.thresholds.negligible_share * (left[0] or 1.0)
        bits = len(target) / 2 * np.log2(np.maximum(left, least))
        price = 1 + np.log2(len(target)) / 2
        return int(np.argmin(bits + price * np.arange(most + 1)))

    @property
    def selection_losses(self) -> Array:
        """Losses at every row with ``term_count`` terms."""
        return np.asarray(self.losses[self.term_count])

    def trees(self) -> list[Expression]:
        """Return the forms of 1, 2, … terms, fitted to all rows of the plan."""
        if not self.term_count:
            return []
        found = []
        for terms, constant, coefficients in self._fit_sums(self.rows, self.term_count):
            products = [mul(float(c), term.tree) for c, term in zip(coefficients, terms, strict=True)]
            tree = add(float(constant), *products)
            found.append(apply_function("exp", tree) if self.is_log else tree)
        return found[1:]

    def _predict(self, learnt: np.ndarray, held: np.ndarray, most: int) -> list[Array]:
        """Predict the target of the rows ``held`` by sums of 0, 1, … terms fitted to the rows ``learnt``."""
        found = []
        for terms, constant, coefficients in self._fit_sums(learnt, most):
            value = constant + _term_matrix(terms, held) @ coefficients
            with np.errstate(over="ignore"):
                found.append(np.exp(value) if self.is_log else value)
        return found + [found[-1]] * (most + 1 - len(found))

    def _fit_sums(self, rows: np.ndarray, most: int) -> Iterator[tuple[list[AdditiveTerm], float, Array]]:
        """Yield the terms, the constant and the coefficients of sums of 0, 1, … terms."""
        target, weights = self.table.rows.y[rows], self.table.rows.weights[rows]
        wanted = np.log(target) if self.is_log else target
        # a few products may replace many terms of single columns
        first = self.table.max_term_count(int(rows.sum()))
        terms = self._select_terms(
            self.singles, self.matrix[rows], rows, wanted, first if self.has_products else most
        )
        if self.has_products and len(terms) > 1:
            products = self._product_terms(terms)
            wider = np.hstack([self.matrix[rows], _term_matrix(products, rows)])
            terms = self._select_terms([*self.singles, *products], wider, rows, wanted, most)
        matrix = _term_matrix(terms, rows)
        for size, found in enumerate(solve_nested_sums(matrix, wanted, weights)):
            constant, slopes = float(found[0]), found[1:]
            if self.is_log:  # smearing (Duan, JASA 78, 1983): E[exp(z)] is not exp(E[z])
                fitted = np.exp(constant + matrix[:, :size] @ slopes)
                constant += float(np.log(np.average(target / fitted, weights=weights)))
            yield terms[:size], constant, slopes

    def _select_terms(
        self, offered: list[AdditiveTerm], matrix: Array, rows: np.ndarray, wanted: Array, most: int
    ) -> list[AdditiveTerm]:
        thresholds, weights = self.table.thresholds, self.table.rows.weights[rows]
        node, extra = thresholds.constants.bits_per_node, thresholds.additive.extra_nodes_per_term
        prices = np.array([node * (term.complexity + extra) for term in offered])
        prices += thresholds.additive.bits_per_coefficient + log2(len(offered) or 1)
        places = select_columns(matrix, wanted, weights, prices, most, thresholds)
        return [offered[place] for place in places]

    def _product_terms(self, terms: list[AdditiveTerm]) -> list[AdditiveTerm]:
        table, most = self.table, self.table.thresholds.additive.max_factors
        names = list(dict.fromkeys(name for term in terms for name in variables(term.tree)))[:most]
        simple = {tree for name in names for tree in (Variable(name), power(Variable(name), -1))}
        factors = [term for term in self.singles if term.tree in simple]
        others = [term for term in terms[:most] if term.tree not in simple]
        return build_product_terms(
            [*factors, *others], self.rows, table.limits, self.products, table.thresholds
        )


def _choose_plan(table: _RegressionData) -> _SelectionPlan:
    """Return the plan with the lowest cross-validated losses; a richer plan has to be clearly better."""
    best: _SelectionPlan | None = None
    for rows in table.row_sets:
        terms = [
            t
            for name, values in table.rows.columns.items()
            for t in build_column_terms(name, values, rows, table.limits, table.thresholds)
        ]
        best = _choose_better_plan(
            best, _SelectionPlan(table, rows, terms, _term_matrix(terms, np.ones(len(rows), dtype=bool)))
        )
    assert best is not None  # noqa: S101 - all rows are a set
    if best.term_count:
        best = _choose_better_plan(best, replace(best, has_products=True))
    if (table.rows.y > 0).all() and "exp" not in table.limits.forbidden:
        logarithm = _choose_better_plan(None, replace(best, is_log=True, has_products=False))
        if logarithm.term_count:
            logarithm = _choose_better_plan(logarithm, replace(logarithm, has_products=True))
        best = _choose_better_plan(best, logarithm)
    return best


def _choose_better_plan(known: _SelectionPlan | None, other: _SelectionPlan) -> _SelectionPlan:
    if known is None or not is_no_worse(
        known.selection_losses, other.selection_losses, known.table.rows.weights
    ):
        return other
    return known


def _build_formula(
    tree: Expression,
    fit: LabelledRows,
    validation: LabelledRows,
    limits: FormulaConstraints,
    thresholds: SymbolicThresholds,
) -> Formula:
    """Build a formula with snapped constants if it is exact, else with rounded ones."""
    form = to_form(tree)
    if compute_rmse(form, validation) / validation.spread < thresholds.constants.max_exact_error:
        best = finalize_formula(form, fit, validation, limits.forbidden, thresholds=thresholds)
    else:
        best = round_constants(form, fit.append(validation), thresholds.constants).numeric_tree
    return Formula.measure(best, fit, validation, thresholds=thresholds)


def _find_usual_rows(values: Array, far: float) -> np.ndarray:
    """Return the mask of the rows without extreme values; all rows if most values are equal."""
    middle = np.median(values)
    scale = 1.4826 * float(np.median(np.abs(values - middle)))
    if scale == 0:
        return np.ones(len(values), dtype=bool)
    usual: np.ndarray = np.abs(values - middle) <= far * scale
    return usual


def _term_matrix(terms: list[AdditiveTerm], rows: np.ndarray) -> Array:
    if not terms:
        return np.zeros((int(rows.sum()), 0))
    return np.asarray(np.stack([term.values for term in terms], 1)[rows])
