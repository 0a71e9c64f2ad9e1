"""Baselines fitted on the same rows as the network: linear models, MLPs and gradient boosting.

They take the standardised encoded columns. Like the network they are measured on the hold-out rows, with
the same decision threshold. An MLP is fitted on the fit rows of the network and stopped early by its
validation rows. The others need no validation rows and are fitted on both. Nothing is tuned: the
parameters are scikit-learn's defaults, except for the sizes in ``BaselineThresholds``.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kan_engine.assessment.metrics import Metrics, classification_metrics, regression_metrics
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.labels import Label
from service.schemas.baselines import BaselineName, MlpBaseline, compute_hidden_layers, make_baseline_name
from worker.evaluation.mlp import Mlp, fit_mlp
from worker.evaluation.thresholds import DEFAULT_BASELINES, BaselineThresholds
from worker.results.records import FittedBaseline

ShouldStop = Callable[[], bool]


def run_baselines(
    baselines: Iterable[BaselineName | MlpBaseline],
    train: LabelledRows,
    test: LabelledRows,
    *,
    fit_count: int | None = None,
    kan_parameters: int = 0,
    classes: Sequence[Label] | None = None,
    class_weights: Float[np.ndarray, " classes"] | None = None,
    decision_weights: Sequence[float] | None = None,
    seed: int = 0,
    should_stop: ShouldStop = lambda: False,
    thresholds: BaselineThresholds = DEFAULT_BASELINES,
) -> dict[str, FittedBaseline]:
    """Fit baselines on ``train`` and measure them on ``test``; return them by name.

    Args:
        baselines: Names or configurations of the baselines.
        train: Rows to fit on.
        test: Rows to measure on; without rows every metric is None.
        fit_count: Number of the first rows of ``train`` that an MLP is fitted on; the rest validates it.
        kan_parameters: Number of parameters of the KAN, for an MLP that has to match it.
        classes: Labels of a classification; None for a regression.
        class_weights: Class weights that the weights of ``train`` include. Probabilities are reported
            without them, as for the network.
        decision_weights: Weights that turn probabilities into a label, as in ``kan_engine.decide``.
        seed: Seed of the MLP's weights and batches, and of the validation rows of boosting.
        should_stop: Called between the steps of a fit. Once it returns true, unfinished baselines are left
            out. The linear model is always fitted: it takes moments and is the minimum for a comparison.
        thresholds: Sizes of the baselines.
    """
    # Penalties and learning rates assume unit variance; the moments are those of the training rows
    inputs = _StandardScaler.fit(train.x)
    targets = (
        _StandardScaler.fit(train.y)
        if classes is None
        else _Classes(classes, class_weights, decision_weights)
    )
    scaled_rows = replace(train, x=inputs.forward(train.x))
    if isinstance(targets, _StandardScaler):
        scaled_rows = replace(scaled_rows, y=targets.forward(train.y))
    results: dict[str, FittedBaseline] = {}
    for baseline in baselines:
        start = time.perf_counter()
        if baseline == "linear":
            model = _fit_linear(scaled_rows, classes is not None)
        elif should_stop():
            break
        elif baseline == "boosting":
            model = _fit_boosting(scaled_rows, classes is not None, seed, should_stop, thresholds)
        else:
            sizes = compute_hidden_layers(baseline, train.x.shape[1], _output_count(classes), kan_parameters)
            model = _fit_mlp(sizes, scaled_rows, fit_count, classes, seed, should_stop, thresholds)
        if model is None:
            break
        seconds = time.perf_counter() - start
        results[make_baseline_name(baseline)] = FittedBaseline(
            metrics=_compute_metrics(model, replace(test, x=inputs.forward(test.x)), targets),
            seconds=round(seconds, 3),
            parameters=_count_parameters(model),
            hidden=model.hidden if isinstance(model, _MlpEstimator) else None,
        )
    return results


def _output_count(classes: Sequence[Label] | None) -> int:
    return 1 if classes is None or len(classes) == 2 else len(classes)


def _fit_linear(rows: LabelledRows, classify: bool) -> Any:
    """Fit least squares, or a logistic regression with scikit-learn's default penalty."""
    model = LogisticRegression(max_iter=1_000) if classify else LinearRegression()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows.x, rows.classes if classify else rows.y, sample_weight=rows.weights)


def _fit_mlp(
    layer_sizes: tuple[int, ...],
    rows: LabelledRows,
    fit_count: int | None,
    classes: Sequence[Label] | None,
    seed: int,
    should_stop: ShouldStop,
    thresholds: BaselineThresholds,
) -> _MlpEstimator | None:
    """Fit an MLP with these inner layers, stopped early by its validation rows; None if interrupted."""
    # The split of the network if there is one, for a fair comparison; else a random one
    order = np.arange(len(rows)) if fit_count else np.random.default_rng(seed).permutation(len(rows))
    fit_size = fit_count or len(order) - max(1, len(order) // thresholds.validation_divisor)
    fit, judging = rows[order[:fit_size]], rows[order[fit_size:]]
    # A side without weight has no loss: all rows then serve for both
    if not (fit.weights.any() and judging.weights.any()):
        fit = judging = rows
    count = None if classes is None else len(classes)
    mlp = fit_mlp(
        layer_sizes,
        fit,
        judging,
        classes=count,
        seed=seed,
        should_stop=should_stop,
        thresholds=thresholds.mlp,
    )
    return None if mlp is None else _MlpEstimator(mlp, layer_sizes, count)


@dataclass(frozen=True)
class _MlpEstimator:
    """An MLP with the interface of scikit-learn's estimators."""

    mlp: Mlp
    hidden: tuple[int, ...]
    count: int | None

    @property
    def classes_(self) -> Int[np.ndarray, " classes"]:
        """Indices of the classes [classes]."""
        return np.arange(self.count or 0)

    def predict(self, x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, " rows"]:
        """Predict standardised targets [n]."""
        return self.mlp.evaluate(x)[:, 0]

    def predict_proba(self, x: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows classes"]:
        """Predict class probabilities [n, classes]."""
        logits = self.mlp.evaluate(x).astype(float)
        if self.count == 2:
            # The only logit of two classes is the log-odds of the second, so the logit of the first is 0
            logits = np.hstack([np.zeros_like(logits), logits])
        probabilities: np.ndarray = softmax(logits, axis=1)
        return probabilities


def _fit_boosting(
    rows: LabelledRows, classify: bool, seed: int, should_stop: ShouldStop, thresholds: BaselineThresholds
) -> Any:
    """Fit histogram gradient boosting in steps of a few rounds, since scikit-learn cannot be interrupted.

    Returns None if ``should_stop`` interrupted the fit.
    """
    kind = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    model = kind(max_iter=thresholds.boosting_step, warm_start=True, random_state=seed)
    y = rows.classes if classify else rows.y
    while True:
        if should_stop():
            return None
        with threadpool_limits(1 if rows.x.size < thresholds.max_single_thread_values else None):
            model.fit(rows.x, y, sample_weight=rows.unequal_weights)
        if model.n_iter_ < model.max_iter or model.max_iter >= thresholds.boosting_rounds:
            return model
        model.max_iter += thresholds.boosting_step


def _compute_metrics(model: Any, rows: LabelledRows, targets: _StandardScaler | _Classes) -> Metrics:
    if isinstance(targets, _StandardScaler):
        predictions = targets.inverse(model.predict(rows.x)) if len(rows) else np.empty(0)
        return regression_metrics(rows.y, predictions)
    # A class without training rows keeps the probability 0
    probabilities = np.zeros((len(rows), len(targets.labels)))
    if len(rows):
        probabilities[:, model.classes_] = model.predict_proba(rows.x)
        if targets.weights is not None:
            # Class weights multiply the odds: division restores the probabilities of the unweighted rows
            probabilities /= targets.weights
            probabilities /= probabilities.sum(1, keepdims=True)
    true = np.array(list(targets.labels), dtype=object)[rows.classes]
    return classification_metrics(true, probabilities, targets.labels, targets.decision_weights)


def _count_parameters(model: Any) -> int:
    """Return the number of fitted parameters; every node of a tree (a threshold or a leaf) counts as one."""
    if isinstance(model, _MlpEstimator):
        return model.mlp.parameter_count
    if hasattr(model, "coef_"):
        return int(np.size(model.coef_) + np.size(model.intercept_))
    return sum(len(tree.nodes) for trees in model._predictors for tree in trees)


@dataclass(frozen=True)
class _StandardScaler:
    """Scales columns to mean 0 and standard deviation 1; a constant column is only centred."""

    mean: Float[np.ndarray, "*columns"] | float
    std: Float[np.ndarray, "*columns"]

    @staticmethod
    def fit(values: Float[np.ndarray, " rows *columns"]) -> _StandardScaler:
        std = values.std(0)
        return _StandardScaler(values.mean(0), np.where(std > 0, std, 1.0))

    def forward(self, values: Float[np.ndarray, " rows *columns"]) -> Float[np.ndarray, " rows *columns"]:
        standard_scores: np.ndarray = (values - self.mean) / self.std
        return standard_scores

    def inverse(self, values: Float[np.ndarray, " rows *columns"]) -> Float[np.ndarray, " rows *columns"]:
        raw: np.ndarray = values * self.std + self.mean
        return raw


@dataclass(frozen=True)
class _Classes:
    """The labels of classes, and the weights that turn probabilities back into labels."""

    labels: Sequence[Label]
    weights: Float[np.ndarray, " classes"] | None
    decision_weights: Sequence[float] | None
