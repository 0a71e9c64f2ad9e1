"""The numbers of the rows that test an exported file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ProbeThresholds:
    """Number and range of the rows that test an exported file.

    Attributes:
        seed: Of the rows, which are the same at every call.
        min_rows: With few categories.
        spare_rows: In addition to one row per category.
        max_number: Largest magnitude of a number.
    """

    seed: int = 20_261_127
    min_rows: int = 256
    spare_rows: int = 32
    max_number: float = 1e308


DEFAULT_PROBES = ProbeThresholds()
