"""Baselines fitted on the same rows as the network: linear models, MLPs and gradient boosting.

They take the standardised encoded columns. Like the network they are measured on the hold-out rows, with
the same decision threshold. An MLP is fitted on the fit rows of the network and stopped early by its
validation rows. The others need no validation rows and are fitted on both. Nothing is tuned: the
parameters are scikit-learn's defaults, except for the sizes in ``BaselineThresholds``.

A new baseline is a function here with its line in ``FITS``, and its name in ``service.schemas.baselines``.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from kan_engine.assessment.metrics import Metrics, classification_metrics, regression_metrics
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.labels import Label
from kan_engine.training.mlp import ShouldStop, fit_mlp
from service.schemas.baselines import BaselineName, MlpBaseline, compute_hidden_layers, make_baseline_name
from service.schemas.model_document import FittedBaseline
from worker.evaluation.thresholds import BaselineThresholds

Baseline = BaselineName | MlpBaseline


def run_baselines(
    baselines: Iterable[Baseline],
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
    thresholds: BaselineThresholds,
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
    y = targets.forward(train.y) if isinstance(targets, _StandardScaler) else train.y
    task = BaselineTask(
        rows=replace(train, x=inputs.forward(train.x), y=y),
        classes=None if classes is None else len(classes),
        fit_count=fit_count,
        kan_parameters=kan_parameters,
        seed=seed,
        should_stop=should_stop,
        thresholds=thresholds,
    )
    results: dict[str, FittedBaseline] = {}
    for baseline in baselines:
        start = time.perf_counter()
        fit = FITS[baseline if isinstance(baseline, str) else baseline.kind](baseline, task)
        if fit is None:
            break
        seconds = time.perf_counter() - start
        result = FittedBaseline(
            metrics=_compute_metrics(fit.estimator, replace(test, x=inputs.forward(test.x)), targets),
            seconds=round(seconds, 3),
            parameters=fit.parameters,
        )
        if fit.hidden is not None:
            result["hidden"] = list(fit.hidden)
        results[make_baseline_name(baseline)] = result
    return results


@dataclass(frozen=True, kw_only=True)
class BaselineTask:
    """What a baseline is fitted to.

    Attributes:
        rows: The training rows with standardised inputs, of a regression also with a standardised target.
        classes: Number of classes; None for a regression.
        fit_count: Number of the first rows that an MLP is fitted on; the rest validates it.
        kan_parameters: Number of parameters of the KAN, for an MLP that has to match it.
        seed: Seed of weights, batches and validation rows.
        should_stop: Called between the steps of a fit; true interrupts it.
        thresholds: Sizes of the baselines.
    """

    rows: LabelledRows
    classes: int | None
    fit_count: int | None
    kan_parameters: int
    seed: int
    should_stop: ShouldStop
    thresholds: BaselineThresholds


@dataclass(frozen=True)
class FittedEstimator:
    """A fitted baseline.

    Attributes:
        estimator: Has ``predict`` as in scikit-learn, of classes ``predict_proba`` and ``classes_``.
        parameters: Number of its parameters.
        hidden: Nodes of the inner layers of an MLP; None for others.
    """

    estimator: Any
    parameters: int
    hidden: tuple[int, ...] | None = None


def _fit_linear(_: Baseline, task: BaselineTask) -> FittedEstimator:
    """Fit least squares, or a logistic regression with scikit-learn's default penalty.

    It takes moments and is the minimum for a comparison, so nothing interrupts it.
    """
    rows, is_regression = task.rows, task.classes is None
    model = LinearRegression() if is_regression else LogisticRegression(max_iter=1_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows.x, rows.y if is_regression else rows.classes, sample_weight=rows.weights)
    return FittedEstimator(model, int(np.size(model.coef_) + np.size(model.intercept_)))


def _fit_mlp(
    baseline: Baseline, task: BaselineTask, *, validation_divisor: int = 5
) -> FittedEstimator | None:
    """Fit an MLP, stopped early by its validation rows; None if interrupted.

    Args:
        validation_divisor: One in so many rows validates an MLP if the caller does not say which.
    """
    rows, classes, stop, thresholds = task.rows, task.classes, task.should_stop, task.thresholds
    if stop():
        return None
    outputs = 1 if classes is None or classes == 2 else classes
    sizes = compute_hidden_layers(baseline, rows.x.shape[1], outputs, task.kan_parameters)
    # The split of the network if there is one, for a fair comparison; else a random one
    count, random = len(rows), np.random.default_rng(task.seed)
    order = np.arange(count) if task.fit_count else random.permutation(count)
    fit_size = task.fit_count or count - max(1, count // validation_divisor)
    fit, judging = rows[order[:fit_size]], rows[order[fit_size:]]
    # A side without weight has no loss: all rows then serve for both
    if not (fit.weights.any() and judging.weights.any()):
        fit = judging = rows
    mlp = fit_mlp(
        sizes, fit, judging, classes=classes, seed=task.seed, should_stop=stop, thresholds=thresholds.mlp
    )
    return None if mlp is None else FittedEstimator(mlp, mlp.parameter_count, sizes)


def _fit_boosting(
    _: Baseline, task: BaselineTask, *, max_single_thread_values: int = 200_000
) -> FittedEstimator | None:
    """Fit histogram gradient boosting in steps of a few rounds, since scikit-learn cannot be interrupted.

    None if it was interrupted. Every node of a tree, a threshold or a leaf, counts as a parameter.

    Args:
        max_single_thread_values: Values below which one thread is faster: on a busy machine threads wait for
            each other.
    """
    rows, thresholds, is_regression = task.rows, task.thresholds, task.classes is None
    kind = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
    model = kind(max_iter=thresholds.boosting_step, warm_start=True, random_state=task.seed)
    y = rows.y if is_regression else rows.classes
    while not task.should_stop():
        with threadpool_limits(1 if rows.x.size < max_single_thread_values else None):
            model.fit(rows.x, y, sample_weight=rows.unequal_weights)
        if model.n_iter_ < model.max_iter or model.max_iter >= thresholds.boosting_rounds:
            parameters = sum(len(tree.nodes) for trees in model._predictors for tree in trees)
            return FittedEstimator(model, parameters)
        model.max_iter += thresholds.boosting_step
    return None


FITS: dict[str, Callable[[Baseline, BaselineTask], FittedEstimator | None]] = {
    "linear": _fit_linear,
    "mlp": _fit_mlp,
    "boosting": _fit_boosting,
}
"""By name. Each returns None if ``should_stop`` interrupted it."""


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
