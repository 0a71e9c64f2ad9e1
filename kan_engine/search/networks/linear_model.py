"""A linear network: the result where nothing is better than a line or a constant."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.simple_models import (
    LinearModel,
    fit_constant,
    fit_gamma_regression,
    fit_logistic_regression,
    fit_ridge_regression,
    make_class_shares,
)
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import TargetScaler
from kan_engine.expressions.evaluation import apply_function, bind, parametrize_floats
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.relevant_columns import select_relevant_columns
from kan_engine.formulas.problem import Problem
from kan_engine.inference.linear_network import (
    LinearKind,
    build_linear_network,
    classify_linear_network,
    linear_formula,
)
from kan_engine.network.kan import KAN
from kan_engine.search.context import SearchContext, sample_search_rows
from kan_engine.search.result import SearchResult
from kan_engine.training.loop import TrainingStep

NAMES: dict[LinearKind, str] = {
    "constant": "a constant",
    "linear": "a straight line",
    "log_linear": "the exponential of a straight line",
    "logistic": "logistic regression",
}


def find_linear_model(run: SearchContext) -> SearchResult:
    """The best of a constant, a line, and its exponential or logistic regression, as a network."""
    kind, errors = select_linear_model(run)
    if run.data.classes is not None:
        return make_linear_classifier(run, errors, is_constant=kind == "constant")
    return make_linear_regression(run, errors, kind)


def select_linear_model(run: SearchContext) -> tuple[LinearKind, Float[np.ndarray, " rows"]]:
    """The same without a fit: its kind, and its out-of-sample errors."""
    folds, simple = run.cross_validation, run.cross_validation.measure_simple_models()
    kind: LinearKind = "linear" if run.config.constraints.must_use else "constant"
    for rival in ("linear", "log_linear"):
        if rival in simple and folds.is_better(simple[rival], simple[kind]):
            kind = rival
    return kind, simple[kind]


def name_linear_model(result: SearchResult) -> str:
    """What a linear network is, for messages."""
    return NAMES[classify_linear_network(result.network, result.scaler)]


def count_numbers(result: SearchResult) -> int:
    """Number of fitted numbers of a linear model: its slopes, and an intercept."""
    is_constant = classify_linear_network(result.network, result.scaler) == "constant"
    return 1 if is_constant else 1 + result.network.edge_count


def make_linear_classifier(
    run: SearchContext, errors: Float[np.ndarray, " rows"], *, is_constant: bool = False
) -> SearchResult:
    """Logistic regression or class shares as a network; ``judged`` is fitted without the validation rows."""
    data = run.data
    classes, strength = len(data.classes or ()), run.cross_validation.select_strength()

    def make_network(rows: LabelledRows) -> KAN:
        line = (
            make_class_shares(rows, classes)
            if is_constant
            else fit_logistic_regression(rows, classes, strength)
        )
        slopes = line.slopes.reshape(len(data.names), -1)
        intercepts = np.atleast_1d(np.asarray(line.intercept))
        return build_linear_network(slopes, intercepts, run.inputs, None, order=run.config.order)

    # Errors of a classifier are roots of the log loss
    loss = float(np.mean(errors[np.isfinite(errors)] ** 2))
    return SearchResult(
        network=make_network(data.training),
        judged=make_network(data.fit),
        is_straight=True,
        inputs=run.inputs,
        scaler=None,
        history=(TrainingStep(0, 1, loss, loss),),
        optimizer="lbfgs",
        errors=errors,
    )


def fit_simple_formula(run: SearchContext, kind: LinearKind, *, max_constant_digits: int = 6) -> Formula:
    """A line, its exponential, or the mean of all training rows as a formula.

    Args:
        max_constant_digits: Of the constants of an exponential, which are not refitted.
    """
    line, fit = _fit_line(run, kind), sample_search_rows(run)
    limits = run.thresholds.assessment
    tree = linear_formula(run.data.names, line.slopes, float(line.intercept))
    # A long line keeps the constants of ridge regression, instead of those of a sample
    is_long = len(run.data.training) * len(line.slopes) > run.thresholds.max_final_values
    has_few = len(fit[0]) < limits.min_rows_per_constant * (1 + len(line.slopes))
    if kind == "log_linear":  # not refitted: least squares would fit only the largest targets
        form, values = parametrize_floats(tree)
        tree = apply_function(
            "exp", bind(form, [float(f"{value:.{max_constant_digits}g}") for value in values])
        )
    elif not is_long and not has_few:
        return Formula.refit(tree, *fit, run.config.constraints)
    return Formula.measure(tree, *fit, run.config.constraints)


def fit_line_of_log_odds(problem: Problem, run: SearchContext) -> Formula:
    """A line of the log-odds of a network, in the most relevant columns."""
    names = select_relevant_columns(problem.rows, run.thresholds.max_selected_columns)
    rows = problem.rows.select_columns([problem.names.index(name) for name in names])
    line = fit_ridge_regression(rows, run.thresholds.assessment.ridge_penalties)
    tree = linear_formula(rows.names, line.slopes, float(line.intercept))
    return Formula.refit(tree, problem.fit, problem.validation, problem.constraints)


def make_linear_regression(
    run: SearchContext, errors: Float[np.ndarray, " rows"], kind: LinearKind
) -> SearchResult:
    """A line, its exponential, or the mean of all training rows as a network.

    Args:
        run: The search context.
        errors: Its out-of-sample absolute errors.
        kind: Which of these to fit.
    """
    rows, is_log, line = run.data.training, kind == "log_linear", _fit_line(run, kind)
    scaler = TargetScaler.fit(rows.y[:, None], "log" if is_log else "identity")
    network = build_linear_network(
        line.slopes[:, None], np.array([line.intercept]), run.inputs, scaler, order=run.config.order
    )
    # Loss of the training: half the mean square in the scale of the network
    z = scaler.forward(rows.y[:, None])[:, 0]
    residuals = (line.predict(rows.x) - scaler.mean[0]) / scaler.std[0] - z
    loss = float(np.mean(residuals**2) / 2)
    return SearchResult(
        network=network,
        judged=network,
        is_straight=True,
        inputs=run.inputs,
        scaler=scaler,
        history=(TrainingStep(0, 1, loss, loss),),
        optimizer="newton" if is_log else "least_squares",
        errors=errors,
    )


def _fit_line(run: SearchContext, kind: LinearKind) -> LinearModel:
    """A line of the target, or of its logarithm."""
    rows, limits = run.data.training, run.thresholds.assessment
    if kind == "constant":
        return LinearModel(np.zeros(rows.x.shape[1]), float(fit_constant(rows)(rows.x[:1])[0]))
    if kind == "log_linear":
        return fit_gamma_regression(rows, limits.gamma_penalty)
    return fit_ridge_regression(rows, limits.ridge_penalties)
