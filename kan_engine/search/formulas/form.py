"""The form that a client believes in, beside the free search: fitted, and judged on the same folds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.comparison import compute_rmse
from kan_engine.assessment.evidence.assess_formula import add_comparisons, assess_formula
from kan_engine.assessment.evidence.formula_evidence import NETWORK, FormulaEvidence
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import Expression, evaluate
from kan_engine.expressions.measured_constants import bind_unfolded, make_measured
from kan_engine.formulas.core.constant_fitting import ParametricForm
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.forms.fitted_form import FittedForm, fit_form
from kan_engine.formulas.forms.groups import fit_groups
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.template import FormTemplate
from kan_engine.search.context import SearchContext, sample_search_rows
from kan_engine.search.formulas.form_functions import fit_form_with_functions
from kan_engine.search.formulas.form_groups import (
    find_group_templates,
    list_formula_templates,
    make_indicators,
)
from kan_engine.search.result import FormResult

FREE_FORMULA = "free_formula"  # key of the best formula of the free search among compared models


@dataclass(frozen=True)
class JudgedForm:
    """A form of the client as a formula.

    Attributes:
        fitted: Its constants.
        formula: The form with its constants.
        problem: The least-squares problem that they solve.
        errors: Out-of-sample absolute errors; see ``CrossValidation.measure_formula``.
        evidence: Without comparisons with the results of the search.
    """

    fitted: FittedForm
    problem: FormProblem
    formula: Formula
    errors: np.ndarray
    evidence: FormulaEvidence


def judge_form(run: SearchContext) -> JudgedForm | InvalidData | None:
    """Fit the form of the client, if there is one, and collect its evidence; return why it cannot be fitted.

    Where constants per group but no form are requested, the formulas of single groups are tried as forms.

    This takes seconds and comes before the search, so that its time is not over yet.
    """
    template, per_group = run.config.form, run.config.per_group
    try:
        if template is not None:
            form = _fit(template, run)
            return _judge(template, form, _measure(form, run), run)
        return (
            None if per_group is None else _judge_templates(find_group_templates(per_group.column, run), run)
        )
    except InvalidData as error:
        return error


def judge_grouped_formulas(
    formulas: Sequence[Formula], run: SearchContext
) -> JudgedForm | InvalidData | None:
    """The best formula of the search with constants of each group, if groups but no form are requested."""
    per_group = run.config.per_group
    if per_group is None or run.config.form is not None:
        return None
    return _judge_templates(list_formula_templates(per_group.column, formulas, run), run)


def _judge_templates(
    templates: Iterable[FormTemplate], run: SearchContext, max_templates: int = 5
) -> JudgedForm | InvalidData:
    """The form with the shortest description, of at most ``max_templates`` with constants of each group."""
    fits = list[tuple[FormTemplate, FittedForm, Formula]]()
    failure = InvalidData("no formula without the groups was found")
    for template in islice(templates, max_templates):
        try:
            form = _fit(template, run)
        except InvalidData as error:
            failure = error
        else:
            fits.append((template, form, _measure(form, run)))
    return _judge(*min(fits, key=lambda entry: entry[2].bits), run) if fits else failure


def _measure(form: FittedForm, run: SearchContext) -> Formula:
    """The fitted form as a formula."""
    numbers = [float(make_measured(value).value) for value in form.values]
    # Without simplification the client recognises the form
    tree = bind_unfolded(form.tree, numbers)[0] if form.groups is None else form.groups.formula
    return Formula.measure(tree, *sample_search_rows(run))


def _judge(template: FormTemplate, form: FittedForm, formula: Formula, run: SearchContext) -> JudgedForm:
    """The fitted form with its evidence."""
    folds, steps = run.cross_validation, run.thresholds.assessment.max_refit_steps
    # The form does not come from the rows: only its constants are refitted per fold
    errors = folds.measure_errors(_make_fitter(template, form, steps))
    evidence = assess_formula(
        formula,
        errors,
        folds.measure_simple_models(),
        folds,
        fitted=ParametricForm(form.tree, form.values),
        should_stop=run.should_stop,
        stability=lambda: 1.0,  # the form is given: other rows lead to it, too
    )
    problem = _make_problem(template, form, _sample_rows(run))
    return JudgedForm(form, problem, formula, errors, evidence)


def _sample_rows(run: SearchContext, max_rows: int = 20_000) -> LabelledRows:
    """The training rows that constants are fitted to; more hardly change them."""
    return run.data.training.sample(max_rows, run.config.seed)


def _fit(template: FormTemplate, run: SearchContext) -> FittedForm:
    missing = [name for name in template.columns if name not in run.names]
    if missing:
        message = f"its column {missing[0]!r} is the same in all training rows"
        raise InvalidData(message, column=missing[0])
    per_group, rows, seed = run.config.per_group, _sample_rows(run), run.config.seed
    if per_group is not None:
        if not template.constants:
            raise InvalidData("constants per group need a form with constants that are fitted")
        indicators = make_indicators(per_group.column, run.data.encoding)
        return fit_groups(
            template,
            per_group.column,
            indicators,
            rows,
            own=per_group.own,
            seed=seed,
            should_stop=run.should_stop,
        )
    if template.functions:
        return fit_form_with_functions(template, rows, run)
    return fit_form(template, rows, seed=seed, should_stop=run.should_stop)


def compare_form(
    form: JudgedForm,
    free: Sequence[Formula],
    free_errors: Float[np.ndarray, " free_rows"],
    network_errors: Float[np.ndarray, " network_rows"],
    run: SearchContext,
) -> tuple[FormResult, FormulaEvidence]:
    """Compare the client's form with the network and with the best formula of the free search.

    Args:
        form: The fitted form.
        free: Formulas of the free search, best first.
        free_errors: Out-of-sample errors of the first one; empty if they were not measured.
        network_errors: Those of the network, alike.
        run: The search context.
    """
    weights, thresholds = run.data.training.weights, run.thresholds.assessment
    rival_errors = {NETWORK: network_errors} if len(network_errors) else {}
    if free:
        is_known = len(free_errors) > 0
        rival_errors[FREE_FORMULA] = (
            free_errors if is_known else run.cross_validation.measure_formula(free[0].tree)
        )
    evidence = add_comparisons(form.evidence, form.errors, rival_errors, weights, thresholds)
    contains_free = bool(free) and _contains(form, free[0].tree, run)
    if contains_free:  # rounded constants may predict better, but show nothing that the form misses
        models = dict(evidence.compared_with)
        models[FREE_FORMULA] = replace(models[FREE_FORMULA], is_better=False)
        evidence = replace(evidence, compared_with=models)
    rmse = compute_rmse(form.errors, weights)
    tree = free[0].tree if free else None
    return FormResult(form.fitted, rmse if np.isfinite(rmse) else None, tree, contains_free), evidence


def _contains(form: JudgedForm, free: Expression, run: SearchContext) -> bool:
    """Whether the form with certain constants has the values of a formula in the training rows."""
    rows = form.problem.rows
    # The form is fitted to the values of the formula, which have no noise
    target = evaluate(free, rows.columns)
    problem = replace(form.problem, rows=rows.with_target(target))
    # Weighted RMSE of that fit, relative to the spread of the values
    error = (problem.measure(problem.fit(form.fitted.values)) / rows.weights.sum()) ** 0.5
    return bool(error < run.thresholds.assessment.max_exact_error * np.std(target))


def _make_problem(template: FormTemplate, form: FittedForm, rows: LabelledRows) -> FormProblem:
    """The constants of a form that are not held as a least-squares problem."""
    names = [constant.name for constant in form.constants if not constant.is_held]
    return FormProblem(form.tree, rows, template.get_bounds(names))


def _make_fitter(
    template: FormTemplate, form: FittedForm, steps: int
) -> Callable[[LabelledRows], Callable[[Float[np.ndarray, "rows columns"]], Float[np.ndarray, " rows"]]]:
    """A fitter that refits the constants within their bounds, in at most ``2·steps`` evaluations."""

    def fit(rows: LabelledRows) -> Callable[[Float[np.ndarray, "rows columns"]], Float[np.ndarray, " rows"]]:
        values = _make_problem(template, form, rows).fit(form.values, 2 * steps, 1e-12)
        return lambda x: evaluate(form.tree, dict(zip(rows.names, x.T, strict=True)), values)

    return fit
