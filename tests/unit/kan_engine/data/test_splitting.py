"""Which rows are held out, and which validate."""

from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from kan_engine.data.splitting import Split, split_rows, split_training_rows
from kan_engine.data.thresholds import DEFAULT_DATA
from kan_engine.errors import InvalidData


def classes(*counts: int) -> np.ndarray:
    """A target of strings, shuffled: ``counts[i]`` rows of the class "ci"."""
    y = np.array([f"c{i}" for i, count in enumerate(counts) for _ in range(count)], dtype=object)
    return np.random.default_rng(1).permutation(y)


def split(**changes: Any) -> Split:
    return split_rows(**({"kind": "random", "y": np.arange(50.0), "task": "regression"} | changes))


@pytest.mark.parametrize(("fraction", "seed", "rows"), [(0.2, 0, 50), (0.33, 42, 101), (0.5, 7, 3)])
def test_random_picks_the_rows_that_scikit_learn_picks(fraction: float, seed: int, rows: int) -> None:
    train, test = train_test_split(np.arange(rows), test_size=fraction, random_state=seed)
    got = split(y=np.arange(float(rows)), test_fraction=fraction, seed=seed)
    assert (got.train_rows.tolist(), got.test_rows.tolist()) == (sorted(train), sorted(test))


@pytest.mark.parametrize(
    "y",
    [classes(30, 12, 8), classes(30, 20) == "c0", np.array([9.0, 10.0] * 25), np.array([1] * 40 + [2] * 10)],
)
def test_stratified_picks_the_rows_that_scikit_learn_picks(y: np.ndarray) -> None:
    train, test = train_test_split(np.arange(50), test_size=0.2, random_state=42, stratify=y)
    got = split(kind="stratified", y=y.astype(object), task="classification", seed=42)
    assert (got.train_rows.tolist(), got.test_rows.tolist()) == (sorted(train), sorted(test))


def test_tail_holds_the_last_rows_out() -> None:
    got = split(kind="tail", test_fraction=0.1)
    assert got.test_rows.tolist() == [45, 46, 47, 48, 49]
    assert got.train_rows.tolist() == list(range(45))


def test_tail_holds_the_last_rows_of_every_class_out() -> None:
    y = np.array(["a"] * 10 + ["b"] * 5, dtype=object)
    assert split(kind="tail", y=y, task="classification").test_rows.tolist() == [8, 9, 14]


def test_tail_leaves_a_row_of_every_class_to_train_on() -> None:
    y = np.array(["a", "a", "a", "b"], dtype=object)
    assert split(kind="tail", y=y, task="classification", test_fraction=0.9).train_rows.tolist() == [0, 3]


@pytest.mark.parametrize(
    ("values", "test", "held"),
    [
        (np.array(["a", "b", "a", None], dtype=object), ["a"], [0, 2]),
        (np.array([1.0, 2.0, 3.0, np.nan]), [2, 3.0], [1, 2]),
        (np.array(["1", "2"], dtype=object), [2], [1]),
        (np.array([True, False], dtype=object), [False], [1]),
        (np.array(["a", None], dtype=object), [None], [1]),
    ],
)
def test_a_column_tells_the_rows_apart(values: np.ndarray, test: list[object], held: list[int]) -> None:
    got = split(kind="column", column="g", test=test, columns={"g": values})
    assert got.test_rows.tolist() == held
    assert sorted([*got.train_rows, *got.test_rows]) == list(range(len(values)))


@pytest.mark.parametrize(
    ("values", "told"),
    [(["b", "a", None], "its values are 'a', 'b'"), ([f"v{i}" for i in range(30)], "'v0', .* and 20 more")],
)
def test_a_column_without_the_test_values_is_refused_with_those_it_has(
    values: list[str | None], told: str
) -> None:
    columns = {"g": np.array(values, dtype=object)}
    with pytest.raises(InvalidData, match=told):
        split(kind="column", column="g", test=["z"], columns=columns)


def test_none_holds_nothing_out() -> None:
    got = split(kind="none")
    assert (len(got.train_rows), len(got.test_rows)) == (50, 0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y": np.zeros(1)}, "at least 2 rows"),
        ({"kind": "stratified"}, "needs classes"),
        ({"kind": "stratified", "task": "classification", "y": classes(9, 1)}, "smallest classes"),
        ({"y": np.zeros(2), "test_fraction": 0.9}, "cannot be split"),
        ({"kind": "tail", "y": classes(1, 1), "task": "classification"}, "one side of the split empty"),
        ({"kind": "column", "column": "g", "test": [1], "columns": {}}, "does not have"),
        ({"kind": "column", "column": "g", "test": [1], "columns": {"g": np.zeros(3)}}, "no row"),
        ({"kind": "column", "column": "g", "test": [0], "columns": {"g": np.zeros(3)}}, "every row"),
    ],
)
def test_a_split_that_leaves_nothing_to_learn_or_measure_is_refused(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidData, match=words):
        split(**changes)


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_validation_rows_are_a_fifth_of_the_training_rows(task: str) -> None:
    y = classes(60, 40)
    train_rows = np.arange(0, 100, 2)
    fit, validation = split_training_rows(train_rows, y, task, seed=0, share=DEFAULT_DATA.validation_share)
    assert sorted([*fit, *validation]) == train_rows.tolist()
    assert len(validation) == 10


def test_validation_rows_hold_every_class_in_proportion() -> None:
    y = classes(50, 30, 20)
    _, validation = split_training_rows(
        np.arange(100), y, "classification", seed=3, share=DEFAULT_DATA.validation_share
    )
    assert np.unique(y[validation], return_counts=True)[1].tolist() == [10, 6, 4]


def test_a_class_of_one_row_is_fitted_on() -> None:
    y = classes(20, 20, 1)
    fit, _ = split_training_rows(
        np.arange(41), y, "classification", seed=0, share=DEFAULT_DATA.validation_share
    )
    assert "c2" in y[fit]


def test_many_small_classes_are_validated_on_a_plain_sample() -> None:
    fit, validation = split_training_rows(
        np.arange(20), classes(*[2] * 10), "classification", seed=0, share=DEFAULT_DATA.validation_share
    )
    assert (len(fit), len(validation)) == (16, 4)


def test_after_a_tail_split_the_last_training_rows_validate() -> None:
    _, validation = split_training_rows(
        np.arange(10), np.arange(10.0), "regression", seed=0, kind="tail", share=DEFAULT_DATA.validation_share
    )
    assert validation.tolist() == [8, 9]


def test_the_same_seed_validates_on_the_same_rows() -> None:
    first, second = (
        split_training_rows(
            np.arange(50), np.arange(50.0), "regression", seed=5, share=DEFAULT_DATA.validation_share
        )
        for _ in range(2)
    )
    assert np.array_equal(first[1], second[1])


def test_one_row_cannot_be_validated() -> None:
    with pytest.raises(InvalidData, match="at least 2 rows"):
        split_training_rows(
            np.arange(1), np.zeros(1), "regression", seed=0, share=DEFAULT_DATA.validation_share
        )
