"""A column of the training rows: how it is encoded, and which values lie outside its range or categories."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

import numpy as np
from jaxtyping import Bool, Float, Shaped

from kan_engine.data.column_definitions import (
    ColumnDefinition,
    IsCategory,
    IsMissing,
    IsOtherCategory,
    TimePart,
)
from kan_engine.data.columns import read_labels, read_numbers
from kan_engine.data.datetime_parts import (
    MAX_TIMESTAMP,
    MIN_TIMESTAMP,
    PART_NAMES,
    PERIODS,
    WAVES,
    DatetimePart,
    describe_part,
    encode_part,
    find_varying_parts,
    part_column_name,
    read_times,
)
from kan_engine.data.thresholds import DEFAULT_DATA, DataThresholds
from kan_engine.errors import InvalidConfig, InvalidData

FeatureType = Literal["number", "boolean", "category", "datetime"]
_FEATURE_TYPES: dict[str, FeatureType] = {
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "category": "category",
    "text": "category",
    "datetime": "datetime",
}
# Fields that models of earlier versions lack, with their defaults
ADDED_FIELD_DEFAULTS = {"parts": (), "form": None, "margin": 0.0}


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A column of the training rows.

    Args:
        name: The client's name of the column.
        type: How the column is encoded.
        min: Smallest training value; None for a category. Times are in seconds since 1970.
        max: Largest training value; None for a category. Times are in seconds since 1970.
        categories: Categories with a column of their own, sorted.
        rare: Further categories, sorted; they share the column "other".
        fill: Replaces a missing number, boolean or time (in seconds since 1970).
        has_missing: Whether values are missing in the training rows.
        parts: The encoded parts of a time, see ``datetime_parts``.
        form: Format of the times in the table, for ``strptime``; None for ISO 8601.
        margin: How far beyond min and max a number still lies within the range.
    """

    name: str
    type: FeatureType
    min: float | None = None
    max: float | None = None
    categories: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    fill: float = 0.0
    has_missing: bool = False
    parts: tuple[DatetimePart, ...] = ()
    form: str | None = None
    margin: float = 0.0

    def __post_init__(self) -> None:
        """Reject features that ``fit`` cannot return: a saved model may hold any value."""
        if not isinstance(self.name, str) or self.type not in {*_FEATURE_TYPES.values()}:
            raise InvalidConfig(f"a feature needs a name and a type, got {self.name!r}, {self.type!r}")
        if not isinstance(self.has_missing, bool) or not _is_finite(self.fill):
            raise InvalidConfig(f"the rule for missing values of {self.name!r} is invalid")
        if self.type == "category":
            _check_categories(self)
        elif not (_is_finite(self.min) and _is_finite(self.max)) or cast(float, self.min) > cast(
            float, self.max
        ):
            raise InvalidConfig(f"the range of {self.name!r} is invalid: {self.min!r} to {self.max!r}")
        if not _is_finite(self.margin) or self.margin < 0:
            raise InvalidConfig(f"the margin of {self.name!r} is invalid: {self.margin!r}")
        if self.type == "datetime":
            _check_parts(self)

    @staticmethod
    def fit(
        name: str,
        values: Shaped[np.ndarray, " rows"],
        type_name: str,
        form: str | None = None,
        thresholds: DataThresholds = DEFAULT_DATA,
    ) -> Feature:
        """Determine range, fill value or categories from the training rows of a column.

        Args:
            name: The client's name of the column.
            values: Its values.
            type_name: Type of the column in its dataset.
            form: Format of the times in the dataset, for ``strptime``; None for ISO 8601.
            thresholds: Decision numbers.

        Raises:
            InvalidData: The column has no values, values of another type, or a type that cannot be a feature.
        """
        if type_name not in _FEATURE_TYPES:
            raise InvalidData(f"the column {name!r} of type {type_name} cannot be a feature", column=name)
        kind = _FEATURE_TYPES[type_name]
        if kind == "datetime":
            return _fit_times(name, values, form, thresholds)
        if kind == "category":
            return _fit_category(name, values, thresholds)
        return _fit_number(name, values, kind)

    @property
    def reach(self) -> tuple[float, float]:
        """Smallest and largest number within the range; infinite for a category."""
        if self.min is None or self.max is None:
            return -math.inf, math.inf
        return self.min - self.margin, self.max + self.margin

    @cached_property
    def slots(self) -> dict[str | None, int]:
        """Index of the 0/1 column of every known category; the key None stands for a missing value."""
        # Rare categories share the column after the frequent ones; missing values come last
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
            part_columns = [
                (part_column_name(self.name, part), describe_part(self.name, part)) for part in self.parts
            ]
            return (*part_columns, *([missing] if self.has_missing else []))
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
    def definitions(self) -> tuple[ColumnDefinition | None, ...]:
        """How each of ``columns`` follows from the client's column; None if it is that column."""
        missing: list[ColumnDefinition] = [IsMissing(self.name)] if self.has_missing else []
        if self.type == "datetime":
            return (*(TimePart(self.name, part, wave or None) for part, wave in self.parts), *missing)
        if self.type != "category":
            return (None, *missing)
        rare: list[ColumnDefinition] = [IsOtherCategory(self.name, self.categories)] if self.rare else []
        definitions = [*(IsCategory(self.name, category) for category in self.categories), *rare, *missing]
        return tuple(definitions[1:] if len(definitions) == 2 else definitions)


def _fit_times(
    name: str, values: Shaped[np.ndarray, " rows"], form: str | None, thresholds: DataThresholds
) -> Feature:
    seconds = read_times(name, values, form)
    present = seconds[~np.isnan(seconds)]
    if not len(present):
        raise InvalidData(f"the column {name!r} has no values; leave it out", column=name)
    parts = find_varying_parts(present, thresholds.min_cycle_coverage)
    if not parts and len(present) == len(seconds):
        raise InvalidData(f"the times in {name!r} are all the same; leave them out", column=name)
    return Feature(
        name=name,
        type="datetime",
        min=float(present.min()),
        max=float(present.max()),
        fill=float(np.median(present)),
        has_missing=len(present) < len(seconds),
        parts=parts,
        form=form,
    )


def _fit_number(
    name: str, values: Shaped[np.ndarray, " rows"], kind: FeatureType, *, max_margin_share: float = 1e-3
) -> Feature:
    """Determine range, margin and fill value.

    Of n numbers drawn from a range, the smallest lies 1/(n + 1) of its width above its end on average. Such a
    margin leaves out the next number of a series, which is 1/(n - 1) away.

    Args:
        max_margin_share: Of the range of a number, which still counts as within it: its ends are often given
            with three digits. The grids of networks reach 20 times as far.
    """
    numbers = read_numbers(name, values, boolean=kind == "boolean")
    present = numbers[~np.isnan(numbers)]
    if not len(present):
        raise InvalidData(f"the column {name!r} has no values; leave it out", column=name)
    # The median fills missing values, since gross errors do not move it
    median, low, high = float(np.median(present)), float(present.min()), float(present.max())
    share = min(1 / (len(present) + 1), max_margin_share) if kind == "number" else 0.0
    return Feature(
        name=name,
        type=kind,
        min=low,
        max=high,
        fill=float(median >= 0.5) if kind == "boolean" else median,
        has_missing=len(present) < len(numbers),
        margin=share * high - share * low,  # a range may be wider than numbers are
    )


def _fit_category(name: str, values: Shaped[np.ndarray, " rows"], thresholds: DataThresholds) -> Feature:
    counts = Counter(read_labels(name, values))
    has_missing = counts.pop(None, 0) > 0
    if not counts:
        raise InvalidData(f"the column {name!r} has no values; leave it out", column=name)
    # Equally frequent categories are ordered by name, so that the encoding does not depend on the rows' order
    ranking = sorted(cast("Counter[str]", counts).items(), key=lambda item: (-item[1], item[0]))
    limit = thresholds.max_category_columns
    categories = [category for category, _ in ranking[: limit + thresholds.max_rare_categories]]
    return Feature(
        name=name,
        type="category",
        categories=tuple(sorted(categories[:limit])),
        rare=tuple(sorted(categories[limit:])),
        has_missing=has_missing,
    )


def encode_feature(
    block: Float[np.ndarray, "rows block"], feature: Feature, values: Shaped[np.ndarray, " rows"]
) -> None:
    """Write the encoded columns of a feature into ``block``, which holds zeros."""
    if feature.type == "category":
        other_slot = len(feature.categories) if feature.rare else -1
        labels = read_labels(feature.name, values)
        # An unseen category has a column only if rare ones have; of two columns the first is left out
        places = np.fromiter((feature.slots.get(label, other_slot) for label in labels), int, len(labels))
        offset = 1 if block.shape[1] == 1 and max(feature.slots.values()) == 1 else 0
        for number in range(block.shape[1]):
            block[:, number] = places == offset + number
        return
    numbers = _read_numeric(feature, values)
    missing = np.isnan(numbers)
    if feature.type == "datetime":
        # All parts of a missing time are those of the fill value, and its indicator tells them apart
        times = np.where(missing, feature.fill, numbers)
        for place, part in enumerate(feature.parts):
            block[:, place] = encode_part(times, part)
        if feature.has_missing:
            block[:, -1] = missing
        return
    block[:, 0] = np.where(missing, feature.fill, numbers)
    if feature.has_missing:
        block[:, 1] = missing


def _read_numeric(feature: Feature, values: Shaped[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """Return the values of a feature that is not a category, with NaN for missing ones."""
    if feature.type == "datetime":
        return read_times(feature.name, values, feature.form)
    return read_numbers(feature.name, values, boolean=feature.type == "boolean")


def is_unseen(feature: Feature, values: Shaped[np.ndarray, " rows"]) -> Bool[np.ndarray, " rows"]:
    """Mark values outside the range or the categories of the training rows."""
    if feature.type == "category":
        return np.array(
            [label not in feature.slots for label in read_labels(feature.name, values)], dtype=bool
        )
    numbers = _read_numeric(feature, values)
    # Comparisons with NaN are false: a missing value is unseen only where training had none
    low, high = feature.reach
    outside = (numbers < low) | (numbers > high)
    return outside if feature.has_missing else outside | np.isnan(numbers)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_parts(feature: Feature) -> None:
    valid_parts = {(part, wave) for part in PART_NAMES for wave in ("", *(WAVES if part in PERIODS else ()))}
    is_none = not (feature.parts or feature.has_missing)
    if is_none or len(set(feature.parts)) != len(feature.parts) or not valid_parts >= {*feature.parts}:
        raise InvalidConfig(f"the parts of {feature.name!r} are not parts of a time: {feature.parts!r}")
    if not all(
        MIN_TIMESTAMP <= number <= MAX_TIMESTAMP
        for number in (feature.min or 0.0, feature.max or 0.0, feature.fill)
    ):
        raise InvalidConfig(f"the times of {feature.name!r} are not within the years 1 to 9999")
    if feature.form is not None and not isinstance(feature.form, str):
        raise InvalidConfig(f"the format of {feature.name!r} is not text")


def _check_categories(feature: Feature) -> None:
    categories = (*feature.categories, *feature.rare)
    if not feature.categories or not all(isinstance(category, str) for category in categories):
        raise InvalidConfig(f"the categories of {feature.name!r} must be texts, at least one")
    if len(set(categories)) != len(categories):
        raise InvalidConfig(f"the categories of {feature.name!r} repeat")
