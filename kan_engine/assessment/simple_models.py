"""Simple models that every candidate is compared with: a constant, a line, its exponential, boosting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import softmax
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import GammaRegressor, LogisticRegression, RidgeCV
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, evaluate, parametrize_floats
from kan_engine.formulas.core.constant_fitting import ParametricForm, refit_constants
from kan_engine.formulas.core.working_responses import complete_logits, evaluate_logits, refit_logits

PredictFunction = Callable[[Float[np.ndarray, "rows columns"]], Float[np.ndarray, " rows *classes"]]
"""Values or class probabilities at encoded rows."""

ModelFitter = Callable[[LabelledRows], PredictFunction]
"""Fits a model to training rows; returns a function of encoded rows [n, d]."""


@dataclass(frozen=True)
class LinearModel:
    """A linear function of encoded columns: slopes [d] and an intercept, or [d, C] and [C] for classes."""

    slopes: np.ndarray
    intercept: float | np.ndarray

    def predict(self, x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows *classes"]:
        """Values at rows [n, d]."""
        values: np.ndarray = x @ self.slopes + self.intercept
        return values


def fit_constant(rows: LabelledRows) -> PredictFunction:
    """Fit the weighted mean."""
    mean = float(np.average(rows.y, weights=rows.weights))
    return lambda x: np.full(len(x), mean)


def fit_line(penalties: Sequence[float], rows: LabelledRows) -> PredictFunction:
    """Fit a line; see ``fit_ridge_regression``."""
    return fit_ridge_regression(rows, penalties).predict


def fit_log_line(penalty: float, rows: LabelledRows) -> PredictFunction:
    """Fit the exponential of a line; see ``fit_gamma_regression``."""
    line = fit_gamma_regression(rows, penalty)
    return lambda x: np.exp(line.predict(x))


def fit_class_shares(classes: int, rows: LabelledRows) -> PredictFunction:
    """Fit the weighted share of every class, with half a row added to each class."""
    counts = np.bincount(rows.classes, rows.weights, minlength=classes) + 0.5
    return lambda x: np.tile(counts / counts.sum(), (len(x), 1))


def fit_log_odds(classes: int, strength: float, rows: LabelledRows) -> PredictFunction:
    """Fit class probabilities; see ``fit_logistic_regression``."""
    line = fit_logistic_regression(rows, classes, strength)

    def predict(x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows *classes"]:
        values = line.predict(x)
        probabilities: np.ndarray = softmax(complete_logits(values.reshape(len(x), -1)), axis=1)
        return probabilities

    return predict


def fit_ridge_regression(rows: LabelledRows, penalties: Sequence[float]) -> LinearModel:
    """Ridge regression on standardised columns; the penalty by generalised cross-validation (Golub 1979)."""
    x, y = rows.x, rows.y
    center, scale = _center_and_scale(x)
    with threadpool_limits(1):
        ridge = RidgeCV(alphas=penalties).fit((x - center) / scale, y, sample_weight=rows.weights)
    # The penalty acts on standardised columns; the model takes the columns as they are
    slopes = ridge.coef_ / scale
    return LinearModel(slopes, float(ridge.intercept_ - center @ slopes))


def fit_gamma_regression(rows: LabelledRows, penalty: float) -> LinearModel:
    """Logarithm of the mean target by gamma regression, whose errors are proportional to the mean.

    If targets vary by factors, least squares of the targets fits only the largest ones, and least squares of
    their logarithms misses the mean (McCullagh and Nelder, Generalized Linear Models, chapter 8).
    """
    x, y = rows.x, rows.y
    # A target of mean 1: the penalty and the solver's tolerance then mean the same in all units
    (center, scale), size = _center_and_scale(x), float(np.average(y, weights=rows.weights))
    model = GammaRegressor(alpha=penalty, solver="newton-cholesky", max_iter=1_000)
    with threadpool_limits(1):
        model.fit((x - center) / scale, y / size, sample_weight=rows.weights)
    slopes = model.coef_ / scale
    return LinearModel(slopes, float(model.intercept_ - center @ slopes + np.log(size)))


def fit_logistic_regression(rows: LabelledRows, classes: int, strength: float) -> LinearModel:
    """Logistic regression on standardised columns; ``strength`` is scikit-learn's ``C``.

    Returns the log-odds of the second of two classes, or one logit per class. A class without rows is as rare
    as half a row.
    """
    x, y = rows.x, rows.classes
    # Classes without rows keep slopes of 0 and the intercept of half a row
    present = np.unique(y)
    center, scale = _center_and_scale(x)
    slopes = np.zeros((x.shape[1], classes))
    intercepts = np.full(classes, np.log(0.5 / len(rows)))
    if len(present) == 1:
        intercepts[present] = 0.0
    else:
        z = (x - center) / scale
        with threadpool_limits(1):
            model = LogisticRegression(C=strength, max_iter=1_000).fit(z, y, sample_weight=rows.weights)
        # One logit per class in the units of the columns, whatever scikit-learn returns
        coefficients, levels = model.coef_, model.intercept_
        if len(present) == 2:  # scikit-learn returns only the log-odds of the second
            coefficients = np.concatenate([0 * coefficients, coefficients])
            levels = np.array([0.0, levels[0]])
        slopes[:, present] = coefficients.T / scale[:, None]
        intercepts[present] = levels - center @ slopes[:, present]
    if classes == 2:
        return LinearModel(slopes[:, 1] - slopes[:, 0], float(intercepts[1] - intercepts[0]))
    return LinearModel(slopes, intercepts)


def fit_logits(trees: Sequence[Expression], steps: int) -> ModelFitter:
    """A fitter of class probabilities by formulas: their measured constants are refitted to the labels."""

    def fit(rows: LabelledRows) -> PredictFunction:
        forms = refit_logits(trees, rows, steps=steps)

        def predict(x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows *classes"]:
            # Formulas are evaluated at rows whose target and weights do not matter
            at = LabelledRows(x, np.zeros(len(x)), np.ones(len(x)), rows.names)
            probabilities: np.ndarray = softmax(evaluate_logits(forms, at), axis=1)
            return probabilities

        return predict

    return fit


def make_class_shares(rows: LabelledRows, classes: int) -> LinearModel:
    """The log-odds of class shares, with half a row added to each, as a line that is constant."""
    levels = np.log(fit_class_shares(classes, rows)(rows.x[:1])[0])
    columns = rows.x.shape[1]
    if classes == 2:
        return LinearModel(np.zeros(columns), float(levels[1] - levels[0]))
    return LinearModel(np.zeros((columns, classes)), levels)


def _center_and_scale(
    x: Float[np.ndarray, "rows columns"],
) -> tuple[Float[np.ndarray, " columns"], Float[np.ndarray, " columns"]]:
    """Mean and standard deviation of every column; 1 for a constant column."""
    scale = x.std(0)
    return x.mean(0), np.where(scale > 0, scale, 1.0)


def fit_boosting(rows: LabelledRows) -> PredictFunction:
    """Fit histogram gradient boosting with scikit-learn's defaults, in one thread."""
    model = HistGradientBoostingRegressor(early_stopping=False, random_state=0)
    with threadpool_limits(1):
        model.fit(rows.x, rows.y, sample_weight=rows.unequal_weights)

    def predict(x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows *classes"]:
        with threadpool_limits(1):
            values: np.ndarray = model.predict(x)
        return values

    return predict


def fit_formula(tree: Expression, steps: int) -> ModelFitter:
    """A fitter of the formula's form: it refits the measured constants to the rows, in at most ``steps``."""
    form, values = parametrize_floats(tree)

    def fit(rows: LabelledRows) -> PredictFunction:
        again = refit_constants(ParametricForm(form, np.array(values)), rows, iterations=steps)

        def predict(x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows *classes"]:
            columns = dict(zip(rows.names, x.T, strict=True))
            return np.broadcast_to(evaluate(again.tree, columns, again.values), len(x))

        return predict

    return fit
