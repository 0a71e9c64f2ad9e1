"""Encode a client's columns as the numbers that a network takes.

| type     | encoded columns                                                                              |
|----------|----------------------------------------------------------------------------------------------|
| number   | the number, missing → the median of the training rows; "x is missing" if any were missing    |
| boolean  | 0 or 1, missing → the more frequent value; "x is missing" if any were missing                |
| datetime | the parts that vary, see ``datetime_parts``; missing → the parts of the median; "x is missing" |
|          | if any were missing                                                                          |
| category | one 0/1 column for each of the 20 most frequent; the rest share "x is other"; "x is missing" |
|          | if any were missing. If that gives two columns, only the second is kept                      |

A value that does not occur in the training rows is no error at prediction. A missing value is filled; an
unseen category counts as "other", or as none of the categories if there is no "other".
``Encoding.find_unseen_values`` reports both, and numbers outside the range of the training rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Float, Shaped

from kan_engine.data.column_definitions import ColumnDefinition, IsCategory, IsMissing, IsOtherCategory
from kan_engine.data.columns import missing_mask, row_count, varies
from kan_engine.data.feature import ADDED_FIELD_DEFAULTS, Feature, encode_feature, is_unseen
from kan_engine.data.thresholds import DEFAULT_DATA, DataThresholds
from kan_engine.errors import InvalidConfig, InvalidData

TypedColumn = tuple[str, np.ndarray, str, str | None]  # name, values, type, format of times


@dataclass(frozen=True)
class EncodedColumn:
    """One column of the encoded table.

    Attributes:
        name: Unique name.
        feature: Name of the feature that it encodes.
        meaning: Description for people.
        definition: How it follows from the client's column; None if it is that column.
    """

    name: str
    feature: str
    meaning: str
    definition: ColumnDefinition | None = None


@dataclass(frozen=True)
class Encoding:
    """Encodes columns of given types as one table of numbers, by rules fitted to the training rows."""

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        """Check that there are features and that their names are unique."""
        names = [feature.name for feature in self.features]
        if not names or len(set(names)) != len(names):
            raise InvalidConfig(f"an encoding needs features with different names, got {names}")

    @staticmethod
    def fit(
        columns: Mapping[str, Shaped[np.ndarray, " ..."]],
        types: Mapping[str, str],
        thresholds: DataThresholds = DEFAULT_DATA,
    ) -> Encoding:
        """Determine ranges, fill values and categories.

        Args:
            columns: Training rows of every feature, in the order of the network's inputs.
            types: Type of every column: number, integer, boolean, category, text or datetime.
            thresholds: Decision numbers.

        Raises:
            InvalidData: A column has no values or values of another type, or the categories are too long.
        """
        row_count(columns)
        return Encoding.from_features(
            (
                Feature.fit(name, values, types[name], thresholds=thresholds)
                for name, values in columns.items()
            ),
            thresholds,
        )

    @staticmethod
    def fit_varying(columns: Iterable[TypedColumn], thresholds: DataThresholds) -> tuple[Encoding, list[str]]:
        """Encode the columns that vary; without any, the first that has a value, as a network needs an input.

        Args:
            columns: Name, training rows, type, and format of times of every column. They are read in turn, so
                that a generator holds one column at a time.
            thresholds: Decision numbers.

        Returns:
            The encoding, and the names of all columns that do not vary.

        Raises:
            InvalidData: No column has a value.
        """
        features, constant = list[Feature](), list[str]()
        spare: Feature | None = None
        for name, values, type_name, form in columns:
            if varies(values):
                features.append(Feature.fit(name, values, type_name, form, thresholds))
                continue
            constant.append(name)
            if spare is None and not missing_mask(values).all():
                kind = "text" if type_name == "datetime" else type_name
                spare = Feature.fit(name, values, kind, thresholds=thresholds)
        if not features and spare is None:
            raise InvalidData("no column has a value in the training rows; upload rows with values")
        return Encoding.from_features(features or [cast(Feature, spare)], thresholds), constant

    @staticmethod
    def from_features(features: Iterable[Feature], thresholds: DataThresholds = DEFAULT_DATA) -> Encoding:
        """Build the encoding from fitted features; raise InvalidData if the categories are too long."""
        encoding = Encoding(tuple(features))
        _check_category_characters(encoding.features, thresholds.max_category_characters)
        return encoding

    @cached_property
    def _column_offsets(self) -> dict[str, int]:
        """Index of the first encoded column of every feature."""
        # A feature's columns are adjacent, so that its block is a slice
        widths = [len(feature.columns) for feature in self.features]
        starts = accumulate(widths[:-1], initial=0)
        return {feature.name: start for feature, start in zip(self.features, starts, strict=True)}

    @cached_property
    def names(self) -> tuple[EncodedColumn, ...]:
        """The encoded columns in order, with unique names."""
        # The client's own names come first, so that a derived column never takes the name of another feature
        counts: Counter[str] = Counter(feature.name for feature in self.features)
        columns = []
        for feature in self.features:
            for (name, meaning), definition in zip(feature.columns, feature.definitions, strict=True):
                unique_name = (
                    name
                    if name == feature.name and feature.type != "category"
                    else _make_unique(name, counts)
                )
                columns.append(EncodedColumn(unique_name, feature.name, meaning, definition))
        return tuple(columns)

    @cached_property
    def indicators(self) -> tuple[str, ...]:
        """Names of the encoded columns that are 1 for a category or a missing value, else 0."""
        kinds = IsCategory | IsOtherCategory | IsMissing
        return tuple(column.name for column in self.names if isinstance(column.definition, kinds))

    def transform(
        self, columns: Mapping[str, Shaped[np.ndarray, " ..."]], *, optional: Collection[str] = ()
    ) -> Float[np.ndarray, "rows columns"]:
        """Encode rows.

        Args:
            columns: Values by column name, all of one length; columns that are not features are ignored.
            optional: Features that may be absent, because the network does not use them.

        Raises:
            InvalidData: A feature is absent, or a value is not of its type.
        """
        plain = self._stack_numbers(columns)
        if plain is not None:
            return plain
        # Zeros are the code of an absent category; numbers and times that are absent get their fill value
        table = np.zeros((row_count(columns), len(self.names)))
        for feature in self.features:
            if feature.name in columns:
                self.write(table, feature, columns[feature.name])
            elif feature.name not in optional:
                raise InvalidData(f"the column {feature.name!r} is absent", column=feature.name)
            elif feature.type == "datetime":
                self.write(table, feature, np.array([None] * len(table), dtype=object))
            elif feature.type != "category":
                table[:, self._column_offsets[feature.name]] = feature.fill
        return table

    def write(
        self,
        table: Float[np.ndarray, "rows columns"],
        feature: Feature,
        values: Shaped[np.ndarray, " rows"],
    ) -> None:
        """Write the encoded columns of one feature into a table with the columns of ``transform``.

        Args:
            table: The table, with zeros in the columns of the feature.
            feature: One of ``features``.
            values: The feature's values in all rows of the table.

        Raises:
            InvalidData: A value is not of the feature's type.
        """
        encode_feature(table[:, self.locate(feature)], feature, values)

    def locate(self, feature: Feature) -> slice:
        """The encoded columns of one of ``features``."""
        start = self._column_offsets[feature.name]
        return slice(start, start + len(feature.columns))

    def unseen_mask(
        self, columns: Mapping[str, Shaped[np.ndarray, " ..."]]
    ) -> Bool[np.ndarray, "rows features"]:
        """Mark values outside the training rows' ranges and categories; False for an absent column."""
        plain = self._stack_numbers(columns)
        if plain is not None and self._ranges is not None:
            # Only numbers: all features are compared with their ranges at once
            low, high = self._ranges
            outside: np.ndarray = (plain < low) | (plain > high)
            return outside
        mask = np.zeros((row_count(columns), len(self.features)), dtype=bool)
        for place, feature in enumerate(self.features):
            if feature.name in columns:
                mask[:, place] = is_unseen(feature, columns[feature.name])
        return mask

    def _stack_numbers(
        self, columns: Mapping[str, Shaped[np.ndarray, " ..."]]
    ) -> Float[np.ndarray, "rows columns"] | None:
        """Return the rows if they need no encoding, which is most of the time of a prediction of one row.

        That is so if all features are numbers that were never missing in training, and all values finite.
        """
        if self._ranges is None:
            return None
        arrays = [columns.get(feature.name) for feature in self.features]
        if not all(values is not None and values.dtype == np.float64 for values in arrays):
            return None
        # Features are rows of the stacked array; networks read a row of the table at a time
        rows = np.ascontiguousarray(np.array(arrays).T)
        return rows if np.isfinite(rows).all() else None

    @cached_property
    def _ranges(self) -> tuple[Float[np.ndarray, " features"], Float[np.ndarray, " features"]] | None:
        """Ends of all ranges, with margins; None unless all features are numbers without missing ones."""
        if not all(feature.type == "number" and not feature.has_missing for feature in self.features):
            return None
        ends = np.array([feature.reach for feature in self.features], dtype=np.float64)
        return ends[:, 0], ends[:, 1]

    def find_unseen_values(self, columns: Mapping[str, Shaped[np.ndarray, " ..."]]) -> list[tuple[int, str]]:
        """Return row and feature of every marked value of ``unseen_mask``, ordered by row."""
        places = np.argwhere(self.unseen_mask(columns))
        return [(int(row), self.features[place].name) for row, place in places]

    def to_dict(self) -> dict[str, Any]:
        """Return the encoding as JSON, without fields of ``ADDED_FIELD_DEFAULTS`` that have their default."""
        return {
            "features": [
                {
                    name: value
                    for name, value in asdict(feature).items()
                    if ADDED_FIELD_DEFAULTS.get(name, ...) != value
                }
                for feature in self.features
            ]
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Encoding:
        """Restore the encoding from ``to_dict``; raise TypeError, KeyError or InvalidConfig if invalid."""
        return Encoding(
            tuple(
                Feature(
                    **item
                    | {key: tuple(item[key]) for key in ("categories", "rare")}
                    | {"parts": tuple((part, wave) for part, wave in item.get("parts", ()))}
                )
                for item in data["features"]
            )
        )


def _check_category_characters(features: tuple[Feature, ...], limit: int) -> None:
    lengths = {feature.name: sum(map(len, feature.categories + feature.rare)) for feature in features}
    if sum(lengths.values()) > limit:
        longest = max(lengths, key=lengths.__getitem__)
        raise InvalidData(
            f"the names of the categories have more than {limit} characters; "
            f"leave out {longest!r} or shorten its values",
            column=longest,
        )


def _make_unique(name: str, counts: Counter[str]) -> str:
    counts[name] += 1
    return name if counts[name] == 1 else _make_unique(f"{name} ({counts[name]})", counts)
