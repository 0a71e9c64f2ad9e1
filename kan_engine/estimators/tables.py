"""From the arrays and data frames of a user to typed columns, and to rows to train on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from importlib.util import find_spec
from typing import Any

import narwhals as nw
import numpy as np
from jaxtyping import Float, Num, Shaped
from narwhals.dependencies import is_into_dataframe

from kan_engine.data.columns import read_labels
from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature, is_unseen
from kan_engine.data.labels import Label
from kan_engine.data.preparation import encode_training_data
from kan_engine.data.splitting import split_training_rows
from kan_engine.data.training_data import TrainingData
from kan_engine.errors import InvalidData
from kan_engine.search.config import SearchConfig

Columns = dict[str, np.ndarray]
Types = dict[str, str]


def is_frame(x: Any) -> bool:
    """Whether a table is a data frame of pandas, polars or another library that narwhals knows."""
    return bool(is_into_dataframe(x))


def select_backend() -> str:
    """The library of data frames where the rows came in none: pandas, else polars.

    Raises:
        ImportError: Neither is installed.
    """
    for name in ("pandas", "polars"):
        if find_spec(name) is not None:
            return name
    raise ImportError("a data frame needs pandas or polars; install one of them")


def read_array(x: Float[np.ndarray, "rows columns"]) -> tuple[Columns, Types]:
    """Columns ``x0``, ``x1`` … of an array [rows, columns] of numbers."""
    names = [f"x{place}" for place in range(x.shape[1])]
    return dict(zip(names, x.T, strict=True)), dict.fromkeys(names, "number")


def read_frame(frame: Any) -> tuple[Columns, Types]:
    """Columns of a data frame by name, and their types: number, boolean, datetime or category.

    Raises:
        InvalidData: A column holds values of several kinds, or of one that cannot be a feature.
    """
    columns, types = Columns(), Types()
    table = nw.from_native(frame, eager_only=True)
    for place, column in enumerate(table.iter_columns()):
        name = column.name if isinstance(column.name, str) else f"x{place}"
        columns[name], types[name] = _read_column(name, column)
    return columns, types


def _read_column(name: str, column: nw.Series[Any]) -> tuple[Shaped[np.ndarray, " rows"], str]:
    if column.dtype.is_numeric():
        return column.cast(nw.Float64()).to_numpy().astype(np.float64), "number"
    # NaN and NaT differ from themselves; they become None, as other missing values are
    values = [None if value is None or value != value else value for value in column.to_list()]  # noqa: PLR0124
    # The type of a column of objects is that of its values, without the missing ones
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {bool, np.bool_} and kinds:
        return np.array([np.nan if value is None else float(value) for value in values]), "boolean"
    if all(issubclass(kind, date) for kind in kinds) and kinds:
        return _to_objects([value and _format_time(value) for value in values]), "datetime"
    if all(issubclass(kind, int | float | np.number) and kind is not bool for kind in kinds):
        return np.array([np.nan if value is None else float(value) for value in values]), "number"
    if kinds == {str}:
        return _to_objects(values), "category"
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise InvalidData(
        f"the column {name!r} holds values of the types {names}; "
        "convert it to numbers, texts, booleans or times",
        column=name,
    )


def _format_time(value: date) -> str:
    """ISO 8601, with midnight for a date."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    return value.isoformat()


def _to_objects(values: list[Any]) -> Shaped[np.ndarray, " rows"]:
    objects = np.empty(len(values), dtype=object)
    objects[:] = values
    return objects


def describe_unseen(feature: Feature, values: Shaped[np.ndarray, " rows"], max_listed: int = 5) -> str | None:
    """Describe the categories of a column that the training rows do not have; None if there are none."""
    if feature.type != "category":
        return None
    labels = set(read_labels(feature.name, values[is_unseen(feature, values)]))
    if not labels:
        return None
    texts = ["missing values"] * (None in labels) + [
        repr(label) for label in sorted(labels - {None}, key=str)
    ]
    suffix = f" and {len(texts) - max_listed} more" if len(texts) > max_listed else ""
    return f"column {feature.name!r} has {', '.join(texts[:max_listed])}{suffix}, which training did not have"


def make_training_data(
    columns: Columns,
    types: Types,
    y: Num[np.ndarray, " rows"],
    weights: Num[np.ndarray, " rows"],
    config: SearchConfig,
    target: str,
    classes: tuple[Label, ...] | None,
    class_weights: Float[np.ndarray, " classes"] | None,
    units: Mapping[str, str],
    unit_error: float | None = None,
    is_late: Callable[[], bool] = lambda: False,
) -> TrainingData:
    """Encode the rows, and divide them into fit and validation rows as the service does.

    Of a large table, choices read a sample; the other rows are a reserve.

    ``is_late`` tells when the screening of a wide table has used up its time.
    """
    # Rows of weight 0 are left out before anything is fitted, and so have no effect on ranges
    weighted_rows = np.flatnonzero(weights > 0)
    if len(weighted_rows) < 2:
        raise InvalidData("n_samples = 1 is too few with a positive weight: training needs at least 2 rows")
    limits = config.thresholds.data
    encoding, constant = Encoding.fit_varying(
        ((name, values[weighted_rows], types[name], None) for name, values in columns.items()), limits
    )
    if class_weights is not None:
        weights = weights * class_weights[y.astype(int)]
    task = "regression" if classes is None else "classification"
    kind = "tail" if config.is_ordered else "random"
    # There are no hold-out rows: a user of scikit-learn splits before the fit
    fit, validation = split_training_rows(
        weighted_rows, y, task, config.seed, kind=kind, share=limits.validation_share
    )
    data = encode_training_data(
        lambda narrowed, rows: narrowed.transform({name: values[rows] for name, values in columns.items()}),
        encoding,
        y,
        weights,
        fit,
        validation,
        fit[:0],
        target=target,
        classes=classes,
        unit_error=unit_error,
        # A given network reads all columns, so only a search screens them
        required=config.required_columns if config.hidden is None else None,
        seed=config.seed,
        is_ordered=config.is_ordered,
        is_late=is_late,
        thresholds=limits,
    )
    constant_warnings = (f"column {name!r} is left out: it is the same in all rows" for name in constant)
    screening_warnings = data.screening.warnings if data.screening else ()
    return replace(
        data,
        class_weights=class_weights,
        units=units,
        warnings=(*constant_warnings, *screening_warnings, *data.warnings),
    )
