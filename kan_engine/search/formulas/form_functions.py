"""Unknown functions of a form: learnt as curves, and read as formulas by the law search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.expressions.nodes import Parameter, Variable, add, mul, parametrize_floats, substitute
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
    thresholds, seed = run.thresholds.forms, run.config.seed
    rows = rows.sample(thresholds.max_rows, seed)
    curves = fit_curves(template, rows, seed, should_stop=run.should_stop, thresholds=thresholds)
    template = curves.template
    readings = [_read_function(place, curves, rows, run) for place in range(len(template.functions))]
    best: tuple[float, FormTemplate, FormProblem, np.ndarray, tuple[FittedFunction, ...]] | None = None
    for trees in product(*readings):
        whole, functions, start = _insert_functions(template, curves.constants, trees)
        problem = FormProblem(whole.tree, rows, whole.get_bounds())
        values = problem.fit(start, thresholds.final_steps, thresholds.min_relative_gain)
        form = ParametricForm(whole.tree, values)
        bits = description_length(form, rows, run.thresholds.symbolic.constants)
        if best is None or bits < best[0]:
            best = bits, whole, problem, values, functions
    assert best is not None  # noqa: S101 - every function has a reading
    _, whole, problem, values, functions = best
    fitted = describe_form(whole, problem, values, thresholds)
    replaced = ", ".join(f"{name} = {template.held[name]:g}" for name in curves.replaced)
    told = f"a constant that an unknown function can replace is held: {replaced}"
    return replace(
        fitted, functions=functions, warnings=(*fitted.warnings, *([told] if curves.replaced else []))
    )


def _read_function(
    place: int, curves: FittedCurves, rows: LabelledRows, run: SearchContext
) -> list[Expression]:
    """Formulas of one unknown function, best first; the last one is a polynomial."""
    names = curves.template.functions[place].columns
    slope, curve = curves.slopes[place], curves.functions[place]
    weights = rows.weights * slope**2
    mean = float(weights.mean())
    weights = weights / mean
    unit_error = None if rows.unit_error is None else rows.unit_error / mean**0.5
    is_known = weights > run.thresholds.forms.min_function_weight
    target = curve + np.where(is_known, curves.residuals / np.where(is_known, slope, 1.0), 0.0)
    columns = {name: rows.columns[name] for name in names}
    part = LabelledRows.from_columns(columns, target, weights, unit_error)[is_known]
    found = [] if run.should_stop() else find_formulas(part, run)
    return [*found[: run.thresholds.forms.max_readings], _fit_polynomial(part)]


def find_formulas(part: LabelledRows, run: SearchContext) -> list[Expression]:
    """Formulas of these rows by the law search, best first."""
    count = len(part)
    order = np.random.default_rng(run.config.seed).permutation(count)
    judged = max(1, int(run.thresholds.data.validation_share * count))
    data = replace(
        run.data,
        rows=part[order],
        fit_count=count - judged,
        validation_count=judged,
        numbers=order,
    )
    config = replace(run.config, form=None, symbolic=True, prune=True)
    inner = SearchContext.create(data, config, Callbacks(should_stop=run.should_stop, clock=run.clock))
    seconds = run.thresholds.forms.function_time_share * run.config.max_seconds
    law = find_law(inner, seconds)
    return [formula.tree for formula in law.formulas] if law is not None else []


def _fit_polynomial(part: LabelledRows) -> Expression:
    """A cubic polynomial of every column, with products of two columns."""
    terms: list[Expression] = []
    values = [np.ones(len(part))]
    for name, column in part.columns.items():
        terms += [Variable(name) ** power for power in (1, 2, 3)]
        values += [column**power for power in (1, 2, 3)]
    for first, name in enumerate(part.names):
        terms += [mul(Variable(name), Variable(other)) for other in part.names[first + 1 :]]
        values += [part.columns[name] * part.columns[other] for other in part.names[first + 1 :]]
    matrix = np.stack(values, 1) * part.roots[:, None]
    scale = np.linalg.norm(matrix, axis=0)
    found = np.linalg.lstsq(matrix / scale, part.y * part.roots, rcond=None)[0] / scale
    return add(
        make_measured(found[0]),
        *(mul(make_measured(value), term) for value, term in zip(found[1:], terms, strict=True)),
    )


def _insert_functions(
    template: FormTemplate, constants: np.ndarray, trees: Sequence[Expression]
) -> tuple[FormTemplate, tuple[FittedFunction, ...], np.ndarray]:
    """The form with formulas for its functions, whose constants follow its own; and where these start."""
    first, names, values = len(template.constants), list(template.constants), list(constants)
    moved: dict[Expression, Expression] = {}
    functions = []
    for place, (function, tree) in enumerate(zip(template.functions, trees, strict=True)):
        form, own = parametrize_floats(tree)
        shifted = substitute(form, dict(_shift(len(own), len(values))))
        moved[Parameter(first + place)] = shifted
        functions.append(FittedFunction(function.name, function.columns, shifted))
        names += [f"{function.name}[{number}]" for number in range(1, len(own) + 1)]
        values += own
    whole = replace(template, tree=substitute(template.tree, moved), constants=tuple(names), functions=())
    return whole, tuple(functions), np.array(values)


def _shift(count: int, by: int) -> Iterator[tuple[Expression, Expression]]:
    for index in range(count):
        yield Parameter(index), Parameter(index + by)
