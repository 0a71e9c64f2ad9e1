"""Check the rows of a prediction request, and convert them to the columns that a model reads.

A number must be a JSON number: "3.5" is text, and true is not 1. Silent conversions would give wrong
predictions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from service.errors import ErrorEntry, Invalid, TooLarge, format_names, join_texts
from service.operations.prediction.limits import PredictionLimits
from service.schemas.prediction import Rows
from service.strict_json import pointer

if TYPE_CHECKING:
    from jaxtyping import Shaped

    from kan_engine.data.feature import Feature

ACCEPTED_VALUES: dict[str, tuple[set[type], str]] = {
    "number": ({int, float}, "a number"),
    "boolean": ({bool, int, float}, "true or false"),
    "category": ({str, bool, int, float}, "a category: a text, a number, true or false"),
    "datetime": ({str}, "a time: a text such as 2026-01-31T18:00:00, or as the table had them"),
}
Columns = dict[str, list[Any]]
Path = list[str | int]


def read_columns(
    request: Rows,
    features: Sequence[Feature],
    *,
    optional: Collection[str],
    ignored_columns: Collection[str],
    max_rows: int,
    limits: PredictionLimits,
) -> dict[str, Shaped[np.ndarray, " rows"]]:
    """The features as arrays: float64 with NaN for numbers, objects with None otherwise.

    Args:
        request: Columns or rows from the client.
        features: Features of the model.
        optional: Features that the network does not use; they may be absent.
        ignored_columns: Additional columns that may be present, such as the target.
        max_rows: Limit of rows.
        limits: Of an error.

    Raises:
        TooLarge: There are too many rows.
        Invalid: Columns are missing, unknown or of unequal length, or values are of the wrong type.
    """
    names, max_entries = [feature.name for feature in features], limits.max_error_entries
    table = _extract_columns(request, names, optional, ignored_columns, max_rows, max_entries)
    by_name = {feature.name: feature for feature in features if feature.name in table}
    _refuse_missing(request, (name for name in names if name not in by_name.keys() | optional), max_entries)
    _refuse_wrong_values(request, table, by_name, max_entries)
    return {name: _to_array(table[name], feature.type) for name, feature in by_name.items()}


def _extract_columns(
    request: Rows,
    features: Sequence[str],
    optional: Collection[str],
    ignored_columns: Collection[str],
    max_rows: int,
    max_entries: int,
) -> Columns:
    """The request as columns. An optional column that only some rows have counts as absent."""
    if request.columns is not None:
        lengths = {name: len(values) for name, values in request.columns.items()}
        _refuse_too_many(max(lengths.values()), max_rows)
        _refuse_unknown({name: ["columns", name] for name in lengths}, features, ignored_columns, max_entries)
        _refuse_unequal(lengths, max_entries)
        return request.columns
    rows = request.rows or []
    _refuse_too_many(len(rows), max_rows)
    # A name that not every row has is optional, ignored, or a mistake
    counts = Counter(name for row in rows for name in row)
    _refuse_unknown(_find_first_places(rows, counts), features, ignored_columns, max_entries)
    may_lack = {*optional, *ignored_columns}
    names = [name for name, count in counts.items() if count == len(rows) or name not in may_lack]
    _refuse_gaps(rows, [name for name in names if counts[name] < len(rows)], max_entries)
    return {name: [row[name] for row in rows] for name in names}


def _find_first_places(rows: list[dict[str, Any]], names: Collection[str]) -> dict[str, Path]:
    """Path of the first occurrence of each name."""
    paths: dict[str, Path] = {}
    for number, row in enumerate(rows):
        for name in row.keys() - paths.keys():
            paths[name] = ["rows", number, name]
        if len(paths) == len(names):
            break
    return {name: paths[name] for name in names}


def _refuse_too_many(rows: int, max_rows: int) -> None:
    if rows > max_rows:
        detail = f"{rows} rows are over the limit of {max_rows}; send them in several requests"
        raise TooLarge("too_many_rows", detail, limit=max_rows)


def _refuse_unequal(lengths: dict[str, int], max_entries: int) -> None:
    count = next(iter(lengths.values()))
    wrong = {name: length for name, length in lengths.items() if length != count}
    if wrong or not count:
        sizes = join_texts(f"{name!r} has {length}" for name, length in lengths.items())
        detail = f"all columns need the same number of values, at least one: {sizes}"
        places: dict[str, Path] = {name: ["columns", name] for name in wrong or lengths}
        raise Invalid(
            "unequal_columns", detail, errors=_make_entries("unequal_columns", detail, places, max_entries)
        )


def _refuse_gaps(rows: list[dict[str, Any]], names: Collection[str], max_entries: int) -> None:
    """Refuse rows with different names, so that a misspelt name does not count as a missing value."""
    # Lazy, because every row may have a gap, and only the first ones are reported
    gaps = ((row, name) for row, values in enumerate(rows) for name in names if name not in values)
    entries = [
        ErrorEntry(
            "missing_column",
            f"row {row} has no {name!r}, other rows do; send null for a missing value",
            {"pointer": pointer(["rows", row]), "row": row, "column": name},
        )
        for row, name in islice(gaps, max_entries)
    ]
    if entries:
        raise Invalid("missing_columns", entries[0].detail, errors=entries)


def _refuse_unknown(
    places: dict[str, Path], features: Sequence[str], ignored_columns: Collection[str], max_entries: int
) -> None:
    names = {*features, *ignored_columns}
    unknown = {name: place for name, place in places.items() if name not in names}
    if unknown:
        detail = (
            f"the model has no {_format_columns(list(unknown))}; correct or remove "
            f"{_choose_pronoun(unknown)}. "
            f"Its columns are {format_names(features)}"
        )
        raise Invalid(
            "unknown_columns", detail, errors=_make_entries("unknown_column", detail, unknown, max_entries)
        )


def _refuse_missing(request: Rows, names: Iterable[str], max_entries: int) -> None:
    missing = list(names)
    if missing:
        detail = (
            f"the model needs the {_format_columns(missing)}; send {_choose_pronoun(missing)}, with null "
            "for missing values"
        )
        path: Path = ["columns"] if request.columns is not None else ["rows", 0]
        places = dict.fromkeys(missing, path)
        raise Invalid(
            "missing_columns", detail, errors=_make_entries("missing_column", detail, places, max_entries)
        )


def _refuse_wrong_values(
    request: Rows, table: Columns, features: dict[str, Feature], max_entries: int
) -> None:
    wrong = (
        (row, name)
        for name, feature in features.items()
        for row in _find_wrong_rows(table[name], feature.type)
    )
    entries = [
        ErrorEntry(
            "invalid_value",
            f"{name!r} needs {ACCEPTED_VALUES[features[name].type][1]} in row {row}, or null if missing",
            {"pointer": pointer(_locate_value(request, row, name)), "row": row, "column": name},
        )
        for row, name in islice(wrong, max_entries)
    ]
    if entries:
        raise Invalid("invalid_values", entries[0].detail, errors=entries)


def _locate_value(request: Rows, row: int, name: str) -> Path:
    return ["columns", name, row] if request.columns is not None else ["rows", row, name]


def _find_wrong_rows(values: list[Any], kind: str) -> Iterator[int]:
    """Rows with values that a feature of this kind does not accept."""
    types = ACCEPTED_VALUES[kind][0] | {type(None)}
    if kind != "boolean" and set(map(type, values)) <= types:
        return
    for row, value in enumerate(values):
        if type(value) not in types or (kind == "boolean" and value not in (None, 0, 1)):
            yield row


def _to_array(values: list[Any], kind: str) -> Shaped[np.ndarray, " rows"]:
    if kind == "number":
        return np.array(values, dtype=np.float64)  # None becomes NaN
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _make_entries(code: str, detail: str, places: dict[str, Path], max_entries: int) -> list[ErrorEntry]:
    return [
        ErrorEntry(code, detail, {"pointer": pointer(path), "column": name})
        for name, path in islice(places.items(), max_entries)
    ]


def _format_columns(names: Sequence[str]) -> str:
    return f"column{'s' if len(names) > 1 else ''} {format_names(names)}"


def _choose_pronoun(names: Collection[str]) -> str:
    return "them" if len(names) > 1 else "it"
