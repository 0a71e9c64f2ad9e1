"""Unknown functions of a form as curves: sums of basis functions, fitted together with the constants.

Every unknown function becomes a polynomial of its columns. Its coefficients are further constants of the form
that enter like the function itself. So the search for the best constants finds them, too (Gauss-Newton on
constants and curves at once). The degree is chosen by generalised cross-validation (Craven and Wahba,
Numerische Mathematik 31, 1979).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import value_and_jacobian
from kan_engine.expressions.nodes import Expression, Parameter, Variable, add, mul, substitute, walk
from kan_engine.formulas.core.chebyshev_surrogate import ChebyshevBasis
from kan_engine.formulas.forms.global_fit import fit_globally
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.projection import differentiate_in
from kan_engine.formulas.forms.template import FormTemplate

Array = np.ndarray


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
    degrees: Sequence[int] = (3, 5, 8, 12),
    max_share: float = 0.35,
) -> FittedCurves:
    """Fit constants and curves together.

    A constant that a curve can replace, such as a in ``a*f(x)``, is held at 1, or at 0 if it is a term.

    Args:
        template: The form.
        rows: What it is fitted to.
        seed: Of the search for the constants, which is on curves of the lowest degree.
        should_stop: Once it returns true, no higher degree is tried.
        degrees: Of the curves; cross-validation chooses one.
        max_share: Of constants and coefficients, relative to the rows.

    Raises:
        InvalidData: The form has no finite values for any start.
    """
    curves = _CurveProblem.make(template, rows, degrees[0])  # low degrees find the constants
    values = fit_globally(curves.problem, seed, should_stop=should_stop)
    replaced_constants = _find_replaced(curves, values)
    if replaced_constants:
        template = template.hold(replaced_constants)
        curves = _CurveProblem.make(template, rows, degrees[0])
        values = fit_globally(curves.problem, seed, should_stop=should_stop)
    best, lowest = (curves, values), curves.cross_validate(values)
    # Higher degrees start from the curves found before: their constants are near already
    for degree in degrees[1:]:
        finer = _CurveProblem.make(template, rows, degree)
        if len(finer.problem.bounds) > max_share * len(rows) or should_stop():
            break
        start = finer.project(values[: len(template.constants)], curves.evaluate(values))
        curves, values = finer, finer.problem.fit(start, min_gain=1e-8)
        score = curves.cross_validate(values)
        if score < lowest:
            best, lowest = (curves, values), score
    return _describe(*best, tuple(replaced_constants))


@dataclass(frozen=True, eq=False)
class _CurveProblem:
    """A form with the coefficients of its curves as further constants.

    Attributes:
        template: The form.
        problem: Its least-squares problem; basis functions are further columns.
        bases: Basis functions of every curve.
    """

    template: FormTemplate
    problem: FormProblem
    bases: Sequence[Float[Array, "rows coefficients"]]

    @staticmethod
    def make(template: FormTemplate, rows: LabelledRows, degree: int) -> _CurveProblem:
        """Curves of a total degree, or less if the rows are few."""
        columns, curves, bases = dict(rows.columns), dict[Expression, Expression](), []
        count = place = len(template.constants)
        # The basis functions are columns of the table, and their coefficients constants of the form
        for number, function in enumerate(template.functions):
            function_columns = {name: rows.columns[name] for name in function.columns}
            basis = ChebyshevBasis.build(
                function_columns, (False,) * len(function_columns), max_degree=degree
            ).values(function_columns)
            names = [f"\\0{number} {term}" for term in range(basis.shape[1])]
            terms = [mul(Parameter(place + term), Variable(name)) for term, name in enumerate(names)]
            curves[Parameter(count + number)] = add(*terms)
            columns |= dict(zip(names, basis.T, strict=True))
            place += len(names)
            bases.append(basis)
        bounds = [*template.get_bounds(), *[(-np.inf, np.inf)] * (place - count)]
        further = LabelledRows.from_columns(columns, rows.y, rows.weights, rows.unit_error)
        return _CurveProblem(template, FormProblem(substitute(template.tree, curves), further, bounds), bases)

    def evaluate(self, values: Float[Array, " parameters"]) -> Float[Array, "functions rows"]:
        """The curves."""
        ends = np.cumsum([len(self.template.constants), *(basis.shape[1] for basis in self.bases)])[:-1]
        return np.stack(
            [
                basis @ coefficients
                for basis, coefficients in zip(self.bases, np.split(values, ends)[1:], strict=True)
            ]
        )

    def project(
        self, constants: Float[Array, " constants"], curves: Float[Array, "functions rows"]
    ) -> Float[Array, " parameters"]:
        """The constants with the coefficients that describe given curves best."""
        pairs = zip(self.bases, curves, strict=True)
        return np.concatenate([constants, *(np.linalg.lstsq(basis, curve)[0] for basis, curve in pairs)])

    def cross_validate(self, values: Float[Array, " parameters"]) -> float:
        """Generalised cross-validation of a fit."""
        freedom = 1 - len(values) / len(self.problem.rows)
        return self.problem.measure(values) / freedom**2 if freedom > 0 else float("inf")


def _find_replaced(
    curves: _CurveProblem, values: Float[Array, " parameters"], max_share: float = 1e-2
) -> dict[str, float]:
    """The constants that curves can replace, and the values at which they are held.

    Args:
        curves: The form with curves.
        values: Its constants.
        max_share: Of the effect of a constant that no curve can replace.
    """
    template, problem = curves.template, curves.problem
    finer = _CurveProblem.make(template, problem.rows, 5)
    start = finer.project(values[: len(template.constants)], curves.evaluate(values))
    _, jacobian = value_and_jacobian(finer.problem.tree, finer.problem.rows.columns, start)
    # A constant is superfluous if curves, and constants that stay, have its effect to first order
    basis, replaced_constants = jacobian[:, len(template.constants) :], dict[str, float]()
    for place, name in enumerate(template.constants):
        column = jacobian[:, place]
        residual = column - basis @ np.linalg.lstsq(basis, column)[0]
        if np.linalg.norm(residual) > max_share * np.linalg.norm(column):
            basis = np.column_stack([basis, column])
            continue
        # With 1 a factor leaves the curve as it is, with 0 a term
        effect = walk(differentiate_in(template.tree, place))
        is_factor = any(
            isinstance(node, Parameter) and node.index >= len(template.constants) for node in effect
        )
        replaced_constants[name] = 1.0 if is_factor else 0.0
    return replaced_constants


def _describe(
    curves: _CurveProblem, values: Float[Array, " parameters"], replaced_names: tuple[str, ...]
) -> FittedCurves:
    count, problem, functions = len(curves.template.constants), curves.problem, curves.evaluate(values)
    # The curves are further arguments of the form, so that its derivatives by them follow
    arguments = [*np.repeat(values[:count, None], len(problem.rows), 1), *functions]
    predictions, slopes = value_and_jacobian(curves.template.tree, problem.rows.columns, arguments)
    return FittedCurves(
        template=curves.template,
        replaced=replaced_names,
        constants=values[:count],
        functions=functions,
        slopes=slopes[:, count:].T,
        residuals=problem.rows.y - predictions,
    )
