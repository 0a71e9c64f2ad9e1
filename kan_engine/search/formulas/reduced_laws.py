"""Formulas in the columns from laws in the variables of a reduction."""

from __future__ import annotations

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Number, Variable, mul, substitute
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    refit_constants,
)
from kan_engine.formulas.core.description_length import description_length
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.reductions.variable_groups import Reduction
from kan_engine.formulas.strategies.enumeration.enumerated_law import enumerate_laws
from kan_engine.search.context import SearchContext


def expand_laws(
    found: Reduction,
    laws: list[Expression],
    fit: LabelledRows,
    validation: LabelledRows,
    run: SearchContext,
) -> list[Formula]:
    """Return laws of a reduction as formulas whose constants are refitted to the rows of the columns.

    Formulas that are not allowed are left out.
    """
    constraints, symbolic = run.config.constraints, run.thresholds.symbolic
    formulas = []
    for law in laws[: run.thresholds.max_group_formulas]:
        tree = found.expand_law(law, validation.columns, symbolic.simplification)
        again = Formula.refit(tree, fit, validation, constraints, thresholds=symbolic)
        if constraints.allow(again.tree):
            formulas.append(again)
    return formulas


def enumerate_formulas(
    found: Reduction,
    fit: LabelledRows,
    validation: LabelledRows,
    run: SearchContext,
) -> list[Formula]:
    """Try all short laws of a reduction; return the formulas with the shortest descriptions."""
    symbolic = run.thresholds.symbolic
    forms = enumerate_laws(found.reduce_data(fit), run.should_stop, thresholds=run.thresholds.discovery)
    known: dict[Expression, Expression] = {Variable(name): tree for name, tree in found.groups.items()}
    everything, rated = fit.append(validation), dict[Expression, float]()
    for form in forms:
        whole = ParametricForm(mul(found.factor, substitute(form.tree, known)), form.values)
        fitted = refit_constants(whole, fit, iterations=symbolic.max_noisy_refit_steps)
        rated[fitted.numeric_tree] = description_length(fitted, everything, symbolic.constants)
    best = sorted((tree for tree, bits in rated.items() if np.isfinite(bits)), key=lambda tree: rated[tree])
    return expand_laws(Reduction(groups={}), best, fit, validation, run)


def fit_scale(found: Reduction, fit: LabelledRows) -> Expression:
    """Return the constant of a law without groups, by least squares."""
    reduced = found.reduce_data(fit)
    return Number(float(np.average(reduced.y, weights=reduced.weights)))
