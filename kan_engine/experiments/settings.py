"""Settings of the columns that a next row may have: numbers, integers, times and categories as such."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from scipy.stats import qmc

from kan_engine.data.feature import Feature
from kan_engine.errors import InvalidData

Ends = tuple[float, float]

MANY_TIMES = 50.0  # the lowest value: numbers of such a range are drawn by factors
MAX_NAMED = 20  # levels or columns in a message


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The values that a column may have in a next row.

    Attributes:
        name: Of the column.
        ends: Smallest and largest number or time, in seconds since 1970.
        levels: Categories, true and false, or the one value that is held; None for numbers and times.
        is_integer: Whether numbers are whole.
        is_time: Whether they are times.
    """

    name: str
    ends: Ends = (0.0, 0.0)
    levels: tuple[Any, ...] | None = None
    is_integer: bool = False
    is_time: bool = False

    @staticmethod
    def from_feature(feature: Feature, *, is_integer: bool = False) -> Setting:
        """All values that a column has in training."""
        if feature.type == "category":
            return Setting(name=feature.name, levels=feature.categories + feature.rare)
        if feature.type == "boolean":
            return Setting(name=feature.name, levels=(False, True))
        low, high = feature.min, feature.max
        assert low is not None and high is not None  # noqa: S101, PT018 - only categories have no range
        return Setting(
            name=feature.name, ends=(low, high), is_integer=is_integer, is_time=feature.type == "datetime"
        )

    def hold(self, value: Any) -> Setting:
        """The column with one value.

        Raises:
            InvalidData: The column has no such value.
        """
        if self.levels is not None:
            return self._select([value])
        if self.is_time and not isinstance(value, str):
            raise InvalidData(f"{self.name!r} has times; give a text such as 2026-01-31", column=self.name)
        if not self.is_time and not _is_number(value):
            raise InvalidData(f"{self.name!r} has numbers; give one", column=self.name)
        return replace(self, levels=(value,))

    def limit(self, values: Sequence[Any]) -> Setting:
        """The column within two ends, or with some of its levels.

        Raises:
            InvalidData: These are no ends, or the column has no such levels.
        """
        if self.levels is not None:
            return self._select(values)
        if self.is_time:
            raise InvalidData(f"{self.name!r} has times, whose range stays; omit it", column=self.name)
        if len(values) != 2 or not all(map(_is_number, values)) or values[0] > values[1]:
            raise InvalidData(f"{self.name!r} needs [lowest, highest], two numbers", column=self.name)
        low, high = map(float, values)
        if self.is_integer and np.ceil(low) > np.floor(high):
            raise InvalidData(
                f"{self.name!r} has whole numbers, and {low} to {high} has none", column=self.name
            )
        return replace(self, ends=(low, high))

    def _select(self, values: Sequence[Any]) -> Setting:
        """The column with some of its levels."""
        levels = self.levels or ()
        unknown = [value for value in values if value not in levels]
        if unknown or not values:
            unknown_text, levels_text = (
                ", ".join(map(repr, group[:MAX_NAMED])) for group in (unknown, levels)
            )
            raise InvalidData(
                f"{self.name!r} never is {unknown_text or 'nothing'} in training; it is {levels_text}",
                column=self.name,
            )
        return replace(self, levels=tuple(values))

    def place(self, shares: Float[np.ndarray, " rows"]) -> Shaped[np.ndarray, " rows"]:
        """Values at these shares of the range: evenly, or by factors where the range has decades.

        Numbers are rounded to steps of at most a thousandth of the range, or of themselves.
        """
        if self.levels is not None:
            # Objects keep the types of levels, which may be texts, booleans or numbers
            values = np.empty(len(self.levels), dtype=object)
            values[:] = self.levels
            places = np.minimum((shares * len(self.levels)).astype(int), len(self.levels) - 1)
            return np.asarray(values[places])
        low, high = self.ends
        if low == high:
            numbers = np.full(len(shares), low)
        elif low > 0 and high / MANY_TIMES > low:
            # Steps of a thousandth of each number's power of ten, so that rows can be set by hand
            numbers = np.exp(np.log(low) * (1 - shares) + np.log(high) * shares)
            numbers = self._round(numbers, 10 ** (np.floor(np.log10(numbers)) - 3))
        else:
            # Divided before the difference is taken, which may overflow
            width = high / 1_000 - low / 1_000
            numbers = low * (1 - shares) + high * shares
            numbers = self._round(numbers, np.full(len(shares), 10 ** np.floor(np.log10(width))))
        return numbers.astype("datetime64[s]").astype(str).astype(object) if self.is_time else numbers

    def _round(
        self, numbers: Float[np.ndarray, " rows"], steps: Float[np.ndarray, " rows"]
    ) -> Float[np.ndarray, " rows"]:
        """Multiples of the steps, and of 1 for whole numbers and times, or the ends."""
        low, high = self.ends
        if self.is_integer or self.is_time:
            steps, low, high = np.ones(len(numbers)), np.ceil(low), np.floor(high)
        with np.errstate(over="ignore"):  # the largest numbers, rounded up, are infinite until clipped
            return np.asarray(np.clip(np.round(numbers / steps) * steps, low, high))


def _is_number(value: Any) -> bool:
    """Whether a JSON value is a number that a float holds."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max


def make_settings(
    features: Sequence[Feature],
    within: Mapping[str, Sequence[Any]],
    fixed: Mapping[str, Any],
    integers: Collection[str],
) -> list[Setting]:
    """The values that the columns of a next row may have.

    Args:
        features: Of the model.
        within: By column, two ends or some of its levels.
        fixed: By column, the value that is held.
        integers: Columns of whole numbers.

    Raises:
        InvalidData: There is no such column or value; the error has the column.
    """
    names = [feature.name for feature in features]
    for name in (*within, *fixed):
        if name not in names:
            listing = ", ".join(map(repr, names[:MAX_NAMED]))
            raise InvalidData(f"the model has no column {name!r}; its columns are {listing}", column=name)
        if name in within and name in fixed:
            raise InvalidData(f"{name!r} is fixed; omit it in within", column=name)
    settings = []
    for feature in features:
        setting = Setting.from_feature(feature, is_integer=feature.name in integers)
        if feature.name in within:
            setting = setting.limit(within[feature.name])
        if feature.name in fixed:
            setting = setting.hold(fixed[feature.name])
        settings.append(setting)
    return settings


def draw_settings(
    settings: Sequence[Setting], count: int, seed: int, *, beyond: float = 0.1
) -> dict[str, Shaped[np.ndarray, " rows"]]:
    """Rows spread evenly over all settings, many of them at the ends, where most can be learnt.

    Args:
        settings: Of every column.
        count: Of the rows, a power of two.
        seed: Of the scrambled Sobol sequence.
        beyond: Share of the range by which the sequence exceeds it at either side; such values are at an end.
    """
    # A Sobol sequence that exceeds the range at either side: a sixth of the values are at an end
    sequence = qmc.Sobol(len(settings), seed=seed).random(count)
    shares = np.clip(sequence * (1 + 2 * beyond) - beyond, 0.0, 1.0)
    return {
        setting.name: setting.place(sequence[:, place] if setting.levels else shares[:, place])
        for place, setting in enumerate(settings)
    }


def write_value(setting: Setting, value: Any) -> Any:
    """A value as a client writes it: whole numbers, times and labels as such."""
    if setting.levels is not None or setting.is_time:
        return value
    return int(value) if setting.is_integer else float(f"{value:.12g}")  # without 4.923000000000001


def write_rows(
    settings: Sequence[Setting], rows: Mapping[str, Shaped[np.ndarray, " rows"]]
) -> list[dict[str, Any]]:
    """Rows as a client writes them."""
    count = len(next(iter(rows.values())))
    return [
        {setting.name: write_value(setting, rows[setting.name][place]) for setting in settings}
        for place in range(count)
    ]
