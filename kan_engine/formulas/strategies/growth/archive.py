"""The best formulas of every size that a search has seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kan_engine.formulas.strategies.growth.entry import Entry
from kan_engine.formulas.strategies.growth.thresholds import FrontThresholds
from kan_engine.numerics.ties import round_rank


@dataclass(eq=False)
class Archive:
    """A few formulas of every size."""

    thresholds: FrontThresholds
    by_size: dict[int, list[Entry]] = field(default_factory=dict)

    def best_error(self, size: int) -> float:
        """Lowest error of a formula of at most this size; infinite without one."""
        return min(
            (entries[0].error for s, entries in self.by_size.items() if s <= size), default=float("inf")
        )

    def limit(self, size: int) -> float:
        """Error above which a formula of this size is not kept."""
        entries = self.by_size.get(size, [])
        full = entries[-1].error if len(entries) >= self.thresholds.entries_per_size else float("inf")
        return min(full, self.thresholds.slack * self.best_error(size))

    def insert(self, entry: Entry) -> bool:
        """Keep a formula unless its error is above the limit, or a shorter one has the same values."""
        if entry.error > self.limit(entry.size) or self._is_known(entry):
            return False
        entries = self.by_size.setdefault(entry.size, [])
        entries.append(entry)
        entries.sort(key=lambda candidate: round_rank(candidate.error))
        del entries[self.thresholds.entries_per_size :]
        return entry in entries

    def _is_known(self, entry: Entry, *, same_values: float = 1e-2) -> bool:
        """Whether a formula of the same values is kept already.

        Args:
            same_values: Largest difference over the RMSE of formulas that count as equal.
        """
        # Formulas whose values differ by less than a small part of their errors are one formula
        rounding = 1e-12 * float(np.abs(entry.predicted).max())
        reach = same_values * entry.mean_square**0.5 + rounding
        return any(
            (size < entry.size or rival.error <= entry.error)
            and np.abs(rival.predicted - entry.predicted).max() < reach
            for size in range(entry.size - self.thresholds.same_values_sizes, entry.size + 1)
            for rival in self.by_size.get(size, [])
        )

    @property
    def front(self) -> list[Entry]:
        """The formulas that no shorter one equals, by size."""
        entries: list[Entry] = []
        for size in sorted(self.by_size):
            best = self.by_size[size][0]
            if not entries or best.error < entries[-1].error:
                entries.append(best)
        return entries
