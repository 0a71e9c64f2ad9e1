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

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal, cast

import numpy as np
from jaxtyping import Bool, Float

from kan_engine.columns import read_labels, read_numbers, row_count
from kan_engine.dates import (
    FIRST,
    LAST,
    PARTS,
    PERIODS,
    WAVES,
    Part,
    encode_part,
    meaning_of,
    parts_of,
    read_times,
    told_part,
)
from kan_engine.errors import InvalidConfig, InvalidData

FeatureType = Literal["number", "boolean", "category", "datetime"]

OWN_COLUMNS = 20  # categories that get a column of their own
REMEMBERED = 200  # further categories known by name; what is rarer still counts as unseen
NAMES_LIMIT = 2**20  # characters of all categories together: they travel in the header of a saved model

_TYPES: dict[str, FeatureType] = {
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "category": "category",
    "text": "category",
    "datetime": "datetime",
}
_LATER = {"parts": (), "form": None}  # fields that models of earlier versions lack, where they say nothing


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A column as training saw it.

    Args:
        name: The client's name of the column.
        type: How the column is encoded.
        min: Smallest value seen; None for a category.
        max: Largest value seen; None for a category.
        categories: Categories with a column of their own, sorted.
        rare: Further categories seen; they share the column "other".
        fill: What stands for a missing number or boolean.
        has_missing: Whether training saw missing values.
        parts: Of a time, what it is encoded as (see ``dates``); min, max and fill are in seconds since 1970.
        form: Of a time, how the table wrote it where that is not ISO 8601.
    """

    name: str
    type: FeatureType
    min: float | None = None
    max: float | None = None
    categories: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    fill: float = 0.0
    has_missing: bool = False
    parts: tuple[Part, ...] = ()
    form: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no ``fit`` gives; saved models pass here on their way in."""
        if not isinstance(self.name, str) or self.type not in {*_TYPES.values()}:
            raise InvalidConfig(f"a feature needs a name and a type, got {self.name!r}, {self.type!r}")
        if not isinstance(self.has_missing, bool) or not _is_finite(self.fill):
            raise InvalidConfig(f"the rule for missing values of {self.name!r} is broken")
        if self.type == "category":
            _check_categories(self)
        elif not (_is_finite(self.min) and _is_finite(self.max)) or cast(float, self.min) > cast(
            float, self.max
        ):
            raise InvalidConfig(f"the range of {self.name!r} is not one: {self.min!r} to {self.max!r}")
        if self.type == "datetime":
            _check_parts(self)

    @staticmethod
    def fit(name: str, values: np.ndarray, type_name: str, form: str | None = None) -> Feature:
        """Learn range, fill or categories from the training rows of a column.

        Args:
            name: The client's name of the column.
            values: Its values.
            type_name: Type of the column in its dataset.
            form: Of times, how the dataset wrote them where that is not ISO 8601.

        Raises:
            InvalidData: The column has no values, values that are not of its type, or no usable type.
        """
        if type_name not in _TYPES:
            raise InvalidData(f"the column {name!r} of type {type_name} cannot be a feature", column=name)
        kind = _TYPES[type_name]
        if kind == "datetime":
            return _fit_times(name, values, form)
        return _fit_category(name, values) if kind == "category" else _fit_number(name, values, kind)

    @cached_property
    def slots(self) -> dict[str | None, int]:
        """Place of every known category among the columns "one per category"; None is missing."""
        places: dict[str | None, int] = {category: place for place, category in enumerate(self.categories)}
        places |= dict.fromkeys(self.rare, len(self.categories))
        if self.has_missing:
            places[None] = len(self.categories) + bool(self.rare)
        return places

    @cached_property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Name and meaning of every encoded column."""
        missing = (f"{self.name} is missing", f"1 where {self.name} is missing, else 0")
        if self.type == "datetime":
            found = [(told_part(self.name, part), meaning_of(self.name, part)) for part in self.parts]
            return (*found, *([missing] if self.has_missing else []))
        if self.type != "category":
            note = f", {self.fill:.6g} where it is missing" if self.has_missing else ""
            kind = " as 0 or 1" if self.type == "boolean" else ""
            return ((self.name, f"{self.name}{kind}{note}"), *([missing] if self.has_missing else []))
        columns = [(f"{self.name} is {c}", f"1 where {self.name} is {c!r}, else 0") for c in self.categories]
        if self.rare:
            columns.append((f"{self.name} is other", f"1 where {self.name} is a rare category, else 0"))
        if self.has_missing:
            columns.append(missing)
        return tuple(columns[1:] if len(columns) == 2 else columns)

    @cached_property
    def definitions(self) -> tuple[dict[str, Any] | None, ...]:
        """How each of ``columns`` follows from the client's column; None where it is that column itself."""
        missing: list[dict[str, Any] | None] = [{"column": self.name, "missing": True}]
        if self.type == "datetime":
            parts = [{"column": self.name, "part": part, "wave": wave or None} for part, wave in self.parts]
            return (*parts, *(missing if self.has_missing else []))
        if self.type != "category":
            return (None, *(missing if self.has_missing else []))
        found: list[dict[str, Any] | None] = [{"column": self.name, "equals": c} for c in self.categories]
        if self.rare:
            found.append({"column": self.name, "other_than": list(self.categories)})
        if self.has_missing:
            found += missing
        return tuple(found[1:] if len(found) == 2 else found)


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
        _encode_into(encoded[:, start : start + len(feature.columns)], feature, values)

    def outside_mask(self, columns: Mapping[str, np.ndarray]) -> Bool[np.ndarray, "rows features"]:
        """Which values training never saw the like of; an absent column is never outside."""
        mask = np.zeros((row_count(columns), len(self.features)), dtype=bool)
        for place, feature in enumerate(self.features):
            if feature.name in columns:
                mask[:, place] = _is_outside(feature, columns[feature.name])
        return mask

    def outside(self, columns: Mapping[str, np.ndarray]) -> list[tuple[int, str]]:
        """Row and feature of every value outside what training saw, row by row."""
        places = np.argwhere(self.outside_mask(columns))
        return [(int(row), self.features[place].name) for row, place in places]

    def to_dict(self) -> dict[str, Any]:
        """The encoding as JSON."""
        return {"features": [_described(feature) for feature in self.features]}

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


def _described(feature: Feature) -> dict[str, Any]:
    return {name: value for name, value in asdict(feature).items() if _LATER.get(name, ...) != value}


def _fit_times(name: str, values: np.ndarray, form: str | None) -> Feature:
    seconds = read_times(name, values, form)
    seen = seconds[~np.isnan(seconds)]
    if not len(seen):
        raise InvalidData(f"the column {name!r} has no values; leave it out", column=name)
    parts = parts_of(seen)
    if not parts and len(seen) == len(seconds):
        raise InvalidData(f"the times in {name!r} are all the same; leave them out", column=name)
    return Feature(
        name=name,
        type="datetime",
        min=float(seen.min()),
        max=float(seen.max()),
        fill=float(np.median(seen)),
        has_missing=len(seen) < len(seconds),
        parts=parts,
        form=form,
    )


def _fit_number(name: str, values: np.ndarray, kind: FeatureType) -> Feature:
    numbers = read_numbers(name, values, boolean=kind == "boolean")
    seen = numbers[~np.isnan(numbers)]
    if not len(seen):
        raise InvalidData(f"the column {name!r} has no values; leave it out", column=name)
    median = float(np.median(seen))
    return Feature(
        name=name,
        type=kind,
        min=float(seen.min()),
        max=float(seen.max()),
        fill=float(median >= 0.5) if kind == "boolean" else median,
        has_missing=len(seen) < len(numbers),
    )


def _fit_category(name: str, values: np.ndarray) -> Feature:
    counts = Counter(read_labels(name, values))
    has_missing = counts.pop(None, 0) > 0
    if not counts:
        raise InvalidData(f"the column {name!r} has no values; leave it out", column=name)
    ranked = sorted(cast("Counter[str]", counts).items(), key=lambda item: (-item[1], item[0]))
    ordered = [category for category, _ in ranked[: OWN_COLUMNS + REMEMBERED]]
    return Feature(
        name=name,
        type="category",
        categories=tuple(sorted(ordered[:OWN_COLUMNS])),
        rare=tuple(sorted(ordered[OWN_COLUMNS:])),
        has_missing=has_missing,
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


def _encode_into(block: np.ndarray, feature: Feature, values: np.ndarray) -> None:
    """Write the encoded columns of a feature; ``block`` holds zeros."""
    if feature.type == "category":
        other = len(feature.categories) if feature.rare else -1
        labels = read_labels(feature.name, values)
        places = np.fromiter((feature.slots.get(label, other) for label in labels), int, len(labels))
        first = 1 if block.shape[1] == 1 and max(feature.slots.values()) == 1 else 0
        for number in range(block.shape[1]):
            block[:, number] = places == first + number
        return
    numbers = _numbers(feature, values)
    missing = np.isnan(numbers)
    if feature.type == "datetime":
        filled = np.where(missing, feature.fill, numbers)
        for place, part in enumerate(feature.parts):
            block[:, place] = encode_part(filled, part)
        if feature.has_missing:
            block[:, -1] = missing
        return
    block[:, 0] = np.where(missing, feature.fill, numbers)
    if feature.has_missing:
        block[:, 1] = missing


def _numbers(feature: Feature, values: np.ndarray) -> Float[np.ndarray, " rows"]:
    """Numbers of a feature that is no category, NaN where one is missing."""
    if feature.type == "datetime":
        return read_times(feature.name, values, feature.form)
    return read_numbers(feature.name, values, boolean=feature.type == "boolean")


def _is_outside(feature: Feature, values: np.ndarray) -> Bool[np.ndarray, " rows"]:
    if feature.type == "category":
        return np.array(
            [label not in feature.slots for label in read_labels(feature.name, values)], dtype=bool
        )
    numbers = _numbers(feature, values)
    outside = (numbers < feature.min) | (numbers > feature.max)
    return outside if feature.has_missing else outside | np.isnan(numbers)


def _unique(name: str, taken: Counter[str]) -> str:
    taken[name] += 1
    return name if taken[name] == 1 else _unique(f"{name} ({taken[name]})", taken)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_parts(feature: Feature) -> None:
    known = {(part, wave) for part in PARTS for wave in ("", *(WAVES if part in PERIODS else ()))}
    is_none = not (feature.parts or feature.has_missing)
    if is_none or len(set(feature.parts)) != len(feature.parts) or not known >= {*feature.parts}:
        raise InvalidConfig(f"the parts of {feature.name!r} are none of a time: {feature.parts!r}")
    if not all(FIRST <= number <= LAST for number in (feature.min or 0.0, feature.max or 0.0, feature.fill)):
        raise InvalidConfig(f"the times of {feature.name!r} are not within the years 1 to 9999")
    if feature.form is not None and not isinstance(feature.form, str):
        raise InvalidConfig(f"the form of {feature.name!r} is no text")


def _check_categories(feature: Feature) -> None:
    known = (*feature.categories, *feature.rare)
    if not feature.categories or not all(isinstance(category, str) for category in known):
        raise InvalidConfig(f"the categories of {feature.name!r} are no names")
    if len(set(known)) != len(known):
        raise InvalidConfig(f"the categories of {feature.name!r} repeat")
