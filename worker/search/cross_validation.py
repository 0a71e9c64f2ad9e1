"""Errors of candidates on rows that they have not seen, all on the same folds, and which of two is better.

With at most ``CROSSED_ROWS`` training rows every row is predicted by a fit without its fold; with more, the
validation rows are predicted by a fit to the others. Errors are absolute, in the target's units, one per
training row, and NaN for rows that are not predicted. Of a classifier they are roots of the log loss, so that
their squares are losses as well.
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

from kan_engine import CROSSED_ROWS, Expression, Form, evaluate, free_constants
from kan_engine.symbolic.constant_fitting import refit
from worker.data.preparation import Portion, name_columns
from worker.search.context import Run

ALPHAS = 10.0 ** np.arange(-9, 5)  # of ridge regression on standardised columns; the first ones are none
SKEWED = 0.5  # standard deviation of log y, from which an exponential of a line is a candidate of its own
ROWS_PER_CONSTANT = 10  # with p constants from n rows a true form errs by noise * sqrt(p / n): a third of it
PENALTY = 1e-4  # of its slopes on standardised columns: next to none, yet columns may be copies of each other
STRENGTHS = (0.01, 1.0, 100.0)  # of logistic regression on standardised columns, over its penalty
LEARNT_ROWS = 10_000  # that a line or boosting is fitted to: more rows change their errors by less than noise
FORM_STEPS = 20  # of Levenberg-Marquardt, from the constants found on all rows
NEGLIGIBLE = 0.02  # share of a mean squared error, by which a lower one counts as the same
CAUTIOUS_ROWS = 100  # of so many rows a gain has to be two standard errors, of many more it has to be one
SEEN_SHARE = 2.0  # standard errors of a share, above one half, that show one candidate ahead on most rows

Fit = Callable[[Portion], Callable[[np.ndarray], np.ndarray]]
"""From training rows to a function of encoded rows [n, d]."""


def held_rows(run: Run) -> Iterator[np.ndarray]:
    """Training rows that are predicted together, as a mask [rows] per fold."""
    folds = run.folds.numpy()
    if len(folds) > CROSSED_ROWS:
        yield folds == 0
        return
    for fold in np.unique(folds):
        yield folds == fold


def cross_errors(fit: Fit, run: Run) -> np.ndarray:
    """Errors of what ``fit`` gives, values or class probabilities; infinite where it is not a number."""
    rows = run.data.training
    errors = np.full(len(rows), np.nan)
    for held in held_rows(run):
        learnt, judged = rows[_some(~held)], rows[_places(held)]
        with np.errstate(all="ignore"):
            predicted = fit(learnt)(judged.encoded)
            if predicted.ndim == 1:
                errors[held] = np.abs(predicted - judged.targets)
            else:
                own = predicted[np.arange(len(judged)), judged.targets.astype(int)]
                errors[held] = np.sqrt(-np.log(np.maximum(own, np.finfo(float).tiny)))
        errors[held & np.isnan(errors)] = np.inf
    return errors


def _some(chosen: np.ndarray) -> np.ndarray:
    """At most ``LEARNT_ROWS`` of the chosen rows: only these are copied."""
    places = np.flatnonzero(chosen)
    if len(places) > LEARNT_ROWS:
        places = np.sort(np.random.default_rng(0).choice(places, LEARNT_ROWS, replace=False))
    return places


def _places(chosen: np.ndarray) -> slice | np.ndarray:
    """The chosen rows; as a slice, which copies nothing, where they follow one another."""
    places = np.flatnonzero(chosen)
    first, last = int(places[0]), int(places[-1])
    return slice(first, last + 1) if last + 1 - first == len(places) else places


def simple_errors(run: Run) -> dict[str, np.ndarray]:
    """Errors of a constant, of a line and, where the target is skewed, of its exponential."""
    if (classes := run.data.classes) is not None:
        shares = _remember("constant", partial(fit_shares, len(classes)), run)
        return {"constant": shares, "linear": _log_odds_errors(best_strength(run), run)}
    fits: dict[str, Fit] = {"constant": fit_constant, "linear": fit_line}
    if _is_skewed(run.data.training):
        fits["log_linear"] = fit_log_line
    return {name: _remember(name, fit, run) for name, fit in fits.items()}


def _is_skewed(rows: Portion) -> bool:
    """Whether the target is positive and its size rather than its value is what varies."""
    y = rows.y.astype(float)
    has_rows = len(rows) >= ROWS_PER_CONSTANT * (1 + rows.encoded.shape[1])
    return has_rows and bool(y.min() > 0) and float(np.std(np.log(y))) > SKEWED


def best_strength(run: Run) -> float:
    """The strength at which logistic regression has the lowest log loss on rows not seen.

    Classes that a line parts nearly cleanly ask for a high one: the usual 1 leaves odds that are too even.
    """
    weights = run.data.training.weights
    return min(STRENGTHS, key=lambda strength: rmse_of(_log_odds_errors(strength, run), weights))


def _log_odds_errors(strength: float, run: Run) -> np.ndarray:
    fit = partial(fit_log_odds, len(run.data.classes or ()), strength)
    return _remember(f"linear {strength}", fit, run)


def boosting_errors(run: Run) -> np.ndarray:
    """Errors of boosting; they take a second or two, and are asked for last."""
    return _remember("boosting", fit_boosting, run)


def _remember(name: str, fit: Fit, run: Run) -> np.ndarray:
    """Errors of a simple model, which are measured once for a run."""
    if name not in run.simple:
        run.simple[name] = cross_errors(fit, run)
    return run.simple[name]


def fit_constant(rows: Portion) -> Callable[[np.ndarray], np.ndarray]:
    """The weighted mean."""
    mean = float(np.average(rows.y.astype(float), weights=rows.weights))
    return lambda x: np.full(len(x), mean)


def fit_line(rows: Portion) -> Callable[[np.ndarray], np.ndarray]:
    """See ``line_through``."""
    return line_through(rows).predict


def fit_log_line(rows: Portion) -> Callable[[np.ndarray], np.ndarray]:
    """The exponential of ``log_line_through``."""
    line = log_line_through(rows)
    return lambda x: np.exp(line.predict(x))


def fit_shares(classes: int, rows: Portion) -> Callable[[np.ndarray], np.ndarray]:
    """The weighted share of every class, with half a row of each more than there are."""
    counts = np.bincount(rows.targets.astype(int), rows.weights, minlength=classes) + 0.5
    return lambda x: np.tile(counts / counts.sum(), (len(x), 1))


def fit_log_odds(classes: int, strength: float, rows: Portion) -> Callable[[np.ndarray], np.ndarray]:
    """Class probabilities by ``log_odds_through``."""
    line = log_odds_through(rows, classes, strength)

    def predict(x: np.ndarray) -> np.ndarray:
        values = line.predict(x)
        found: np.ndarray = softmax(np.stack([0 * values, values], 1) if values.ndim == 1 else values, axis=1)
        return found

    return predict


@dataclass(frozen=True)
class Line:
    """A linear function of encoded columns: slopes [d] and an intercept, or [d, C] and [C] for classes."""

    slopes: np.ndarray
    intercept: float | np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Its values at rows [n, d]."""
        values: np.ndarray = x @ self.slopes + self.intercept
        return values


def line_through(rows: Portion) -> Line:
    """Ridge regression on standardised columns; the penalty by generalised cross-validation (Golub 1979)."""
    x, y = rows.encoded, rows.y.astype(float)
    center, scale = _center_and_scale(x)
    with threadpool_limits(1):
        ridge = RidgeCV(alphas=ALPHAS).fit((x - center) / scale, y, sample_weight=rows.weights)
    slopes = ridge.coef_ / scale
    return Line(slopes, float(ridge.intercept_ - center @ slopes))


def _center_and_scale(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of every column; 1 for one that does not vary."""
    scale = x.std(0)
    return x.mean(0), np.where(scale > 0, scale, 1.0)


def log_line_through(rows: Portion) -> Line:
    """Logarithm of the mean target by gamma regression, whose errors are in proportion to what is expected.

    Least squares of targets that vary by factors hear only the largest; of their logarithms, they miss the
    mean (McCullagh and Nelder, Generalized Linear Models, chapter 8).
    """
    x, y = rows.encoded, rows.y.astype(float)
    (center, scale), size = _center_and_scale(x), float(np.average(y, weights=rows.weights))
    model = GammaRegressor(alpha=PENALTY, solver="newton-cholesky", max_iter=1_000)
    with threadpool_limits(1):
        model.fit((x - center) / scale, y / size, sample_weight=rows.weights)
    slopes = model.coef_ / scale
    return Line(slopes, float(model.intercept_ - center @ slopes + np.log(size)))


def log_odds_through(rows: Portion, classes: int, strength: float) -> Line:
    """Logistic regression on standardised columns; ``strength`` is scikit-learn's ``C``.

    The log-odds of the second of two classes, or one logit per class; a class that no row has is as rare as
    half a row.
    """
    x, y = rows.encoded, rows.targets.astype(int)
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
        if len(present) == 2:  # scikit-learn gives the log-odds of the second
            coefficients = np.concatenate([0 * coefficients, coefficients])
            levels = np.array([0.0, levels[0]])
        slopes[:, present] = coefficients.T / scale[:, None]
        intercepts[present] = levels - center @ slopes[:, present]
    if classes == 2:
        return Line(slopes[:, 1] - slopes[:, 0], float(intercepts[1] - intercepts[0]))
    return Line(slopes, intercepts)


def fit_boosting(rows: Portion) -> Callable[[np.ndarray], np.ndarray]:
    """Histogram gradient boosting with scikit-learn's defaults, in one thread."""
    model = HistGradientBoostingRegressor(early_stopping=False, random_state=0)
    with threadpool_limits(1):
        model.fit(rows.encoded, rows.y.astype(float), sample_weight=rows.weights)

    def predict(x: np.ndarray) -> np.ndarray:
        with threadpool_limits(1):
            values: np.ndarray = model.predict(x)
        return values

    return predict


def fit_formula(tree: Expression, names: tuple[str, ...]) -> Fit:
    """The form of a formula, its measured constants fitted again to the rows."""
    form, values = free_constants(tree)

    def fit(rows: Portion) -> Callable[[np.ndarray], np.ndarray]:
        again = refit(
            Form(form, np.array(values)),
            (name_columns(rows.encoded, names), rows.targets),
            iterations=FORM_STEPS,
        )
        return lambda x: np.broadcast_to(evaluate(again.tree, name_columns(x, names), again.values), len(x))

    return fit


def rmse_of(errors: np.ndarray, weights: np.ndarray) -> float:
    """Root of the weighted mean square over the rows that are known."""
    known = ~np.isnan(errors)
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.average(errors[known] ** 2, weights=weights[known])))


def say_formula_is_better(errors: np.ndarray, of_network: np.ndarray, weights: np.ndarray) -> str:
    """By which errors a formula is the better member."""
    own, other = measure_paired(errors, of_network, weights)
    rmses = f"RMSE {own:.4g}, of the network {other:.4g}"
    return f"the formula is better than the network by cross-validation ({rmses})"


def measure_paired(errors: np.ndarray, others: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """RMSE of two candidates on the rows that both were judged on."""
    known = ~(np.isnan(errors) | np.isnan(others))
    return rmse_of(errors[known], weights[known]), rmse_of(others[known], weights[known])


def is_better(errors: np.ndarray, others: np.ndarray, weights: np.ndarray) -> bool:
    """Whether a candidate is better than another by more than chance, on the rows that both were judged on.

    Its mean squared error has to be lower by more than next to nothing, and either by a standard error of the
    paired differences (by more of few rows, whose standard error is itself uncertain), or so that its error
    is the smaller one on clearly more than half of the rows: where a few rows hold nearly all of the squared
    error, their difference and its standard error are about the same.
    """
    known = ~(np.isnan(errors) | np.isnan(others))
    mine, theirs, w = errors[known], others[known], weights[known]
    if not known.any() or not np.isfinite(mine).all():
        return False
    if not np.isfinite(theirs).all():
        return True
    gains = (theirs**2 - mine**2) * (w / w.mean())
    gain, rows = float(gains.mean()), len(gains)
    if gain <= NEGLIGIBLE * float(np.average(theirs**2, weights=w)):
        return False
    ahead = float(np.average(mine < theirs, weights=w))
    chance = (1 + CAUTIOUS_ROWS / rows) * float(gains.std()) / rows**0.5
    return bool(gain > chance or ahead > 0.5 + SEEN_SHARE * 0.5 / rows**0.5)
