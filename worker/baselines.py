"""What well-known models make of the same rows: linear, MLP and boosting, beside the network.

They read the encoded columns, standardised, and are measured on the hold-out rows as the network is, with
its decision: labels are those of the same threshold.
No tuning: scikit-learn's defaults but for the sizes named here.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from worker.evaluation import Label, Metrics, classification_metrics, regression_metrics

MLP_WIDTH = (64, 64)
MLP_EPOCHS = 200
MLP_PATIENCE = 10  # epochs without a loss lower by MLP_TOLERANCE: scikit-learn's own rule
MLP_TOLERANCE = 1e-4
BOOSTING_ROUNDS = 300
BOOSTING_STEP = 25  # rounds between two looks at should_stop
SMALL = 200_000  # values up to which one thread is quicker: on a busy machine threads wait for each other

ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class Rows:
    """Encoded rows [n, d], their targets [n] (numbers, or labels), and their weights if they have any."""

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None = None


def run_baselines(
    names: Iterable[str],
    train: Rows,
    test: Rows,
    *,
    classes: Sequence[Label] | None = None,
    class_weights: np.ndarray | None = None,
    decision_weights: Sequence[float] | None = None,
    seed: int = 0,
    should_stop: ShouldStop = lambda: False,
) -> dict[str, dict[str, Any]]:
    """Fit baselines on ``train`` and measure them on ``test``.

    Args:
        names: Which: ``linear``, ``mlp``, ``boosting``.
        train: Rows to fit on.
        test: Rows to measure on; without any, every metric is None.
        classes: Labels of a classification; None for a regression.
        class_weights: What of the weights of ``train`` is that of the classes; probabilities are told
            without it, as the network's are.
        decision_weights: How probabilities become a label, as in ``kan_engine.decide``.
        seed: Decides the MLP's weights, its batches and the boosting's own validation rows.
        should_stop: Asked between the steps of a fit; once it is true, what is not finished is left out,
            except the linear model: it takes moments, and a network is nothing without it to compare.

    Returns:
        Per baseline ``metrics``, ``seconds`` of its fit and ``parameters``, the numbers it learnt.
    """
    inputs = _Scale.fit(train.x)
    targets = (
        _Scale.fit(train.y.astype(float))
        if classes is None
        else _Codes(classes, class_weights, decision_weights)
    )
    learnt = Rows(inputs.forward(train.x), targets.forward(train.y), train.weight)
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        started = time.perf_counter()
        is_cut = name != "linear" and should_stop()
        model = None if is_cut else _FITS[name](learnt, classes is not None, seed, should_stop)
        if model is None:
            break
        seconds = time.perf_counter() - started
        found[name] = {
            "metrics": _metrics(model, inputs.forward(test.x), test.y, targets),
            "seconds": round(seconds, 3),
            "parameters": _parameter_count(model),
        }
    return found


def _fit_linear(rows: Rows, classify: bool, seed: int, should_stop: ShouldStop) -> Any:  # noqa: ARG001
    """Least squares, or logistic regression with scikit-learn's default penalty."""
    model = LogisticRegression(max_iter=1_000) if classify else LinearRegression()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows.x, rows.y, sample_weight=rows.weight)


def _fit_mlp(rows: Rows, classify: bool, seed: int, should_stop: ShouldStop) -> Any:
    """Two hidden layers, Adam; epoch by epoch, since scikit-learn's own loop cannot be stopped."""
    model = (MLPClassifier if classify else MLPRegressor)(hidden_layer_sizes=MLP_WIDTH, random_state=seed)
    classes = {"classes": np.unique(rows.y)} if classify else {}
    best, stale = np.inf, 0
    for _ in range(MLP_EPOCHS):
        if should_stop():
            return None
        model.partial_fit(rows.x, rows.y, sample_weight=rows.weight, **classes)
        stale = 0 if model.loss_ < best - MLP_TOLERANCE else stale + 1
        best = min(best, model.loss_)
        if stale > MLP_PATIENCE:
            break
    return model


def _fit_boosting(rows: Rows, classify: bool, seed: int, should_stop: ShouldStop) -> Any:
    """Histogram gradient boosting; a few rounds at a time, since scikit-learn cannot be stopped."""
    kind = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    model = kind(max_iter=BOOSTING_STEP, warm_start=True, random_state=seed)
    while True:
        if should_stop():
            return None
        with threadpool_limits(1 if rows.x.size < SMALL else None):
            model.fit(rows.x, rows.y, sample_weight=rows.weight)
        if model.n_iter_ < model.max_iter or model.max_iter >= BOOSTING_ROUNDS:
            return model
        model.max_iter += BOOSTING_STEP


_FITS: dict[str, Callable[[Rows, bool, int, ShouldStop], Any]] = {
    "linear": _fit_linear,
    "mlp": _fit_mlp,
    "boosting": _fit_boosting,
}


def _metrics(model: Any, x: np.ndarray, y: np.ndarray, targets: _Scale | _Codes) -> Metrics:
    if isinstance(targets, _Scale):
        predicted = targets.inverse(model.predict(x)) if len(x) else np.empty(0)
        return regression_metrics(y, predicted)
    probabilities = np.zeros((len(x), len(targets.classes)))
    if len(x):
        probabilities[:, model.classes_] = model.predict_proba(x)
        if targets.class_weights is not None:
            probabilities /= targets.class_weights
            probabilities /= probabilities.sum(1, keepdims=True)
    return classification_metrics(y, probabilities, targets.classes, targets.decision_weights)


def _parameter_count(model: Any) -> int:
    """Numbers that were learnt; a node of a tree, a threshold or a leaf, counts as one."""
    if hasattr(model, "coefs_"):
        return sum(table.size for table in [*model.coefs_, *model.intercepts_])
    if hasattr(model, "coef_"):
        return int(np.size(model.coef_) + np.size(model.intercept_))
    return sum(len(tree.nodes) for trees in model._predictors for tree in trees)


@dataclass(frozen=True)
class _Scale:
    """To mean 0 and deviation 1 and back."""

    mean: np.ndarray
    std: np.ndarray

    @staticmethod
    def fit(values: np.ndarray) -> _Scale:
        std = values.std(0)
        return _Scale(values.mean(0), np.where(std > 0, std, 1.0))

    def forward(self, values: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = (values - self.mean) / self.std
        return scaled

    def inverse(self, values: np.ndarray) -> np.ndarray:
        raw: np.ndarray = values * self.std + self.mean
        return raw


@dataclass(frozen=True)
class _Codes:
    """Labels as their places among the classes, and how a probability of each becomes a label again."""

    classes: Sequence[Label]
    class_weights: np.ndarray | None
    decision_weights: Sequence[float] | None

    def forward(self, labels: np.ndarray) -> np.ndarray:
        places = {label: place for place, label in enumerate(self.classes)}
        return np.array([places[label] for label in labels.tolist()])
