"""Metrics agree with scikit-learn, and are None where they are undefined."""

import numpy as np
import pytest
from sklearn import metrics

from kan_engine.assessment.metrics import (
    class_metrics,
    classification_metrics,
    constant_guess_accuracy,
    regression_metrics,
)

CLASSES = ("a", "b", "c")


def labels(*values: object) -> np.ndarray:
    y = np.empty(len(values), dtype=object)
    y[:] = values
    return y


def guesses(classes: int, rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers, and probabilities that know something about them."""
    generator = np.random.default_rng(0)
    true = generator.integers(0, classes, rows)
    logits = generator.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[true]
    return true, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def test_regression_metrics_are_those_of_scikit_learn() -> None:
    y, predicted = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.5, 2.0, 3.0, 7.0])
    assert regression_metrics(y, predicted) == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(y, predicted),
            "rmse": metrics.root_mean_squared_error(y, predicted),
            "r2": metrics.r2_score(y, predicted),
        }
    )


@pytest.mark.parametrize(
    ("y", "predicted"), [([], []), ([1.0, 2.0], [1.0, np.nan]), ([1.0, 2.0], [1.0, np.inf])]
)
def test_without_rows_or_with_an_undefined_prediction_nothing_is_measured(
    y: list[float], predicted: list[float]
) -> None:
    got = regression_metrics(np.array(y), np.array(predicted))
    assert got == {"mae": None, "rmse": None, "r2": None}


def test_r2_is_undefined_where_the_target_does_not_vary() -> None:
    assert regression_metrics(np.array([2.0, 2.0]), np.array([1.0, 3.0])) == {
        "mae": 1.0,
        "rmse": 1.0,
        "r2": None,
    }


def test_metrics_of_two_classes_are_those_of_scikit_learn() -> None:
    true, p = guesses(2)
    guessed = p.argmax(1)
    assert classification_metrics(true == 1, p, (False, True)) == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(true, guessed),
            "balanced_accuracy": metrics.balanced_accuracy_score(true, guessed),
            "precision": metrics.precision_score(true, guessed),
            "recall": metrics.recall_score(true, guessed),
            "f1": metrics.f1_score(true, guessed),
            "roc_auc": metrics.roc_auc_score(true, p[:, 1]),
            "average_precision": metrics.average_precision_score(true, p[:, 1]),
            "log_loss": metrics.log_loss(true, p),
        }
    )


def test_labels_are_decided_by_the_weights_and_ranking_is_not() -> None:
    true, p = guesses(2)
    weights = (0.2, 0.8)
    guessed = p[:, 1] > 0.2
    got, plain = (classification_metrics(true == 1, p, (False, True), w) for w in (weights, None))
    assert got["accuracy"] == pytest.approx(metrics.accuracy_score(true, guessed))
    assert got["recall"] == pytest.approx(metrics.recall_score(true, guessed))
    assert {got[name] == plain[name] for name in ("roc_auc", "average_precision", "log_loss")} == {True}
    alone = class_metrics(true == 1, p, (False, True), weights)
    assert (alone["true"]["precision"], alone["true"]["f1"]) == (got["precision"], got["f1"])


def test_metrics_of_many_classes_are_macro_means_of_scikit_learn() -> None:
    true, p = guesses(3)
    guessed = p.argmax(1)
    assert classification_metrics(np.array(CLASSES, dtype=object)[true], p, CLASSES) == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(true, guessed),
            "balanced_accuracy": metrics.balanced_accuracy_score(true, guessed),
            "precision": metrics.precision_score(true, guessed, average="macro"),
            "recall": metrics.recall_score(true, guessed, average="macro"),
            "f1": metrics.f1_score(true, guessed, average="macro"),
            "roc_auc": metrics.roc_auc_score(true, p, multi_class="ovr"),
            "average_precision": metrics.average_precision_score(np.eye(3)[true], p, average="macro"),
            "log_loss": metrics.log_loss(true, p),
        }
    )


def test_ranking_is_undefined_where_the_rows_are_of_one_class() -> None:
    got = classification_metrics(labels("b", "b"), np.array([[0.2, 0.8], [0.6, 0.4]]), ("a", "b"))
    assert (got["roc_auc"], got["average_precision"], got["accuracy"]) == (None, None, 0.5)


def test_a_class_that_the_rows_lack_is_left_out_of_the_mean_ranking() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])
    assert classification_metrics(labels("a", "b", "a"), p, CLASSES)["roc_auc"] == 1.0


def test_a_row_of_an_unknown_class_is_wrong_and_costs_a_finite_loss() -> None:
    got = classification_metrics(labels("a", "d"), np.array([[0.9, 0.1], [0.9, 0.1]]), ("a", "b"))
    assert got["accuracy"] == 0.5
    assert got["log_loss"] is not None
    assert got["log_loss"] > 10


def test_a_class_that_nothing_was_predicted_as_has_precision_0() -> None:
    assert classification_metrics(labels("a", "b"), np.array([[0.9, 0.1]] * 2), ("a", "b"))["precision"] == 0


@pytest.mark.parametrize("p", [np.zeros((0, 2)), np.array([[np.nan, np.nan]])])
def test_a_classifier_without_rows_or_finite_predictions_is_not_measured(p: np.ndarray) -> None:
    y = labels(*["a"] * len(p))
    assert set(classification_metrics(y, p, ("a", "b")).values()) == {None}
    assert class_metrics(y, p, ("a", "b")) == {}


def test_every_class_is_measured_alone() -> None:
    true, p = guesses(3)
    got = class_metrics(np.array(CLASSES, dtype=object)[true], p, CLASSES)["b"]
    assert got == pytest.approx(
        {
            "precision": metrics.precision_score(true == 1, p.argmax(1) == 1),
            "recall": metrics.recall_score(true == 1, p.argmax(1) == 1),
            "f1": metrics.f1_score(true == 1, p.argmax(1) == 1),
            "roc_auc": metrics.roc_auc_score(true == 1, p[:, 1]),
            "average_precision": metrics.average_precision_score(true == 1, p[:, 1]),
            "support": (true == 1).sum(),
        }
    )


def test_a_class_that_the_rows_lack_has_no_recall() -> None:
    got = class_metrics(labels("a", "b"), np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]), CLASSES)["c"]
    assert (got["recall"], got["roc_auc"], got["support"]) == (None, None, 0)


def test_the_constant_guess_is_the_most_frequent_training_class() -> None:
    assert constant_guess_accuracy(labels("a", "b", "b"), labels("a", "a", "b", "c")) == 0.25


def test_of_equally_frequent_classes_the_first_is_guessed() -> None:
    assert constant_guess_accuracy(labels("b", "a", "b", "a"), labels("a", "a", "b")) == pytest.approx(2 / 3)


def test_without_rows_there_is_no_constant_guess() -> None:
    assert constant_guess_accuracy(labels("a"), labels()) is None
