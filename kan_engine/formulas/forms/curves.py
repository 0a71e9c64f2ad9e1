"""Unknown functions of a form as curves: sums of basis functions, fitted together with the constants.

Every unknown function becomes level + Σ c·B(x) with centred B-splines B of its columns; of several columns
also products of two. The coefficients are further constants of the form that enter like the function itself.
So the search for the best constants finds them, too (Gauss-Newton on constants and curves at once). The
number of basis functions is chosen by generalised cross-validation (Craven and Wahba, Numerische Mathematik
31, 1979).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float
from scipy.interpolate import BSpline

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.differentiation import differentiate
from kan_engine.expressions.evaluation import value_and_jacobian
from kan_engine.expressions.nodes import (
    ONE,
    ZERO,
    Expression,
    Parameter,
    Variable,
    add,
    mul,
    substitute,
    walk,
)
from kan_engine.formulas.forms.global_fit import fit_globally
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.template import FormTemplate, UnknownFunction
from kan_engine.formulas.forms.thresholds import DEFAULT_FORMS, FormThresholds

Array = np.ndarray
ORDER = 3  # of the splines


@dataclass(frozen=True, eq=False)
class FittedCurves:
    """A form with its unknown functions as curves.

    Attributes:
        template: The form without the constants that the functions replace; these are held.
        replaced: Names of those constants.
        constants: Values of its constants.
        functions: Values of every unknown function in the rows.
        slopes: Derivative of the form in every unknown function in the rows.
        residuals: What the form leaves.
    """

    template: FormTemplate
    replaced: tuple[str, ...]
    constants: Float[Array, " constants"]
    functions: Float[Array, "functions rows"]
    slopes: Float[Array, "functions rows"]
    residuals: Float[Array, " rows"]


def fit_curves(
    template: FormTemplate,
    rows: LabelledRows,
    seed: int,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    thresholds: FormThresholds = DEFAULT_FORMS,
) -> FittedCurves:
    """Fit constants and curves together.

    A constant that a curve can replace, such as a in ``a*f(x)``, is held at 1, or at 0 if it is a term.

    Raises:
        InvalidData: The form has no finite values for any start.
    """
    basis = _Basis.make(template.functions, rows, 0)  # polynomials find the constants
    values = fit_globally(
        basis.make_problem(template, rows), seed, should_stop=should_stop, thresholds=thresholds
    )
    template, replaced, levels = _hold_replaced(template, basis, rows, values, thresholds)
    basis = replace(basis, levels=levels)
    problem = basis.make_problem(template, rows)
    values = fit_globally(problem, seed, should_stop=should_stop, thresholds=thresholds)
    best, lowest = (basis, problem, values), _cross_validate(problem, values)
    for intervals in thresholds.curve_intervals:
        finer = replace(_Basis.make(template.functions, rows, intervals), levels=levels)
        if (
            finer.count + len(template.constants) > thresholds.max_coefficient_share * len(rows)
            or should_stop()
        ):
            break
        problem = finer.make_problem(template, rows)
        start = finer.project(
            best[2][: len(template.constants)], basis.evaluate(values, len(template.constants))
        )
        basis, values = finer, problem.fit(start, thresholds.final_steps, thresholds.profile_gain)
        score = _cross_validate(problem, values)
        if score < lowest:
            best, lowest = (basis, problem, values), score
    return _describe(template, replaced, *best)


@dataclass(frozen=True, eq=False)
class _Basis:
    """Basis functions of all unknown functions in the rows, and which functions have a level."""

    columns: tuple[dict[str, Array], ...]
    levels: tuple[bool, ...]

    @staticmethod
    def make(functions: tuple[UnknownFunction, ...], rows: LabelledRows, intervals: int) -> _Basis:
        """Polynomials for 0 intervals, else splines."""
        found = []
        for number, function in enumerate(functions):
            matrix = _make_columns([rows.columns[name] for name in function.columns], intervals)
            matrix = matrix - matrix.mean(0)
            found.append({f"\0{number} {place}": column for place, column in enumerate(matrix.T)})
        return _Basis(tuple(found), (True,) * len(functions))

    @property
    def count(self) -> int:
        """Number of coefficients."""
        return sum(self.levels) + sum(map(len, self.columns))

    def make_problem(self, template: FormTemplate, rows: LabelledRows) -> FormProblem:
        """The form with the coefficients as further constants."""
        first = place = len(template.constants)
        curves: dict[Expression, Expression] = {}
        for number, (columns, has_level) in enumerate(zip(self.columns, self.levels, strict=True)):
            terms: list[Expression] = [Parameter(place)] if has_level else []
            place += has_level
            terms += [mul(Parameter(place + at), Variable(name)) for at, name in enumerate(columns)]
            place += len(columns)
            curves[Parameter(first + number)] = add(*terms)
        everything = dict(rows.columns) | {
            name: values for part in self.columns for name, values in part.items()
        }
        rows = LabelledRows.from_columns(everything, rows.y, rows.weights, rows.unit_error)
        bounds = [*template.get_bounds(), *[(-np.inf, np.inf)] * self.count]
        return FormProblem(substitute(template.tree, curves), rows, bounds)

    def evaluate(self, values: Array, first: int) -> Float[Array, "functions rows"]:
        """The curves, from all constants of which the coefficients begin at ``first``."""
        curves = []
        for columns, has_level in zip(self.columns, self.levels, strict=True):
            level = float(values[first]) if has_level else 0.0
            first += has_level
            curves.append(level + values[first : first + len(columns)] @ np.stack([*columns.values()]))
            first += len(columns)
        return np.stack(curves)

    def project(self, constants: Array, curves: Float[Array, "functions rows"]) -> Array:
        """The constants with the coefficients that describe given curves best."""
        found = [constants]
        for columns, has_level, curve in zip(self.columns, self.levels, curves, strict=True):
            matrix = np.stack([*([np.ones_like(curve)] if has_level else []), *columns.values()], 1)
            found.append(np.linalg.lstsq(matrix, curve, rcond=None)[0])
        return np.concatenate(found)


def _make_columns(columns: list[Array], intervals: int) -> Float[Array, "rows functions"]:
    """Functions of each column, and products of those of two columns."""
    own = [_make_functions(column, intervals) for column in columns]
    coarse = [_make_functions(column, intervals // 3)[:, : max(2, intervals)] for column in columns]
    products = [
        (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)
        for first, second in combinations(coarse, 2)
    ]
    return np.concatenate([*own, *products], 1)


def _make_functions(column: Array, intervals: int) -> Float[Array, "rows functions"]:
    """Cubic polynomials without a constant, or B-splines on quantiles without one of them, which sum to 1."""
    low, high = float(column.min()), float(column.max())
    unit = (column - low) / ((high - low) or 1.0)
    if intervals < 2:
        return np.stack([(2 * unit - 1) ** power for power in (1, 2, 3)], 1)
    inner = np.unique(np.quantile(unit, np.linspace(0, 1, intervals + 1)[1:-1]))
    inner = inner[(inner > 0) & (inner < 1)]
    knots = np.concatenate([np.zeros(ORDER + 1), inner, np.ones(ORDER + 1)])
    return np.asarray(BSpline.design_matrix(unit, knots, ORDER).toarray()[:, :-1])


def _hold_replaced(
    template: FormTemplate, basis: _Basis, rows: LabelledRows, values: Array, thresholds: FormThresholds
) -> tuple[FormTemplate, tuple[str, ...], tuple[bool, ...]]:
    """Hold the constants, and drop the levels of functions, that curves can replace."""
    first = len(template.constants)
    fine = _Basis.make(template.functions, rows, thresholds.curve_intervals[1])
    problem = fine.make_problem(template, rows)
    moved = fine.project(values[:first], basis.evaluate(values, first))
    _, jacobian = value_and_jacobian(problem.tree, problem.rows.columns, moved)
    ends = np.cumsum([1 + len(columns) for columns in fine.columns])
    levels = [first + int(end) - 1 - len(columns) for end, columns in zip(ends, fine.columns, strict=True)]
    kept = jacobian[:, [place for place in range(first, len(moved)) if place not in levels]]
    redundant = set[int]()
    for place in (*levels, *range(first)):
        column = jacobian[:, place]
        left = column - kept @ np.linalg.lstsq(kept, column, rcond=None)[0]
        if np.linalg.norm(left) <= thresholds.max_redundant_share * np.linalg.norm(column):
            redundant.add(place)
        else:
            kept = np.column_stack([kept, column])
    names = tuple(name for place, name in enumerate(template.constants) if place in redundant)
    values_of = {name: 0.0 if _is_term(template, name) else 1.0 for name in names}
    return template.hold(values_of), names, tuple(place not in redundant for place in levels)


def _is_term(template: FormTemplate, name: str) -> bool:
    """Whether a constant is added and not multiplied by an unknown function."""
    own = Parameter(template.constants.index(name))
    slope = differentiate(template.tree, lambda leaf: ONE if leaf == own else ZERO)
    first = len(template.constants)
    return not any(isinstance(node, Parameter) and node.index >= first for node in walk(slope))


def _cross_validate(problem: FormProblem, values: Array) -> float:
    """Generalised cross-validation of a fit."""
    freedom = 1 - len(values) / len(problem.rows)
    return problem.measure(values) / freedom**2 if freedom > 0 else float("inf")


def _describe(
    template: FormTemplate, replaced: tuple[str, ...], basis: _Basis, problem: FormProblem, values: Array
) -> FittedCurves:
    first = len(template.constants)
    curves = basis.evaluate(values, first)
    own = np.concatenate([np.repeat(values[:first, None], curves.shape[1], 1), curves])
    reached, slopes = value_and_jacobian(template.tree, problem.rows.columns, list(own))
    return FittedCurves(
        template=template,
        replaced=replaced,
        constants=values[:first],
        functions=curves,
        slopes=slopes[:, first:].T,
        residuals=problem.rows.y - reached,
    )
