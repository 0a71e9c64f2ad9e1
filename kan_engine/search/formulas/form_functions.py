"""Unknown functions of a form: learnt as curves, and read as formulas by the law search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, product

import numpy as np
from jaxtyping import Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.expressions.nodes import ONE, Parameter, Variable, add, mul, parametrize_floats, substitute
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.core.constant_fitting import ParametricForm
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.forms.curves import FittedCurves, fit_curves
from kan_engine.formulas.forms.fitted_form import FittedForm, FittedFunction, describe_form
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.template import FormTemplate
from kan_engine.search.context import SearchContext
from kan_engine.search.laws.find_law import find_law


def fit_form_with_functions(template: FormTemplate, rows: LabelledRows, run: SearchContext) -> FittedForm:
    """Learn the unknown functions of a form as curves, read them as formulas, and fit all constants together.

    Raises:
        InvalidData: The form has no finite values for any constants.
    """
    curves = fit_curves(template, rows, run.config.seed, should_stop=run.should_stop)
    readings = [_read_function(place, curves, rows, run) for place in range(len(template.functions))]
    fits = []
    # All combinations of readings with their constants fitted jointly; the shortest description counts
    for trees in product(*readings):
        full_template, functions, start = _insert_functions(curves.template, curves.constants, trees)
        problem = FormProblem(full_template.tree, rows, full_template.get_bounds())
        values = problem.fit(start)
        form = ParametricForm(full_template.tree, values)
        bits = description_length(form, rows)
        fits.append((bits, full_template, problem, values, functions))
    _, full_template, problem, values, functions = min(fits, key=lambda entry: entry[0])
    result = describe_form(full_template, problem, values)
    warnings = result.warnings
    if curves.replaced:
        constants_text = ", ".join(f"{name} = {full_template.held[name]:g}" for name in curves.replaced)
        warnings = (*warnings, f"a constant that an unknown function can replace is held: {constants_text}")
    return replace(result, functions=functions, warnings=warnings)


def _read_function(
    place: int, curves: FittedCurves, rows: LabelledRows, run: SearchContext, min_weight: float = 1e-6
) -> list[Expression]:
    """Formulas of one unknown function, best first; the last one is a polynomial.

    Args:
        place: Of the function.
        curves: The functions as curves.
        rows: That they were fitted to.
        run: The search.
        min_weight: Of a row, relative to the mean; rows below it do not determine the curve.
    """
    slope, curve = curves.slopes[place], curves.functions[place]
    # Delta method: an error of the target is an error of the function divided by the slope
    weights = rows.weights * slope**2
    # Weights of mean 1; the error of a row of weight 1 is scaled with them
    mean = float(weights.mean())
    weights = weights / mean
    unit_error = None if rows.unit_error is None else rows.unit_error / mean**0.5
    is_known = weights > min_weight
    # Partial residuals: the curve plus what the form leaves, in the units of the function
    target = curve + np.where(is_known, curves.residuals / np.where(is_known, slope, 1.0), 0.0)
    columns = {name: rows.columns[name] for name in curves.template.functions[place].columns}
    part = LabelledRows.from_columns(columns, target, weights, unit_error)[is_known]
    return [*([] if run.should_stop() else find_formulas(part, run)), _fit_polynomial(part)]


def find_formulas(
    part: LabelledRows, run: SearchContext, *, max_formulas: int = 3, time_share: float = 0.15
) -> list[Expression]:
    """Formulas of these rows by the law search, best first.

    Args:
        part: The rows.
        run: The search.
        max_formulas: Number of formulas.
        time_share: Of the time of the job.
    """
    count = len(part)
    # Rows in random order, since the last ones validate
    order = np.random.default_rng(run.config.seed).permutation(count)
    validation_count = max(1, int(run.thresholds.data.validation_share * count))
    data = replace(
        run.data,
        rows=part[order],
        fit_count=count - validation_count,
        validation_count=validation_count,
        numbers=order,
    )
    config = replace(run.config, form=None, symbolic=True, prune=True)
    inner = SearchContext.create(data, config, Callbacks(should_stop=run.should_stop, clock=run.clock))
    law = find_law(inner, time_share * run.config.max_seconds)
    return [] if law is None else [formula.tree for formula in law.formulas[:max_formulas]]


def _fit_polynomial(part: LabelledRows) -> Expression:
    """A cubic polynomial of every column, with products of two columns."""
    powers = [Variable(name) ** power for name in part.names for power in (1, 2, 3)]
    products = [mul(Variable(name), Variable(partner)) for name, partner in combinations(part.names, 2)]
    terms = [ONE, *powers, *products]
    matrix = np.stack([evaluate(term, part.columns) * part.roots for term in terms], 1)
    # Columns of norm 1: powers of a column differ by orders of magnitude
    scale = np.linalg.norm(matrix, axis=0)
    coefficients = np.linalg.lstsq(matrix / scale, part.y * part.roots)[0] / scale
    return add(*(mul(make_measured(value), term) for value, term in zip(coefficients, terms, strict=True)))


def _insert_functions(
    template: FormTemplate, constants: Float[np.ndarray, " constants"], trees: Sequence[Expression]
) -> tuple[FormTemplate, tuple[FittedFunction, ...], Float[np.ndarray, " start"]]:
    """The form with formulas for its functions, whose constants follow its own; and where these start."""
    offset, names, values = len(template.constants), list(template.constants), list(constants)
    substitutions: dict[Expression, Expression] = {}
    functions = []
    for place, (function, tree) in enumerate(zip(template.functions, trees, strict=True)):
        form, tree_values = parametrize_floats(tree)
        numbers = range(len(tree_values))
        # Parameters of a function are numbered after those of the form and of the functions before it
        function_tree = substitute(
            form, {Parameter(number): Parameter(len(values) + number) for number in numbers}
        )
        substitutions[Parameter(offset + place)] = function_tree
        functions.append(FittedFunction(function.name, function.columns, function_tree))
        names += [f"{function.name}[{number + 1}]" for number in numbers]
        values += tree_values
    full_template = replace(
        template, tree=substitute(template.tree, substitutions), constants=tuple(names), functions=()
    )
    return full_template, tuple(functions), np.array(values)
