"""scikit-learn without tuning, on the rows that our service holds out with the same seed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    mean_absolute_error,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
)
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tests.benchmarks.rows import Values

Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # x, x of the hold-out rows, y, y of those

MODELS: dict[str, Callable[[], Any]] = {
    "boosting 100, regression": lambda: HistGradientBoostingRegressor(max_iter=100, random_state=0),
    "boosting 300, regression": lambda: HistGradientBoostingRegressor(max_iter=300, random_state=0),
    "boosting 100": lambda: HistGradientBoostingClassifier(max_iter=100, random_state=0),
    "boosting 200": lambda: HistGradientBoostingClassifier(max_iter=200, random_state=0),
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "nearest neighbour": lambda: make_pipeline(StandardScaler(), KNeighborsClassifier(1)),
    "MLP 64-64, regression": lambda: TransformedTargetRegressor(
        make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(64, 64), random_state=0)),
        transformer=StandardScaler(),
    ),
    "MLP 64-64": lambda: make_pipeline(
        StandardScaler(), MLPClassifier(hidden_layer_sizes=(64, 64), random_state=0)
    ),
}


def split(
    table: pl.DataFrame, target: str, *, fraction: float, seed: int, is_stratified: bool = False
) -> Split:
    """Rows as scikit-learn parts them."""
    x, y = numbers(table.drop(target)), table[target].to_numpy()
    parts = train_test_split(
        x, y, test_size=fraction, random_state=seed, stratify=y if is_stratified else None
    )
    return tuple(parts)


def held_out(rows: int, *, fraction: float, seed: int) -> np.ndarray:
    """Places of the rows that such a split holds out, in its order."""
    return np.asarray(train_test_split(np.arange(rows), test_size=fraction, random_state=seed)[1])


def tail(table: pl.DataFrame, target: str, *, fraction: float) -> Split:
    """The last rows of each class are held out."""
    x, y = numbers(table.drop(target)), table[target].to_numpy()
    held_out = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        places = np.flatnonzero(y == label)
        held_out[places[len(places) - math.ceil(fraction * len(places)) :]] = True
    return x[~held_out], x[held_out], y[~held_out], y[held_out]


def numbers(table: pl.DataFrame) -> np.ndarray:
    """All columns as float64, a category as one column for each of its values."""
    texts = [name for name, kind in table.schema.items() if kind == pl.String]
    return table.to_dummies(texts).to_numpy().astype(float) if texts else table.to_numpy().astype(float)


def regression(name: str, parts: Split) -> Values:
    """Errors on the hold-out rows, and the seconds of the fit."""
    x, x_test, y, y_test = parts
    start = time.perf_counter()
    model = MODELS[f"{name}, regression"]().fit(x, y)
    seconds = time.perf_counter() - start
    return {**regression_errors(y_test, model.predict(x_test)), "seconds": seconds}


def regression_errors(y: np.ndarray, predictions: np.ndarray) -> Values:
    """What the report shows of a regression."""
    return {
        "MAE": float(mean_absolute_error(y, predictions)),
        "RMSE": float(root_mean_squared_error(y, predictions)),
    }


def accuracy(name: str, parts: Split) -> Values:
    """Accuracy on the hold-out rows, and the seconds of the fit."""
    x, x_test, y, y_test = parts
    start = time.perf_counter()
    model = MODELS[name]().fit(x, y)
    seconds = time.perf_counter() - start
    return {"accuracy": float(accuracy_score(y_test, model.predict(x_test))), "seconds": seconds}


def ranking(name: str, parts: Split) -> Values:
    """How well a classifier of 0 and 1 ranks the hold-out rows, and the seconds of the fit."""
    x, x_test, y, y_test = parts
    start = time.perf_counter()
    model = MODELS[name]().fit(x, y)
    seconds = time.perf_counter() - start
    return {**ranking_scores(y_test, model.predict_proba(x_test)[:, 1]), "seconds": seconds}


def ranking_scores(y: np.ndarray, probability: np.ndarray, threshold: float = 0.5) -> Values:
    """What the report shows of a classifier of 0 and 1."""
    labels = probability >= threshold
    return {
        "ROC AUC": float(roc_auc_score(y, probability)),
        "average precision": float(average_precision_score(y, probability)),
        "precision at recall 0.2": precision_at(0.2, y, probability),
        "precision": float(precision_score(y, labels, zero_division=0)),
        "recall": float(recall_score(y, labels)),
    }


def precision_at(recall: float, y: np.ndarray, rank: np.ndarray) -> float:
    """The share of ones among as many of the highest ranks as it takes to find that share of all ones."""
    precisions, recalls, _ = precision_recall_curve(y, rank)  # recalls fall
    return float(precisions[np.flatnonzero(recalls >= recall)[-1]])


def standardised(parts: Split) -> Split:
    """The same with inputs of mean 0 and deviation 1 in the training rows."""
    x, x_test, y, y_test = parts
    scaler = StandardScaler().fit(x)
    return scaler.transform(x), scaler.transform(x_test), y, y_test
