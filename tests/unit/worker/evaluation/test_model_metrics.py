"""A hold-out error far above the validation error is told with its likely cause."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kan_engine import TrainingData
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of
from worker.evaluation.model_metrics import measure_model

ROWS = 200
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, ROWS)
NOISE = RNG.normal(0, 0.1, ROWS)


def prepared(x: np.ndarray, y: np.ndarray) -> TrainingData:
    return prepare_data(table_of(x=x, y=y), request_for())


HELD = prepared(X, X + NOISE).numbers[160:]  # rows that the split holds out


def warnings_of(x: np.ndarray, y: np.ndarray) -> list[str]:
    line: Any = SimpleNamespace(predict=lambda rows: rows[:, 0], residuals=np.abs(NOISE[:160]))
    return list(measure_model(line, prepared(x, y), None).warnings)


def test_an_error_as_expected_is_no_warning() -> None:
    assert warnings_of(X, X + NOISE) == []


@pytest.mark.parametrize("is_outside", [False, True])
def test_one_row_that_makes_most_of_the_error_is_named(is_outside: bool) -> None:
    x, y = X.copy(), X + NOISE
    y[HELD[3]] = 40.0
    if is_outside:
        x[HELD[3]] = 3.0
    (told,) = warnings_of(x, y)
    assert f"row {HELD[3] + 1} of the dataset" in told
    assert ("lies outside the range of the training rows" in told) is is_outside
    assert "on the other rows it is 0.1" in told


def test_several_rows_outside_the_range_are_counted() -> None:
    x, y = X.copy(), X + NOISE
    x[HELD[:4]] = 3.0
    (told,) = warnings_of(x, y)
    assert "4 of 40 rows lie outside the range of the training rows" in told


def test_errors_everywhere_come_from_another_distribution() -> None:
    y = X + NOISE
    y[HELD] += 2.0
    (told,) = warnings_of(X, y)
    assert "another distribution" in told
