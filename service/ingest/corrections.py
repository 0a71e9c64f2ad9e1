"""What a client may ask to change in a table while it is read, besides values that mean missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RepeatedRows = Literal["keep", "drop"]


@dataclass(frozen=True)
class Corrections:
    """Corrections of a table.

    Attributes:
        repeated_rows: Whether rows that repeat an earlier row stay.
        swapped_dates: Columns of dates whose day and month are exchanged.
        encoding: Of a text file, as Python names it; None to detect it.
    """

    repeated_rows: RepeatedRows = "keep"
    swapped_dates: tuple[str, ...] = ()
    encoding: str | None = None


NO_CORRECTIONS = Corrections()
