"""From a client's columns to the numbers a network reads, by one stated rule.

| type     | encoded columns                                                                       |
|----------|---------------------------------------------------------------------------------------|
| number   | itself, missing → the median of the training rows; "x is missing" if training had any |
| boolean  | 0 or 1, missing → the more frequent value; "x is missing" if training had any         |
| datetime | the parts that vary, see ``dates``; missing → those of the median, "x is missing"  |
| category | one 0/1 column per category, the 20 most frequent; the rest share "x is other";       |
|          | "x is missing" if training had any. Where that makes two columns, only the second     |

At prediction a value that training never held does not fail: a missing one is filled, an unseen
category counts as "other" or as none of them. ``Encoding.outside`` reports both, and numbers
outside the range that training saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from kan_engine.data.columns import row_count
from kan_engine.data.feature import Feature, describe_feature, encode_feature, is_outside
from kan_engine.errors import InvalidConfig, InvalidData

NAMES_LIMIT = 2**20  # characters of all categories together: they travel in the header of a saved model


@dataclass(frozen=True)
class EncodedColumn:
    """One column of the encoded table: a unique name, its source and what it means."""

    name: str
    feature: str
    meaning: str
    definition: dict[str, Any] | None = None


@dataclass(frozen=True)
class Encoding:
    """How columns of given types become one table of numbers; immutable, learnt from training rows."""

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        """Every feature has a name of its own, and there is at least one."""
        names = [feature.name for feature in self.features]
        if not names or len(set(names)) != len(names):
            raise InvalidConfig(f"an encoding needs features with different names, got {names}")

    @staticmethod
    def fit(columns: Mapping[str, np.ndarray], types: Mapping[str, str]) -> Encoding:
        """Learn ranges, fills and categories.

        Args:
            columns: Training rows of every feature, in the order the network will read them.
            types: Type of every column: number, integer, boolean, category, text or datetime.

        Raises:
            InvalidData: A column has no values, or values that are not of its type.
        """
        row_count(columns)
        return Encoding.of(Feature.fit(name, values, types[name]) for name, values in columns.items())

    @staticmethod
    def of(features: Iterable[Feature]) -> Encoding:
        """The encoding of features that were learnt one by one; InvalidData if it could not be saved."""
        encoding = Encoding(tuple(features))
        _refuse_long_names(encoding.features)
        return encoding

    @cached_property
    def _places(self) -> dict[str, int]:
        """First encoded column of every feature."""
        widths = [len(feature.columns) for feature in self.features]
        starts = accumulate(widths[:-1], initial=0)
        return {feature.name: start for feature, start in zip(self.features, starts, strict=True)}

    @cached_property
    def names(self) -> tuple[EncodedColumn, ...]:
        """What every encoded column is called and means; names are unique."""
        taken: Counter[str] = Counter(feature.name for feature in self.features)
        found = []
        for feature in self.features:
            for (name, meaning), definition in zip(feature.columns, feature.definitions, strict=True):
                own = name if name == feature.name and feature.type != "category" else _unique(name, taken)
                found.append(EncodedColumn(own, feature.name, meaning, definition))
        return tuple(found)

    def transform(
        self, columns: Mapping[str, np.ndarray], *, optional: Collection[str] = ()
    ) -> Float[np.ndarray, "rows columns"]:
        """Encode rows.

        Args:
            columns: Values by column name, all of one length; others than the features are ignored.
            optional: Features that may be absent, because the network does not look at them.

        Raises:
            InvalidData: A feature is absent, or a value is not of its type; names column and row.
        """
        encoded = np.zeros((row_count(columns), len(self.names)))
        for feature in self.features:
            if feature.name in columns:
                self.write(encoded, feature, columns[feature.name])
            elif feature.name not in optional:
                raise InvalidData(f"the column {feature.name!r} is absent", column=feature.name)
            elif feature.type == "datetime":
                self.write(encoded, feature, np.array([None] * len(encoded), dtype=object))
            elif feature.type != "category":
                encoded[:, self._places[feature.name]] = feature.fill
        return encoded

    def write(self, encoded: Float[np.ndarray, "rows columns"], feature: Feature, values: np.ndarray) -> None:
        """Encode one feature into its columns of a table that ``transform`` would give.

        Args:
            encoded: The table, with zeros in these columns.
            feature: One of ``features``.
            values: Its values at all rows of the table.

        Raises:
            InvalidData: A value is not of the feature's type.
        """
        start = self._places[feature.name]
        encode_feature(encoded[:, start : start + len(feature.columns)], feature, values)

    def outside_mask(self, columns: Mapping[str, np.ndarray]) -> Bool[np.ndarray, "rows features"]:
        """Which values training never saw the like of; an absent column is never outside."""
        mask = np.zeros((row_count(columns), len(self.features)), dtype=bool)
        for place, feature in enumerate(self.features):
            if feature.name in columns:
                mask[:, place] = is_outside(feature, columns[feature.name])
        return mask

    def outside(self, columns: Mapping[str, np.ndarray]) -> list[tuple[int, str]]:
        """Row and feature of every value outside what training saw, row by row."""
        places = np.argwhere(self.outside_mask(columns))
        return [(int(row), self.features[place].name) for row, place in places]

    def to_dict(self) -> dict[str, Any]:
        """The encoding as JSON."""
        return {"features": [describe_feature(feature) for feature in self.features]}

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Encoding:
        """The encoding that ``to_dict`` described; TypeError, KeyError or InvalidConfig if it is none."""
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


def _refuse_long_names(features: tuple[Feature, ...]) -> None:
    lengths = {feature.name: sum(map(len, feature.categories + feature.rare)) for feature in features}
    if sum(lengths.values()) > NAMES_LIMIT:
        longest = max(lengths, key=lengths.__getitem__)
        raise InvalidData(
            f"the names of the categories have more than {NAMES_LIMIT} characters; "
            f"leave out {longest!r} or shorten its values",
            column=longest,
        )


def _unique(name: str, taken: Counter[str]) -> str:
    taken[name] += 1
    return name if taken[name] == 1 else _unique(f"{name} ({taken[name]})", taken)
