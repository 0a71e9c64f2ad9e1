"""Out-of-sample errors of candidates on shared folds, and which of two candidates is better.

With at most ``MAX_CROSS_VALIDATION_ROWS`` training rows, each row is predicted by a fit without its fold.
With more, the validation rows are predicted by a fit to the other rows. Errors are absolute, in the target's
units, one per training row, and NaN for rows that are not predicted. A classifier's errors are square roots
of the log loss, so that their squares are losses as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import softmax
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import GammaRegressor, LogisticRegression, RidgeCV
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kan_engine import MAX_CROSS_VALIDATION_ROWS, Expression, ParametricForm, evaluate, parametrize_floats
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.symbolic.constant_fitting import refit_constants
from worker.search.context import SearchContext

RIDGE_PENALTIES = 10.0 ** np.arange(-9, 5)  # on standardised columns; the lowest are negligible
MIN_LOG_STD = 0.5  # standard deviation of log y, above which the exponential of a line is a candidate
MIN_ROWS_PER_CONSTANT = 10  # p constants from n rows add an error of noise * sqrt(p / n): a third of it
GAMMA_PENALTY = 1e-4  # of slopes on standardised columns; small, but needed for duplicate columns
LOGISTIC_STRENGTHS = (0.01, 1.0, 100.0)  # of logistic regression on standardised columns: inverse penalties
MAX_FIT_ROWS = 10_000  # for fitting a model; more rows change its errors by less than noise
MAX_REFIT_STEPS = 20  # of Levenberg-Marquardt, starting from the constants found on all rows
MIN_RELATIVE_GAIN = 0.02  # of the mean squared error; a smaller gain is ignored
SMALL_SAMPLE_ROWS = 100  # with so many rows a gain must be two standard errors, with many more rows one
MIN_SHARE_STANDARD_ERRORS = 2.0  # above one half, for the share of rows on which a candidate is better

ModelFitter = Callable[[LabelledRows], Callable[[np.ndarray], np.ndarray]]
"""Fits a model to training rows; returns a function of encoded rows [n, d]."""


def iterate_fold_masks(run: SearchContext) -> Iterator[np.ndarray]:
    """Yield, for every fold, the mask [rows] of training rows that are predicted together."""
    folds = run.folds.numpy()
    if len(folds) > MAX_CROSS_VALIDATION_ROWS:
        yield folds == 0
        return
    for fold in np.unique(folds):
        yield folds == fold


def measure_fold_errors(fit: ModelFitter, run: SearchContext) -> np.ndarray:
    """Errors of the values or class probabilities that ``fit`` predicts; infinite where these are NaN."""
    rows = run.data.training
    errors = np.full(len(rows), np.nan)
    for held in iterate_fold_masks(run):
        learnt, judged = rows[_sample_indices(~held)], rows[_to_slice_or_indices(held)]
        with np.errstate(all="ignore"):
            predicted = fit(learnt)(judged.x)
            if predicted.ndim == 1:
                errors[held] = np.abs(predicted - judged.y)
            else:
                own = predicted[np.arange(len(judged)), judged.classes]
                errors[held] = np.sqrt(-np.log(np.maximum(own, np.finfo(float).tiny)))
        errors[held & np.isnan(errors)] = np.inf
    return errors


def _sample_indices(chosen: np.ndarray) -> np.ndarray:
    """Indices of at most ``MAX_FIT_ROWS`` of the chosen rows, so that only these are copied."""
    places = np.flatnonzero(chosen)
    if len(places) > MAX_FIT_ROWS:
        places = np.sort(np.random.default_rng(0).choice(places, MAX_FIT_ROWS, replace=False))
    return places


def _to_slice_or_indices(chosen: np.ndarray) -> slice | np.ndarray:
    """The chosen rows as a slice, which copies nothing, where they are contiguous; else their indices."""
    places = np.flatnonzero(chosen)
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if last + 1 - first == len(places) else places


def measure_simple_models(run: SearchContext) -> dict[str, np.ndarray]:
    """Errors of a constant, a line and, for a skewed target, the exponential of a line."""
    if (classes := run.data.classes) is not None:
        shares = _measure_once("constant", partial(fit_class_shares, len(classes)), run)
        return {"constant": shares, "linear": _measure_log_odds_model(select_strength(run), run)}
    fits: dict[str, ModelFitter] = {"constant": fit_constant, "linear": fit_line}
    if _is_skewed(run.data.training):
        fits["log_linear"] = fit_log_line
    return {name: _measure_once(name, fit, run) for name, fit in fits.items()}


def _is_skewed(rows: LabelledRows) -> bool:
    """Whether the target is positive and varies by factors rather than by differences."""
    y = rows.y
    has_rows = len(rows) >= MIN_ROWS_PER_CONSTANT * (1 + rows.x.shape[1])
    return has_rows and bool(y.min() > 0) and float(np.std(np.log(y))) > MIN_LOG_STD


def select_strength(run: SearchContext) -> float:
    """The strength with the lowest out-of-sample log loss of logistic regression.

    Nearly separable classes need a high strength: the default 1 gives probabilities that are too close to
    equal.
    """
    weights = run.data.training.weights
    return min(
        LOGISTIC_STRENGTHS, key=lambda strength: compute_rmse(_measure_log_odds_model(strength, run), weights)
    )


def _measure_log_odds_model(strength: float, run: SearchContext) -> np.ndarray:
    fit = partial(fit_log_odds, len(run.data.classes or ()), strength)
    return _measure_once(f"linear {strength}", fit, run)


def measure_boosting(run: SearchContext) -> np.ndarray:
    """Errors of boosting, which takes a second or two and is therefore fitted last."""
    return _measure_once("boosting", fit_boosting, run)


def _measure_once(name: str, fit: ModelFitter, run: SearchContext) -> np.ndarray:
    """Errors of a simple model, measured once per search."""
    if name not in run.simple:
        run.simple[name] = measure_fold_errors(fit, run)
    return run.simple[name]


def fit_constant(rows: LabelledRows) -> Callable[[np.ndarray], np.ndarray]:
    """Fit the weighted mean."""
    mean = float(np.average(rows.y, weights=rows.weights))
    return lambda x: np.full(len(x), mean)


def fit_line(rows: LabelledRows) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a line; see ``fit_ridge_regression``."""
    return fit_ridge_regression(rows).predict


def fit_log_line(rows: LabelledRows) -> Callable[[np.ndarray], np.ndarray]:
    """Fit the exponential of a line; see ``fit_gamma_regression``."""
    line = fit_gamma_regression(rows)
    return lambda x: np.exp(line.predict(x))


def fit_class_shares(classes: int, rows: LabelledRows) -> Callable[[np.ndarray], np.ndarray]:
    """Fit the weighted share of every class, with half a row added to each class."""
    counts = np.bincount(rows.classes, rows.weights, minlength=classes) + 0.5
    return lambda x: np.tile(counts / counts.sum(), (len(x), 1))


def fit_log_odds(classes: int, strength: float, rows: LabelledRows) -> Callable[[np.ndarray], np.ndarray]:
    """Fit class probabilities; see ``fit_logistic_regression``."""
    line = fit_logistic_regression(rows, classes, strength)

    def predict(x: np.ndarray) -> np.ndarray:
        values = line.predict(x)
        found: np.ndarray = softmax(np.stack([0 * values, values], 1) if values.ndim == 1 else values, axis=1)
        return found

    return predict


@dataclass(frozen=True)
class LinearModel:
    """A linear function of encoded columns: slopes [d] and an intercept, or [d, C] and [C] for classes."""

    slopes: np.ndarray
    intercept: float | np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Values at rows [n, d]."""
        values: np.ndarray = x @ self.slopes + self.intercept
        return values


def fit_ridge_regression(rows: LabelledRows) -> LinearModel:
    """Ridge regression on standardised columns; the penalty by generalised cross-validation (Golub 1979)."""
    x, y = rows.x, rows.y
    center, scale = _center_and_scale(x)
    with threadpool_limits(1):
        ridge = RidgeCV(alphas=RIDGE_PENALTIES).fit((x - center) / scale, y, sample_weight=rows.weights)
    slopes = ridge.coef_ / scale
    return LinearModel(slopes, float(ridge.intercept_ - center @ slopes))


def _center_and_scale(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every column; 1 for a constant column."""
    scale = x.std(0)
    return x.mean(0), np.where(scale > 0, scale, 1.0)


def fit_gamma_regression(rows: LabelledRows) -> LinearModel:
    """Logarithm of the mean target by gamma regression, whose errors are proportional to the mean.

    If targets vary by factors, least squares of the targets fits only the largest ones, and least squares of
    their logarithms misses the mean (McCullagh and Nelder, Generalized Linear Models, chapter 8).
    """
    x, y = rows.x, rows.y
    (center, scale), size = _center_and_scale(x), float(np.average(y, weights=rows.weights))
    model = GammaRegressor(alpha=GAMMA_PENALTY, solver="newton-cholesky", max_iter=1_000)
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
        coefficients, levels = model.coef_, model.intercept_
        if len(present) == 2:  # scikit-learn returns only the log-odds of the second
            coefficients = np.concatenate([0 * coefficients, coefficients])
            levels = np.array([0.0, levels[0]])
        slopes[:, present] = coefficients.T / scale[:, None]
        intercepts[present] = levels - center @ slopes[:, present]
    if classes == 2:
        return LinearModel(slopes[:, 1] - slopes[:, 0], float(intercepts[1] - intercepts[0]))
    return LinearModel(slopes, intercepts)


def fit_boosting(rows: LabelledRows) -> Callable[[np.ndarray], np.ndarray]:
    """Fit histogram gradient boosting with scikit-learn's defaults, in one thread."""
    model = HistGradientBoostingRegressor(early_stopping=False, random_state=0)
    with threadpool_limits(1):
        model.fit(rows.x, rows.y, sample_weight=rows.weights)

    def predict(x: np.ndarray) -> np.ndarray:
        with threadpool_limits(1):
            values: np.ndarray = model.predict(x)
        return values

    return predict


def fit_formula(tree: Expression) -> ModelFitter:
    """A fitter of the formula's form: it refits the measured constants to the rows."""
    form, values = parametrize_floats(tree)

    def fit(rows: LabelledRows) -> Callable[[np.ndarray], np.ndarray]:
        again = refit_constants(
            ParametricForm(form, np.array(values)),
            (rows.columns, rows.y),
            iterations=MAX_REFIT_STEPS,
        )

        def predict(x: np.ndarray) -> np.ndarray:
            columns = dict(zip(rows.names, x.T, strict=True))
            return np.broadcast_to(evaluate(again.tree, columns, again.values), len(x))

        return predict

    return fit


def compute_rmse(errors: np.ndarray, weights: np.ndarray) -> float:
    """Root of the weighted mean square over the rows with known errors."""
    known = ~np.isnan(errors)
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.average(errors[known] ** 2, weights=weights[known])))


def describe_formula_gain(errors: np.ndarray, of_network: np.ndarray, weights: np.ndarray) -> str:
    """Message with the errors by which a formula is better than the network."""
    own, other = compute_paired_rmse(errors, of_network, weights)
    rmses = f"RMSE {own:.4g}, of the network {other:.4g}"
    return f"the formula is better than the network by cross-validation ({rmses})"


def compute_paired_rmse(errors: np.ndarray, others: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """RMSE of two candidates on the rows where both errors are known."""
    known = ~(np.isnan(errors) | np.isnan(others))
    return compute_rmse(errors[known], weights[known]), compute_rmse(others[known], weights[known])


def is_better(errors: np.ndarray, others: np.ndarray, weights: np.ndarray) -> bool:
    """Whether one candidate is significantly better than another, on the rows where both errors are known.

    Its mean squared error must be lower by more than ``MIN_RELATIVE_GAIN``. In addition, one of two tests
    must hold. Either the gain exceeds a standard error of the paired differences, and more for few rows,
    whose standard error is itself uncertain. Or the candidate has the smaller error on clearly more than half
    of the rows: where a few rows hold nearly all of the squared error, the gain and its standard error are
    about equal.
    """
    known = ~(np.isnan(errors) | np.isnan(others))
    mine, theirs, w = errors[known], others[known], weights[known]
    if not known.any() or not np.isfinite(mine).all():
        return False
    if not np.isfinite(theirs).all():
        return True
    gains = (theirs**2 - mine**2) * (w / w.mean())
    gain, rows = float(gains.mean()), len(gains)
    if gain <= MIN_RELATIVE_GAIN * float(np.average(theirs**2, weights=w)):
        return False
    ahead = float(np.average(mine < theirs, weights=w))
    chance = (1 + SMALL_SAMPLE_ROWS / rows) * float(gains.std()) / rows**0.5
    return bool(gain > chance or ahead > 0.5 + MIN_SHARE_STANDARD_ERRORS * 0.5 / rows**0.5)
