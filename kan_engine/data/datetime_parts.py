"""Times as what recurs in them: the year, and the month, the day of the week and the hour as cycles.

| part    | encoded as                                                                               |
|---------|------------------------------------------------------------------------------------------|
| year    | a number, where the rows have several                                                    |
| month   | 1 to 12; of rows from all the year sine and cosine, since December is next to January    |
| day     | of the month, where all rows are of one month                                            |
| weekday | 0 is Monday; sine and cosine where the rows have all seven                               |
| hour    | with its fraction, 0 to 24; sine and cosine where the rows are from all the day          |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np
from jaxtyping import Float

from kan_engine.errors import InvalidData

EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
DAY = 86_400.0
FIRST, LAST = -62_135_596_800.0, 253_402_300_799.0  # seconds from the year 1 to 9999
PERIODS = {"month": (1.0, 12.0), "weekday": (0.0, 7.0), "hour": (0.0, 24.0)}  # first value, and length
ALL_AROUND = 0.75  # of a cycle, from which its end is taken to be next to its beginning
WAVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"sin": np.sin, "cos": np.cos}
PARTS = ("year", "month", "day", "weekday", "hour")
NAMES = {"weekday": "day of the week"}

Part = tuple[str, str]  # its name, and sin or cos of a cycle


def parts_of(seconds: Float[np.ndarray, " rows"]) -> tuple[Part, ...]:
    """The parts that vary over these times, which are none but numbers."""
    found: list[list[Part]] = []
    for part in PARTS:
        values = part_of(seconds, part)
        if values.min() == values.max() or (part == "day" and np.ptp(part_of(seconds, "month")) > 0):
            continue
        _, period = PERIODS.get(part, (0.0, math.inf))
        is_cycle = np.ptp(values) + (part != "hour") >= ALL_AROUND * period
        found.append([(part, wave) for wave in WAVES] if is_cycle else [(part, "")])
    return tuple(chain.from_iterable(found))


def encode_part(seconds: Float[np.ndarray, " rows"], part: Part) -> Float[np.ndarray, " rows"]:
    """A part as a network reads it."""
    name, wave = part
    values = part_of(seconds, name)
    if not wave:
        return values
    first, period = PERIODS[name]
    return np.asarray(WAVES[wave](2 * math.pi * (values - first) / period))


def part_of(seconds: Float[np.ndarray, " rows"], name: str) -> Float[np.ndarray, " rows"]:
    """A part of times as a number."""
    days = np.floor(seconds / DAY)
    if name == "hour":
        return np.asarray((seconds - days * DAY) / 3600)
    if name == "weekday":
        return np.asarray((days + 3) % 7)  # 1970 began on a Thursday
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    if name == "day":
        return np.asarray((dates - months).astype(float) + 1)
    count = months.astype(float)
    return np.asarray(count % 12 + 1 if name == "month" else np.floor(count / 12) + 1970)


def read_times(name: str, values: np.ndarray, form: str | None) -> Float[np.ndarray, " rows"]:
    """A column of times as seconds since 1970, NaN where one is missing.

    Args:
        name: What to call the column in a refusal.
        values: Texts, None where missing: in ISO 8601, or in the form that the table has them in.
        form: That form, as ``strptime`` knows it.

    Raises:
        InvalidData: A value is no such text.
    """
    known: dict[object, float] = {None: math.nan}
    for row, value in enumerate(values.tolist()):
        if value not in known:
            time = time_of(value, form)
            if time is None:
                such = f"or one such as {datetime(2026, 1, 31, 18):{form}}" if form else ""
                detail = f"the column {name!r} needs a time such as 2026-01-31T18:00:00 {such}".rstrip()
                raise InvalidData(f"{detail} in row {row}", column=name, row=row)
            known[value] = time
    return np.array([known[value] for value in values.tolist()], dtype=np.float64)


def time_of(value: object, form: str | None) -> float | None:
    """Seconds since 1970, of times with a zone in UTC; None if the value is no time."""
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
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return (time - EPOCH) / timedelta(seconds=1)


def iso_of(seconds: float) -> str:
    """A time as text, within the years that have four digits."""
    return (EPOCH + timedelta(seconds=min(max(seconds, FIRST), LAST))).isoformat()


def told_part(name: str, part: Part) -> str:
    """What the column of a part is called."""
    what = f"{NAMES.get(part[0], part[0])} of {name}"
    return f"{part[1]} of {what}" if part[1] else what


def meaning_of(name: str, part: Part) -> str:
    """What is in it."""
    what = {
        "year": "the year",
        "month": "the month, 1 to 12,",
        "day": "the day of the month",
        "weekday": "the day of the week, 0 for Monday,",
        "hour": "the hour with its fraction",
    }[part[0]]
    if not part[1]:
        return f"{what} of {name}"
    first, period = PERIODS[part[0]]
    inner = f"{part[0]} - {first:g}" if first else part[0]
    return f"{part[1]}(2*pi*({inner})/{period:g}) of {what} of {name}"
