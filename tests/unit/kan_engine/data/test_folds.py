"""Folds of rows for cross-validation."""

import numpy as np
import pytest

from kan_engine.data.folds import assign_folds


def classes(*counts: int) -> np.ndarray:
    """A target of strings, shuffled: ``counts[i]`` rows of the class "ci"."""
    y = np.array([f"c{i}" for i, count in enumerate(counts) for _ in range(count)], dtype=object)
    return np.random.default_rng(1).permutation(y)


@pytest.mark.parametrize("is_ordered", [False, True])
@pytest.mark.parametrize("counts", [(40,), (20, 13, 7), (3, 2)])
def test_every_fold_has_its_share_of_the_rows_of_every_class(
    is_ordered: bool, counts: tuple[int, ...]
) -> None:
    y = classes(*counts)
    folds = assign_folds(y, "classification", 0, 3, is_ordered=is_ordered)
    for name in set(y.tolist()):
        shares = np.bincount(folds[y == name], minlength=3)
        assert shares.max() - shares.min() <= 1


def test_folds_of_a_number_are_of_equal_size_and_decided_by_the_seed() -> None:
    first, second, other = (assign_folds(np.arange(30.0), "regression", seed, 4) for seed in (1, 1, 2))
    assert np.bincount(first).tolist() == [8, 8, 7, 7]
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_folds_after_a_tail_split_are_stretches_of_neighbours() -> None:
    assert assign_folds(np.arange(7.0), "regression", 0, 3, is_ordered=True).tolist() == [0, 0, 0, 1, 1, 2, 2]
    y = np.array(["a", "b"] * 4, dtype=object)
    assert assign_folds(y, "classification", 0, 2, is_ordered=True).tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
