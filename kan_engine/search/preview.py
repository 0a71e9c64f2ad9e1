"""The first model of a training, which serves until the search has found its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.linear_model import OrthogonalMatchingPursuit

from kan_engine.assessment.comparison import compute_paired_rmse
from kan_engine.data.training_data import TrainingData
from kan_engine.formulas.core.formula import Formula
from kan_engine.inference.linear_network import LinearKind, linear_formula
from kan_engine.search.choice import NO_ALLOWED_FORMULA_WARNING, list_allowed
from kan_engine.search.config import SearchConfig
from kan_engine.search.context import FoundLaw, SearchContext, make_problem, sample_search_rows
from kan_engine.search.formulas.final_constants import fit_final_constants
from kan_engine.search.laws.law_subtask import make_law_result, measure_law_errors
from kan_engine.search.networks.linear_model import (
    fit_simple_formula,
    make_linear_classifier,
    make_linear_regression,
)
from kan_engine.search.networks.monotone_network import find_monotone_network
from kan_engine.search.result import SearchResult


def find_preview(data: TrainingData, config: SearchConfig) -> SearchResult:
    """Find a model within seconds: a line with its formula, or a sum of curves where that is better.

    A line, or its exponential, is compared with the curves by cross-validation. Its formula has only the
    strongest of many columns. Classes get logistic regression, wished directions a monotone sum of curves.
    """
    run = SearchContext.create(data, config)
    folds = run.cross_validation
    simple = folds.measure_simple_models()
    if data.classes is not None:
        return make_linear_classifier(run, simple["linear"])
    if config.constraints.monotone:
        return find_monotone_network(replace(run, should_stop=lambda: True))  # the first of its settings
    kind: LinearKind = "linear"
    if "log_linear" in simple and folds.is_better(simple["log_linear"], simple["linear"]):
        kind = "log_linear"
    line = make_linear_regression(run, simple[kind], kind)
    curves = _fit_curves(run)
    network = curves if curves is not None and folds.is_better(curves.errors, line.errors) else line
    formulas = list_allowed([_fit_short_line(run, kind)], run) if config.symbolic else []
    warnings = [NO_ALLOWED_FORMULA_WARNING] if config.symbolic and not formulas else []
    return replace(network, formulas=[formulas] if formulas else []).add_warnings(*warnings)


def is_as_good(result: SearchResult, earlier: SearchResult, data: TrainingData) -> bool:
    """Whether a result has no larger error out of sample than another, on the rows that both have."""
    if not len(result.errors) or not len(earlier.errors):
        return True
    # NaN marks rows without an out-of-sample error; without common rows there is nothing to compare
    if not (~np.isnan(result.errors + earlier.errors)).any():
        return True
    rmse, earlier_rmse = compute_paired_rmse(result.errors, earlier.errors, data.training.weights)
    return rmse <= earlier_rmse


def _fit_short_line(run: SearchContext, kind: LinearKind, max_terms: int = 5) -> Formula:
    """The formula of a line; of many columns only those that orthogonal matching pursuit selects.

    Source: Pati, Rezaiifar and Krishnaprasad (1993), by scikit-learn.

    Args:
        run: The search context.
        kind: Which line.
        max_terms: Columns of a formula that is read at a glance.
    """
    fit, validation = sample_search_rows(run)
    if len(run.names) <= max_terms or kind != "linear":
        return fit_final_constants([fit_simple_formula(run, kind)], run)[0]
    root = fit.roots[:, None]
    center = np.average(fit.x, axis=0, weights=fit.weights)
    scale = np.sqrt(np.average((fit.x - center) ** 2, axis=0, weights=fit.weights))
    # Weighted columns of unit variance: the pursuit selects by correlation with the residuals
    design = root * (fit.x - center) / np.where(scale > 0, scale, 1.0)
    level = float(np.average(fit.y, weights=fit.weights))
    pursuit = OrthogonalMatchingPursuit(n_nonzero_coefs=max_terms, fit_intercept=False)
    # Divided by the scale once more, since the formula has the columns in their own units
    slopes = pursuit.fit(design, root[:, 0] * (fit.y - level)).coef_ / np.where(scale > 0, scale, 1.0)
    tree = linear_formula(run.data.names, slopes, float(level - center @ slopes))
    short = Formula.refit(tree, fit, validation, run.config.constraints)
    return fit_final_constants([short], run)[0]


def _fit_curves(run: SearchContext) -> SearchResult | None:
    """A sum of curves of the most relevant columns; None where none can be fitted."""
    inner, places = run.select_columns()
    additive = next(iter(make_problem(inner, is_recorded=False).structures.sums), None)
    if additive is None:
        return None
    law = FoundLaw(fit=additive, formulas=[], is_read=False)
    return make_law_result(law, inner, run, places, errors=measure_law_errors(law, inner))
