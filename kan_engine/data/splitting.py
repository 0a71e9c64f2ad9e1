"""Splits rows into fit, validation and hold-out rows.

The hold-out rows are read once, for the reported metrics. Every choice between models uses the validation
rows, which are a part of the training rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Shaped
from sklearn.model_selection import train_test_split

from kan_engine.data.columns import read_labels
from kan_engine.data.folds import encode_labels
from kan_engine.errors import InvalidData


@dataclass(frozen=True)
class Split:
    """Row numbers of the training and the hold-out rows.

    Attributes:
        is_rescued: Whether the hold-out rows were drawn by class, because a random split would have left
            only one class in the training rows.
    """

    train_rows: np.ndarray
    test_rows: np.ndarray
    is_rescued: bool = False


def split_rows(
    *,
    kind: str,
    y: Shaped[np.ndarray, " rows"],
    task: str,
    test_fraction: float = 0.2,
    seed: int = 0,
    column: str | None = None,
    test: Sequence[object] | None = None,
    columns: Mapping[str, Shaped[np.ndarray, " dataset"]] | None = None,
) -> Split:
    """Divide the rows of a dataset.

    Args:
        kind: ``random`` and ``stratified`` hold out the rows that
            ``sklearn.model_selection.train_test_split`` draws; if ``random`` leaves only one class in the
            training rows, the rows are drawn by class. ``tail`` holds out the last rows, for a classifier
            the last of every class; ``column`` the rows with certain values; ``none`` no rows.
        y: The target, without missing values: labels, or any numbers in the same order as the classes.
        task: ``classification`` or ``regression``.
        test_fraction: Share of the rows to hold out.
        seed: scikit-learn's ``random_state``.
        column: For ``column``: the name of the column.
        test: For ``column``: its values in the hold-out rows.
        columns: For ``column``: the columns of the dataset.

    Raises:
        InvalidData: One side would be empty, or a class is too small to be stratified.
    """
    rows = np.arange(len(y))
    if kind == "none":
        return Split(rows, rows[:0])
    if kind == "column":
        return _split_by_column(column or "", test or (), columns or {})
    if len(y) < 2:
        raise InvalidData(f"a split needs at least 2 rows, got {len(y)}")
    if kind == "tail":
        holdout = _last_rows(y, task, test_fraction)
    else:
        holdout = _sample_rows(y, task, test_fraction, seed, is_stratified=kind == "stratified")
    if not 0 < len(holdout) < len(y):
        raise InvalidData(
            f"test_fraction {test_fraction} of {len(y)} rows leaves one side of the split empty; change it"
        )
    if kind == "random" and task == "classification" and len(set(np.delete(y, holdout).tolist())) == 1:
        by_class = _sample_by_class(y, test_fraction, seed)
        if by_class is not None:
            return Split(*_divide_rows(rows, by_class), is_rescued=True)
    return Split(*_divide_rows(rows, holdout))


def split_training_rows(
    train_rows: Int[np.ndarray, " training"],
    y: Shaped[np.ndarray, " rows"],
    task: str,
    seed: int,
    *,
    kind: str = "random",
    share: float,
) -> tuple[Int[np.ndarray, " fit"], Int[np.ndarray, " validation"]]:
    """Divide the training rows into fit and validation rows.

    The validation rows are drawn by class where the classes are large enough; a class of one row is always
    in the fit rows. After a ``tail`` split the last rows validate, so that they differ from the fit rows
    as the hold-out rows differ from the training rows.

    Args:
        train_rows: Row numbers from ``split_rows``.
        y: The target of the whole dataset.
        task: ``classification`` or ``regression``.
        seed: Seed of the sample.
        kind: Kind of the split that the training rows come from.
        share: Share of the rows that validate.
    """
    if len(train_rows) < 2:
        raise InvalidData(f"training needs at least 2 rows, got {len(train_rows)}")
    targets = y[train_rows]
    validation_rows = (
        _last_rows(targets, task, share) if kind == "tail" else _sample_validation(targets, task, share, seed)
    )
    return _divide_rows(train_rows, validation_rows)


def _split_by_column(
    column: str, test: Sequence[object], columns: Mapping[str, Shaped[np.ndarray, " dataset"]]
) -> Split:
    if column not in columns:
        raise InvalidData(f"the split uses a column {column!r} that the dataset does not have", column=column)
    # Assigned in place: NumPy would convert a list of mixed types to text
    test_values = np.empty(len(test), dtype=object)
    test_values[:] = test
    names = set(read_labels(column, test_values))
    is_test = np.array([label in names for label in read_labels(column, columns[column])], dtype=bool)
    if is_test.all() or not is_test.any():
        raise InvalidData(
            _explain_one_sided_split(column, columns[column], is_all=bool(is_test.all())), column=column
        )
    return Split(np.flatnonzero(~is_test), np.flatnonzero(is_test))


def _explain_one_sided_split(
    column: str, values: Shaped[np.ndarray, " rows"], *, is_all: bool, max_listed: int = 10
) -> str:
    """A message that lists at most ``max_listed`` values."""
    if is_all:
        return f"every row has one of the test values in the column {column!r}; list fewer of its values"
    labels = sorted({label for label in read_labels(column, values) if label is not None})
    text = ", ".join(map(repr, labels[:max_listed])) + (
        f" and {len(labels) - max_listed} more" if labels[max_listed:] else ""
    )
    return (
        f"no row has one of the test values in the column {column!r}; its values are {text or 'all missing'}"
    )


def _last_rows(y: Shaped[np.ndarray, " rows"], task: str, fraction: float) -> Int[np.ndarray, " held"]:
    """Return the last rows, for a classification the last of every class; never all rows of a class."""
    if task != "classification":
        return np.arange(len(y))[len(y) - _test_count(len(y), fraction) :]
    labels, codes = encode_labels(y)
    # Rows grouped by class, in their order within each
    by_class = np.argsort(codes, kind="stable")
    groups = np.split(by_class, np.bincount(codes, minlength=len(labels)).cumsum()[:-1])
    return np.sort(
        np.concatenate([group[len(group) - _test_count(len(group), fraction) :] for group in groups])
    )


def _test_count(count: int, fraction: float) -> int:
    """Return how many of ``count`` rows to hold out: rounded up as in scikit-learn, but never all."""
    return min(int(np.ceil(fraction * count)), count - 1)


def _sample_rows(
    y: Shaped[np.ndarray, " rows"], task: str, fraction: float, seed: int, *, is_stratified: bool
) -> Int[np.ndarray, " held"]:
    if is_stratified and task != "classification":
        raise InvalidData("a stratified split needs classes; for a numeric target use the kind random")
    try:
        _, holdout = train_test_split(
            np.arange(len(y)),
            test_size=fraction,
            random_state=seed,
            stratify=encode_labels(y)[1] if is_stratified else None,
        )
    except ValueError as error:
        remedy = (
            "; use the kind random, or leave the smallest classes out" if is_stratified else "; change it"
        )
        raise InvalidData(f"{len(y)} rows cannot be split with test_fraction {fraction}{remedy}") from error
    return np.asarray(holdout)


def _sample_validation(
    y: Shaped[np.ndarray, " rows"], task: str, share: float, seed: int
) -> Int[np.ndarray, " held"]:
    by_class = _sample_by_class(y, share, seed) if task == "classification" else None
    return _sample_rows(y, task, share, seed, is_stratified=False) if by_class is None else by_class


def _sample_by_class(
    y: Shaped[np.ndarray, " rows"], fraction: float, seed: int
) -> Int[np.ndarray, " held"] | None:
    """Draw rows of every class that has at least two; None if the sample has fewer rows than such classes."""
    codes = encode_labels(y)[1]
    counts = np.bincount(codes)
    # A class of one row cannot be on both sides, so it stays where the model is fitted
    sharing = np.flatnonzero(counts[codes] > 1)
    if not _test_count(len(sharing), fraction) >= (counts > 1).sum() > 0:
        return None
    holdout: np.ndarray = sharing[
        _sample_rows(codes[sharing], "classification", fraction, seed, is_stratified=True)
    ]
    return holdout


def _divide_rows(
    rows: Int[np.ndarray, " rows"], holdout: Int[np.ndarray, " held"]
) -> tuple[Int[np.ndarray, " others"], Int[np.ndarray, " held"]]:
    """Return the rows that are not held out and those that are, in the order of the dataset."""
    is_held = np.zeros(len(rows), dtype=bool)
    is_held[holdout] = True
    return rows[~is_held], rows[is_held]
