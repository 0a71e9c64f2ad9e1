"""Encode times by their parts: year, month, day of the month, day of the week and hour.

| part    | encoded as                                                                                |
|---------|-------------------------------------------------------------------------------------------|
| year    | a number, if the rows have several years                                                  |
| month   | 1 to 12; sine and cosine if the rows cover the year, since December is next to January    |
| day     | day of the month, if all rows are in the same month of the year                           |
| weekday | 0 is Monday; sine and cosine if the rows cover the week                                   |
| hour    | with its fraction, 0 to 24; sine and cosine if the rows cover the day                     |

A cycle counts as covered from ``min_cycle_coverage`` of its length on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np
from jaxtyping import Float, Shaped

from kan_engine.errors import InvalidData

EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
SECONDS_PER_DAY = 86_400.0
MIN_TIMESTAMP, MAX_TIMESTAMP = -62_135_596_800.0, 253_402_300_799.0  # seconds from the year 1 to 9999
PERIODS = {"month": (1.0, 12.0), "weekday": (0.0, 7.0), "hour": (0.0, 24.0)}  # first value, and length
WAVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"sin": np.sin, "cos": np.cos}
WAVE_DECIMALS = 15  # sin(π) is 0, else formulas have constants such as 1.2e-16
PART_NAMES = ("year", "month", "day", "weekday", "hour")
PART_TITLES = {"weekday": "day of the week"}

DatetimePart = tuple[str, str]  # its name; "sin" or "cos" of a cycle, "" for a number


def find_varying_parts(
    seconds: Float[np.ndarray, " rows"], min_cycle_coverage: float
) -> tuple[DatetimePart, ...]:
    """Return the parts that vary over these times, which contain no NaN."""
    parts: list[list[DatetimePart]] = []
    for part in PART_NAMES:
        values = extract_part(seconds, part)
        if values.min() == values.max() or (part == "day" and np.ptp(extract_part(seconds, "month")) > 0):
            continue
        # Whole days cover one more of a cycle than their range; hours are continuous
        _, period = PERIODS.get(part, (0.0, math.inf))
        is_cycle = np.ptp(values) + (part != "hour") >= min_cycle_coverage * period
        parts.append([(part, wave) for wave in WAVES] if is_cycle else [(part, "")])
    return tuple(chain.from_iterable(parts))


def encode_part(seconds: Float[np.ndarray, " rows"], part: DatetimePart) -> Float[np.ndarray, " rows"]:
    """Return a part as the network's input: the number, or the sine or cosine of its phase."""
    name, wave = part
    values = extract_part(seconds, name)
    if not wave:
        return values
    origin, period = PERIODS[name]
    return np.round(WAVES[wave](2 * math.pi * (values - origin) / period), WAVE_DECIMALS)


def extract_part(seconds: Float[np.ndarray, " rows"], name: str) -> Float[np.ndarray, " rows"]:
    """Return a part of the times as a number."""
    # Days since 1970 in floats: NumPy's calendar then gives months and years
    days = np.floor(seconds / SECONDS_PER_DAY)
    if name == "hour":
        return np.asarray((seconds - days * SECONDS_PER_DAY) / 3600)
    if name == "weekday":
        return np.asarray((days + 3) % 7)  # 1970 began on a Thursday
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    if name == "day":
        return np.asarray((dates - months).astype(float) + 1)
    # Months since January 1970
    count = months.astype(float)
    return np.asarray(count % 12 + 1 if name == "month" else np.floor(count / 12) + 1970)


def read_times(
    name: str, values: Shaped[np.ndarray, " rows"], form: str | None
) -> Float[np.ndarray, " rows"]:
    """Return a column of times as seconds since 1970, with NaN for missing values.

    Args:
        name: Name of the column in error messages.
        values: Texts, None where missing: in ISO 8601 or in the format ``form``.
        form: Format of the times in the table, for ``strptime``.

    Raises:
        InvalidData: A value is not a time in either format.
    """
    times: dict[object, float] = {None: math.nan}
    for row, value in enumerate(values.tolist()):
        if value not in times:
            time = parse_time(value, form)
            if time is None:
                example = f"or one such as {datetime(2026, 1, 31, 18):{form}}" if form else ""
                detail = f"the column {name!r} needs a time such as 2026-01-31T18:00:00 {example}".rstrip()
                raise InvalidData(f"{detail} in row {row}", column=name, row=row)
            times[value] = time
    return np.array([times[value] for value in values.tolist()], dtype=np.float64)


def parse_time(value: object, form: str | None) -> float | None:
    """Return seconds since 1970, NaN for NaN, None if the value is not a time.

    A time with a zone counts in UTC. With a format without ``%Y`` the date is 1970-01-01.
    """
    if not isinstance(value, str):
        return math.nan if isinstance(value, float) and math.isnan(value) else None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        try:
            time = datetime.strptime(value.strip(), form or "")
        except ValueError:
            return None
        if form is not None and "%Y" not in form:
            time = datetime.combine(EPOCH, time.time())
    # Not converted to UTC before: the result may be outside the years 1 to 9999
    return (time - (EPOCH if time.tzinfo is None else EPOCH.replace(tzinfo=UTC))) / timedelta(seconds=1)


def format_iso_time(seconds: float) -> str:
    """Return a time in ISO 8601, clipped to the years 1 to 9999."""
    return (EPOCH + timedelta(seconds=min(max(seconds, MIN_TIMESTAMP), MAX_TIMESTAMP))).isoformat()


def part_column_name(name: str, part: DatetimePart) -> str:
    """Return the name of a part's encoded column: "sin of month of date"."""
    what = f"{PART_TITLES.get(part[0], part[0])} of {name}"
    return f"{part[1]} of {what}" if part[1] else what


def describe_part(name: str, part: DatetimePart) -> str:
    """Return what the values of a part's encoded column are, with the formula of a sine or cosine."""
    what = {
        "year": "the year",
        "month": "the month, 1 to 12,",
        "day": "the day of the month",
        "weekday": "the day of the week, 0 for Monday,",
        "hour": "the hour with its fraction",
    }[part[0]]
    if not part[1]:
        return f"{what} of {name}"
    origin, period = PERIODS[part[0]]
    inner = f"{part[0]} - {origin:g}" if origin else part[0]
    return f"{part[1]}(2*pi*({inner})/{period:g}) of {what} of {name}"
