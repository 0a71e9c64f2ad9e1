"""Gross errors among the training rows are named and set aside; rows that are merely unusual stay."""

import numpy as np
import pytest

from kan_engine import TrainingData
from kan_engine.assessment.outliers import exclude_outliers
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of

ROWS = 160
WRONG = 17  # a row that a random split with seed 0 leaves among the training rows


def rows(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(ROWS, 3))
    return x, x @ np.array([1.0, 2.0, 3.0]) + 0.3 * generator.normal(size=ROWS)


def prepared(x: np.ndarray, y: np.ndarray, **body: object) -> TrainingData:
    columns = {f"x{place}": x[:, place] for place in range(x.shape[1])}
    data = prepare_data(table_of(**columns, y=y), request_for(**body))
    assert WRONG in data.numbers[: len(data.training)]
    return data


def test_a_target_of_a_million_among_tens_is_named_by_its_row_and_set_aside() -> None:
    x, y = rows()
    y[WRONG] = 1e6
    before = prepared(x, y)
    after = exclude_outliers(before, seed=0)
    assert len(after.training) == len(before.training) - 1
    assert WRONG not in after.numbers
    assert len(after.test) == len(before.test)
    assert f"row {WRONG + 1} of the dataset" in after.warnings[-1]
    np.testing.assert_array_equal(after.rows.x[:, 0], x[after.numbers, 0])


def test_a_typing_error_in_a_column_is_set_aside_too() -> None:
    x, y = rows()
    x[WRONG, 1] = 500.0
    assert WRONG not in exclude_outliers(prepared(x, y), seed=0).numbers


def test_a_row_far_away_that_obeys_the_law_of_the_others_stays() -> None:
    x, y = rows()
    x[WRONG] *= 100
    y[WRONG] = x[WRONG] @ np.array([1.0, 2.0, 3.0])
    data = prepared(x, y)
    assert exclude_outliers(data, seed=0) is data


@pytest.mark.parametrize("kind", ["normal", "heavy tails", "lognormal", "pole"])
def test_clean_tables_lose_no_row(kind: str) -> None:
    x, y = rows(3)
    generator = np.random.default_rng(4)
    y = {
        "normal": y,
        "heavy tails": y + generator.standard_t(3, ROWS),
        "lognormal": np.exp(x @ np.array([1.0, 0.5, 0.3])),
        "pole": 1 / (np.abs(x[:, 0]) + 0.05),
    }[kind]
    data = prepared(x, y)
    assert exclude_outliers(data, seed=0) is data


def test_classes_and_very_few_rows_are_left_as_they_are() -> None:
    x, y = rows()
    few = prepare_data(table_of(a=x[:12, 0], y=[*y[:11], 1e6]), request_for())
    assert exclude_outliers(few, seed=0) is few
    classes = prepared(x, np.where(y > 0, "up", "down"))
    assert exclude_outliers(classes, seed=0) is classes


def test_the_largest_target_over_decades_stays_and_a_wrong_one_does_not() -> None:
    generator = np.random.default_rng(1)
    x = 10 ** generator.uniform(0, 3, (ROWS, 3))
    x[WRONG] = 1_000, 1, 1
    y = x[:, 0] ** 3 / x[:, 1] / x[:, 2] * np.exp(0.1 * generator.normal(size=ROWS))
    data = prepared(x, y)
    assert exclude_outliers(data, seed=0) is data
    y[WRONG] = 1e20
    assert WRONG not in exclude_outliers(prepared(x, y), seed=0).numbers
